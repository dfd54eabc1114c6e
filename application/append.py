"""The statements of one append: one flush for a whole batch, in one or two round trips.

`begin` takes the append lock and reads, under it, all that the decisions of the batch need; `commit`
writes everything and commits. The lock is held from the one to the end of the other, so what was read
still holds when it is written. Where the decisions were made ahead, `lock_and_commit` does it all in
one, and refuses if the log does not end where they assumed. The lock is an advisory lock of the
database transaction: whatever ends the connection gives it back.
"""

import asyncio
import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

import msgspec
import psycopg

from application import clock
from application.packed import Packed, byteas, int8s, register, texts
from ledger.log_tree import extended, leaves_of

Connection: TypeAlias = psycopg.AsyncConnection[Any]

APPEND_LOCK: Final = 0x6461_7962_6F6F_6B  # "daybook"

CONNECTION_OPTIONS: Final = (
    "-c lock_timeout=5s -c statement_timeout=30s -c idle_in_transaction_session_timeout=30s"
)
# Once a connection: its rights are those of a role; see migrations/rights.py.
TAKE_ROLE: Final = "SELECT take_role(%s)"
ROLE: Final = "daybook_writer"
# The claims of persons' names begin so.
PERSON: Final = "person/"

BEGIN: Final = "BEGIN"
LOCK: Final = f"SELECT pg_advisory_xact_lock({APPEND_LOCK})"
LOCK_AT: Final = "SELECT lock_log(%b::int8)"
HEAD: Final = """
    SELECT last_position,
           recorded_at + (last_position - first_position) * interval '1 microsecond', peaks
      FROM commits ORDER BY last_position DESC LIMIT 1
"""
COMMANDS: Final = """
    SELECT c.principal, c.key, c.request, c.status, c.answer, c.position
      FROM unnest(%b::text[], %b::text[]) AS asked (principal, key)
      JOIN commands c ON c.principal = asked.principal AND c.key = asked.key
"""
# The names of persons stand in their rows, and are free again when these are blanked.
CLAIMS: Final = """
    SELECT name, holder FROM claims WHERE name = ANY(%(names)b::text[])
     UNION ALL SELECT username_key, 'customer-' || user_id FROM users
     WHERE username_key = ANY(%(names)b::text[])
     UNION ALL SELECT email_key, 'customer-' || user_id FROM users
     WHERE email_key = ANY(%(names)b::text[])
"""
# The newest event of each stream that is newer than the version known and, where that event names the
# version of the stream's last terms, the event at that version.
STREAMS: Final = """
    SELECT newest.originator_id, newest.originator_version, newest.topic, newest.state,
           terms.originator_version, terms.topic, terms.state
      FROM unnest(%b::text[], %b::int8[]) AS asked (stream, version)
     CROSS JOIN LATERAL (
           SELECT * FROM daybook_events e
            WHERE e.originator_id = asked.stream AND e.originator_version > asked.version
            ORDER BY e.originator_version DESC LIMIT 1) AS newest
     CROSS JOIN LATERAL (
           SELECT convert_from(newest.state, 'UTF8')::json #> '{fact,terms}' AS version) AS pointer
      LEFT JOIN LATERAL (
           SELECT * FROM daybook_events e
            WHERE e.originator_id = asked.stream
              AND e.originator_version = CASE json_typeof(pointer.version)
                  WHEN 'number' THEN pointer.version::text::bigint END) AS terms ON true
"""
INSERT: Final = """
    WITH new_events AS (
        INSERT INTO daybook_events
               (originator_id, originator_version, topic, state, notification_id)
        SELECT * FROM unnest(%b::text[], %b::int8[], %b::text[], %b::bytea[], %b::int8[])
    ), new_commands AS (
        INSERT INTO commands (principal, key, request, status, answer, position)
        SELECT * FROM unnest(%b::text[], %b::text[], %b::bytea[], %b::int8[], %b::bytea[], %b::int8[])
    ), new_claims AS (
        INSERT INTO claims (name, holder) SELECT * FROM unnest(%b::text[], %b::text[])
    )
    INSERT INTO commits (last_position, first_position, recorded_at, peaks)
    SELECT * FROM (VALUES (%b::int8, %b::int8, %b::timestamptz, %b::bytea))
        AS head (last, first, at, peaks)
     WHERE last >= first
"""
NOTIFY: Final = "NOTIFY daybook_events"
COMMIT: Final = "COMMIT"


class Head(msgspec.Struct, frozen=True):
    """The end of the log: its last position, when that was recorded, and the peaks of the tree."""

    position: int
    recorded_at: dt.datetime
    peaks: bytes


ORIGIN: Final = Head(0, dt.datetime(1970, 1, 1, tzinfo=dt.UTC), b"")


class KnownCommand(msgspec.Struct, frozen=True, gc=False):
    """A command that was answered before."""

    request: bytes
    status: int
    answer: bytes
    position: int | None


class Asked(msgspec.Struct):
    """What a batch needs to know before it can be decided."""

    principals: list[bytes] = []
    keys: list[bytes] = []
    claims: list[bytes] = []
    streams: dict[str, int] = {}


class Found(msgspec.Struct):
    head: Head
    commands: dict[tuple[str, str], KnownCommand]
    claims: dict[str, str]
    streams: list[tuple[Any, ...]]


class Batch:
    """The rows of one commit, as they are sent: positions and instants follow from their order."""

    def __init__(self, head: Head, recorded_at: dt.datetime) -> None:
        """`recorded_at` is the instant of the first event; each next one is a microsecond later."""
        self.head = head
        self.first_position = head.position + 1
        self.recorded_at = recorded_at
        # Stream, version, tag and state of each event.
        self.events: list[tuple[bytes, int, bytes, bytes]] = []
        # Principal, key, request, status, answer and position of each command.
        self.commands: list[tuple[bytes, bytes, bytes, int, bytes, int | None]] = []
        self.claims: list[tuple[bytes, bytes]] = []
        self.statements: list[tuple[str, tuple[Any, ...]]] = []
        self.end: Head | None = None

    def claim(self, claims: Iterable[tuple[str, str]]) -> None:
        """Names and their holders; those of persons are claimed by rows of their own."""
        self.claims.extend((n.encode(), h.encode()) for n, h in claims if not n.startswith(PERSON))

    @property
    def last_position(self) -> int:
        return self.first_position + len(self.events) - 1

    def parameters(self) -> tuple[Any, ...]:
        streams, versions, tags, states = _columns(self.events, 4)
        principals, keys, requests, statuses, answers, positions = _columns(self.commands, 6)
        names, holders = _columns(self.claims, 2)
        first, last = self.first_position, self.last_position
        return (
            texts(streams),
            int8s(versions),
            texts(tags),
            byteas(states),
            int8s(range(first, last + 1)),
            texts(principals),
            texts(keys),
            byteas(requests),
            int8s(statuses),
            byteas(answers),
            int8s(positions),
            texts(names),
            texts(holders),
            last,
            first,
            self.recorded_at,
            end_of(self).peaks,
        )


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> Iterable[Sequence[Any]]:
    return zip(*rows, strict=True) if rows else [()] * width


def next_instant(head: Head) -> dt.datetime:
    """Now, or the microsecond after the head where the clock has not moved past it."""
    return max(clock.now(), head.recorded_at + dt.timedelta(microseconds=1))


def end_of(batch: Batch) -> Head:
    """The head of the log once the batch, to which nothing more is added, is committed."""
    if batch.end is None:
        leaves = leaves_of(batch.first_position, batch.events)
        last = dt.timedelta(microseconds=len(leaves) - 1)
        batch.end = batch.head
        if leaves:
            batch.end = Head(
                batch.last_position,
                batch.recorded_at + last,
                extended(batch.head.peaks, batch.head.position, leaves),
            )
    return batch.end


async def connect(conninfo: str, name: str) -> Connection:
    """A connection that may add to the log, and change nothing in it."""
    connection = await psycopg.AsyncConnection.connect(
        conninfo,
        autocommit=True,
        connect_timeout=5,
        options=CONNECTION_OPTIONS,
        keepalives_idle=5,
        tcp_user_timeout=10_000,
        application_name=name,
    )
    await connection.execute(TAKE_ROLE, [ROLE])
    register(connection)
    return connection


async def begin(connection: Connection, asked: Asked) -> Found:
    """Open a database transaction, take the append lock, and read under it. One round trip."""
    async with connection.pipeline():
        await connection.execute(BEGIN, prepare=True)
        await connection.execute(LOCK, prepare=True)
        head = await connection.execute(HEAD, prepare=True, binary=True)
        found = await _read(connection, asked)
        row = await head.fetchone()
        found.head = Head(*row) if row else ORIGIN
    return found


async def read(connection: Connection, asked: Asked) -> Found:
    """The same without the lock: what was committed by now. The head is not read."""
    async with connection.pipeline():
        return await _read(connection, asked)


async def _read(connection: Connection, asked: Asked) -> Found:
    commands = claims = streams = None
    if asked.keys:
        keys = (texts(asked.principals), texts(asked.keys))
        commands = await connection.execute(COMMANDS, keys, prepare=True, binary=True)
    if asked.claims:
        names = {"names": texts(asked.claims)}
        claims = await connection.execute(CLAIMS, names, prepare=True, binary=True)
    if asked.streams:
        streams = await connection.execute(
            STREAMS, _streams(asked.streams), prepare=True, binary=True
        )
    return Found(
        head=ORIGIN,
        commands={
            (principal, key): KnownCommand(*known)
            for principal, key, *known in (await commands.fetchall() if commands else ())
        },
        claims=dict(await claims.fetchall() if claims else ()),
        streams=await streams.fetchall() if streams else [],
    )


async def read_streams(connection: Connection, streams: dict[str, int]) -> list[tuple[Any, ...]]:
    """Within the database transaction that `begin` opened: streams newer than the versions known."""
    cursor = await connection.execute(STREAMS, _streams(streams), prepare=True, binary=True)
    return await cursor.fetchall()


async def commit(connection: Connection, batch: Batch) -> None:
    """Write the batch and commit. One round trip; an error of the first statement skips the rest."""
    async with connection.pipeline():
        await _write(connection, batch)


async def lock_and_commit(connection: Connection, batch: Batch, sent: asyncio.Event) -> None:
    """Take the append lock, check that the log ends where the batch begins, write and commit.

    `sent` is set once the server has all it needs and works by itself. One round trip. Where the log ends elsewhere, nothing is written and an error says so.
    """
    async with connection.pipeline():
        await connection.execute(BEGIN, prepare=True)
        await connection.execute(LOCK_AT, (batch.first_position - 1,), prepare=True)
        await _write(connection, batch)
        while connection.pgconn.flush():
            await asyncio.sleep(0)
        sent.set()


async def _write(connection: Connection, batch: Batch) -> None:
    await connection.execute(INSERT, batch.parameters(), prepare=True)
    for statement, parameters in batch.statements:
        await connection.execute(statement, parameters, prepare=True)
    await connection.execute(NOTIFY, prepare=True)
    await connection.execute(COMMIT, prepare=True)


def _streams(streams: dict[str, int]) -> tuple[Packed, Packed]:
    return texts([stream.encode() for stream in streams]), int8s(streams.values())
