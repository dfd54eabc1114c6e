"""Which characters a form of statement can hold, and what stands for those it cannot.

The canonical form keeps every character. What is lost in a rendering is lost by the rules here, which
depend on nothing but the text.
"""

import re
import unicodedata
from functools import cache, lru_cache
from pathlib import Path
from typing import Final


def _table(pairs: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in pairs.split())


PRINTABLE_FILE: Final = Path(__file__).with_name("printable.txt")
# What stands in the PDF for a character that its typefaces lack.
MISSING: Final = "□"
# Longer words get places where they may be broken, so that they stay within their column.
WORD_MAX: Final = 24

_NOT_XML: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPACES: Final = re.compile(r"\s+")
# Signs that only change how their neighbours are drawn, or in which direction.
_UNDRAWN: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_LONG_WORD: Final = re.compile(rf"\S{{{WORD_MAX}}}(?=\S)")
_NOT_SWIFT: Final = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")
_SWIFT_SIGNS: Final = dict(
    zip('&_*;<>[]{}"`´‘’‚“”„«»–—‐‑−…|\\=⁄', "+-.,()()()'''''''''''-----./.-/", strict=True)
) | {"€": "EUR", "£": "GBP", "$": "USD", "¥": "JPY", "@": "(at)", "%": "pct", "#": "No."}
_LATIN: Final = _table(
    "ß=ss ẞ=SS æ=ae Æ=AE œ=oe Œ=OE ø=o Ø=O ł=l Ł=L đ=d Đ=D ð=d Ð=D þ=th Þ=Th ı=i ħ=h Ħ=H ŧ=t "
    "Ŧ=T ŋ=n Ŋ=N "
)
_CYRILLIC: Final = _table(
    "а=a б=b в=v г=g д=d е=e ж=zh з=z и=i й=i к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f "
    "х=kh ц=ts ч=ch ш=sh щ=shch ъ=' ы=y ь=' э=e ю=iu я=ia ё=e ђ=d є=ie і=i ї=i ј=j љ=lj њ=nj "
    "ћ=c ќ=k ў=u џ=dz ґ=g "
)
_GREEK: Final = _table(
    "α=a β=v γ=g δ=d ε=e ζ=z η=i θ=th ι=i κ=k λ=l μ=m ν=n ξ=x ο=o π=p ρ=r σ=s ς=s τ=t υ=y φ=f "
    "χ=ch ψ=ps ω=o "
)
_LETTERS: Final = _SWIFT_SIGNS | _LATIN | _CYRILLIC | _GREEK


def cut(text: str, length: int) -> str:
    """The text, or as much of it as goes into so many characters, with a sign that more was there."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def one_line(text: str) -> str:
    """The text with every run of white space made one space, and none at its ends."""
    return _SPACES.sub(" ", text).strip()


def xml_text(text: str) -> str:
    """The text on one line, without what no XML document can hold."""
    return one_line(_NOT_XML.sub("\ufffd", text))


def swift_text(text: str) -> str:
    """The text in the character set X of SWIFT: letters without their marks, other scripts by sound.

    What has no counterpart (an emoji, a Chinese character) becomes a full stop.
    """
    composed = unicodedata.normalize("NFC", _UNDRAWN.sub("", text))
    return one_line("".join(map(_in_swift, composed)))


def paper_text(text: str) -> str:
    """The text as the PDF's typefaces can draw it, with places to break in long words."""
    drawn = "".join(
        character if character in _printable() else MISSING
        for character in one_line(_UNDRAWN.sub("", text))
    )
    return _LONG_WORD.sub("\\g<0>\u200b", drawn)


@lru_cache(4096)
def _in_swift(character: str) -> str:
    if not _NOT_SWIFT.match(character):
        return character
    if character.isspace():
        return " "
    lower = character.lower()
    known = _LETTERS.get(character)
    if known is None and lower != character and lower in _LETTERS:
        known = _LETTERS[lower].capitalize()
    if known is not None:
        return known
    plain = "".join(
        _LETTERS.get(part, part)
        for part in unicodedata.normalize("NFKD", character)
        if not unicodedata.combining(part)
    )
    return _NOT_SWIFT.sub(".", plain) if plain else ""


@cache
def _printable() -> frozenset[str]:
    spans = (line.split("-") for line in PRINTABLE_FILE.read_text(encoding="ascii").split())
    return frozenset(
        chr(code) for first, last in spans for code in range(int(first, 16), int(last, 16) + 1)
    )
