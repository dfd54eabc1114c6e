"""What the central bank settled for the demo bank: each business day, all that came and went by it."""

import datetime as dt
from collections import defaultdict
from typing import Any, Final, LiteralString, NamedTuple

import psycopg

from domain.banking_calendar import Calendar
from domain.interbank import STREAM
from ledger.chart_of_accounts import INCOMING_CLEARING, OUTGOING_CLEARING
from ledger.journal import Posting, decode

EVENTS: Final[LiteralString] = """
    SELECT topic, state FROM daybook_events WHERE originator_id <> %s ORDER BY notification_id
"""


class ClearedDay(NamedTuple):
    """Minor units received from other banks and paid to them."""

    on: dt.date
    incoming: int
    outgoing: int


async def cleared_days(
    connection: psycopg.AsyncConnection[Any], calendar: Calendar, today: dt.date
) -> list[ClearedDay]:
    """One for each business day before today; what moved later than that still stands in clearing.

    A payment that was undone came back: on a day on which more came back than went, the next days pay
    the less.
    """
    received: dict[dt.date, int] = defaultdict(int)
    paid: dict[dt.date, int] = defaultdict(int)
    found = await connection.execute(EVENTS, (STREAM,))
    for tag, state in await found.fetchall():
        event = decode(tag, state)
        for posting in event.entry:
            day = calendar.following(event.booking_date)
            if posting.ledger_account == INCOMING_CLEARING:
                received[day] += _signed(posting, "D")
            elif posting.ledger_account == OUTGOING_CLEARING:
                paid[day] += _signed(posting, "C")
    cleared, undone = [], 0
    for day in sorted(day for day in received.keys() | paid.keys() if day < today):
        outgoing = paid[day] - undone
        undone = max(-outgoing, 0)
        if received[day] or outgoing > 0:
            cleared.append(ClearedDay(day, received[day], max(outgoing, 0)))
    return cleared


def _signed(posting: Posting, grows_on: str) -> int:
    return posting.amount if posting.side == grows_on else -posting.amount
