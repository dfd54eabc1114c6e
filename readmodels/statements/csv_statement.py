"""The statement as CSV by RFC 4180: a row an entry, between the opening and the closing balance.

Text is always quoted and numbers never. A text that a spreadsheet would take for a formula gets an
apostrophe in front; so does one that begins with apostrophes and would be one without them, so that
taking a single apostrophe off such a cell gives back every text.
"""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any, Final

from domain.money import decimal_of
from readmodels.statements.canonical import Entry, Statement

COLUMNS: Final = (
    "number",
    "position",
    "transaction_id",
    "booking_date",
    "value_date",
    "recorded_at",
    "kind",
    "amount",
    "currency",
    "balance",
    "counterparty",
    "counterparty_account",
    "description",
    "category",
    "tags",
    "reference",
    "reverses",
    "reversed_by",
    "reversed_amount",
)
# What begins a formula in one spreadsheet or another, in ASCII and in full width.
_FORMULA: Final = re.compile(r"[\s']*[=+\-@\t\r\n＝＋－＠]")


def render_csv(statement: Statement) -> bytes:
    """UTF-8 without a byte order mark, lines ended by CR LF. Amounts are signed, seen by the holder."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    rows.writerow(COLUMNS)
    rows.writerows(_rows(statement))
    return text.getvalue().encode()


def harmless(text: str) -> str:
    """The text, with an apostrophe in front of what a spreadsheet would take for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def _rows(statement: Statement) -> Iterator[list[Any]]:
    currency = statement.account.currency
    yield _balance_row(statement, "opening_balance", statement.opening_balance)
    for entry in statement.entries:
        yield [_cell(entry, column, currency) for column in COLUMNS]
    yield _balance_row(statement, "closing_balance", statement.closing_balance)


def _balance_row(statement: Statement, kind: str, balance: int) -> list[Any]:
    currency = statement.account.currency
    opening = kind == "opening_balance"
    said = {
        "booking_date": (statement.booked_from if opening else statement.booked_to).isoformat(),
        "kind": kind,
        "currency": currency,
        "balance": decimal_of(balance, currency),
    }
    return [said.get(column, "") for column in COLUMNS]


def _cell(entry: Entry, column: str, currency: str) -> Any:
    match column:
        case "amount":
            return decimal_of(entry.signed, currency)
        case "balance":
            return decimal_of(entry.balance, currency)
        case "reversed_amount" if entry.reversed_amount is not None:
            return decimal_of(entry.reversed_amount, currency)
        case "currency":
            return currency
        case "booking_date" | "value_date":
            return getattr(entry, column).isoformat()
        case "recorded_at":
            return entry.recorded_at.isoformat().replace("+00:00", "Z")
        case "tags":
            return harmless(" ".join(entry.tags))
    value = getattr(entry, column)
    if value is None:
        return ""
    return harmless(value) if isinstance(value, str) else value
