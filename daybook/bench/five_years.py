"""(h): five years of a bank in three sizes, and what each answer takes in each of them.

The largest has ten million journal lines of 100,000 accounts, the others a tenth and a hundredth of
both; one transfer in fifty was booked up to 90 days late. They are made once and kept, and the late and
the new transfers of each run are added to them. Everything is asked of the read models directly, one
question at a time: first of a server that was just started, whose buffers are cold, then of warm ones.
"""

import asyncio
import datetime as dt
import hashlib
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec
import psycopg
import uvloop

from application import clock
from application.commands import NO_DETAILS, Details
from application.pools import READ_OPTIONS
from daybook.bench.databases import Databases, count, settle, sizes
from daybook.bench.figures import Measured, Scale, percentile_ms
from daybook.bench.projecting import catch_up, projector
from daybook.bench.reads import HEAD, LINES, Kind, ask_balance, questions, timed
from daybook.bench.reads import Question as Asked
from daybook.bench.workload import (
    LATE_DAYS_MAX,
    Past,
    draw,
    found_bank,
    passing_keyring,
    write,
    write_past,
)
from domain.statement import LETTERHEAD
from migrations.runner import read_migrations
from readmodels.moments import Moment
from readmodels.rebuild import rebuild
from readmodels.statements.account_statement import account_statement
from readmodels.statements.canonical import Bank
from readmodels.statements.renderings import Format, render
from readmodels.trial_balance import trial_balance

YEARS_DAYS: Final = 5 * 365
LINES_OF_ACCOUNT: Final = 100
LINES_OF_TRANSFER: Final = 4
# So much that nobody runs dry in five years.
OPENING_BALANCE: Final = Decimal("1000000.00")
ENTRIES: Final = 100
# Months of accounts with the number of entries nearest to a hundred.
MONTHS: Final = f"""
    SELECT account_id, date_trunc('month', booking_date)::date
      FROM readmodels.journal_lines WHERE account_id IS NOT NULL
     GROUP BY 1, 2 ORDER BY abs(count(*) - {ENTRIES}), 1, 2 LIMIT 20
"""
BALANCES: Final = {
    kind.name: kind
    for kind in (
        Kind("balance as of a day", False, True, False),
        Kind("balance known at a position", False, False, True),
        Kind("balance, both", False, True, True),
    )
}
JSON: Final = "statement, json"
PDF: Final = "statement, pdf"
TRIAL_BALANCE: Final = "trial balance"
# Of a hundred readings, so many are of each kind of question.
SHARES: Final = {**dict.fromkeys(BALANCES, 100), JSON: 20, PDF: 5, TRIAL_BALANCE: 10}
# What is also asked of a server that was just started; a PDF takes as long to set as its page to read.
COLD: Final = (*BALANCES, JSON, TRIAL_BALANCE)
COLD_READINGS: Final = 20
# What may cost more with more lines than their logarithm does, may not be here.
GROWING: Final = tuple(f"years.{name}" for name in COLD)
BANK: Final = Bank(LETTERHEAD.name, LETTERHEAD.bic, LETTERHEAD.address, LETTERHEAD.contact)

Connection: TypeAlias = psycopg.AsyncConnection[Any]
Question: TypeAlias = Callable[[], Awaitable[object]]
# An account, and the first day of a month of it.
Month: TypeAlias = tuple[int, dt.date]


class History(msgspec.Struct, frozen=True):
    """A kept bank, and the past that was written into it."""

    lines: int
    conninfo: str
    past: Past

    @property
    def is_named(self) -> str:
        return f"{self.lines:,} lines"


def measure(
    opened: Callable[[], AbstractContextManager[Databases]], scale: Scale
) -> Iterator[list[Measured]]:
    """The figures of each size, and how those of the largest compare with those of the smallest.

    `opened` starts the server that keeps the banks: once to make a bank, once for each question that is
    asked of cold buffers, and once for all that is asked of warm ones.
    """
    figures: list[Measured] = []
    for lines in scale.histories:
        with opened() as databases:
            months = _months(_history(databases, lines).conninfo)
        cold = []
        for name in COLD:
            with opened() as databases:
                cold.append(asyncio.run(_cold(_history(databases, lines), name, months)))
        with opened() as databases:
            history = _history(databases, lines)
            warm = asyncio.run(_warm(history, months, scale))
            yield [*warm, *cold, *_late_and_new(history, scale), *_disk(history)]
        figures += warm
    yield _growth(figures, scale)


def _history(databases: Databases, lines: int) -> History:
    """The bank of so many lines. One of an earlier program, or of another day, is made again."""
    accounts = lines // LINES_OF_ACCOUNT
    past = Past(
        accounts=accounts,
        transfers=(lines - 2 * accounts) // LINES_OF_TRANSFER,
        # The first day of a year, so that a bank that is kept is good for the whole of the next.
        first=dt.date(clock.now().year, 1, 1) - dt.timedelta(days=YEARS_DAYS),
        days=YEARS_DAYS,
        opening_balance=OPENING_BALANCE,
    )

    def fill(conninfo: str) -> None:
        uvloop.run(found_bank(conninfo, past, passing_keyring(conninfo)))
        uvloop.run(write_past(conninfo, past))
        # In one go, with the indexes made at the end: several times as quick as a projector.
        rebuild(conninfo)

    schema = b"".join(migration.body for migration in read_migrations())
    mark = hashlib.sha256(schema + msgspec.json.encode(past)).hexdigest()
    return History(lines, databases.kept(f"{lines}_lines", mark, fill), past)


# --- Reading


def _months(conninfo: str) -> list[Month]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        return connection.execute(MONTHS).fetchall()


async def _cold(history: History, name: str, months: list[Month]) -> Measured:
    """The first questions of one connection to a server that has nothing in its buffers."""
    measured = _figure(history, name)
    measured.key = measured.key.replace("years.", "cold.", 1)
    measured.label = f"{name}, {history.is_named}, cold: the first {COLD_READINGS} after a start"
    head = count(history.conninfo, HEAD)
    async with await _connect(history) as connection:
        await _round(measured, _questions(connection, history, head, name, months, COLD_READINGS))
    return measured


async def _warm(history: History, months: list[Month], scale: Scale) -> list[Measured]:
    """Rounds of the same questions, after one that is not measured."""
    head = count(history.conninfo, HEAD)
    figures = []
    async with await _connect(history) as connection:
        for name, share in SHARES.items():
            number = max(scale.readings * share // 100, 5)
            asked = _questions(connection, history, head, name, months, number)
            await _round(_figure(history, name), asked)
            measured = _figure(history, name)
            for _ in range(scale.rounds):
                await _round(measured, asked)
            figures.append(measured)
    return figures


def _questions(
    connection: Connection,
    history: History,
    head: int,
    name: str,
    months: list[Month],
    number: int,
) -> list[Question]:
    """So many questions of a name, the same ones each time."""
    if name in BALANCES:
        kind = BALANCES[name]
        return [
            _balance_of(connection, question, history.past.last)
            for question in questions(kind, False, history.past, head, number)
        ]
    if name == TRIAL_BALANCE:
        chance = random.Random(7)
        return [
            _trial_balance_of(
                connection,
                history.past.first + dt.timedelta(days=chance.randint(0, YEARS_DAYS)),
                chance.randint(1, head),
                head,
            )
            for _ in range(number)
        ]
    form: Format = "json" if name == JSON else "pdf"
    chosen = itertools.islice(itertools.cycle(months), number)
    return [_statement_of(connection, head, *month, form) for month in chosen]


def _balance_of(connection: Connection, question: Asked, today: dt.date) -> Question:
    async def ask() -> object:
        return await timed(connection, ask_balance, [question], today)

    return ask


def _statement_of(
    connection: Connection, head: int, account_id: int, first: dt.date, form: Format
) -> Question:
    """The statement of a month, as known now, from the tables to the bytes of a form."""
    last = (first + dt.timedelta(days=32)).replace(day=1) - dt.timedelta(days=1)

    async def ask() -> object:
        statement = await account_statement(
            connection,
            account_id,
            bank=BANK,
            booked_from=first,
            booked_to=last,
            moment=Moment(last, head, head),
            holders=["A Holder"],
        )
        assert statement is not None, f"account {account_id} is in no view"
        return render(statement, form)

    return ask


def _trial_balance_of(connection: Connection, as_of: dt.date, known_at: int, head: int) -> Question:
    async def ask() -> object:
        return await trial_balance(connection, Moment(as_of, known_at, head))

    return ask


async def _connect(history: History) -> Connection:
    return await psycopg.AsyncConnection.connect(
        history.conninfo, autocommit=True, options=READ_OPTIONS
    )


async def _round(measured: Measured, asked: list[Question]) -> None:
    latencies = []
    for question in asked:
        began = time.monotonic()
        await question()
        latencies.append(time.monotonic() - began)
    rising = sorted(latencies)
    measured.p50_ms.append(percentile_ms(rising, 0.5))
    measured.p99_ms.append(percentile_ms(rising, 0.99))
    measured.values.append(measured.p99_ms[-1])


def _figure(history: History, name: str) -> Measured:
    return Measured(
        item="h",
        key=f"years.{name}.{history.lines}",
        label=f"{name}, {history.is_named}",
        unit="ms",
    )


# --- Late and new entries


def _late_and_new(history: History, scale: Scale) -> list[Measured]:
    """What a transfer takes until it is in the views: booked today, and booked into the past."""
    number = min(4_000, history.lines // 25)
    run = time.time_ns()
    taken: dict[str, list[float]] = {"warm": [], "new": [], "late": []}
    with projector(history.conninfo):
        for turn in range(scale.rounds):
            for name, seconds in taken.items():
                if name == "warm" and turn > 0:
                    continue
                keys = f"{name}-{run}-{turn}"
                began = time.monotonic()
                uvloop.run(_write(history, number, keys, turn, late=name == "late"))
                catch_up(history.conninfo)
                seconds.append((time.monotonic() - began) / number * 1e6)
    settle(history.conninfo)
    return [
        Measured(
            item="h",
            key=f"years.late to new.{history.lines}",
            label=f"a late transfer beside a new one, {history.is_named}",
            unit="times",
            values=[late / new for late, new in zip(taken["late"], taken["new"], strict=True)],
            note=f"{sorted(taken['new'])[len(taken['new']) // 2]:,.0f} us for a new one",
        )
    ]


async def _write(history: History, number: int, keys: str, seed: int, *, late: bool) -> None:
    draws = draw("zipf", history.past.accounts, seed, number)
    chance = random.Random(seed)
    today = clock.business_date(clock.now(), dt.UTC)

    def details() -> Details:
        if not late:
            return NO_DETAILS
        days = dt.timedelta(days=chance.randint(1, LATE_DAYS_MAX))
        return Details(booking_date=today - days, reason="late")

    await write(
        history.conninfo,
        (draws.transfer(each, f"{keys}-{each}", details()) for each in range(number)),
    )


# --- Disk and growth


def _disk(history: History) -> list[Measured]:
    lines = count(history.conninfo, LINES)
    bytes_of = sizes(history.conninfo)
    return [
        Measured(
            item="h",
            key=f"years.disk.{part}.{history.lines}",
            label=f"disk per journal line: {part}, {history.is_named}",
            unit="bytes",
            values=[bytes_of[part] / lines],
        )
        for part in ("the log", "the commands", "the read models", "the database")
    ]


def _growth(figures: list[Measured], scale: Scale) -> list[Measured]:
    """The median answer of the largest size over that of the smallest."""
    by_key = {measured.key: measured for measured in figures}
    smallest, largest = scale.histories[0], scale.histories[-1]
    grown = []
    for key in GROWING:
        small, large = by_key[f"{key}.{smallest}"], by_key[f"{key}.{largest}"]
        pairs = zip(large.p50_ms, small.p50_ms, strict=True)
        grown.append(
            Measured(
                item="h",
                key=key.replace("years.", "growth."),
                label=f"{key.removeprefix('years.')}: growth of the median",
                unit="times",
                values=[one / other for one, other in pairs],
                note=f"from {smallest:,} to {largest:,} lines",
            )
        )
    return grown
