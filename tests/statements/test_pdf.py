"""The PDF: the same bytes each time, and every text of any statement within the page."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import pytest
import typst
from hypothesis import given, settings

from domain.money import MINOR_UNITS_MAX
from readmodels.statements.canonical import NotExpressible, Statement, encode
from readmodels.statements.characters import (
    MISSING,
    PRINTABLE_FILE,
    WORD_MAX,
    _printable,
    paper_text,
)
from readmodels.statements.pdf import ENTRIES_MAX, render_pdf
from tests.statements.made import AWKWARD, TEXTS, line, months_lines, statement_of, statements

ROOT = Path(__file__).parents[2]
STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)


def kept() -> Statement:
    return statement_of(months_lines(40), 123_456, overdraft_limit=50_000, number=3)


def unpacked(pdf: bytes) -> bytes:
    """The file with its streams decompressed, for looking into."""
    parts = [pdf]
    for stream in STREAM.findall(pdf):
        try:
            parts.append(zlib.decompress(stream))
        except zlib.error:
            parts.append(stream)
    return b"\n".join(parts)


def printed(pdf: bytes) -> str:
    """The text of the pages, as poppler's pdftotext reads it."""
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("no pdftotext on this machine: it is in poppler-utils")
    read = subprocess.run(
        [program, "-layout", "-", "-"], input=pdf, capture_output=True, check=True, timeout=60
    )
    return read.stdout.decode().replace("\u200b", "")


@settings(max_examples=25)
@given(statements(sizes=4))
def test_any_statement_can_be_set(statement: Statement) -> None:
    assert render_pdf(statement).startswith(b"%PDF-1.7")


@pytest.mark.parametrize(("zone", "language"), [("Asia/Kathmandu", "cs_CZ.UTF-8"), ("UTC", "C")])
def test_the_bytes_are_the_same_in_another_process_zone_locale_and_folder(
    zone: str, language: str, tmp_path: Path
) -> None:
    program = (
        "import hashlib\n"
        "from readmodels.statements.pdf import render_pdf\n"
        "from tests.statements.test_pdf import kept\n"
        "print(hashlib.sha256(render_pdf(kept())).hexdigest())\n"
    )
    path = f"{ROOT}{os.pathsep}{ROOT / 'http'}"
    environ = {"TZ": zone, "LANG": language, "LC_ALL": language, "PYTHONPATH": path}

    said = subprocess.run(
        [sys.executable, "-c", program],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    assert said.stdout.strip() == hashlib.sha256(render_pdf(kept())).hexdigest()


def test_the_bytes_are_the_same_from_every_thread() -> None:
    made: list[bytes] = []
    threads = [threading.Thread(target=lambda: made.append(render_pdf(kept()))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert made == [render_pdf(kept())] * 3


def test_the_page_says_every_figure() -> None:
    statement = kept()

    text = " ".join(printed(render_pdf(statement)).split())

    for expected in (
        "Account statement no. 3",
        "01 Mar 2026 – 31 Mar 2026",
        "Opening balance 1,234.56",
        "Daybook Bank",
        "Ada Lovelace",
        "Payment sent to Nájem s.r.o.",
        "−1,450.00",
        "with an overdraft limit of 500.00",
        "Totals by category",
        "Charges and interest",
        hashlib.sha256(encode(statement)).hexdigest(),
        "Page 1 of 3",
        "Page 3 of 3",
    ):
        assert expected in text
    assert text.count("Booked Value date Description Amount EUR Balance") == 3


def test_the_page_says_how_much_of_an_entry_was_reversed() -> None:
    lines = [
        line(1, 5000, reversed_by=9, reversed_amount=1234),
        line(2, 10, reversed_by=8, reversed_amount=10),
    ]

    text = " ".join(printed(render_pdf(statement_of(lines))).split())

    assert "Reversed in part, 12.34, by transaction 9" in text
    assert "Reversed by transaction 8" in text


@pytest.mark.parametrize("count", [0, 1, 3000])
def test_short_and_long_statements_are_set(count: int) -> None:
    text = " ".join(printed(render_pdf(statement_of(months_lines(count)))).split())

    assert text.count("Closing balance") == text.count("CLOSING BALANCE") == 1
    assert ("There were no entries in this period." in text) == (count == 0)


def test_a_statement_of_too_many_entries_for_paper_is_refused() -> None:
    with pytest.raises(NotExpressible, match="5,000 entries"):
        render_pdf(statement_of(months_lines(ENTRIES_MAX + 1)))


def test_the_file_is_tagged_titled_in_a_language_and_holds_its_canonical_form() -> None:
    statement = kept()

    pdf = unpacked(render_pdf(statement))

    assert encode(statement) in pdf
    assert b"statement.json" in pdf
    assert b"/StructTreeRoot" in pdf
    assert re.search(rb"/Lang\s*\(en", pdf)
    assert b"<pdfaid:part>3</pdfaid:part>" in pdf
    assert b"<pdfaid:conformance>A</pdfaid:conformance>" in pdf
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf
    assert b"Account statement no. 3, account 456" in pdf
    assert b"2026-04-01T00:00:03" in pdf


def test_only_the_typefaces_that_typst_carries_are_used() -> None:
    families = set(re.findall(rb"/FontName\s*/[A-Z]{6}\+([A-Za-z]+)", unpacked(render_pdf(kept()))))

    assert families
    assert families <= {b"LibertinusSerif", b"DejaVuSansMono", b"NewCM", b"NewComputerModern"}


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_texts_are_printed_as_text(text: str) -> None:
    statement = statement_of([line(1, 5, description=text, counterparty=text, category=text)])

    render_pdf(statement)

    assert len(max(paper_text(text).replace("\u200b", " ").split(), default="")) <= WORD_MAX


def test_the_largest_amounts_stay_in_their_columns() -> None:
    statement = statement_of(
        [line(1, MINOR_UNITS_MAX), line(2, -MINOR_UNITS_MAX), line(3, -MINOR_UNITS_MAX)]
    )

    text = printed(render_pdf(statement))

    assert re.search(r"−9,999,999,999,999\.99 +−9,999,999,999,999\.99", text)


@given(TEXTS)
def test_what_a_page_cannot_draw_becomes_a_box_and_nothing_else_changes(text: str) -> None:
    said = paper_text(text).replace("\u200b", "")

    assert set(said) <= _printable()
    assert set(said) - set(text) <= {MISSING, " "}


def test_the_table_of_printable_characters_is_that_of_typst(tmp_path: Path) -> None:
    main = tmp_path / "all.typ"
    main.write_text(
        '#set document(title: [All])\n#set text(font: ("Libertinus Serif", "New Computer Modern", '
        '"DejaVu Sans Mono"), size: 4pt)\n'
        "#for character in json(bytes(sys.inputs.all)) [#par(character)]\n"
    )

    made = typst.compile(
        main,
        font_paths=typst.Fonts(include_system_fonts=False),
        sys_inputs={"all": json.dumps(sorted(_printable()))},
        format="pdf",
        pdf_standards=["a-3a", "ua-1"],
        timestamp=0,
    )

    assert made.startswith(b"%PDF")
    assert len(_printable()) > 7000
    assert PRINTABLE_FILE.read_text(encoding="ascii").startswith("0020-007E\n")
