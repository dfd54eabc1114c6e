"""The accounting periods, read from their one stream in the log."""

from domain.periods import STREAM
from ledger.journal import Recorded
from readmodels.reading import PAGE_MAX, Connection
from readmodels.stream_history import events


async def period_events(connection: Connection) -> list[Recorded]:
    """All that ever happened to the periods, oldest first; the newest says how they stand."""
    found: list[Recorded] = []
    while True:
        after = found[-1].originator_version if found else 0
        page = await events(connection, STREAM, after_version=after, limit=PAGE_MAX)
        found += page
        if len(page) < PAGE_MAX:
            return found
