"""(f): every view built again from the log, and the log replayed through `evolve`."""

import time
from typing import Final

import psycopg

from application.replay import replay
from daybook.bench.databases import count, settle
from daybook.bench.figures import Measured, Scale
from daybook.bench.processes import BenchError, Pipe, answering, apart, next_message
from readmodels.rebuild import rebuild

EVENTS: Final = "SELECT coalesce(max(last_position), 0) FROM commits"


def rebuilding(pipe: Pipe, conninfo: str) -> None:
    """A rebuild for each message, in a process of its own as from the command line."""
    answering(_rebuilding(pipe, conninfo))


async def _rebuilding(pipe: Pipe, conninfo: str) -> None:
    while await next_message(pipe) is not None:
        began = time.monotonic()
        rebuilt = rebuild(conninfo)
        pipe.send((rebuilt.position, time.monotonic() - began))


def replaying(pipe: Pipe, conninfo: str) -> None:
    """A replay for each message."""
    answering(_replaying(pipe, conninfo))


async def _replaying(pipe: Pipe, conninfo: str) -> None:
    while await next_message(pipe) is not None:
        began = time.monotonic()
        with psycopg.connect(conninfo) as connection:
            replayed = replay(connection)
        pipe.send((replayed.position, time.monotonic() - began))


def measure(conninfo: str, scale: Scale) -> list[Measured]:
    settle(conninfo)
    events = count(conninfo, EVENTS)
    note = f"{events:,} events"
    figures = [
        Measured(item="f", key="rebuild", label="rebuild of all views", unit="events/s", note=note),
        Measured(item="f", key="replay", label="replay through evolve", unit="events/s", note=note),
    ]
    for measured, function in zip(figures, (rebuilding, replaying), strict=True):
        with apart(function, conninfo) as process:
            for _ in range(scale.rounds):
                process.send("again")
                position, seconds = process.receive()
                if position != events:
                    raise BenchError(f"{measured.key} came to {position}, and there are {events}")
                measured.values.append(events / seconds)
    return figures
