"""The command line of the end of day: which days, what is shown meanwhile, and what it came to."""

import argparse
import asyncio
import datetime as dt

import msgspec
import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from daybook.bank_database import bank_database
from daybook.end_of_day.run import (
    Bank,
    DayRun,
    EndOfDayRefused,
    days_to_end,
    end_days,
    would_do,
)
from daybook.settings import read_settings
from domain.money import Money


def run(arguments: argparse.Namespace) -> int:
    """End the day, or list what that would do; 0, or 1 where items were refused."""
    settings = read_settings()
    with bank_database(settings) as conninfo:
        bank = Bank(conninfo=conninfo, zone=settings.time_zone, calendar=settings.calendar)
        try:
            dates = asyncio.run(days_to_end(bank, arguments.date, arguments.first))
            if arguments.dry_run:
                return asyncio.run(_list(bank, dates))
            return _end(bank, dates)
        except psycopg.OperationalError as error:
            raise EndOfDayRefused(f"{error}; what is done stays, run it again") from error


def _end(bank: Bank, dates: list[dt.date]) -> int:
    if not dates:
        print("daybook: no day is due; the last that is over was ended")
        return 0
    days = refused = 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task("end of day", total=None)

        def watch(date: dt.date, step: str, done: int, total: int | None) -> None:
            progress.update(task, description=f"{date} {step}", completed=done, total=total)

        def ended(day: DayRun) -> None:
            nonlocal days, refused
            days += not day.was_ended
            refused += day.refused
            progress.print(_told(day))
            for line in day.refusals:
                progress.print(f"  refused: {line}", markup=False, highlight=False)

        asyncio.run(end_days(bank, dates, watch=watch, ended=ended))
    print(f"daybook: {days:,} days ended, {refused:,} items refused")
    return 1 if refused else 0


async def _list(bank: Bank, dates: list[dt.date]) -> int:
    """Of the first day only: what the next ones would do follows from it."""
    for date in dates[:1]:
        async for step, command in would_do(bank, date):
            subject = command.key.rpartition("/")[2]
            asked = msgspec.json.decode(command.request)
            words = " ".join(f"{name}={value}" for name, value in asked.items() if name != "call")
            print(f"{date} {step} {subject}: {asked.get('call')} {words}")
    return 0


def _told(day: DayRun) -> str:
    if day.was_ended:
        return f"{day.date} was ended before"
    steps = []
    for step in day.steps:
        moved = ", ".join(str(Money(amount, currency)) for currency, amount in step.moved)
        told = f"{step.step} {step.done:,}" + (f" ({moved})" if moved else "")
        steps.append(told + (f", {step.refused:,} refused" if step.refused else ""))
    return f"{day.date} " + "; ".join(steps)
