"""`daybook end-of-day [DATE]`: the steps of the end of a business day, once each and in order.

A run that was ended, however, goes on where it was: what it did stands in the log under the keys of its
items, and no longer among what is due. That a day's end began and is complete are events themselves.
"""

import asyncio
import datetime as dt
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import msgspec
import psycopg

from application import clock
from application.books import Answer, Command
from application.business_days import begin_end_of_day, complete_end_of_day
from application.commands import SYSTEM
from application.pools import READ_OPTIONS
from application.transact import OutcomeUnknown, Unavailable, Writer
from daybook.end_of_day import bills, holds, interest, loans, standing_orders
from daybook.end_of_day.steps import Day, Outcome, Step, ask, prefix_of
from daybook.loading import bring_views_up
from domain.banking_calendar import WEEKENDS, Calendar
from domain.business_days import BusinessDays, StepTotals, due
from readmodels.business_days import business_days
from readmodels.reading import Connection

# In this order: what frees money, what moves it, and at last what is counted by the balance of the day.
STEPS: Final[tuple[Step, ...]] = (
    holds.STEP,
    standing_orders.STEP,
    loans.COLLECTIONS,
    bills.AUTOPAY,
    bills.LATE_FEES,
    bills.SETTLEMENTS,
    interest.ACCRUAL,
    interest.CAPITALISATION,
    loans.DAYS,
)

CHUNK: Final = 500
CHUNKS_IN_FLIGHT: Final = 4
REFUSALS_LISTED: Final = 20
# An item's stream is touched once or twice in a run, so few states are worth their memory.
STATES_KEPT: Final = 20_000
RUN_LOCK: Final = 0x6461_7962_656F_64  # "daybeod"

# The items of a step, by their keys: `first` to `end` is a range of the primary key of the commands.
_ITEMS: Final = "principal = %(principal)s AND key >= %(first)s AND key < %(end)s"
COUNTS: Final = f"""
    SELECT count(*) FILTER (WHERE position IS NOT NULL), count(*) FILTER (WHERE status >= 400)
      FROM commands WHERE {_ITEMS}
"""
MOVED: Final = f"""
    SELECT moved.currency, sum(moved.amount::numeric)::bigint FROM commands
     CROSS JOIN LATERAL json_each_text(convert_from(answer, 'UTF8')::json -> 'moved')
        AS moved (currency, amount)
     WHERE {_ITEMS} AND position IS NOT NULL GROUP BY 1 ORDER BY 1
"""
REFUSALS: Final = f"""
    SELECT key, answer FROM commands WHERE {_ITEMS} AND status >= 400 ORDER BY key LIMIT %(limit)s
"""


class EndOfDayRefused(Exception):
    """The day cannot be ended now; the message says why, and what to do."""


class DayRun(msgspec.Struct):
    """What a day's end came to. `refusals` are the first of each step, each with its item and reason."""

    date: dt.date
    was_ended: bool = False
    steps: tuple[StepTotals, ...] = ()
    refusals: list[str] = []

    @property
    def refused(self) -> int:
        return sum(step.refused for step in self.steps)


# Told of the day, the step, the items done so far, and about how many there are, if anybody knows.
Watch = Callable[[dt.date, str, int, int | None], None]


class Bank(msgspec.Struct, frozen=True, kw_only=True):
    """What every run needs to know of the bank."""

    conninfo: str
    zone: dt.tzinfo = dt.UTC
    calendar: Calendar = WEEKENDS
    steps: tuple[Step, ...] = STEPS

    def today(self) -> dt.date:
        return clock.business_date(clock.now(), self.zone)


async def days_to_end(bank: Bank, date: dt.date | None, first: dt.date | None) -> list[dt.date]:
    """The days that are meant: `date` alone, or all from the first that is due.

    Without a date it is up to yesterday, the last day that is over. `first` is where the bank begins
    to end its days, and can be named only while it has ended none.
    """
    async with _connected(bank.conninfo) as connection:
        days = await business_days(connection)
    if first is not None and days.version and due(days) != first:
        raise EndOfDayRefused(f"--from is for the first of all days; {due(days)} comes next")
    last = date or bank.today() - dt.timedelta(days=1)
    if date is not None and first is None:
        return [date]
    begin = first or due(days) or last
    if first is not None and first > last:
        raise EndOfDayRefused(f"--from {first} is after {last}")
    return [begin + dt.timedelta(days=n) for n in range((last - begin).days + 1)]


async def end_days(
    bank: Bank,
    dates: Sequence[dt.date],
    *,
    watch: Watch = lambda *_: None,
    ended: Callable[[DayRun], None] = lambda _: None,
) -> None:
    """End these days, one after the other; `ended` is told of each.

    Raises `EndOfDayRefused` where a day cannot be ended, or not now; what was done until then stays.
    """
    async with _alone(bank.conninfo), _connected(bank.conninfo) as connection:
        writer = Writer(
            bank.conninfo, zone=bank.zone, calendar=bank.calendar, cache_max=STATES_KEPT
        )
        writer.start()
        try:
            for date in dates:
                ended(await _end_day(bank, writer, connection, date, watch))
        except (Unavailable, OutcomeUnknown) as error:
            raise EndOfDayRefused(f"{error}; what is done stays, run it again") from error
        finally:
            await writer.stop()


async def _end_day(
    bank: Bank, writer: Writer, connection: Connection, date: dt.date, watch: Watch
) -> DayRun:
    await _accepted(writer, begin_end_of_day(ask(), date))
    if _is_over(await business_days(connection), date):
        return DayRun(date, was_ended=True)
    run = DayRun(date)
    for step in bank.steps:
        day = await day_of(bank, connection, date, step)
        total = None if step.count is None else await step.count(day)
        watch(date, step.name, 0, total)
        done = 0
        async for answers in _submitted(writer, step.due(day)):
            done += len(answers)
            watch(date, step.name, done, total)
        run.steps += (await _totals(connection, date, step.name),)
        run.refusals += await _refusals(connection, date, step.name)
    await _accepted(writer, complete_end_of_day(ask(), date, run.steps))
    return run


async def day_of(bank: Bank, connection: Connection, date: dt.date, step: Step) -> Day:
    """The day as a step sees it, once the views hold all that the log does."""
    if not await asyncio.to_thread(bring_views_up, bank.conninfo):
        raise EndOfDayRefused("the read models are still catching up: try again later")
    row = await (await connection.execute("SELECT position FROM readmodels.projection")).fetchone()
    assert row is not None, "the projection has no row"
    midnight = dt.datetime.combine(date + dt.timedelta(days=1), dt.time(), bank.zone)
    return Day(
        date=date,
        step=step.name,
        connection=connection,
        known_at=row[0],
        instant=min(clock.now(), midnight.astimezone(dt.UTC)),
        calendar=bank.calendar,
    )


async def would_do(bank: Bank, date: dt.date) -> AsyncIterator[tuple[str, Command]]:
    """Each step's name with each of its items, as things stand: nothing is asked for.

    What a step finds due may follow from the steps before it, so this is a first look.
    """
    async with _connected(bank.conninfo) as connection:
        if _is_over(await business_days(connection), date):
            return
        for step in bank.steps:
            async for command in step.due(await day_of(bank, connection, date, step)):
                yield step.name, command


async def _submitted(
    writer: Writer, commands: AsyncIterator[Command]
) -> AsyncIterator[list[Answer]]:
    """Their answers, chunk by chunk, with some 2,000 in flight."""
    waiting: deque[asyncio.Task[list[Answer]]] = deque()
    chunk: list[Command] = []
    try:
        async for command in commands:
            chunk.append(command)
            if len(chunk) == CHUNK:
                waiting.append(asyncio.ensure_future(writer.submit_all(chunk)))
                chunk = []
                await asyncio.sleep(0)  # Tasks begin in the order in which they were made.
                if len(waiting) == CHUNKS_IN_FLIGHT:
                    yield await waiting.popleft()
        if chunk:
            waiting.append(asyncio.ensure_future(writer.submit_all(chunk)))
        while waiting:
            yield await waiting.popleft()
    finally:
        for task in waiting:
            task.cancel()


async def _accepted(writer: Writer, command: Command) -> None:
    refused = msgspec.json.decode((await writer.submit(command)).body, type=Outcome).refused
    if refused is not None:
        raise EndOfDayRefused(refused)


async def _totals(connection: Connection, date: dt.date, step: str) -> StepTotals:
    """Counted from what was answered under the keys of the items, so over all runs of the day."""
    items = _items(date, step)
    counts = await (await connection.execute(COUNTS, items)).fetchone()
    assert counts is not None, "a count has a row"
    moved = await (await connection.execute(MOVED, items)).fetchall()
    return StepTotals(step, counts[0], counts[1], tuple(moved))


async def _refusals(connection: Connection, date: dt.date, step: str) -> list[str]:
    found = await connection.execute(
        REFUSALS, {**_items(date, step), "limit": REFUSALS_LISTED}, binary=True
    )
    prefix = prefix_of(date, step)
    return [
        f"{date}, {step}, {key.removeprefix(prefix)}: "
        f"{msgspec.json.decode(answer, type=Outcome).refused}"
        for key, answer in await found.fetchall()
    ]


def _items(date: dt.date, step: str) -> dict[str, Any]:
    first = prefix_of(date, step)
    # "0" comes right after "/".
    return {"principal": SYSTEM.name, "first": first, "end": f"{first[:-1]}0"}


def _is_over(days: BusinessDays, date: dt.date) -> bool:
    return days.ended is not None and date <= days.ended


@asynccontextmanager
async def _alone(conninfo: str) -> AsyncIterator[None]:
    """One run at a time, by a lock; keys keep two harmless anyway.

    It ends with the connection, whatever ends that. But the server notices in its own time that a client
    has left, and a run that follows at once would find the lock taken by one that is over: so it is given
    back while the server still answers.
    """
    async with _connected(conninfo) as connection:
        found = await connection.execute("SELECT pg_try_advisory_lock(%s)", (RUN_LOCK,))
        row = await found.fetchone()
        if row is None or not row[0]:
            raise EndOfDayRefused("another run of the end of day is under way")
        try:
            yield
        finally:
            with suppress(psycopg.Error):
                await connection.execute("SELECT pg_advisory_unlock(%s)", (RUN_LOCK,))


@asynccontextmanager
async def _connected(conninfo: str) -> AsyncIterator[Connection]:
    connection: Connection = await psycopg.AsyncConnection.connect(
        conninfo,
        autocommit=True,
        options=f"{READ_OPTIONS} -c statement_timeout=120s",
        application_name="daybook end-of-day",
    )
    async with connection:
        yield connection
