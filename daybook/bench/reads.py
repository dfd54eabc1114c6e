"""(e): a balance and a page of history, as of any day and as known at any position.

The journal lines are those of two years, one transfer in fifty booked late. Accounts are drawn from
Zipf's law, or it is the hottest alone; days and positions are any. One question at a time: over HTTP,
and asked of the read models directly.
"""

import asyncio
import datetime as dt
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, TypeAlias

import msgspec
import psycopg

from application.pools import READ_OPTIONS
from daybook.bench.databases import count
from daybook.bench.figures import Measured, Scale, percentile_ms
from daybook.bench.http_client import Load, Requests, requesting
from daybook.bench.over_http import add_round, heads
from daybook.bench.processes import apart
from daybook.bench.serving import HOST, Server
from daybook.bench.workload import Past, draw, holder_of, past_of
from readmodels.account_lines import lines
from readmodels.balances import balance
from readmodels.moments import Moment, resolve

PAGE: Final = 50
SECONDS_MAX: Final = 60.0
LINES: Final = "SELECT count(*) FROM readmodels.journal_lines"
HEAD: Final = "SELECT position FROM readmodels.projection"

Query: TypeAlias = Callable[[psycopg.AsyncConnection[Any], "Question", Moment], Awaitable[object]]


class Kind(msgspec.Struct, frozen=True):
    """A sort of question: what is asked, and which of the two axes it names."""

    name: str
    history: bool
    as_of: bool
    known_at: bool


class Question(msgspec.Struct, frozen=True):
    account_id: int
    as_of: dt.date | None
    known_at: int | None


KINDS: Final = (
    Kind("balance now", False, False, False),
    Kind("balance as of a day", False, True, False),
    Kind("balance known at a position", False, False, True),
    Kind("balance, both", False, True, True),
    Kind(f"history, newest {PAGE}", True, False, False),
    Kind(f"history, {PAGE} as of a day, known at a position", True, True, True),
)


def questions(kind: Kind, hot: bool, past: Past, head: int, number: int) -> Iterator[Question]:
    """So many questions of a kind, the same ones each time."""
    chance = random.Random(5)
    drawn = draw("zipf", past.accounts, 6, number)
    # From the funding of the accounts on: before it there is nothing to find.
    funded = min(head, 2 * past.accounts + 100)
    for index in range(number):
        yield Question(
            1 if hot else drawn.sources[index],
            past.first + dt.timedelta(days=chance.randint(0, past.days)) if kind.as_of else None,
            chance.randint(funded, head) if kind.known_at else None,
        )


def reading_requests(tokens: list[str], asked: list[Question], history: bool) -> Requests:
    """A question a request, each from the holder of its account."""
    requests = []
    for question in asked:
        parameters = [f"limit={PAGE}"] if history else []
        if question.as_of is not None:
            parameters.append(f"as_of={question.as_of}")
        if question.known_at is not None:
            parameters.append(f"known_at={question.known_at}")
        path = f"/v1/accounts/{question.account_id}/{'history' if history else 'balance'}"
        line = f"GET {path}{'?' if parameters else ''}{'&'.join(parameters)} HTTP/1.1\r\n"
        (head,) = heads(line.encode(), [tokens[holder_of(question.account_id) - 1]])
        requests.append(head + b"\r\n")
    return lambda number: requests[number] if number < len(requests) else None


def measure_over_http(server: Server, conninfo: str, scale: Scale) -> list[Measured]:
    """Each kind of question over one connection, one after another."""
    head, past = count(conninfo, HEAD), past_of(scale)
    figures = []
    with apart(requesting, HOST, server.port) as client:
        for kind, hot, measured in _figures(conninfo, "http", "over HTTP"):
            asked = list(questions(kind, hot, past, head, scale.readings))
            for _ in range(scale.rounds):
                load = Load(
                    make=reading_requests,
                    arguments=(server.tokens, asked, kind.history),
                    connections=1,
                    seconds=SECONDS_MAX,
                    status=200,
                )
                client.send(load)
                add_round(measured, client.receive())
                measured.values[-1] = measured.p99_ms[-1]
            figures.append(measured)
    return figures


def measure_directly(conninfo: str, scale: Scale) -> list[Measured]:
    """The same questions, asked of the read models in this process."""
    return asyncio.run(_measure_directly(conninfo, scale))


async def _measure_directly(conninfo: str, scale: Scale) -> list[Measured]:
    head, past = count(conninfo, HEAD), past_of(scale)
    figures = []
    async with await psycopg.AsyncConnection.connect(
        conninfo, autocommit=True, options=READ_OPTIONS
    ) as connection:
        for kind, hot, measured in _figures(conninfo, "direct", "asked directly"):
            asked = list(questions(kind, hot, past, head, scale.readings))
            query = _history if kind.history else ask_balance
            for _ in range(scale.rounds):
                latencies = sorted(await timed(connection, query, asked, past.last))
                measured.p50_ms.append(percentile_ms(latencies, 0.5))
                measured.p99_ms.append(percentile_ms(latencies, 0.99))
                measured.values.append(measured.p99_ms[-1])
            figures.append(measured)
    return figures


async def timed(
    connection: psycopg.AsyncConnection[Any], query: Query, asked: list[Question], today: dt.date
) -> list[float]:
    """The seconds that each answer took, one question after another."""
    latencies = []
    for question in asked:
        began = time.monotonic()
        moment = await resolve(
            connection, as_of=question.as_of, known_at=question.known_at, today=today
        )
        found = await query(connection, question, moment)
        latencies.append(time.monotonic() - began)
        assert found, f"nothing is known of {question}"
    return latencies


async def ask_balance(
    connection: psycopg.AsyncConnection[Any], question: Question, moment: Moment
) -> object:
    return await balance(connection, question.account_id, moment)


async def _history(
    connection: psycopg.AsyncConnection[Any], question: Question, moment: Moment
) -> object:
    return await lines(connection, question.account_id, moment, limit=PAGE)


def _figures(conninfo: str, way: str, told: str) -> Iterator[tuple[Kind, bool, Measured]]:
    stand = f"on {count(conninfo, LINES):,} journal lines"
    for kind in KINDS:
        for hot in (False, True):
            account = "the hottest account" if hot else "accounts by Zipf"
            measured = Measured(
                item="e",
                key=f"reads.{way}.{kind.name}.{'hot' if hot else 'zipf'}",
                label=f"{kind.name}, {account}, {told}",
                unit="ms",
                note=stand,
            )
            yield kind, hot, measured
