"""`daybook statements --month 2026-03 --format pdf,camt053 DIR`: a month's statement of every account.

A run that was ended goes on where it was: a file has its name once it is whole, and what has its name is
not made again. All files of a month rest on one position of the log, which is kept beside them.
"""

import argparse
import asyncio
import datetime as dt
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from application import clock
from application.pools import READ_OPTIONS
from daybook.bank_database import bank_database
from daybook.loading import bring_views_up
from daybook.settings import read_settings
from domain.periods import last_day
from domain.refusals import UnknownPeriod
from domain.statement import Letterhead
from readmodels.accounts import accounts_of
from readmodels.moments import Moment, resolve
from readmodels.reading import PAGE_MAX, Connection
from readmodels.statements.account_statement import account_statement
from readmodels.statements.building import StatementTooLong
from readmodels.statements.canonical import Bank, NotExpressible
from readmodels.statements.renderings import FORMATS, Format, file_name, render

WORKERS: Final = max(1, min(4, os.cpu_count() or 1))
COUNT: Final = "SELECT count(*) FROM readmodels.accounts WHERE opened_position <= %s"


class StatementsRefused(Exception):
    """The statements cannot be made as asked; the message says what to change."""


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all files of a month have in common, kept beside them for the run that goes on."""

    month: str
    booked_from: dt.date
    booked_to: dt.date
    as_of: dt.date
    known_at: int
    bank: Letterhead


class Made(msgspec.Struct):
    """What a run did. `missing` are the files that cannot be, each with the reason."""

    written: int = 0
    already_there: int = 0
    missing: list[str] = []


def run(arguments: argparse.Namespace) -> int:
    """Write what is not there yet; 0, or 1 where an account does not fit a format."""
    forms = formats_of(arguments.format)
    settings = read_settings()
    try:
        arguments.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StatementsRefused(f"cannot use {arguments.folder}: {error.strerror}") from None
    made, lost = Made(), None
    columns = (TextColumn("statements"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with bank_database(settings) as conninfo:
        if not bring_views_up(conninfo):
            raise StatementsRefused("the read models are still catching up: try again later")
        today = clock.business_date(clock.now(), settings.time_zone)
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("statements", total=None)
            try:
                made = asyncio.run(
                    write_statements(
                        conninfo,
                        arguments.folder,
                        month=arguments.month,
                        forms=forms,
                        bank=settings.letterhead,
                        today=today,
                        advance=lambda done, total: progress.update(
                            task, completed=done, total=total
                        ),
                    )
                )
            except* psycopg.OperationalError as group:
                lost = group.exceptions[0]
    if lost is not None:
        raise StatementsRefused(f"{lost}; what is written stays, run it again")
    for line in made.missing:
        print(f"daybook: {line}", file=sys.stderr)
    print(
        f"daybook: {made.written:,} files written, {made.already_there:,} were there, "
        f"{len(made.missing):,} could not be"
    )
    return 1 if made.missing else 0


def formats_of(text: str) -> list[Format]:
    wanted = [part.strip() for part in text.split(",")]
    if unknown := [part for part in wanted if part not in FORMATS]:
        raise StatementsRefused(f"--format takes {', '.join(FORMATS)}, and not {unknown[0]!r}")
    return [form for form in FORMATS if form in wanted]


async def write_statements(
    conninfo: str,
    folder: Path,
    *,
    month: str,
    forms: list[Format],
    bank: Letterhead,
    today: dt.date,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Made:
    """The statements of a month, of all accounts there were at the position the plan has.

    A few accounts are worked on at once, whatever their number. `advance` is told of accounts done,
    and of all there are.
    """
    made = Made()
    waiting: asyncio.Queue[int | None] = asyncio.Queue(maxsize=2 * WORKERS)
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="statements") as threads:
        async with await _connect(conninfo) as connection:
            plan = await _plan(connection, folder, month, bank, today)
            row = await (await connection.execute(COUNT, (plan.known_at,))).fetchone()
            total = int(row[0]) if row else 0
            done = 0

            async def work() -> None:
                nonlocal done
                async with await _connect(conninfo) as own:
                    while (account_id := await waiting.get()) is not None:
                        await _write_account(own, threads, folder, plan, account_id, forms, made)
                        done += 1
                        advance(min(done, total), total)

            async with asyncio.TaskGroup() as tasks:
                for _ in range(WORKERS):
                    tasks.create_task(work())
                await _list(connection, waiting)
    return made


async def _list(connection: Connection, waiting: "asyncio.Queue[int | None]") -> None:
    """Every account by number, as the workers take them; then a word of the end for each worker."""
    after = 0
    while page := await accounts_of(connection, limit=PAGE_MAX, after=after):
        for row in page:
            await waiting.put(row.account_id)
        after = page[-1].account_id
    for _ in range(WORKERS):
        await waiting.put(None)


async def _write_account(
    connection: Connection,
    threads: ThreadPoolExecutor,
    folder: Path,
    plan: Plan,
    account_id: int,
    forms: list[Format],
    made: Made,
) -> None:
    paths = {
        form: folder / file_name(account_id, plan.booked_from, plan.booked_to, form)
        for form in forms
    }
    missing = [form for form in forms if not paths[form].exists()]
    made.already_there += len(forms) - len(missing)
    if not missing:
        return
    bank = Bank(plan.bank.name, plan.bank.bic, plan.bank.address, plan.bank.contact)
    try:
        statement = await account_statement(
            connection,
            account_id,
            bank=bank,
            booked_from=plan.booked_from,
            booked_to=plan.booked_to,
            moment=Moment(plan.as_of, plan.known_at, plan.known_at),
        )
    except StatementTooLong as error:
        made.missing.append(f"account {account_id}: {error}")
        return
    if statement is None:
        # It was opened after the position.
        return
    loop = asyncio.get_running_loop()
    for form in missing:
        try:
            rendering = await loop.run_in_executor(threads, render, statement, form)
        except NotExpressible as error:
            made.missing.append(f"account {account_id}, {form}: {error}")
            continue
        await loop.run_in_executor(threads, write_whole, paths[form], rendering.body)
        made.written += 1


def write_whole(path: Path, body: bytes) -> None:
    """The file under its name with all of its bytes on disk, or not under its name at all."""
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


async def _plan(
    connection: Connection, folder: Path, month: str, bank: Letterhead, today: dt.date
) -> Plan:
    """The plan of the run that was ended, or a new one, which is kept before the first file is."""
    kept = folder / f"statements-{month}.json"
    try:
        last = last_day(month)
    except UnknownPeriod:
        raise StatementsRefused(f"--month takes a month like 2026-03, and not {month!r}") from None
    if kept.exists():
        try:
            return msgspec.json.decode(kept.read_bytes(), type=Plan)
        except msgspec.MsgspecError:
            raise StatementsRefused(f"{kept} was not written by this program: move it") from None
    first = last.replace(day=1)
    if first > today:
        raise StatementsRefused(f"--month is after today, {today}")
    moment = await resolve(connection, as_of=None, known_at=None, today=today)
    if moment.known_at == 0:
        raise StatementsRefused("the bank has no account yet")
    plan = Plan(month, first, min(last, today), today, moment.known_at, bank)
    write_whole(kept, msgspec.json.format(msgspec.json.encode(plan)) + b"\n")
    return plan


async def _connect(conninfo: str) -> Connection:
    return await psycopg.AsyncConnection.connect(
        conninfo, autocommit=True, options=f"{READ_OPTIONS} -c statement_timeout=60s"
    )
