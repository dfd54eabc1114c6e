"""The whole log replayed: every stream folded from its first event, in the order of the positions."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import psycopg

from application.aggregates import Aggregate, Kind, kind_of
from domain.facts import Fact
from ledger.journal import decode

FETCH_EVENTS: Final = 10_000

LOG: Final = """
    SELECT notification_id, originator_id, originator_version, topic, state
      FROM daybook_events ORDER BY notification_id
"""


class LogDamaged(Exception):
    """The log is not what a writer can have written: a position or a version is missing or double."""


class Replayed(msgspec.Struct):
    """The state of every stream after the event at `position`."""

    position: int
    states: dict[str, Aggregate]


def replay(connection: psycopg.Connection[Any]) -> Replayed:
    """Fold the log as it is now. Positions must be gapless from 1, and versions within a stream.

    Reads one snapshot, so what is written meanwhile is not seen. Raises `LogDamaged`.
    """
    states: dict[str, Aggregate] = {}
    kinds: dict[str, tuple[Kind, int]] = {}
    position = 0
    for place, stream, version, tag, state in _rows(connection):
        position += 1
        if place != position:
            raise LogDamaged(f"after position {position - 1} comes {place}")
        fact: Fact = decode(tag, state).fact
        known = states.get(stream)
        if known is None:
            kinds[stream] = kind_of(stream)
        kind, number = kinds[stream]
        states[stream] = evolved = kind.evolve(known, fact, number)
        if evolved.version != version:
            raise LogDamaged(f"{stream} has version {version} where {evolved.version} is due")
    return Replayed(position, states)


def _rows(connection: psycopg.Connection[Any]) -> Iterator[tuple[int, str, int, str, bytes]]:
    with connection.transaction(), connection.cursor("replay", binary=True) as cursor:
        cursor.itersize = FETCH_EVENTS
        cursor.execute(LOG)
        yield from cursor
