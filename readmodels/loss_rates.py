"""The bank's loss rates, read from their one stream in the log, as they were known at a position."""

from typing import Final

from domain.loans.loss_rates import STREAM, LossRates
from ledger.journal import decode
from readmodels.reading import Connection

NEWEST: Final = """
    SELECT topic, state FROM daybook_events
     WHERE originator_id = %s AND notification_id <= %s ORDER BY originator_version DESC LIMIT 1
"""


async def loss_rates(connection: Connection, known_at: int) -> tuple[LossRates, ...]:
    """All changes by first day; none where nothing was set."""
    found = await connection.execute(NEWEST, (STREAM, known_at), binary=True)
    row = await found.fetchone()
    if row is None:
        return ()
    changes: tuple[LossRates, ...] = decode(*row).fact.changes
    return changes
