"""`daybook import berka DIR`: the import as seen from a terminal."""

import argparse
import asyncio
import sys
import time
from collections import Counter
from typing import Any

import msgspec
import psycopg
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from application.keyring import open_keyring
from application.transact import OutcomeUnknown, Unavailable
from daybook.bank_database import bank_database
from daybook.berka import import_berka
from daybook.berka_files import BerkaError, BerkaFiles, find_files
from daybook.berka_report import Count, Difference, Report
from daybook.interpreter import settle_interpreter
from daybook.loading import bring_views_up
from daybook.settings import Settings, read_settings


def run(arguments: argparse.Namespace) -> int:
    """Import, report, and answer 0; 1 where a row was refused, 2 where the import could not go on.

    A second run, also after one that was killed, imports what is missing and nothing twice.
    """
    try:
        files = find_files(arguments.folder)
        settings = read_settings()
        with bank_database(settings, make=True) as conninfo:
            settle_interpreter()
            report = _import(conninfo, files, settings)
            began = time.perf_counter()
            if not bring_views_up(conninfo):
                print("daybook: the read models are still catching up", file=sys.stderr)
            report.views_seconds = time.perf_counter() - began
    except BerkaError as error:
        print(f"daybook: {error}", file=sys.stderr)
        return 2
    except (Unavailable, OutcomeUnknown, psycopg.OperationalError) as error:
        print(f"daybook: {error}; what was imported stays, import again", file=sys.stderr)
        return 2
    if arguments.json:
        print(msgspec.json.encode(figures(report)).decode())
    else:
        show(report, Console())
    return 1 if report.refusals else 0


def _import(conninfo: str, files: BerkaFiles, settings: Settings) -> Report:
    columns = (
        TextColumn("importing the Berka bank"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("import", total=files.size_bytes)
        return asyncio.run(
            import_berka(
                conninfo,
                files,
                keyring=open_keyring(conninfo, settings.kek, settings.data),
                zone=settings.time_zone,
                advance=lambda read_bytes: progress.advance(task, read_bytes),
            )
        )


def figures(report: Report) -> dict[str, Any]:
    """The report for a machine. Amounts are decimal strings in CZK."""
    kinds = (
        *(report.clients, report.accounts, report.loans, report.transactions),
        report.standing_orders,
    )
    return {
        "rows_read": report.rows_read,
        "posted": sum(count.posted for count in kinds),
        "already_there": sum(count.already_there for count in kinds),
        "refused": len(report.refusals),
        "rows_per_second": round(report.rows_read / report.elapsed_seconds),
        **msgspec.to_builtins(report),
    }


def show(report: Report, console: Console) -> None:
    """Every refused row by file and line, then the counts and the largest differences."""
    for fault in report.refusals:
        console.print(
            f"{fault.place}: {fault.reason}", markup=False, highlight=False, soft_wrap=True
        )
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for name in ("rows read", "posted", "already there", "refused"):
        table.add_column(name, justify="right")
    _add(table, "clients", report.clients)
    _add(table, "dispositions", report.dispositions, posted=False)
    _add(table, "accounts", report.accounts)
    _add(table, "loans", report.loans)
    _add(table, "transactions", report.transactions)
    _add(table, "standing orders", report.standing_orders)
    console.print(table)
    if report.loans.read:
        console.print(_lent(report), highlight=False, soft_wrap=True)
    if report.largest_difference is not None and report.largest_step is not None:
        for line in (
            f"largest difference from a printed balance: {_said(report.largest_difference)}",
            f"largest difference of one step: {_said(report.largest_step)}",
            "(printed balances are rounded to 0.1, and the steps of an account add up)",
        ):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    rate = report.rows_read / report.elapsed_seconds
    told = f"{report.rows_read:,} rows in {report.elapsed_seconds:.1f} s, {rate:,.0f} rows/s"
    console.print(
        f"{told}; read models current {report.views_seconds:.1f} s later", highlight=False
    )


def _add(table: Table, name: str, count: Count, *, posted: bool = True) -> None:
    """A row of the table; a disposition is posted with its account, not by itself."""
    done = (f"{count.posted:,}", f"{count.already_there:,}") if posted else ("", "")
    table.add_row(name, f"{count.read:,}", *done, f"{count.refused:,}")


def _lent(report: Report) -> str:
    """What met a loan and what did not, each reason once with how often."""
    told = f"{report.later_loans:,} loans were granted after the last transaction, and left out\n"
    told += f"{report.repayments:,} transactions repaid a loan, {len(report.no_repayments):,} found none"
    reasons = Counter(fault.reason for fault in report.no_repayments)
    return told + "".join(f"\n  {reason}: {times:,}" for reason, times in reasons.items())


def _said(difference: Difference) -> str:
    return (
        f"{difference.amount} CZK, account {difference.account_id}, "
        f"transaction {difference.trans_id}, {difference.place}"
    )
