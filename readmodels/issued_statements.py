"""The statements of an account that were issued: from the log itself, so never late."""

import datetime as dt
from typing import Final

from domain.statement import stream_of
from ledger.journal import Recorded
from readmodels.account_lines import lines
from readmodels.moments import Moment
from readmodels.reading import Connection
from readmodels.stream_history import events
from readmodels.transaction_filters import Filters

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


async def ends_of(
    connection: Connection, account_id: int, moment: Moment, first: dt.date, last: dt.date
) -> tuple[int, int]:
    """The positions of the last events, in the order of the books, before a period and up to its end.

    Where nothing was booked by then it is the event that opened the account, so there are always two.
    """
    (opened,) = await events(connection, f"account-{account_id}", limit=1)
    found = []
    for day in (first - dt.timedelta(1), last):
        newest = await lines(
            connection, account_id, moment, filters=Filters(booked_to=day), limit=1
        )
        found.append(newest[0].position if newest else opened.position)
    return found[0], found[1]
