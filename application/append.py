"""The statements of one append: two round trips and one flush for a whole batch.

The first takes the append lock and reads, under it, all that the decisions of the batch need; the
second writes everything and commits. The lock is held from the one to the end of the other, so what
was read still holds when it is written. It is an advisory lock of the database transaction: whatever
ends the connection gives it back.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

import msgspec
import psycopg

from application import clock
from application.packed import Packed, byteas, int8s, texts

Connection: TypeAlias = psycopg.Connection[Any]

APPEND_LOCK: Final = 0x6461_7962_6F6F_6B  # "daybook"

BEGIN: Final = "BEGIN"
LOCK: Final = f"SELECT pg_advisory_xact_lock({APPEND_LOCK})"
HEAD: Final = """
    SELECT last_position,
           recorded_at + (last_position - first_position) * interval '1 microsecond'
      FROM commits ORDER BY last_position DESC LIMIT 1
"""
COMMANDS: Final = """
    SELECT c.principal, c.key, c.fingerprint, c.request, c.status, c.answer, c.position
      FROM unnest(%b::text[], %b::text[]) AS asked (principal, key)
      JOIN commands c ON c.principal = asked.principal AND c.key = asked.key
"""
CLAIMS: Final = "SELECT name, holder FROM claims WHERE name = ANY(%b::text[])"
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
           SELECT convert_from(newest.state, 'UTF8')::jsonb #> '{fact,terms}' AS version) AS pointer
      LEFT JOIN LATERAL (
           SELECT * FROM daybook_events e
            WHERE jsonb_typeof(pointer.version) = 'number'
              AND e.originator_id = asked.stream
              AND e.originator_version = pointer.version::bigint) AS terms ON true
"""
INSERT: Final = """
    WITH new_events AS (
        INSERT INTO daybook_events
               (originator_id, originator_version, topic, state, notification_id)
        SELECT * FROM unnest(%b::text[], %b::int8[], %b::text[], %b::bytea[], %b::int8[])
    ), new_commands AS (
        INSERT INTO commands (principal, key, fingerprint, request, status, answer, position)
        SELECT * FROM unnest(%b::text[], %b::text[], %b::bytea[], %b::bytea[], %b::int8[],
                             %b::bytea[], %b::int8[])
    ), new_claims AS (
        INSERT INTO claims (name, holder) SELECT * FROM unnest(%b::text[], %b::text[])
    )
    INSERT INTO commits (last_position, first_position, recorded_at)
    SELECT * FROM (VALUES (%b::int8, %b::int8, %b::timestamptz)) AS head (last, first, at)
     WHERE last >= first
"""
NOTIFY: Final = "NOTIFY daybook_events"
COMMIT: Final = "COMMIT"


class Head(msgspec.Struct, frozen=True):
    """The end of the log: its last position, and when that was recorded."""

    position: int
    recorded_at: dt.datetime


ORIGIN: Final = Head(0, dt.datetime(1970, 1, 1, tzinfo=dt.UTC))


class KnownCommand(msgspec.Struct, frozen=True):
    """A command that was answered before."""

    fingerprint: bytes
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
        self.first_position = head.position + 1
        self.recorded_at = recorded_at
        # Stream, version, tag and state of each event.
        self.events: list[tuple[bytes, int, bytes, bytes]] = []
        # Principal, key, fingerprint, request, status, answer and position of each command.
        self.commands: list[tuple[bytes, bytes, bytes, bytes, int, bytes, int | None]] = []
        self.claims: list[tuple[bytes, bytes]] = []
        self.statements: list[tuple[str, tuple[Any, ...]]] = []

    @property
    def last_position(self) -> int:
        return self.first_position + len(self.events) - 1

    def parameters(self) -> tuple[Any, ...]:
        streams, versions, tags, states = _columns(self.events, 4)
        principals, keys, fingerprints, requests, statuses, answers, positions = _columns(
            self.commands, 7
        )
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
            byteas(fingerprints),
            byteas(requests),
            int8s(statuses),
            byteas(answers),
            int8s(positions),
            texts(names),
            texts(holders),
            last,
            first,
            self.recorded_at,
        )


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> Iterable[Sequence[Any]]:
    return zip(*rows, strict=True) if rows else [()] * width


def next_instant(head: Head) -> dt.datetime:
    """Now, or the microsecond after the head where the clock has not moved past it."""
    return max(clock.now(), head.recorded_at + dt.timedelta(microseconds=1))


def begin(connection: Connection, asked: Asked) -> Found:
    """Open a database transaction, take the append lock, and read under it. One round trip."""
    with connection.pipeline():
        connection.execute(BEGIN, prepare=True)
        connection.execute(LOCK, prepare=True)
        head = connection.execute(HEAD, prepare=True, binary=True)
        commands = claims = streams = None
        if asked.keys:
            commands = connection.execute(
                COMMANDS,
                (texts(asked.principals), texts(asked.keys)),
                prepare=True,
                binary=True,
            )
        if asked.claims:
            claims = connection.execute(CLAIMS, (texts(asked.claims),), prepare=True, binary=True)
        if asked.streams:
            streams = connection.execute(
                STREAMS,
                _streams(asked.streams),
                prepare=True,
                binary=True,
            )
        row = _rows(head)
        return Found(
            head=Head(*row[0]) if row else ORIGIN,
            commands={(c[0], c[1]): KnownCommand(*c[2:]) for c in _rows(commands)},
            claims=dict(_rows(claims)),
            streams=_rows(streams),
        )


def read_streams(connection: Connection, streams: dict[str, int]) -> list[tuple[Any, ...]]:
    """Within the database transaction that `begin` opened: streams newer than the versions known."""
    return _rows(connection.execute(STREAMS, _streams(streams), prepare=True, binary=True))


def commit(connection: Connection, batch: Batch) -> None:
    """Write the batch and commit. One round trip; an error of the first statement skips the rest."""
    with connection.pipeline():
        connection.execute(
            INSERT,
            batch.parameters(),
            prepare=True,
        )
        for statement, parameters in batch.statements:
            connection.execute(statement, parameters, prepare=True)
        connection.execute(NOTIFY, prepare=True)
        connection.execute(COMMIT, prepare=True)


def _streams(streams: dict[str, int]) -> tuple[Packed, Packed]:
    return texts([stream.encode() for stream in streams]), int8s(streams.values())


def _rows(cursor: psycopg.Cursor[Any] | None) -> list[tuple[Any, ...]]:
    if cursor is None:
        return []
    rows = cursor.fetchall()
    return [tuple(r.values()) if isinstance(r, dict) else r for r in rows]
