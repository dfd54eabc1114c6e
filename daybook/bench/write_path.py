"""(a) and (b): transfers through the writer, without HTTP.

Clients are coroutines in the writer's own process, each with one transfer in flight: as many API
requests would be, without the cost of HTTP. Every transfer has an idempotency key. Before the clock
starts each account has been touched once, so that it is in the cache as in a bank that runs.
"""

import asyncio
import itertools
import time
from array import array
from typing import Final

import msgspec

from application.transact import Writer
from daybook.bench.databases import settle
from daybook.bench.figures import Measured, Scale, percentile_ms
from daybook.bench.processes import Apart, BenchError, Pipe, answering, apart, next_message
from daybook.bench.workload import DRAWS_A_SECOND, Choice, Draws, draw, ring
from daybook.loading import answered

POSTED: Final = 201
REFUSED: Final = 409
BEST: Final = "write.best"
# Where there is no sweep.
IN_FLIGHT: Final = 1024
HOT: Final = "write.hot"


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. `name` is new each time: the idempotency keys are made from it."""

    name: str
    choice: Choice
    in_flight: int
    seconds: float
    seed: int = 1
    # Transfers a second to offer at most; the queue is not kept full then.
    rate_max: float | None = None


class Ran(msgspec.Struct, kw_only=True):
    """What came of it. `posted` are all; those within the time are `in_time`, with latencies."""

    began: float
    in_time: int
    posted: int
    refused: int
    latencies: "array[float]"


# --- In the process that writes


def writing(pipe: Pipe, conninfo: str, accounts: int) -> None:
    answering(_writing(pipe, conninfo, accounts))


async def _writing(pipe: Pipe, conninfo: str, accounts: int) -> None:
    writer = Writer(conninfo)
    writer.start()
    name = await next_message(pipe)
    began = time.monotonic()
    touched = ring(accounts)
    commands = ((n, touched.transfer(n, f"{name}-{n}")) for n in range(len(touched.sources)))
    async for _, answer in answered(writer, commands):
        assert answer.status == POSTED, answer.body
    pipe.send(accounts / (time.monotonic() - began))
    while (point := await next_message(pipe)) is not None:
        count = int(point.seconds * DRAWS_A_SECOND)
        draws = draw(point.choice, accounts, point.seed, count)
        pipe.send("ready")
        await next_message(pipe)
        pipe.send(await _run(writer, point, draws))
    await writer.stop()


async def _run(writer: Writer, point: Point, draws: Draws) -> Ran:
    ran = Ran(began=0.0, in_time=0, posted=0, refused=0, latencies=array("d"))
    numbers = itertools.count()
    clock = time.monotonic
    ran.began = clock()
    deadline = ran.began + point.seconds

    async def client() -> None:
        for number in numbers:
            if point.rate_max is not None:
                await asyncio.sleep(max(0.0, ran.began + number / point.rate_max - clock()))
            sent = clock()
            if sent >= deadline:
                return
            answer = await writer.submit(draws.transfer(number, f"{point.name}-{number}"))
            done = clock()
            if answer.status != POSTED:
                assert answer.status == REFUSED, answer.body
                ran.refused += 1
                continue
            ran.posted += 1
            if done <= deadline:
                ran.in_time += 1
                ran.latencies.append(done - sent)

    async with asyncio.TaskGroup() as clients:
        for _ in range(point.in_flight):
            clients.create_task(client())
    return ran


# --- In the process that asks


def run_together(writers: list[Apart], points: list[Point]) -> list[Ran]:
    """A point for each writer, all beginning at once."""
    for writer, point in zip(writers, points, strict=True):
        writer.send(point)
    for writer in writers:
        writer.receive()
    for writer in writers:
        writer.send("go")
    return [writer.receive() for writer in writers]


def add_round(measured: Measured, seconds: float, runs: list[Ran]) -> None:
    """A round of a figure, of one writer or of several side by side."""
    latencies = sorted(itertools.chain.from_iterable(ran.latencies for ran in runs))
    if not latencies:
        raise BenchError(f"{measured.label}: nothing was answered within {seconds} seconds")
    measured.values.append(sum(ran.in_time for ran in runs) / seconds)
    measured.p50_ms.append(percentile_ms(latencies, 0.5))
    measured.p99_ms.append(percentile_ms(latencies, 0.99))
    measured.refused += sum(ran.refused for ran in runs)


def touch(writer: Apart, name: str) -> float:
    """Have the writer touch every account once; accounts a second."""
    writer.send(name)
    rate: float = writer.receive()
    return rate


def measure_one_writer(conninfo: str, scale: Scale) -> list[Measured]:
    """The sweep over commands in flight, ten accounts, and one hot account; rounds take turns."""
    points: dict[tuple[Choice, int], Measured] = {}
    for in_flight in scale.in_flight:
        points["zipf", in_flight] = _transfers("a", f"{in_flight:,} in flight")
    points["ten", IN_FLIGHT] = _transfers("b", "10 accounts")
    points["hot", IN_FLIGHT] = _transfers("b", "one hot account in every transfer")
    points["hot", IN_FLIGHT].key = HOT
    cold = Measured(
        item="a", key="write.cold", label="accounts read from the log and paid", unit="accounts/s"
    )
    settle(conninfo)
    with apart(writing, conninfo, scale.accounts) as writer:
        cold.values.append(touch(writer, "first"))
        for number in range(scale.rounds):
            for (choice, in_flight), measured in points.items():
                name = f"{choice}-{in_flight}-{number}"
                point = Point(
                    name=name,
                    choice=choice,
                    in_flight=in_flight,
                    seconds=scale.seconds,
                    seed=number,
                )
                add_round(measured, scale.seconds, run_together([writer], [point]))
    sweep = [measured for (choice, _), measured in points.items() if choice == "zipf"]
    best = max(sweep, key=lambda measured: measured.median)
    best.key = BEST
    best.note = "the best of the sweep"
    return [*points.values(), cold]


def measure_two_writers(conninfo: str, scale: Scale) -> list[Measured]:
    """Two processes at once on one log, with half of the commands each."""
    measured = _transfers("a", f"two processes, {IN_FLIGHT // 2:,} in flight each")
    measured.key = "write.two"
    settle(conninfo)
    with (
        apart(writing, conninfo, scale.accounts) as one,
        apart(writing, conninfo, scale.accounts) as other,
    ):
        touch(one, "one-first")
        touch(other, "other-first")
        for number in range(scale.rounds):
            points = [
                Point(
                    name=f"two-{name}-{number}",
                    choice="zipf",
                    in_flight=IN_FLIGHT // 2,
                    seconds=scale.seconds,
                    seed=100 * number + seed,
                )
                for seed, name in enumerate(("one", "other"))
            ]
            add_round(measured, scale.seconds, run_together([one, other], points))
    return [measured]


def _transfers(item: str, label: str) -> Measured:
    return Measured(item=item, key=f"write.{label}", label=label, unit="transfers/s")
