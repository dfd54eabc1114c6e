"""The accounting periods, from their stream in the log: which are closed, and the seals of those."""

import datetime as dt
from typing import Final

import msgspec

from domain.periods import NONE_CLOSED, STREAM, Closed, Periods, Reopened, Sealed
from ledger.journal import Recorded, decode
from ledger.trial_balance import TrialBalanceLine
from readmodels.reading import PAGE_MAX, Connection
from readmodels.stream_history import events

NEWEST: Final = """
    SELECT topic, state, originator_version FROM daybook_events
     WHERE originator_id = %s ORDER BY originator_version DESC LIMIT 1
"""
_LINES = msgspec.json.Decoder(list[TrialBalanceLine])


class SealRow(msgspec.Struct, frozen=True):
    """A closed period's trial balance as it was sealed: at its last day, as known at a position.

    `sha256` is that of the canonical JSON in the event at `position`. `stands` is whether the period
    was not opened again since.
    """

    period: str
    maker: str
    checker: str
    closed_at: dt.datetime
    sealed_at: dt.datetime
    position: int
    known_at: int
    sha256: str
    trial_balance: list[TrialBalanceLine]
    stands: bool


async def periods_state(connection: Connection) -> Periods:
    """Which periods are closed, asked to be closed (with who asked), and sealed; all others are open."""
    row = await (await connection.execute(NEWEST, (STREAM,), binary=True)).fetchone()
    if row is None:
        return NONE_CLOSED
    fact = decode(row[0], row[1]).fact
    return Periods(fact.closed, fact.asked, fact.sealed, row[2])


async def period_events(connection: Connection) -> list[Recorded]:
    """All that ever happened to the periods, oldest first."""
    found: list[Recorded] = []
    while True:
        after = found[-1].originator_version if found else 0
        page = await events(connection, STREAM, after_version=after, limit=PAGE_MAX)
        found += page
        if len(page) < PAGE_MAX:
            return found


async def seals(connection: Connection) -> list[SealRow]:
    """Every seal there ever was, oldest first, those of periods opened again among them."""
    closings: dict[str, Recorded] = {}
    found: list[SealRow] = []
    for recorded in await period_events(connection):
        fact = recorded.event.fact
        if isinstance(fact, Closed):
            closings[fact.period] = recorded
        elif isinstance(fact, Sealed):
            found.append(_seal(recorded, closings[fact.period]))
        elif isinstance(fact, Reopened):
            found = [_reopened(row) if row.period == fact.period else row for row in found]
    return found


def _seal(sealed: Recorded, closed: Recorded) -> SealRow:
    fact, by = sealed.event.fact, closed.event.fact
    return SealRow(
        period=fact.period,
        maker=by.maker,
        checker=by.checker,
        closed_at=closed.event.recorded_at,
        sealed_at=sealed.event.recorded_at,
        position=sealed.position,
        known_at=fact.known_at,
        sha256=fact.sha256,
        trial_balance=_LINES.decode(fact.trial_balance),
        stands=True,
    )


def _reopened(row: SealRow) -> SealRow:
    return msgspec.structs.replace(row, stands=False)
