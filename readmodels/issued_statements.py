"""The statements of an account that were issued: from the log itself, so never late."""

from typing import Final

from domain.statement import stream_of
from ledger.journal import Recorded
from readmodels.reading import Connection
from readmodels.stream_history import events

COUNT: Final = (
    "SELECT coalesce(max(originator_version), 0) FROM daybook_events WHERE originator_id = %s"
)


async def count_of(connection: Connection, account_id: int) -> int:
    """How many there are: the number of the last."""
    row = await (await connection.execute(COUNT, (stream_of(account_id),))).fetchone()
    assert row is not None, "an aggregate without a row"
    return int(row[0])


async def issued(connection: Connection, stream: str, number: int) -> Recorded:
    """The one of that number, which the caller knows to be there."""
    (recorded,) = await events(connection, stream, after_version=number - 1, limit=1)
    return recorded


async def issued_of(
    connection: Connection, account_id: int, *, after: int, limit: int
) -> list[Recorded]:
    """The next ones after a number, in their order."""
    return await events(connection, stream_of(account_id), after_version=after, limit=limit)
