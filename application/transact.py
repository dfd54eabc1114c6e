"""The only writer: load, decide, post, append, for all commands that wait, in one commit.

`submit` puts commands on one bounded queue. A thread of its own drains whatever is waiting (never a
timer), takes the append lock, decides each command against the state that the commands before it left,
and commits every event, idempotency record and claim together. Answers, refusals too, go out after the
commit, since they may rest on what the batch itself did.

A batch whose outcome is unknown, because the connection was lost, is simply run again: the lock makes
the second run wait for the end of the first, and what the first committed is then found under the
commands' keys and answered from there.
"""

import asyncio
import datetime as dt
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import msgspec
import psycopg

from application import append, clock
from application.books import Answer, Books, Command, Posted, Transaction, answer_known
from application.packed import register
from application.state_cache import StateCache
from domain.refusals import NotApplied, Refused
from ledger.journal import JournalEvent, encode

QUEUE_MAX: Final = 20_000
BATCH_MAX: Final = 512
SETTLE_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 30.0
CONNECTION_OPTIONS: Final = (
    "-c lock_timeout=5s -c statement_timeout=30s -c idle_in_transaction_session_timeout=30s"
)
# "already committed locally, but might not have been replicated to the standby"
UNREPLICATED: Final = "01000"


KnownCommands: TypeAlias = dict[tuple[str, str], append.KnownCommand]


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


class Writer:
    """The writer of one process. Any number of processes are correct together."""

    def __init__(self, conninfo: str, *, zone: dt.tzinfo = dt.UTC, cache_max: int = 200_000):
        self._conninfo = conninfo
        self._zone = zone
        self._cache = StateCache(cache_max)
        self._queue: deque[_Waiting] = deque()
        self._running: list[_Waiting] = []
        self._wake = threading.Event()
        self._stopping = False
        self._connection: append.Connection | None = None
        self._commit_sent = False
        self._unreplicated = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        # One thread adds to the first of these and the other to the second.
        self.submitted = 0
        self.answered = 0
        self.position = 0
        self.batches = 0

    def start(self) -> None:
        """Begin to write. Call it from within the event loop that will await the answers."""
        self._loop = asyncio.get_running_loop()
        self._loop.call_later(0.5, self._give_up_late)
        self._thread.start()

    async def stop(self) -> None:
        """Finish what is queued, then stop."""
        self._stopping = True
        self._wake.set()
        await asyncio.to_thread(self._thread.join, SETTLE_SECONDS + 5)

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

    @property
    def queued(self) -> int:
        """How many commands wait for their answer."""
        return self.submitted - self.answered

    def _enqueue(self, commands: Sequence[Command], linked: bool) -> asyncio.Future[list[Answer]]:
        assert self._loop is not None, "the writer was not started"
        if self._stopping or self.queued + len(commands) > QUEUE_MAX:
            raise Unavailable("the queue of the writer is full")
        future: asyncio.Future[list[Answer]] = self._loop.create_future()
        self.submitted += len(commands)
        self._queue.append(_Waiting(commands, linked, future, self._loop.time()))
        if not self._wake.is_set():
            self._wake.set()
        return future

    def _give_up_late(self) -> None:
        """Tell those who have waited too long, should the store hang; looked at twice a second."""
        assert self._loop is not None
        too_old = self._loop.time() - ANSWER_SECONDS
        for waiting in (*self._running, *self._queue):
            if waiting.since < too_old and not waiting.future.done():
                waiting.future.set_exception(OutcomeUnknown("the store has not answered in time"))
        if not self._stopping:
            self._loop.call_later(0.5, self._give_up_late)

    # --- The writer's thread.

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._queue:
                batch: list[_Waiting] = []
                size = 0
                while self._queue and size < BATCH_MAX:
                    batch.append(self._queue.popleft())
                    size += len(batch[-1].commands)
                self._running = batch
                self._settle(batch)
                self._running = []
                self.answered += size
            if self._stopping:
                if self._connection is not None:
                    self._connection.close()
                return

    def _settle(self, batch: list[_Waiting]) -> None:
        """Answer every command of the batch, running it again while its outcome is unknown."""
        deadline = time.monotonic() + SETTLE_SECONDS
        committed_before = False
        while True:
            try:
                answers = self._commit(batch, again=committed_before)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                if self._rolled_back():
                    self._answer(batch, Unavailable(f"the store refused ({error.sqlstate})"))
                    return
                committed_before = committed_before or self._commit_sent
                if time.monotonic() > deadline:
                    reason = "the connection to the store was lost"
                    unknown = OutcomeUnknown(reason) if committed_before else Unavailable(reason)
                    self._answer(batch, unknown)
                    return
                time.sleep(0.05)
            except Exception as error:  # noqa: BLE001 - whatever it is, someone waits for an answer
                # A decision is broken, or the store refused a row. One command's fault is not the
                # others': each is run by itself, and only the one at fault fails.
                self._rolled_back()
                if len(batch) == 1:
                    self._answer(batch, error)
                    return
                for waiting in batch:
                    self._settle([waiting])
                return
            else:
                self._answer(batch, answers)
                return

    def _commit(self, batch: list[_Waiting], *, again: bool) -> list[list[Answer]] | Exception:
        self._commit_sent = False
        connection = self._connected()
        commands = [command for waiting in batch for command in waiting.commands]
        touched = {stream for command in commands for stream in command.streams}
        found = append.begin(connection, self._asked(commands, touched, again))
        head = found.head.position
        self._cache.take(found.streams, head)
        if self._cache.moved(head):
            stale = self._cache.stale(touched)
            if stale:
                self._cache.take(append.read_streams(connection, stale), head)
                self._cache.checked(stale, head)
        rows = append.Batch(found.head, append.next_instant(found.head))
        today = clock.business_date(rows.recorded_at, self._zone)
        states = {stream: self._cache.get(stream) for stream in touched}
        claimed = dict(found.claims)
        books = Books(states, claimed, today)
        answers = [_decide(waiting, books, found.commands, rows, again) for waiting in batch]
        if not rows.commands:
            connection.execute("ROLLBACK")
            return answers
        rows.claims.extend(
            (name.encode(), holder.encode())
            for name, holder in claimed.items()
            if name not in found.claims
        )
        self._unreplicated = False
        self._commit_sent = True
        append.commit(connection, rows)
        if self._unreplicated:
            return OutcomeUnknown("committed here, and perhaps not on the standby")
        self._cache.wrote(((name, states[name]) for name in books.changed), rows.last_position)
        self.position = rows.last_position
        self.batches += 1
        return answers

    def _asked(self, commands: list[Command], touched: set[str], again: bool) -> append.Asked:
        asked = append.Asked()
        for command in commands:
            asked.claims.extend(name.encode() for name in command.claims)
            if command.keyed or again:
                asked.principals.append(command.principal.encode())
                asked.keys.append(command.key.encode())
        asked.streams = {stream: 0 for stream in touched if stream not in self._cache}
        return asked

    def _answer(self, batch: list[_Waiting], outcome: list[list[Answer]] | Exception) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(_resolve, batch, outcome)
        except RuntimeError:
            return  # The loop is closed: nobody is left to be told.

    def _connected(self) -> append.Connection:
        if self._connection is None:
            self._connection = psycopg.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=5,
                options=CONNECTION_OPTIONS,
                keepalives_idle=5,
                tcp_user_timeout=10_000,
                application_name="daybook writer",
            )
            register(self._connection)
            self._connection.add_notice_handler(self._noticed)
        return self._connection

    def _noticed(self, notice: psycopg.errors.Diagnostic) -> None:
        """A commit that waited for a standby and was told to stop waiting is not a safe commit."""
        if notice.sqlstate == UNREPLICATED:
            self._unreplicated = True

    def _rolled_back(self) -> bool:
        """Whether the connection still lives, so that what it was doing is surely undone."""
        connection = self._connection
        if connection is None:
            return False
        try:
            connection.rollback()
        except psycopg.Error:
            connection.close()
        if connection.closed:
            self._connection = None
            return False
        return True


def _decide(
    waiting: _Waiting, books: Books, known: KnownCommands, rows: append.Batch, again: bool
) -> list[Answer]:
    """Decide commands that were submitted together; refused ones leave nothing behind but a record."""
    if waiting.linked:
        return _decide_linked(waiting.commands, books, known, rows, again)
    answers = []
    for command in waiting.commands:
        before = known.get((command.principal, command.key))
        if before is not None:
            answers.append(answer_known(command, before, replayed=not again))
            continue
        try:
            transactions = command.decide(books)
        except Refused as refusal:
            books.take_back()
            answers.append(_record(command, [], command.refuse(refusal), known, rows))
            continue
        books.keep()
        posted = [_append(transaction, command.key, rows) for transaction in transactions]
        answers.append(_record(command, posted, command.answer(posted), known, rows))
    return answers


def _decide_linked(
    commands: Sequence[Command],
    books: Books,
    known: KnownCommands,
    rows: append.Batch,
    again: bool,
) -> list[Answer]:
    """All or none: the first refusal refuses every one, and the others are told which it was."""
    if any((command.principal, command.key) in known for command in commands):
        # They were answered together, so where one is known all are, or the set is another.
        return [_answer_linked(command, known, again) for command in commands]
    decided: list[list[Transaction]] = []
    for index, command in enumerate(commands):
        try:
            decided.append(command.decide(books))
        except Refused as refusal:
            books.take_back()
            other = NotApplied(failed=index)
            return [
                _record(each, [], each.refuse(refusal if each is command else other), known, rows)
                for each in commands
            ]
    books.keep()
    answers = []
    for command, transactions in zip(commands, decided, strict=True):
        posted = [_append(transaction, command.key, rows) for transaction in transactions]
        answers.append(_record(command, posted, command.answer(posted), known, rows))
    return answers


def _answer_linked(command: Command, known: KnownCommands, again: bool) -> Answer:
    before = known.get((command.principal, command.key))
    if before is None:
        return command.refuse(NotApplied(failed=None))
    return answer_known(command, before, replayed=not again)


def _append(transaction: Transaction, key: str, rows: append.Batch) -> Posted:
    """Give a transaction its place: its id is the position of its first event."""
    events = rows.events
    transaction_id = rows.first_position + len(events)
    recorded_at = rows.recorded_at
    for draft in transaction.drafts:
        recorded_at = rows.recorded_at + dt.timedelta(microseconds=len(events))
        event: JournalEvent[Any] = JournalEvent(
            fact=draft.fact,
            entry=draft.entry,
            transaction_id=transaction_id,
            booking_date=transaction.booking_date,
            value_date=transaction.value_date,
            recorded_at=recorded_at,
            actor=transaction.actor,
            command_id=key,
            category=transaction.category,
            tags=transaction.tags,
            description=transaction.description,
            reason=transaction.reason,
        )
        events.append(
            (draft.stream.encode(), draft.version, draft.fact.TAG.encode(), encode(event))
        )
    return Posted(transaction_id, rows.last_position, recorded_at, transaction)


def _record(
    command: Command,
    posted: list[Posted],
    answer: Answer,
    known: KnownCommands,
    rows: append.Batch,
) -> Answer:
    """Keep the answer under the command's key, for the life of the ledger."""
    position = posted[-1].position if posted else None
    row = (command.fingerprint(), command.request, answer.status, answer.body, position)
    rows.commands.append((command.principal.encode(), command.key.encode(), *row))
    known[command.principal, command.key] = append.KnownCommand(*row)
    if posted:
        rows.statements.extend(command.statements)
        return Answer(answer.status, answer.body, position)
    return answer


def _resolve(batch: list[_Waiting], outcome: list[list[Answer]] | Exception) -> None:
    for index, waiting in enumerate(batch):
        if waiting.future.done():
            continue
        if isinstance(outcome, Exception):
            waiting.future.set_exception(outcome)
        else:
            waiting.future.set_result(outcome[index])
