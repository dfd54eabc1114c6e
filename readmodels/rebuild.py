"""Building views again from the log, beside the live ones, and swapping them in.

Until the swap the live views serve and are projected as ever. The swap holds the row of the
projection, which a batch of the projector needs first, brings the new tables to exactly the position
of the live ones, and exchanges them in one database transaction: a reader sees the old or the new.
What a killed rebuild leaves behind is a schema that nobody reads, and the next one drops it.
"""

import logging
import time
from typing import Any, Final

import msgspec
import psycopg

from readmodels.beside import Beside, Progress, clear
from readmodels.projector import connect
from readmodels.view_tables import LIVE, VIEWS, SyncConnection

log = logging.getLogger(__name__)

NEXT: Final = "readmodels_next"
REBUILD_LOCK: Final = 0x6461_7962_7265_62  # "daybreb"
SWAP_ATTEMPTS_MAX: Final = 20
# Readers queue behind a swap that waits for a long reader, so it gives up soon, lets them pass, and
# tries again.
SWAP_LOCK_TIMEOUT: Final = "500ms"
SWAP_PAUSE_SECONDS: Final = 0.5
SWAP_PAUSE_SECONDS_MAX: Final = 5.0
# The session of a rebuild that was killed is not gone at once.
LOCK_WAIT_SECONDS: Final = 3.0
LOCK_POLL_SECONDS: Final = 0.1

HEAD: Final = """
    SELECT coalesce((SELECT last_position FROM commits ORDER BY last_position DESC LIMIT 1), 0)
"""
POSITION: Final = "SELECT position FROM readmodels.projection"
# Holds the row of the projection, and tells the projector to begin anew from it.
TAKE_TURN: Final = """
    UPDATE readmodels.projection SET generation = generation + 1 RETURNING position
"""
STAND_AT: Final = """
    UPDATE readmodels.projection
       SET position = %s, recorded_at = coalesce(%s::timestamptz, recorded_at)
"""


class RebuildRefused(Exception):
    """Nothing was changed: there is no such view, another rebuild runs, or readers never let go."""


class Rebuilt(msgspec.Struct, frozen=True):
    """What a rebuild did: up to which position, and the rows of each table it swapped in."""

    position: int
    rows: dict[str, int]


def rebuild(conninfo: str, view: str | None = None, *, progress: Progress | None = None) -> Rebuilt:
    """Build all views again, or one of `VIEWS`, such as `transactions`.

    Raises `RebuildRefused`, and `PoisonedEvent` or `LogGap` where the log cannot be projected; the
    live views are then as they were.
    """
    if view is not None and view not in VIEWS:
        raise RebuildRefused(f"there is no view {view}; there are {', '.join(VIEWS)}")
    with (
        connect(conninfo, "daybook rebuild") as writing,
        connect(conninfo, "daybook rebuild (reading)") as reading,
    ):
        writing.execute("SET statement_timeout = 0")
        take_lock(writing)
        try:
            views = tuple(VIEWS) if view is None else (view,)
            beside = Beside(reading, writing, NEXT, views)
            # How far to go: the end of the log, or for one view alone where the others stand.
            target = HEAD if view is None else POSITION
            beside.build(int(_one(reading, target)), progress or _no_progress)
            return _swap_in(beside, reading, writing, target)
        finally:
            if not writing.closed:
                clear(writing, NEXT)
                writing.execute("SELECT pg_advisory_unlock(%s)", (REBUILD_LOCK,))


def take_lock(
    connection: SyncConnection,
    lock: int = REBUILD_LOCK,
    taken: str = "another rebuild is running",
) -> None:
    """Be the only one that does what the lock is for, until the session ends, or raise `RebuildRefused`."""
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while not _one(connection, "SELECT pg_try_advisory_lock(%s)", lock):
        if time.monotonic() > deadline:
            raise RebuildRefused(taken)
        time.sleep(LOCK_POLL_SECONDS)


def _swap_in(
    beside: Beside, reading: SyncConnection, writing: SyncConnection, target: str
) -> Rebuilt:
    """Come to exactly the position of the live views, and take their place."""
    for attempt in range(SWAP_ATTEMPTS_MAX):
        beside.fill(int(_one(reading, target)), _no_progress)
        reached = beside.position, beside.recorded_at
        try:
            return _swap(beside, writing, whole=target == HEAD)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            log.info("rebuild: readers hold the views; attempt %d", attempt + 1)
            beside.back_to(*reached)
            time.sleep(min(SWAP_PAUSE_SECONDS * (attempt + 1), SWAP_PAUSE_SECONDS_MAX))
    raise RebuildRefused("readers never let go of the views: try again")


def _swap(beside: Beside, writing: SyncConnection, *, whole: bool) -> Rebuilt:
    with writing.transaction():
        writing.execute(f"SET LOCAL lock_timeout = '{SWAP_LOCK_TIMEOUT}'")
        live = int(_one(writing, TAKE_TURN))
        # Views that say they are beyond the log are wrong about it.
        beside.fill_within(min(live, int(_one(writing, HEAD))) if whole else live)
        if whole:
            writing.execute(STAND_AT, (beside.position, beside.recorded_at))
        rows = {
            table: int(_one(writing, f"SELECT count(*) FROM {NEXT}.{table}"))
            for table in beside.tables
        }
        names = ", ".join(f"{LIVE}.{table}" for table in beside.tables)
        writing.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
        for table in beside.tables:
            writing.execute(f"DROP TABLE {LIVE}.{table}")
            writing.execute(f"ALTER TABLE {NEXT}.{table} SET SCHEMA {LIVE}")
    return Rebuilt(beside.position, rows)


def _one(connection: SyncConnection, query: str, *parameters: object) -> Any:
    row = connection.execute(query, parameters).fetchone()
    assert row is not None, f"no answer to {query}"
    return row[0]


def _no_progress(position: int, target: int) -> None:
    pass
