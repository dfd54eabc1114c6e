"""The log in booking order: by booking date, and within a day by position, as books are read."""

import datetime as dt
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final, TypeAlias

import msgspec
import psycopg

from ledger.chart_of_accounts import CHART, AccountKind
from ledger.journal import Entry, JournalEvent, decode, entry_of

FETCH_EVENTS: Final = 2_000

COUNT: Final = "SELECT count(*) FROM daybook_events WHERE notification_id <= %s"
# Postgres sorts, on disk where it is much, so that no more than a few thousand events are in memory.
BOOKED: Final = """
    SELECT notification_id, topic, state FROM daybook_events
     WHERE notification_id <= %s AND convert_from(state, 'UTF8')::json -> 'entry' IS NOT NULL
     ORDER BY convert_from(state, 'UTF8')::json ->> 'booking_date' COLLATE "C", notification_id
"""

ROOTS: Final[dict[AccountKind, str]] = {
    "asset": "Assets",
    "liability": "Liabilities",
    "equity": "Equity",
    "income": "Income",
    "expense": "Expenses",
    # These formats know five kinds; memorandum accounts come to nothing among themselves.
    "memo": "Equity",
}
NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9]+")

# A balance is kept for each of these: an account and a currency.
Account: TypeAlias = tuple[int, str | None]


class ExportRefused(Exception):
    """The books cannot be exported; the message says why."""


class Booked(msgspec.Struct, frozen=True):
    """An event that moved money, at its position in the log."""

    position: int
    event: JournalEvent[Any]

    @property
    def entry(self) -> Entry:
        return self.event.entry


def booked_days(
    connection: psycopg.Connection[Any], position: int
) -> Iterator[tuple[dt.date, Iterator[Booked]]]:
    """The booking dates in order, each with its events; an event is read once, and not kept.

    Within a database transaction of the caller. Raises `ExportRefused` where the log is not whole or
    an entry in it does not balance.
    """
    row = connection.execute(COUNT, [position]).fetchone()
    count = 0 if row is None else row[0]
    if count != position:
        raise ExportRefused(f"the log is damaged: {count} events at the first {position} positions")
    with connection.cursor("booked", binary=True) as cursor:
        cursor.itersize = FETCH_EVENTS
        cursor.execute(BOOKED, [position])
        yield from groupby(map(_booked, cursor), key=lambda booked: booked.event.booking_date)


def _booked(row: tuple[int, str, bytes]) -> Booked:
    position, tag, state = row
    try:
        event = decode(tag, state)
        entry_of(*event.entry)
    except (ValueError, msgspec.MsgspecError) as error:
        raise ExportRefused(f"the log is damaged at position {position}: {error}") from error
    return Booked(position, event)


def account_name(account: Account) -> str:
    """Such as `Liabilities:2110-Customers-Checking-Accounts:Account-17`.

    Made of ASCII letters, digits and hyphens, with no part in lower case at its start: all of the
    programs take it. Where a ledger account has sub-accounts nothing is posted beside them.
    """
    code, sub_account = account
    ledger_account = CHART[code]
    words = NOT_IN_A_NAME.sub(" ", ledger_account.name.replace("'", "")).split()
    name = f"{ROOTS[ledger_account.kind]}:{code}-{'-'.join(word.capitalize() for word in words)}"
    if sub_account is None:
        return f"{name}:Unassigned" if ledger_account.has_sub_accounts else name
    return f"{name}:{NOT_IN_A_NAME.sub('-', sub_account).capitalize()}"


def one_line(text: str) -> str:
    """The text with a space for whatever would break a line or cannot be seen."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
