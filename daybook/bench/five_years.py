"""(h): five years of a bank in three sizes, and what each answer takes in each of them.

The largest has ten million journal lines of 100,000 accounts, the others a tenth and a hundredth of
both; one transfer in fifty was booked up to 90 days late. They are made once and kept, and the late and
the new transfers of each run are added to them. Everything is asked of the read models directly, one
question at a time.
"""

import asyncio
import datetime as dt
import hashlib
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Iterable
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
BALANCES: Final = (
    Kind("balance as of a day", False, True, False),
    Kind("balance known at a position", False, False, True),
    Kind("balance, both", False, True, True),
)
# What may cost more with more lines than their logarithm does, may not be here.
GROWING: Final = (
    *(f"years.{kind.name}" for kind in BALANCES),
    "years.statement, json",
    "years.trial balance",
)
# Of a hundred readings, so many are of statements of the form.
FORMS: Final[tuple[tuple[Format, int], ...]] = (("json", 20), ("pdf", 5))
BANK: Final = Bank(LETTERHEAD.name, LETTERHEAD.bic, LETTERHEAD.address, LETTERHEAD.contact)


Question: TypeAlias = Callable[[], Awaitable[object]]


class History(msgspec.Struct, frozen=True):
    """A kept bank, and the past that was written into it."""

    lines: int
    conninfo: str
    past: Past

    @property
    def is_named(self) -> str:
        return f"{self.lines:,} lines"


def measure(databases: Databases, scale: Scale) -> list[Measured]:
    """Every figure of each size, and how those of the largest compare with those of the smallest."""
    figures: list[Measured] = []
    for lines in scale.histories:
        history = _history(databases, lines)
        figures += asyncio.run(_reads(history, scale))
        figures += _late_and_new(history, scale)
        figures += _disk(history)
    return [*figures, *_growth(figures, scale)]


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
        with projector(conninfo):
            catch_up(conninfo)

    schema = b"".join(migration.body for migration in read_migrations())
    mark = hashlib.sha256(schema + msgspec.json.encode(past)).hexdigest()
    return History(lines, databases.kept(f"{lines}_lines", mark, fill), past)


# --- Reading


async def _reads(history: History, scale: Scale) -> list[Measured]:
    head, today = count(history.conninfo, HEAD), history.past.last
    chance = random.Random(7)
    figures = []
    async with await psycopg.AsyncConnection.connect(
        history.conninfo, autocommit=True, options=READ_OPTIONS
    ) as connection:
        for kind in BALANCES:
            asked = list(questions(kind, False, history.past, head, scale.readings))
            measured = _figure(history, kind.name)
            for _ in range(scale.rounds):
                _add(measured, await timed(connection, ask_balance, asked, today))
            figures.append(measured)

        months = await (await connection.execute(MONTHS)).fetchall()
        statements = [_statement_of(connection, head, *month) for month in months]
        for form, number in FORMS:
            measured = _figure(history, f"statement, {form}")
            chosen = itertools.islice(itertools.cycle(statements), number * scale.readings // 100)
            figures.append(await _rounds(measured, scale, [each(form) for each in chosen]))

        moments = [
            Moment(
                history.past.first + dt.timedelta(days=chance.randint(0, YEARS_DAYS)),
                chance.randint(1, head),
                head,
            )
            for _ in range(max(scale.readings // 10, 5))
        ]
        asked_books = [_trial_balance_of(connection, moment) for moment in moments]
        figures.append(await _rounds(_figure(history, "trial balance"), scale, asked_books))
    return figures


def _statement_of(
    connection: psycopg.AsyncConnection[Any], head: int, account_id: int, first: dt.date
) -> Callable[[Format], Question]:
    """The statement of a month, as known now, from the tables to the bytes of a form."""
    last = (first + dt.timedelta(days=32)).replace(day=1) - dt.timedelta(days=1)

    def in_form(form: Format) -> Question:
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

    return in_form


def _trial_balance_of(connection: psycopg.AsyncConnection[Any], moment: Moment) -> Question:
    async def ask() -> object:
        return await trial_balance(connection, moment)

    return ask


async def _rounds(measured: Measured, scale: Scale, asked: list[Question]) -> Measured:
    for _ in range(scale.rounds):
        latencies = []
        for question in asked:
            began = time.monotonic()
            await question()
            latencies.append(time.monotonic() - began)
        _add(measured, latencies)
    return measured


def _figure(history: History, name: str) -> Measured:
    return Measured(
        item="h",
        key=f"years.{name}.{history.lines}",
        label=f"{name}, {history.is_named}",
        unit="ms",
    )


def _add(measured: Measured, latencies: Iterable[float]) -> None:
    rising = sorted(latencies)
    measured.p50_ms.append(percentile_ms(rising, 0.5))
    measured.p99_ms.append(percentile_ms(rising, 0.99))
    measured.values.append(measured.p99_ms[-1])


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
