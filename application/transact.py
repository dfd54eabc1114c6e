"""The only writer: load, decide, post, append, for all commands that wait, in one commit.

`submit` puts commands on one bounded queue. The writer drains whatever is waiting (never a timer),
decides each command against the state that the commands before it left, and commits every event,
idempotency record and claim together, in one flush. Answers, refusals too, go out after the commit,
since they may rest on what the batch itself did.

While this process writes alone, it decides the next batch while the last one is being committed, on
top of what that will leave. The commit takes the append lock and checks, under it, that the log still
ends where the decisions assumed; if it does not, another process has written, and the batch is decided
again under the lock. From then on, until the log is found where this process left it, the lock is
taken first, so that processes that write side by side decide nothing twice.

A batch whose outcome is unknown, because the connection was lost, is simply run again: the lock makes
the second run wait for the end of the first, and what the first committed is then found under the
commands' keys and answered from there.
"""

import asyncio
import datetime as dt
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec
import psycopg

from application import append, clock
from application.aggregates import Aggregate
from application.books import Answer, Books, Command, streams_of
from application.decisions import KnownCommands, carry_over, decide_together
from application.state_cache import StateCache
from application.writer_connections import WriterConnections
from domain.access import NONE_YET
from domain.access import STREAM as AUDIT_TRAIL
from domain.banking_calendar import WEEKENDS, Calendar

QUEUE_MAX: Final = 20_000
BATCH_MAX: Final = 512
HALVED_ABOVE: Final = 32
SETTLE_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 30.0
# So long after the store has refused a write it is not asked for more, unless it takes one.
REFUSING_SECONDS: Final = 10.0


class Unavailable(Exception):
    """Nothing was done: the queue is full, or the store refuses or cannot be reached. Try again."""


class OutcomeUnknown(Exception):
    """It may have been done. The same key is safe: it answers what happened, or does it now."""


class _Waiting(msgspec.Struct):
    """Commands that were submitted together; linked ones happen all or not at all."""

    commands: Sequence[Command]
    linked: bool
    future: asyncio.Future[list[Answer]]
    since: float


class _Decided(msgspec.Struct):
    """A batch that was decided: its rows, its answers, and what it leaves if it is committed."""

    batch: list[_Waiting]
    rows: append.Batch
    answers: list[list[Answer]]
    states: dict[str, Aggregate | None]
    changed: set[str]
    known: KnownCommands
    claims: dict[str, str]
    end: append.Head


class Writer:
    """The writer of one process. Any number of processes are correct together."""

    def __init__(
        self,
        conninfo: str,
        *,
        zone: dt.tzinfo = dt.UTC,
        calendar: Calendar = WEEKENDS,
        cache_max: int = 200_000,
    ):
        self._zone = zone
        self._calendar = calendar
        self._cache = StateCache(cache_max)
        self._queue: deque[_Waiting] = deque()
        self._running: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._connections = WriterConnections(conninfo)
        # Whether the log was last found where this process left it.
        self._alone = False
        self._head = append.ORIGIN
        self._refused_at = float("-inf")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self.queued = 0
        self.batches = 0

    @property
    def position(self) -> int:
        """The last position of the log that this process has written or seen."""
        return self._head.position

    @property
    def refused(self) -> bool:
        """Whether the store has lately failed to write what it was given, and has not since."""
        return time.monotonic() - self._refused_at < REFUSING_SECONDS

    def start(self) -> None:
        """Begin to write, in the running event loop."""
        # Kept at hand: asking for the running loop costs every command a call of the system.
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run(), name="writer")
        self._loop.call_later(0.5, self._give_up_late)

    async def stop(self) -> None:
        """Finish what is queued, then stop."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
        await self._connections.close()

    async def submit(self, command: Command) -> Answer:
        """Have the command decided and committed. The same key again answers what it answered first.

        Raises `Unavailable` where nothing was done, and `OutcomeUnknown` where that cannot be said.
        """
        return (await self._enqueue((command,), False))[0]

    async def submit_all(
        self, commands: Sequence[Command], *, linked: bool = False
    ) -> list[Answer]:
        """Several commands in one commit, in order. Linked ones happen all or not at all."""
        return await self._enqueue(commands, linked)

    def _enqueue(self, commands: Sequence[Command], linked: bool) -> asyncio.Future[list[Answer]]:
        loop = self._loop
        if self._stopping or loop is None or self.queued + len(commands) > QUEUE_MAX:
            raise Unavailable("the queue of the writer is full")
        waiting = _Waiting(commands, linked, loop.create_future(), loop.time())
        self.queued += len(commands)
        self._queue.append(waiting)
        self._wake.set()
        return waiting.future

    def _give_up_late(self) -> None:
        """Tell those who have waited too long, should the store hang; looked at twice a second."""
        loop = asyncio.get_running_loop()
        too_old = loop.time() - ANSWER_SECONDS
        for waiting in (*self._running, *self._queue):
            if waiting.since < too_old and not waiting.future.done():
                waiting.future.set_exception(OutcomeUnknown("the store has not answered in time"))
        if not self._stopping:
            loop.call_later(0.5, self._give_up_late)

    async def _run(self) -> None:
        committing: asyncio.Task[bool] | None = None
        before: _Decided | None = None
        while batch := await self._drained():
            ahead = await self._decide_ahead(batch, before) if self._alone else None
            if committing is not None and not await committing:
                ahead = None
            if ahead is None:
                committing = before = None
                await self._settle(batch)
            else:
                before, sent = ahead, asyncio.Event()
                committing = asyncio.create_task(self._commit_ahead(ahead, sent))
                # Deciding keeps the loop busy, so what Postgres is to do meanwhile goes out first.
                await sent.wait()
        if committing is not None:
            await committing

    async def _drained(self) -> list[_Waiting]:
        """What is waiting, up to the size of a batch; nothing once the writer is to stop."""
        while not self._queue:
            if self._stopping:
                return []
            self._wake.clear()
            await self._wake.wait()
        # Of many that wait, half: the other half is decided while this one is being committed.
        size_max = min(BATCH_MAX, max(HALVED_ABOVE, len(self._queue) // 2))
        batch: list[_Waiting] = []
        size = 0
        while self._queue and size < size_max:
            batch.append(self._queue.popleft())
            size += len(batch[-1].commands)
        self._running.extend(batch)
        return batch

    # --- Alone: decide while the batch before is being committed.

    async def _decide_ahead(
        self, batch: list[_Waiting], before: _Decided | None
    ) -> _Decided | None:
        """Decide on top of what `before` will leave; None where that cannot be done now."""
        commands = [command for waiting in batch for command in waiting.commands]
        touched = streams_of(commands)
        # No key is looked up: one that was used before is rare, and then the commit collides and the
        # batch is decided under the lock, where it is found. States are: another process may have
        # written since they were last looked at, and most refusals write no event that would collide.
        asked = self._asked(commands, touched, [])
        stale = self._cache.stale(touched)
        asked.streams.update(stale)
        if before is not None:
            for stream in before.changed:
                asked.streams.pop(stream, None)
        found = append.Found(self._head, {}, {}, [])
        head = self._head if before is None else before.end
        states = {stream: self._cache.get(stream) for stream in touched}
        try:
            if asked.claims or asked.streams:
                position = self._head.position
                found = await append.read(await self._connections.get("reader"), asked)
                states.update(self._cache.take(found.streams, position))
                self._cache.checked(stale, position)
            if before is not None:
                states.update((s, before.states[s]) for s in touched & before.changed)
                carry_over(before.known, before.claims, commands, found)
            return self._decide(batch, states, found, head, again=False)
        except Exception:  # noqa: BLE001 - the batch is decided again under the lock, where it is told
            await self._connections.undo("reader")
            self._alone = False
            return None

    async def _commit_ahead(self, decided: _Decided, sent: asyncio.Event) -> bool:
        """False where the log does not end where the decisions assumed: they were thrown away."""
        try:
            if decided.rows.commands:
                self._connections.unreplicated = False
                connection = await self._connections.get("writer")
                await append.lock_and_commit(connection, decided.rows, sent)
        except Exception:  # noqa: BLE001 - the batch is run again, and whoever waits is told
            # The log has moved on, a key or a claim was taken before, or the connection was lost;
            # only in the last case may the batch have been committed.
            self._alone = False
            undone = await self._connections.undo()
            await self._settle(decided.batch, again=not undone)
            return False
        finally:
            sent.set()
        self._committed(decided)
        return True

    # --- Side by side with other processes, or unsure: the lock first.

    async def _settle(self, batch: list[_Waiting], *, again: bool = False) -> None:
        """Answer every command of the batch, running it again while its outcome is unknown."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SETTLE_SECONDS
        while True:
            commit_sent = False
            try:
                connection = await self._connections.get("writer")
                decided = await self._decide_locked(connection, batch, again)
                if decided.rows.commands:
                    self._connections.unreplicated = False
                    commit_sent = True
                    await append.commit(connection, decided.rows)
                else:
                    await connection.execute("ROLLBACK")
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                undone = await self._connections.undo()
                # What an earlier run may still do is not undone with this one.
                if undone and not again:
                    self._answer(batch, Unavailable(f"the store refused ({error.sqlstate})"))
                    return
                again = again or commit_sent
                if loop.time() > deadline:
                    reason = "the connection to the store was lost"
                    self._answer(batch, OutcomeUnknown(reason) if again else Unavailable(reason))
                    return
                await asyncio.sleep(0.05)
            except Exception as error:  # noqa: BLE001 - whatever it is, someone waits for an answer
                # A decision is broken, or the store refused a row. One command's fault is not the
                # others': each is run by itself, and only the one at fault fails.
                undone = await self._connections.undo()
                again = again or (commit_sent and not undone)
                if len(batch) == 1:
                    self._answer(batch, _told_of(error, again))
                    return
                for waiting in batch:
                    await self._settle([waiting], again=again)
                return
            else:
                self._committed(decided)
                return

    async def _decide_locked(
        self, connection: append.Connection, batch: list[_Waiting], again: bool
    ) -> _Decided:
        commands = [command for waiting in batch for command in waiting.commands]
        touched = streams_of(commands)
        states = {stream: self._cache.get(stream) for stream in touched}
        looked_up = commands if again else [command for command in commands if command.keyed]
        asked = self._asked(commands, touched, looked_up)
        asked.streams.update(self._cache.versions([AUDIT_TRAIL]))
        found = await append.begin(connection, asked)
        self._head = found.head
        position = found.head.position
        self._alone = not self._cache.moved(position)
        # Before anything is taken into the cache: what that puts out of a full one may be stale, too.
        stale = self._cache.stale(touched - {AUDIT_TRAIL})
        states.update(self._cache.take(found.streams, position))
        self._cache.checked([AUDIT_TRAIL], position)
        if stale:
            newer = await append.read_streams(connection, stale)
            states.update(self._cache.take(newer, position))
            self._cache.checked(stale, position)
        return self._decide(batch, states, found, found.head, again)

    def _asked(
        self, commands: list[Command], touched: set[str], looked_up: list[Command]
    ) -> append.Asked:
        asked = append.Asked(
            principals=[command.principal.encode() for command in looked_up],
            keys=[command.key.encode() for command in looked_up],
        )
        for command in commands:
            asked.claims.extend(name.encode() for name in command.claims)
        asked.streams = {stream: 0 for stream in touched if stream not in self._cache}
        return asked

    def _decide(
        self,
        batch: list[_Waiting],
        states: dict[str, Aggregate | None],
        found: append.Found,
        head: append.Head,
        again: bool,
    ) -> _Decided:
        rows = append.Batch(head, append.next_instant(head))
        states[AUDIT_TRAIL] = states[AUDIT_TRAIL] or NONE_YET
        claims = dict(found.claims)
        today = clock.business_date(rows.recorded_at, self._zone)
        books = Books(states, claims, today, rows.recorded_at, self._calendar)
        answers = [
            decide_together(w.commands, w.linked, books, found.commands, rows, again) for w in batch
        ]
        rows.claim((n, holder) for n, holder in claims.items() if n not in found.claims)
        end = append.end_of(rows)
        return _Decided(batch, rows, answers, states, books.changed, found.commands, claims, end)

    def _committed(self, decided: _Decided) -> None:
        self._head = decided.end
        # Every batch may add to the audit trail, so its state is kept at hand.
        states = ((stream, decided.states[stream]) for stream in (AUDIT_TRAIL, *decided.changed))
        self._cache.wrote(
            [(stream, state) for stream, state in states if state is not None],
            self._head.position,
        )
        self.batches += 1
        if self._connections.unreplicated:
            self._connections.unreplicated = False
            unknown = OutcomeUnknown("committed here, and perhaps not on the standby")
            self._answer(decided.batch, unknown)
        else:
            self._answer(decided.batch, decided.answers)
        self._refused_at = float("-inf")

    def _answer(self, batch: list[_Waiting], outcome: list[list[Answer]] | Exception) -> None:
        if isinstance(outcome, Unavailable | OutcomeUnknown):
            self._refused_at = time.monotonic()
        for index, waiting in enumerate(batch):
            self.queued -= len(waiting.commands)
            if waiting.future.done():
                continue
            if isinstance(outcome, Exception):
                waiting.future.set_exception(outcome)
            else:
                waiting.future.set_result(outcome[index])
        answered = set(map(id, batch))
        self._running = [w for w in self._running if id(w) not in answered]


def _told_of(error: Exception, again: bool) -> Exception:
    """What is told of an error that trying again did not end.

    The store's own faults (a disk that cannot be read, a server that takes no writes any more) are
    not the command's.
    """
    if not isinstance(error, psycopg.InternalError):
        return error
    reason = f"the store failed ({error.sqlstate})"
    return OutcomeUnknown(reason) if again else Unavailable(reason)
