"""The values of an index, read from its one stream in the log, as they were known at a position."""

from typing import Final

from domain.amortisation.index_rates import IndexValue
from domain.loans.rate_indexes import stream_of
from ledger.journal import decode
from readmodels.reading import Connection

NEWEST: Final = """
    SELECT topic, state FROM daybook_events
     WHERE originator_id = %s AND notification_id <= %s ORDER BY originator_version DESC LIMIT 1
"""


async def index_values(connection: Connection, index: str, known_at: int) -> tuple[IndexValue, ...]:
    """All values by the days they hold from; none where nothing was told."""
    found = await connection.execute(NEWEST, (stream_of(index), known_at), binary=True)
    row = await found.fetchone()
    if row is None:
        return ()
    values: tuple[IndexValue, ...] = decode(*row).fact.values
    return values
