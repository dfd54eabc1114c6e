"""(a) with the projector beside it: what the bank sustains when its read models keep up.

First the writer is given all it takes, and the clock runs until the projector has caught up: the rate of
both together. Then nine tenths of that rate are offered, and the lag is looked at ten times a second: if
it does not grow, that rate can go on for ever.
"""

import asyncio
import contextlib
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from application import clock
from daybook.bench.databases import count, settle, sizes
from daybook.bench.figures import Measured, Scale
from daybook.bench.processes import Apart, BenchError, Pipe, apart
from daybook.bench.write_path import (
    IN_FLIGHT,
    Point,
    add_round,
    run_together,
    touch,
    writing,
)
from daybook.interpreter import settle_interpreter
from readmodels.projection import Lag, lag
from readmodels.projector import Projector

OFFERED: Final = 0.9
SAMPLE_SECONDS: Final = 0.1
POLL_SECONDS: Final = 0.01
STANDSTILL_SECONDS_MAX: Final = 60.0
BESIDE: Final = "write.beside"


def projecting(pipe: Pipe, conninfo: str) -> None:
    """The body of the projector's process, until the pipe is closed."""
    stop = threading.Event()

    def until_closed() -> None:
        with contextlib.suppress(EOFError, OSError):
            pipe.recv()
        stop.set()

    threading.Thread(target=until_closed, daemon=True).start()
    settle_interpreter()
    pipe.send("ready")
    with Projector(conninfo) as projector:
        projector.run(stop)


@contextmanager
def projector(conninfo: str) -> Iterator[None]:
    """The projector beside what the block does."""
    with apart(projecting, conninfo) as process:
        process.receive()
        yield


def catch_up(conninfo: str) -> float:
    """Wait until the views hold the whole log; the seconds that took."""
    return asyncio.run(_catch_up(conninfo))


async def _catch_up(conninfo: str) -> float:
    began = moved = time.monotonic()
    least = math.inf
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        while behind := (await lag(connection, clock.now())).events:
            if behind < least:
                least, moved = behind, time.monotonic()
            elif time.monotonic() - moved > STANDSTILL_SECONDS_MAX:
                raise BenchError("the projector does not catch up")
            await asyncio.sleep(POLL_SECONDS)
    return time.monotonic() - began


def measure_projection(conninfo: str) -> Measured:
    """How fast the projector fills empty views from a log that stands."""
    events = count(conninfo, "SELECT coalesce(max(last_position), 0) FROM commits")
    with projector(conninfo):
        seconds = catch_up(conninfo)
    return Measured(
        item="f",
        key="project",
        label="the projector, from nothing",
        unit="events/s",
        values=[events / seconds],
    )


def measure_beside(conninfo: str, scale: Scale) -> list[Measured]:
    """The two rates and the lag at the end of each, and what a transfer takes of the disk."""
    together = Measured(
        item="a",
        key=BESIDE,
        label="with the projector beside, until it has caught up",
        unit="transfers/s",
    )
    behind = Measured(item="a", key="lag.full", label="its lag when the writer ends", unit="s")
    paced = Measured(
        item="a",
        key="write.paced",
        label="the same at nine tenths of that rate",
        unit="transfers/s",
    )
    lagging = Measured(item="a", key="lag.paced", label="its largest lag meanwhile", unit="s")
    with apart(writing, conninfo, scale.accounts) as writer, projector(conninfo):
        touch(writer, "beside-first")
        catch_up(conninfo)
        settle(conninfo)
        before, transfers_before = sizes(conninfo), _transfers(conninfo)
        for number in range(scale.rounds):
            point = Point(
                name=f"beside-{number}",
                choice="zipf",
                in_flight=IN_FLIGHT,
                seconds=scale.seconds,
                seed=number,
            )
            (ran,) = run_together([writer], [point])
            behind.values.append(asyncio.run(_lag(conninfo)).seconds)
            catch_up(conninfo)
            add_round(together, scale.seconds, [ran])
            together.values[-1] = ran.posted / (time.monotonic() - ran.began)
            # Half in flight: the rate bounds the load here, not the queue.
            slower = Point(
                name=f"paced-{number}",
                choice="zipf",
                in_flight=IN_FLIGHT // 2,
                seconds=scale.seconds,
                seed=number,
                rate_max=together.values[-1] * OFFERED,
            )
            lags = asyncio.run(_lags_while(conninfo, writer, slower, paced))
            lagging.values.append(max(each.seconds for each in lags))
            catch_up(conninfo)
        settle(conninfo)
        after, transfers = sizes(conninfo), _transfers(conninfo) - transfers_before
    return [together, behind, paced, lagging, *_disk(before, after, transfers)]


async def _lag(conninfo: str) -> Lag:
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        return await lag(connection, clock.now())


async def _lags_while(conninfo: str, writer: Apart, point: Point, paced: Measured) -> list[Lag]:
    """Run the point, and look at the lag meanwhile; the second half counts, when it has settled."""
    running = asyncio.create_task(asyncio.to_thread(run_together, [writer], [point]))
    lags = []
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        while not running.done():
            lags.append(await lag(connection, clock.now()))
            await asyncio.wait([running], timeout=SAMPLE_SECONDS)
    add_round(paced, point.seconds, await running)
    return lags[len(lags) // 2 :]


def _transfers(conninfo: str) -> int:
    return count(
        conninfo, "SELECT count(*) FROM daybook_events WHERE topic LIKE 'account.transfer-sent.%'"
    )


def _disk(before: dict[str, int], after: dict[str, int], transfers: int) -> list[Measured]:
    return [
        Measured(
            item="disk",
            key=f"disk.{name}",
            label=f"disk per transfer: {name}",
            unit="bytes",
            values=[(after[name] - before[name]) / transfers],
        )
        for name in after
    ]
