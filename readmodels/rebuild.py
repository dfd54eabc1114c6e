"""Building views again from the log, beside the live ones, and swapping them in.

Until the swap the live views serve and are projected as ever. The swap holds the row of the
projection, which a batch of the projector needs first, brings the new tables to exactly the position
of the live ones, and exchanges them in one database transaction: a reader sees the old or the new.
What a killed rebuild leaves behind is a schema that nobody reads, and the next one drops it.
"""

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, TypeAlias

import msgspec
import psycopg

from readmodels.fold import ACCOUNT, AccountState, Batch, LogGap, fold
from readmodels.projector import connect, read_log
from readmodels.view_tables import (
    LIVE,
    VIEWS,
    SyncConnection,
    read_states,
    write,
)

log = logging.getLogger(__name__)

NEXT: Final = "readmodels_next"
REBUILD_LOCK: Final = 0x6461_7962_7265_62  # "daybreb"
BATCH_EVENTS: Final = 16_384
STATES_MAX: Final = 200_000
SWAP_ATTEMPTS_MAX: Final = 20
# Readers queue behind a swap that waits for a long reader, so it gives up soon, lets them pass, and
# tries again.
SWAP_LOCK_TIMEOUT: Final = "500ms"
SWAP_PAUSE_SECONDS: Final = 0.5
SWAP_PAUSE_SECONDS_MAX: Final = 5.0
# The session of a rebuild that was killed is not gone at once.
LOCK_WAIT_SECONDS: Final = 3.0
LOCK_POLL_SECONDS: Final = 0.1
# Filled row by row with few rows, or looked up while they are filled: these keep their indexes.
INDEXED_FROM_THE_START: Final = (
    *(
        "accounts",
        "account_holders",
        "bill_dues",
        "holds",
        "ledger_totals",
        "transactions",
        "interest",
    ),
    *("loans", "work_items", "standing_orders"),
)

INDEXES: Final = """
    SELECT pg_get_indexdef(i.indexrelid)
      FROM pg_index i WHERE i.indrelid = %s::regclass ORDER BY i.indexrelid
"""
OPTIONS: Final = """
    SELECT coalesce(array_to_string(reloptions, ', '), '') FROM pg_class
     WHERE oid = %s::regclass
"""

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

# Told the position reached and the position aimed at.
Progress: TypeAlias = Callable[[int, int], None]


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
        _take_lock(writing)
        try:
            builder = _Builder(reading, writing, view)
            builder.build(progress or _no_progress)
            return builder.swap_in()
        finally:
            if not writing.closed:
                writing.execute(f"DROP SCHEMA IF EXISTS {NEXT} CASCADE")
                writing.execute("SELECT pg_advisory_unlock(%s)", (REBUILD_LOCK,))


def _take_lock(connection: SyncConnection) -> None:
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while not _one(connection, "SELECT pg_try_advisory_lock(%s)", REBUILD_LOCK):
        if time.monotonic() > deadline:
            raise RebuildRefused("another rebuild is running")
        time.sleep(LOCK_POLL_SECONDS)


class _Builder:
    """The tables beside the live ones, and how far they have come.

    Accounts are always among them, since what an event is held against is read from there.
    """

    def __init__(self, reading: SyncConnection, writing: SyncConnection, view: str | None) -> None:
        self._reading = reading
        self._writing = writing
        self._views = tuple(VIEWS) if view is None else (view,)
        self._all = view is None
        self._swapped = [table for name in self._views for table in VIEWS[name]]
        self._position = 0
        self._recorded_at: dt.datetime | None = None
        self._states: dict[str, AccountState] = {}

    def build(self, progress: Progress) -> None:
        """Everything up to about where the swap will be, with indexes and statistics."""
        tables = [table for view in {*self._views, "accounts"} for table in VIEWS[view]]
        with self._writing.transaction():
            self._writing.execute(f"DROP SCHEMA IF EXISTS {NEXT} CASCADE")
            self._writing.execute(f"CREATE SCHEMA {NEXT}")
            for table in tables:
                options = _one(self._writing, OPTIONS, f"{LIVE}.{table}")
                self._writing.execute(
                    f"CREATE TABLE {NEXT}.{table} (LIKE {LIVE}.{table} INCLUDING DEFAULTS)"
                    + (f" WITH ({options})" if options else "")
                )
                if table in INDEXED_FROM_THE_START:
                    self._create_indexes(table)
        self._fill(self._target(), progress)
        for table in self._swapped:
            if table not in INDEXED_FROM_THE_START:
                self._create_indexes(table)
            self._writing.execute(f"ANALYZE {NEXT}.{table}")

    def swap_in(self) -> Rebuilt:
        """Come to exactly the position of the live views, and take their place."""
        for attempt in range(SWAP_ATTEMPTS_MAX):
            self._fill(self._target(), _no_progress)
            reached = self._position, self._recorded_at
            try:
                return self._swap()
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                log.info("rebuild: readers hold the views; attempt %d", attempt + 1)
                self._position, self._recorded_at = reached
                self._states.clear()
                time.sleep(min(SWAP_PAUSE_SECONDS * (attempt + 1), SWAP_PAUSE_SECONDS_MAX))
        raise RebuildRefused("readers never let go of the views: try again")

    def _target(self) -> int:
        """How far to go: the end of the log, or for one view alone where the others stand."""
        return int(_one(self._reading, HEAD if self._all else POSITION))

    def _swap(self) -> Rebuilt:
        with self._writing.transaction():
            self._writing.execute(f"SET LOCAL lock_timeout = '{SWAP_LOCK_TIMEOUT}'")
            live = int(_one(self._writing, TAKE_TURN))
            for batch in self._batches(live):
                write(self._writing, NEXT, batch, self._views)
            if self._all:
                self._writing.execute(STAND_AT, (self._position, self._recorded_at))
            rows = {
                table: int(_one(self._writing, f"SELECT count(*) FROM {NEXT}.{table}"))
                for table in self._swapped
            }
            names = ", ".join(f"{LIVE}.{table}" for table in self._swapped)
            self._writing.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
            for table in self._swapped:
                self._writing.execute(f"DROP TABLE {LIVE}.{table}")
                self._writing.execute(f"ALTER TABLE {NEXT}.{table} SET SCHEMA {LIVE}")
        return Rebuilt(self._position, rows)

    def _fill(self, target: int, progress: Progress) -> None:
        """Write batch after batch; while Postgres takes one, the next is read and folded."""
        with ThreadPoolExecutor(1, "rebuild-writer") as writer:
            writing: Future[None] | None = None
            for batch in self._batches(target):
                if writing is not None:
                    writing.result()
                writing = writer.submit(self._write, batch)
                if len(self._states) > STATES_MAX:
                    writing.result()
                    self._states.clear()
                progress(batch.last, target)
            if writing is not None:
                writing.result()

    def _batches(self, target: int) -> Iterator[Batch]:
        while self._position < target:
            read = read_log(self._reading, self._position, BATCH_EVENTS)
            rows = [row for row in read if row[0] <= target]
            if not rows:
                raise LogGap(f"the log ends at {self._position}, before {target}")
            streams = {row[1] for row in rows} - self._states.keys()
            accounts = {stream for stream in streams if stream.startswith(ACCOUNT)}
            self._states.update(read_states(self._reading, NEXT, accounts))
            batch = fold(self._position, rows, self._states)
            self._position, self._recorded_at = batch.last, batch.recorded_at
            yield batch

    def _write(self, batch: Batch) -> None:
        with self._writing.transaction():
            write(self._writing, NEXT, batch, self._views)

    def _create_indexes(self, table: str) -> None:
        for (definition,) in self._reading.execute(INDEXES, (f"{LIVE}.{table}",)).fetchall():
            self._writing.execute(definition.replace(f" ON {LIVE}.", f" ON {NEXT}."))


def _one(connection: SyncConnection, query: str, *parameters: object) -> Any:
    row = connection.execute(query, parameters).fetchone()
    assert row is not None, f"no answer to {query}"
    return row[0]


def _no_progress(position: int, target: int) -> None:
    pass
