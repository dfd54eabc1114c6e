"""The whole log replayed: every stream folded from its first event, in the order of the positions."""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

import msgspec
import psycopg

from application.books import Aggregate
from domain import account as accounts
from domain import customer as customers
from domain import labels, periods, statement
from domain.facts import Fact
from domain.statement import Statements
from ledger.journal import decode

FETCH_EVENTS: Final = 10_000

LOG: Final = """
    SELECT notification_id, originator_id, originator_version, topic, state
      FROM daybook_events ORDER BY notification_id
"""

State: TypeAlias = Aggregate | Statements
Evolve: TypeAlias = Callable[[Any, Any, int], State]

# By the kind of stream, which is its name up to the number.
EVOLVE: Final[dict[str, Evolve]] = {
    "account": accounts.evolve,
    "customer": customers.evolve,
    "transaction": labels.evolve,
    "statements": statement.evolve,
}


class LogDamaged(Exception):
    """The log is not what a writer can have written: a position or a version is missing or double."""


class Replayed(msgspec.Struct):
    """The state of every stream after the event at `position`."""

    position: int
    states: dict[str, State]


def replay(connection: psycopg.Connection[Any]) -> Replayed:
    """Fold the log as it is now. Positions must be gapless from 1, and versions within a stream.

    Reads one snapshot, so what is written meanwhile is not seen. Raises `LogDamaged`.
    """
    states: dict[str, State] = {}
    ids: dict[str, tuple[Evolve, int]] = {}
    position = 0
    for place, stream, version, tag, state in _rows(connection):
        position += 1
        if place != position:
            raise LogDamaged(f"after position {position - 1} comes {place}")
        fact: Fact = decode(tag, state).fact
        known = states.get(stream)
        if known is None:
            ids[stream] = _evolve_of(stream)
        evolve, number_of_stream = ids[stream]
        states[stream] = evolved = evolve(known, fact, number_of_stream)
        if evolved.version != version:
            raise LogDamaged(f"{stream} has version {version} where {evolved.version} is due")
    return Replayed(position, states)


def _evolve_of(stream: str) -> tuple[Evolve, int]:
    if stream == periods.STREAM:
        # There is one of them, so it has no number.
        return lambda state, fact, _: periods.evolve(state, fact), 0
    kind, _, number = stream.rpartition("-")
    return EVOLVE[kind], int(number)


def _rows(connection: psycopg.Connection[Any]) -> Iterator[tuple[int, str, int, str, bytes]]:
    with connection.transaction(), connection.cursor("replay", binary=True) as cursor:
        cursor.itersize = FETCH_EVENTS
        cursor.execute(LOG)
        yield from cursor
