"""The business days that were ended, read from their one stream in the log, newest first."""

from typing import Final

from domain.business_days import NONE_ENDED, STREAM, BusinessDays, restore
from ledger.journal import Recorded, decode
from readmodels.reading import Connection, page_size

NEWEST: Final = """
    SELECT originator_id, originator_version, notification_id, topic, state FROM daybook_events
     WHERE originator_id = %s AND originator_version < %s
     ORDER BY originator_version DESC LIMIT %s
"""
VERSION_MAX: Final = 2**53


async def business_day_events(
    connection: Connection, *, before_version: int = VERSION_MAX, limit: int
) -> list[Recorded]:
    """The newest events of the days first; `before_version` is the last of the page before."""
    found = await connection.execute(
        NEWEST, (STREAM, before_version, page_size(limit)), binary=True
    )
    return [
        Recorded(stream, version, position, decode(tag, state))
        for stream, version, position, tag, state in await found.fetchall()
    ]


async def business_days(connection: Connection) -> BusinessDays:
    """How the days stand now, by the log itself."""
    newest = await business_day_events(connection, limit=1)
    if not newest:
        return NONE_ENDED
    return restore(0, newest[0].event.fact, newest[0].originator_version)
