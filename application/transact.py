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
from typing import Any, Final

import msgspec
import psycopg

from application import append, clock
from application.books import Aggregate, Answer, Books, Command, Posted, Transaction, answer_known
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


class Unavailable(Exception):
    """Nothing was done: the queue is full, or the store refuses or cannot be reached. Try again."""


class OutcomeUnknown(Exception):
    """It may have been done. The same key is safe: it answers what happened, or does it now."""


class _Waiting(msgspec.Struct):
    """Commands that were submitted together; linked ones happen all or not at all."""

    commands: Sequence[Command]
    linked: bool
    future: asyncio.Future[list[Answer]]


class _Committed:
    """The lowest `States`: what the store and its cache say, before the batch changed anything."""

    def __init__(self, cache: StateCache, touched: set[str], claims: dict[str, str]) -> None:
        self._cache, self._touched, self._claims = cache, touched, claims

    def state(self, stream: str) -> Aggregate | None:
        assert stream in self._touched, f"the command did not name {stream} among its streams"
        return self._cache.get(stream)

    def claimed(self, name: str) -> str | None:
        return self._claims.get(name)


class Writer:
    """The writer of one process. Any number of processes are correct together."""

    def __init__(self, conninfo: str, *, zone: dt.tzinfo = dt.UTC, cache_max: int = 200_000):
        self._conninfo = conninfo
        self._zone = zone
        self._cache = StateCache(cache_max)
        self._queue: deque[_Waiting] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._connection: append.Connection | None = None
        self._commit_sent = False
        self._unreplicated = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.queued = 0
        self.position = 0
        self.batches = 0
        self.commands = 0

    def start(self) -> None:
        """Begin to write. Call it from within the event loop that will await the answers."""
        self._loop = asyncio.get_running_loop()
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
        return (await self.submit_all((command,)))[0]

    async def submit_all(
        self, commands: Sequence[Command], *, linked: bool = False
    ) -> list[Answer]:
        """Several commands in one commit, in order. Linked ones happen all or not at all."""
        assert self._loop is not None, "the writer was not started"
        if self._stopping or self.queued + len(commands) > QUEUE_MAX:
            raise Unavailable("the queue of the writer is full")
        waiting = _Waiting(commands, linked, self._loop.create_future())
        self.queued += len(commands)
        self._queue.append(waiting)
        if not self._wake.is_set():
            self._wake.set()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await waiting.future
        except TimeoutError:
            raise OutcomeUnknown("the store has not answered in time") from None

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
                self._settle(batch)
                self.queued -= size
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
        books = Books(_Committed(self._cache, touched, found.claims), today)
        answers = [_decide(waiting, books, found, rows, again) for waiting in batch]
        if not rows.commands[0]:
            connection.execute("ROLLBACK")
            return answers
        for name, holder in books.claims.items():
            rows.add_claim(name, holder)
        self._unreplicated = False
        self._commit_sent = True
        append.commit(connection, rows)
        if self._unreplicated:
            return OutcomeUnknown("committed here, and perhaps not on the standby")
        self._cache.wrote(books.changed().items(), rows.last_position)
        self.position = rows.last_position
        self.batches += 1
        self.commands += len(commands)
        return answers

    def _asked(self, commands: list[Command], touched: set[str], again: bool) -> append.Asked:
        asked = append.Asked()
        for command in commands:
            asked.claims.extend(command.claims)
            if command.keyed or again:
                asked.principals.append(command.principal)
                asked.keys.append(command.key)
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
    waiting: _Waiting, books: Books, found: append.Found, rows: append.Batch, again: bool
) -> list[Answer]:
    """Decide commands that were submitted together; refused ones leave nothing behind but a record."""
    if waiting.linked:
        return _decide_linked(waiting.commands, books, found, rows, again)
    answers = []
    for command in waiting.commands:
        known = found.commands.get((command.principal, command.key))
        if known is not None:
            answers.append(answer_known(command, known, replayed=not again))
            continue
        above = books.above()
        try:
            transactions = command.decide(above)
        except Refused as refusal:
            answers.append(_record(command, [], command.refuse(refusal), found, rows))
            continue
        books.keep(above)
        posted = [_append(transaction, command.key, rows) for transaction in transactions]
        answers.append(_record(command, posted, command.answer(posted), found, rows))
    return answers


def _decide_linked(
    commands: Sequence[Command], books: Books, found: append.Found, rows: append.Batch, again: bool
) -> list[Answer]:
    """All or none: the first refusal refuses every one, and the others are told which it was."""
    above = books.above()
    decided: list[list[Transaction]] = []
    for index, command in enumerate(commands):
        known = found.commands.get((command.principal, command.key))
        if known is not None:
            # They were answered together, so one that is known means that all are.
            return [_answer_linked(each, found, again) for each in commands]
        try:
            decided.append(command.decide(above))
        except Refused as refusal:
            return [
                _record(
                    each,
                    [],
                    each.refuse(refusal if each is command else NotApplied(failed=index)),
                    found,
                    rows,
                )
                for each in commands
            ]
    books.keep(above)
    answers = []
    for command, transactions in zip(commands, decided, strict=True):
        posted = [_append(transaction, command.key, rows) for transaction in transactions]
        answers.append(_record(command, posted, command.answer(posted), found, rows))
    return answers


def _answer_linked(command: Command, found: append.Found, again: bool) -> Answer:
    known = found.commands.get((command.principal, command.key))
    if known is None:
        return command.refuse(NotApplied(failed=None))
    return answer_known(command, known, replayed=not again)


def _append(transaction: Transaction, key: str, rows: append.Batch) -> Posted:
    """Give a transaction its place: its id is the position of its first event."""
    transaction_id = rows.last_position + 1
    recorded_at = rows.recorded_at
    for draft in transaction.drafts:
        offset = rows.last_position + 1 - rows.first_position
        recorded_at = rows.recorded_at + dt.timedelta(microseconds=offset)
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
        rows.add_event(draft.stream, draft.version, draft.fact.TAG, encode(event))
    return Posted(transaction_id, rows.last_position, recorded_at, transaction)


def _record(
    command: Command,
    posted: list[Posted],
    answer: Answer,
    found: append.Found,
    rows: append.Batch,
) -> Answer:
    """Keep the answer under the command's key, for the life of the ledger."""
    fingerprint = command.fingerprint()
    position = posted[-1].position if posted else None
    key = (command.principal, command.key)
    rows.add_command(*key, fingerprint, command.request, answer.status, answer.body, position)
    found.commands[key] = append.KnownCommand(
        fingerprint, command.request, answer.status, answer.body, position
    )
    if posted:
        rows.statements.extend(command.statements)
        return msgspec.structs.replace(answer, position=position)
    return answer


def _resolve(batch: list[_Waiting], outcome: list[list[Answer]] | Exception) -> None:
    for index, waiting in enumerate(batch):
        if waiting.future.done():
            continue
        if isinstance(outcome, Exception):
            waiting.future.set_exception(outcome)
        else:
            waiting.future.set_result(outcome[index])
