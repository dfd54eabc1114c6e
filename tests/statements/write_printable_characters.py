"""Write readmodels/statements/printable.txt anew: the characters that the PDF's typefaces have.

To be run by hand when typst is raised to a version with other typefaces:
`python tests/statements/write_printable_characters.py`. A test holds the file against typst.
"""

import json
import re
import tempfile
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import typst

from readmodels.statements.characters import PRINTABLE_FILE

MISSING = re.compile(r'the (?:text|PDF contains the codepoint) `"(.+?)"`')
ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")
BLOCK = 2048
UNICODE = range(0x20, 0x110000)
# Controls, formats, surrogates, private use and what is not assigned say nothing on paper.
WORDLESS = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
TEMPLATE = """
#set document(title: [Characters])
#set text(font: ("Libertinus Serif", "New Computer Modern", "DejaVu Sans Mono"), size: 4pt)
#for character in json(bytes(sys.inputs.characters)) [#par(character)]
"""


def missing(compiler: typst.Compiler, characters: list[str]) -> set[str]:
    """Those of the characters for which typst has no glyph."""
    try:
        compiler.compile(
            format="pdf",
            sys_inputs={"characters": json.dumps(characters)},
            pdf_standards=["a-3a", "ua-1"],
            timestamp=0,
        )
    except typst.TypstError as error:
        named = {
            ESCAPED.sub(lambda code: chr(int(code[1], 16)), text)
            for text in MISSING.findall(error.diagnostic)
        }
        if not named:
            raise
        return named
    return set()


def printable() -> list[int]:
    found: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        main = Path(folder, "characters.typ")
        main.write_text(TEMPLATE)
        fonts = typst.Fonts(include_system_fonts=False)
        compiler = typst.Compiler(main, root=folder, font_paths=fonts)
        for start in range(UNICODE.start, UNICODE.stop, BLOCK):
            block = range(start, min(start + BLOCK, UNICODE.stop))
            left = [chr(c) for c in block if unicodedata.category(chr(c)) not in WORDLESS]
            while left and (gone := missing(compiler, left)):
                left = [c for c in left if not gone & set(c)]
            found += map(ord, left)
    return found


def ranges(codes: Iterable[int]) -> list[str]:
    spans: list[list[int]] = []
    for code in codes:
        if spans and code == spans[-1][1] + 1:
            spans[-1][1] = code
        else:
            spans.append([code, code])
    return [f"{first:04X}-{last:04X}" for first, last in spans]


if __name__ == "__main__":
    PRINTABLE_FILE.write_text("\n".join(ranges(printable())) + "\n", encoding="ascii")
