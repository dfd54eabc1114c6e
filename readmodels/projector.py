"""The projector: reads the log in order and fills every view, rows and position in one commit.

One projector is active, by a session's advisory lock; others stand by. What it reads next is always
the position after the last that it committed, and a commit holds only if nobody moved that position
meanwhile, so each event counts once whatever is killed and whenever. While Postgres takes one full
batch, the next is read and folded.

The views are derived, so a commit of theirs does not wait for the disk: after a crash of the server
they may stand a little further back, rows and position alike.
"""

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

import psycopg

from readmodels.fold import (
    ACCOUNT,
    AccountState,
    Batch,
    LogGap,
    LogRow,
    PoisonedEvent,
    fold,
    whole_transactions,
)
from readmodels.view_tables import LIVE, SyncConnection, read_states, write

log = logging.getLogger(__name__)

LEADER_LOCK: Final = 0x6461_7962_7072_6A  # "daybprj"
BATCH_EVENTS: Final = 8_192
# Account states kept between batches; some 300 bytes each.
STATES_MAX: Final = 200_000
# Batches begin no closer than this, so that under load they are worth their round trips.
PACE_SECONDS: Final = 0.02
# How long a lost notification can go unnoticed, and how long `stop` can.
POLL_SECONDS: Final = 0.5
STANDBY_SECONDS: Final = 0.5
RECONNECT_SECONDS_MIN: Final = 0.1
RECONNECT_SECONDS_MAX: Final = 5.0
CONNECTION_OPTIONS: Final = (
    "-c synchronous_commit=off -c statement_timeout=120s -c lock_timeout=60s"
    " -c idle_in_transaction_session_timeout=120s"
)

READ: Final = """
    SELECT notification_id, originator_id, originator_version, topic, state
      FROM daybook_events WHERE notification_id > %s ORDER BY notification_id LIMIT %s
"""
REACHED: Final = "SELECT position, generation FROM readmodels.projection"
ADVANCE: Final = """
    UPDATE readmodels.projection SET position = %s, recorded_at = %s
     WHERE position = %s AND generation = %s
"""


class Overtaken(Exception):
    """The views were changed by another: a rebuild swapped them, or a projector took over."""


def connect(conninfo: str, name: str) -> SyncConnection:
    """A connection with the rights of the projector, to which the views belong."""
    connection: SyncConnection = psycopg.connect(
        conninfo,
        autocommit=True,
        connect_timeout=5,
        options=CONNECTION_OPTIONS,
        keepalives_idle=5,
        tcp_user_timeout=10_000,
        application_name=name,
    )
    connection.execute("SELECT take_role('daybook_projector')")
    return connection


def read_log(connection: SyncConnection, after: int, limit: int) -> list[LogRow]:
    """Up to `limit` events after a position, ending with a transaction, however long that is."""
    while True:
        found = connection.execute(READ, (after, limit), prepare=True, binary=True)
        rows: list[LogRow] = found.fetchall()
        if len(rows) < limit:
            return rows
        try:
            whole = whole_transactions(rows)
        except PoisonedEvent:
            # The fold will come to it, and stop before it.
            return rows
        if whole:
            return whole
        limit *= 2


class Projector:
    """Use as a context, or call `run`, which does not return before `stop` is set."""

    def __init__(self, conninfo: str, *, batch_events: int = BATCH_EVENTS) -> None:
        self._conninfo = conninfo
        self._batch_events = batch_events
        self._reading: SyncConnection | None = None
        self._writing: SyncConnection | None = None
        self._writer = ThreadPoolExecutor(1, "projector-writer")
        self._in_flight: Future[None] | None = None
        self._states: dict[str, AccountState] = {}
        self._generation = 0
        # What was folded; what was committed follows it.
        self._position = 0
        self.position = 0
        self.leads = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._disconnect()
        self._writer.shutdown()

    def run(self, stop: threading.Event) -> None:
        """Keep the views current until `stop`, through lost connections and as a stand-by.

        Raises `PoisonedEvent` or `LogGap` when the log cannot be projected: to stop and to say so is
        all that is right then.
        """
        pause = RECONNECT_SECONDS_MIN
        while not stop.is_set():
            try:
                if not self._lead():
                    stop.wait(STANDBY_SECONDS)
                    continue
                while not stop.is_set():
                    self.catch_up(stop)
                    pause = RECONNECT_SECONDS_MIN
                    stop.wait(PACE_SECONDS)
                    self._await_news()
            except psycopg.OperationalError as error:
                self._disconnect()
                log.warning("projector: %s; again in %.1f s", error, pause)
                stop.wait(pause)
                pause = min(pause * 2, RECONNECT_SECONDS_MAX)
            except BaseException:
                self._disconnect()
                raise
        self._disconnect()

    def project_once(self) -> int:
        """Project one batch; the number of its events. Zero also while another projector leads."""
        return self._project(once=True, stop=None)

    def catch_up(self, stop: threading.Event | None = None) -> int:
        """Project until nothing is left to read; the number of events. Zero while another leads."""
        return self._project(once=False, stop=stop)

    def _project(self, *, once: bool, stop: threading.Event | None) -> int:
        if not self._lead():
            return 0
        events = 0
        try:
            while not (stop is not None and stop.is_set()):
                batch = self._next()
                self._settle()
                if batch is None:
                    break
                events += batch.events
                if once or batch.events < self._batch_events // 2:
                    self._commit(batch)
                    break
                self._in_flight = self._writer.submit(self._commit, batch)
                if len(self._states) > STATES_MAX:
                    self._settle()
                    self._states.clear()
            self._settle()
        except Overtaken:
            self._resume()
        return events

    def _settle(self) -> None:
        """Wait for the batch that is being written."""
        writing, self._in_flight = self._in_flight, None
        if writing is not None:
            writing.result()

    def _lead(self) -> bool:
        """Be the one projector: connected, with the lock, and at the position of the views."""
        if self.leads:
            return True
        if self._writing is None:
            self._writing = connect(self._conninfo, "daybook projector")
        row = self._writing.execute("SELECT pg_try_advisory_lock(%s)", (LEADER_LOCK,)).fetchone()
        if row is None or not row[0]:
            return False
        self._reading = connect(self._conninfo, "daybook projector (reading)")
        self._reading.execute("LISTEN daybook_events")
        self.leads = True
        self._resume()
        return True

    def _resume(self) -> None:
        """Begin again from what is committed."""
        assert self._reading is not None, "only the leader resumes"
        row = self._reading.execute(REACHED).fetchone()
        if row is None:
            raise LogGap("the projection has lost its position: rebuild the views")
        self._states.clear()
        self._position, self._generation = row
        self.position = self._position

    def _await_news(self) -> None:
        assert self._reading is not None, "only the leader listens"
        for _ in self._reading.notifies(timeout=POLL_SECONDS, stop_after=1):
            pass

    def _next(self) -> Batch | None:
        """Read and fold what comes next; of a batch with a poisoned event, what stands before it."""
        assert self._reading is not None, "only the leader reads"
        rows = read_log(self._reading, self._position, self._batch_events)
        if not rows:
            return None
        try:
            batch = self._fold(rows)
        except PoisonedEvent as poisoned:
            before = rows[: poisoned.position - 1 - self._position]
            sound = whole_transactions(before)
            if not sound:
                raise
            batch = self._fold(sound)
        self._position = batch.last
        return batch

    def _fold(self, rows: list[LogRow]) -> Batch:
        self._load_states(rows)
        try:
            return fold(self._position, rows, self._states)
        except (PoisonedEvent, LogGap):
            # The states have half a batch in them; what is committed will tell them again.
            self._settle()
            self._states.clear()
            raise

    def _load_states(self, rows: list[LogRow]) -> None:
        assert self._reading is not None, "only the leader reads"
        unknown = {row[1] for row in rows} - self._states.keys()
        wanted = {stream for stream in unknown if stream.startswith(ACCOUNT)}
        if wanted:
            self._states.update(read_states(self._reading, LIVE, wanted))

    def _commit(self, batch: Batch) -> None:
        assert self._writing is not None, "only the leader writes"
        with self._writing.transaction():
            # First, because this row is what a rebuild's swap and a batch take turns by.
            moved = self._writing.execute(
                ADVANCE,
                (batch.last, batch.recorded_at, batch.after, self._generation),
                prepare=True,
            )
            if moved.rowcount != 1:
                raise Overtaken(f"the views no longer stand at position {batch.after}")
            write(self._writing, LIVE, batch)
        self.position = batch.last

    def _disconnect(self) -> None:
        with suppress(psycopg.Error, Overtaken):
            self._settle()
        self.leads = False
        self._states.clear()
        for connection in (self._reading, self._writing):
            if connection is not None:
                connection.close()
        self._reading = self._writing = None
