"""The journal: entries with their postings, newest first, as an accountant reads them."""

import datetime as dt
from itertools import groupby
from typing import Any, Final

import msgspec

from readmodels.moments import Moment
from readmodels.reading import Connection, page_size
from readmodels.stream_history import TRANSACTION_EVENTS_MAX

ENTRIES: Final = """
    SELECT l.position, l.transaction_id,
           t.recorded_at + (l.position - l.transaction_id) * interval '1 microsecond',
           l.booking_date, l.value_date, t.kind, t.actor, t.description, t.reason,
           l.ledger_account, l.account_id, l.debit, l.credit, l.currency
      FROM (SELECT DISTINCT l.position FROM readmodels.journal_lines l
             WHERE l.position < %(before)s AND l.booking_date <= %(as_of)s {wanted}
             ORDER BY l.position DESC LIMIT %(limit)s) AS page
      JOIN readmodels.journal_lines l ON l.position = page.position
      JOIN readmodels.transactions t ON t.transaction_id = l.transaction_id
     ORDER BY l.position DESC, l.line
"""


class PostingRow(msgspec.Struct, frozen=True):
    """One of `debit` and `credit` is above zero, the other zero; minor units."""

    ledger_account: int
    account_id: int | None
    debit: int
    credit: int
    currency: str


class JournalEntryRow(msgspec.Struct, frozen=True):
    position: int
    transaction_id: int
    recorded_at: dt.datetime
    booking_date: dt.date
    value_date: dt.date
    kind: str
    actor: str
    description: str | None
    reason: str | None
    postings: tuple[PostingRow, ...]


async def journal(
    connection: Connection,
    *,
    moment: Moment,
    ledger_account: int | None = None,
    account_id: int | None = None,
    transaction_id: int | None = None,
    limit: int,
    before: int | None = None,
) -> list[JournalEntryRow]:
    """Entries, whole, that have a posting on the accounts named; `before` is a position."""
    known_below = moment.known_at + 1
    parameters: dict[str, Any] = {
        "as_of": moment.as_of,
        "before": known_below if before is None else min(before, known_below),
        "limit": page_size(limit),
    }
    wanted = ""
    for column, value in (("ledger_account", ledger_account), ("account_id", account_id)):
        if value is not None:
            wanted += f" AND l.{column} = %({column})s"
            parameters[column] = value
    if transaction_id is not None:
        # Its events stand together, from the position that is its id on.
        wanted += """ AND l.transaction_id = %(transaction_id)s
                      AND l.position BETWEEN %(transaction_id)s AND %(through)s"""
        parameters["transaction_id"] = transaction_id
        parameters["through"] = transaction_id + TRANSACTION_EVENTS_MAX
    found = await connection.execute(ENTRIES.format(wanted=wanted), parameters)
    rows = await found.fetchall()
    entries = []
    for head, postings in groupby(rows, key=lambda row: row[:9]):
        entry = (*head, tuple(PostingRow(*row[9:]) for row in postings))
        entries.append(JournalEntryRow(*entry))
    return entries
