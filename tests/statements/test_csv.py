"""CSV: what a program reads is what was stated, and what a spreadsheet reads is no formula."""

import csv
import io
import re

import pytest
from hypothesis import given

from domain.money import decimal_of
from readmodels.statements.canonical import Statement
from readmodels.statements.csv_statement import COLUMNS, harmless, render_csv
from tests.statements.made import TEXTS, line, statement_of, statements

NUMBER = re.compile(r"-?\d+(\.\d+)?")


def read(rendered: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(rendered.decode("utf-8"), newline=""), strict=True))


def taken_off(cell: str) -> str:
    """What a reader does to have the text that was stated."""
    return cell[1:] if cell.startswith("'") and harmless(cell[1:]) == cell else cell


@given(statements())
def test_every_entry_is_read_back_between_its_two_balances(statement: Statement) -> None:
    rows = read(render_csv(statement))

    currency = statement.account.currency
    opening, *entries, closing = rows
    assert opening["balance"] == str(decimal_of(statement.opening_balance, currency))
    assert closing["balance"] == str(decimal_of(statement.closing_balance, currency))
    assert len(entries) == len(statement.entries)
    for entry, row in zip(statement.entries, entries, strict=True):
        assert row["amount"] == str(decimal_of(entry.signed, currency))
        assert row["booking_date"] == str(entry.booking_date)
        assert taken_off(row["description"]) == (entry.description or "")
        assert taken_off(row["counterparty"]) == (entry.counterparty or "")
        assert taken_off(row["reference"]) == (entry.reference or "")
        back = entry.reversed_amount
        assert row["reversed_amount"] == ("" if back is None else str(decimal_of(back, currency)))


@given(statements())
def test_no_cell_but_a_number_begins_like_a_formula(statement: Statement) -> None:
    rows = list(csv.reader(io.StringIO(render_csv(statement).decode(), newline="")))

    for row in rows:
        for column, cell in zip(COLUMNS, row, strict=True):
            if column in ("amount", "balance", "reversed_amount"):
                assert cell == "" or NUMBER.fullmatch(cell) or cell == column
            else:
                assert not re.match(r"[\s']*[=+\-@\t\r＝＋－＠]", cell) or cell.startswith("'")


@given(TEXTS)
def test_taking_the_apostrophe_off_gives_the_text_back(text: str) -> None:
    assert taken_off(harmless(text)) == text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-5", "@SUM(A1)", "\t=1", "＝1", " =1", "'=1"])
def test_a_formula_is_made_text(text: str) -> None:
    statement = statement_of([line(1, -500, description=text)])

    rendered = render_csv(statement).decode()

    assert f',"\'{text}",' in rendered
    assert ",-5.00," in rendered


def test_lines_end_as_rfc_4180_has_it() -> None:
    rendered = render_csv(statement_of([line(1, 5)]))

    assert rendered.count(b"\r\n") == rendered.count(b"\n") == 4
    assert not rendered.startswith(b"\xef\xbb\xbf")
