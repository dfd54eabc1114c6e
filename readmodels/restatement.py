"""What became known of a stated period after it was stated: each line, with its effect in money."""

import datetime as dt
from typing import Final

import msgspec

from readmodels.moments import Moment, UnanswerableMoment
from readmodels.reading import Connection

# More than this after one statement is not explained line by line.
LINES_MAX: Final = 10_000

LATER: Final = """
    SELECT l.position, l.transaction_id, t.kind, l.booking_date, l.value_date,
           t.recorded_at + (l.position - l.transaction_id) * interval '1 microsecond',
           l.credit - l.debit, t.description, t.reason, t.actor, t.reverses
      FROM readmodels.journal_lines l
      JOIN readmodels.transactions t ON t.transaction_id = l.transaction_id
     WHERE l.account_id = %(account_id)s
       AND l.position > %(after)s AND l.position <= %(known_at)s
       AND l.booking_date <= %(booked_to)s AND l.booking_date <= %(as_of)s
     ORDER BY l.position LIMIT %(limit)s
"""


class LaterLine(msgspec.Struct, frozen=True):
    """A line booked up to the end of the period and known only later. `amount` is signed, seen by
    the holder, in minor units."""

    position: int
    transaction_id: int
    kind: str
    booking_date: dt.date
    value_date: dt.date
    recorded_at: dt.datetime
    amount: int
    description: str | None
    reason: str | None
    actor: str
    reverses: int | None


async def later_lines(
    connection: Connection, account_id: int, *, after: int, booked_to: dt.date, moment: Moment
) -> list[LaterLine]:
    """The lines of an account that explain how its balance of `booked_to` differs at the moment from
    what was known at position `after`, oldest first. Raises `UnanswerableMoment` for too many."""
    found = await connection.execute(
        LATER,
        {
            "account_id": account_id,
            "after": after,
            "known_at": moment.known_at,
            "booked_to": booked_to,
            "as_of": moment.as_of,
            "limit": LINES_MAX + 1,
        },
    )
    lines = [LaterLine(*row) for row in await found.fetchall()]
    if len(lines) > LINES_MAX:
        raise UnanswerableMoment(
            f"More than {LINES_MAX} entries of the period became known by then: ask about an "
            "earlier moment."
        )
    return lines
