"""The log itself: the whole life of an aggregate, and the events of a transaction."""

from typing import Any, Final

from ledger.journal import Recorded, decode
from readmodels.reading import Connection, page_size

# The longest transactions there are hold a handful of events.
TRANSACTION_EVENTS_MAX: Final = 1000

STREAM: Final = """
    SELECT originator_id, originator_version, notification_id, topic, state
      FROM daybook_events
     WHERE originator_id = %s AND originator_version > %s
     ORDER BY originator_version LIMIT %s
"""
FROM_POSITION: Final = """
    SELECT originator_id, originator_version, notification_id, topic, state
      FROM daybook_events
     WHERE notification_id >= %s ORDER BY notification_id LIMIT %s
"""


async def events(
    connection: Connection, stream: str, *, after_version: int = 0, limit: int
) -> list[Recorded]:
    """The next events of a stream, oldest first; none where there is no such stream."""
    found = await connection.execute(STREAM, (stream, after_version, page_size(limit)), binary=True)
    return [_recorded(row) for row in await found.fetchall()]


async def original(connection: Connection, transaction_id: int) -> list[Recorded]:
    """All events of a transaction, in order; none where there is no such transaction."""
    asked = 4
    while True:
        found = await connection.execute(FROM_POSITION, (transaction_id, asked), binary=True)
        rows = [_recorded(row) for row in await found.fetchall()]
        own = [row for row in rows if row.event.transaction_id == transaction_id]
        if len(own) < asked:
            return own
        asked *= 8
        if asked > TRANSACTION_EVENTS_MAX:
            raise ValueError(f"transaction {transaction_id} is too long to be read at once")


def _recorded(row: tuple[Any, ...]) -> Recorded:
    stream, version, position, tag, state = row
    return Recorded(stream, version, position, decode(tag, state))
