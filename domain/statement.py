"""Statements as they were issued: what was said, on what it stood, and the hash of its bytes.

The statements of an account have a stream of their own and are numbered by it from one, gapless. The
bytes are not kept: they follow from the log, and the hash says whether they still do.
"""

import datetime as dt
from typing import Final

import msgspec

from domain.facts import Fact, stored_as


class Letterhead(msgspec.Struct, frozen=True, array_like=True):
    """The bank as the statement names it."""

    name: str
    bic: str
    address: tuple[str, ...]
    contact: str | None = None


# Who a bank is that has not said so.
LETTERHEAD: Final = Letterhead("Daybook Bank", "DAYBCZPP", ("1 Ledger Street", "110 00 Praha 1"))


# --- Events: their tags are on disk for ever.


@stored_as("statement.issued.1")
class StatementIssued(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """The statement of the days from `booked_from` to `booked_to`, both included.

    `known_at` is the position of the log it stands on, `form` the canonical form and `code_version`
    the program that made it. `sha256` is the hash of the canonical bytes, in hexadecimal.
    """

    statement_id: int
    number: int
    booked_from: dt.date
    booked_to: dt.date
    as_of: dt.date
    known_at: int
    bank: Letterhead
    form: str
    code_version: str
    sha256: str


# --- State


class Statements(msgspec.Struct, frozen=True):
    """How many statements of an account were issued."""

    account_id: int
    version: int = 0


def stream_of(account_id: int) -> str:
    return f"statements-{account_id}"


def account_of(stream: str) -> int:
    """The account whose statements the stream holds."""
    return int(stream.removeprefix("statements-"))


def restore(account_id: int, newest: StatementIssued, _: int) -> Statements:
    return Statements(account_id, newest.number)
