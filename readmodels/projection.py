"""How far the views have come: for readers of their own writes, and for alarms."""

import asyncio
import datetime as dt
import time
from typing import Final

import msgspec

from readmodels.reading import Connection

POLL_SECONDS_MIN: Final = 0.002
POLL_SECONDS_MAX: Final = 0.025

POSITION: Final = "SELECT position FROM readmodels.projection"
LAG: Final = """
    SELECT p.position, coalesce(head.last_position, 0),
           (SELECT c.recorded_at + greatest(0, p.position + 1 - c.first_position)
                                   * interval '1 microsecond'
              FROM commits c WHERE c.last_position > p.position
             ORDER BY c.last_position LIMIT 1)
      FROM readmodels.projection p
      LEFT JOIN LATERAL (SELECT last_position FROM commits
                          ORDER BY last_position DESC LIMIT 1) AS head ON true
"""


class Lag(msgspec.Struct, frozen=True):
    """How far the views are behind the log. `seconds` is the age of the oldest event not in them."""

    position: int
    head: int
    events: int
    seconds: float


async def position(connection: Connection) -> int:
    """The position of the last event that the views hold."""
    row = await (await connection.execute(POSITION)).fetchone()
    assert row is not None, "the projection has no row"
    return int(row[0])


async def wait_for(connection: Connection, wanted: int, timeout_seconds: float) -> bool:
    """Wait until the views hold the event at a position; whether they do within the time."""
    deadline = time.monotonic() + timeout_seconds
    pause = POLL_SECONDS_MIN
    while await position(connection) < wanted:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 2, POLL_SECONDS_MAX)
    return True


async def lag(connection: Connection, now: dt.datetime) -> Lag:
    """How far the views are behind at the instant `now`; zero events and seconds when they are not."""
    row = await (await connection.execute(LAG)).fetchone()
    assert row is not None, "the projection has no row"
    reached, head, oldest = row
    waited = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
    return Lag(reached, head, max(0, head - reached), waited)
