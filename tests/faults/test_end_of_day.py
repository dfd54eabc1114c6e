"""A run of the end of day is killed at any moment; the next goes on, and all comes to the same."""

import asyncio
import datetime as dt
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from application import accounts, interest
from application.books import Command
from application.clock import now
from application.commands import Details
from daybook.end_of_day.run import Bank as Ending
from daybook.end_of_day.run import end_days
from daybook.loading import bring_views_up
from domain.business_days import Ended
from domain.rate_plans import Rates, Tier
from ledger.journal import Recorded
from ledger.trial_balance import trial_balance
from tests.bank import Bank, ask, open_account, read_log, register, told

ONE = dt.timedelta(days=1)
TODAY = now().date()
# The last days of a month, so that interest is capitalised too.
END = TODAY.replace(day=1) - ONE
DAYS = [END - ONE, END]
ACCOUNTS = 300


def made(database: str) -> str:
    """Savings and checking accounts with money on them, all of which bears interest."""
    opened = END - 20 * ONE
    rates = Rates(first_day=opened, tiers=(Tier(0, Decimal("7.3")),), withholding_rate=Decimal(15))
    past = Details(booking_date=opened, reason="the past")
    commands: list[Command] = [register(1)]
    commands += [interest.set_rates(ask(), kind, "EUR", rates) for kind in ("savings", "checking")]
    for number in range(1, ACCOUNTS + 1):
        kind = "savings" if number % 2 else "checking"
        commands.append(open_account(number, account_type=kind, opened_on=opened))
        commands.append(accounts.deposit(ask(), number, Decimal(100 * number), past))
    with Bank(database) as bank:
        for answer in bank.submit_all(commands):
            assert told(answer).refused is None, told(answer)
    assert bring_views_up(database)
    return database


def totals(log: list[Recorded]) -> dict[str, Any]:
    """All that a run comes to, whatever the order in which it was recorded."""
    return {
        "steps": [r.event.fact.steps for r in log if isinstance(r.event.fact, Ended)],
        "trial balance": trial_balance(r.event.entry for r in log),
        "events": Counter(
            (r.originator_id, r.event.fact.TAG, str(r.event.booking_date), r.event.entry)
            for r in log
            if r.event.command_id.startswith("end-of-day/")
        ),
    }


@contextmanager
def copies(server: str, template: str, count: int) -> Iterator[list[str]]:
    """Databases like the template, which nobody may be connected to."""
    names = [f"{template}_{number}" for number in range(count)]
    with psycopg.connect(server, autocommit=True) as connection:
        for name in names:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        try:
            yield [make_conninfo(server, dbname=name) for name in names]
        finally:
            for name in names:
                connection.execute(
                    sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
                )


def run_until(conninfo: str, commands: int) -> bool:
    """Whether the run was killed once so many of its commands were decided, before it was over."""
    arguments = [sys.executable, "-m", "tests.faults.end_of_day", conninfo, *map(str, DAYS)]
    process = subprocess.Popen(arguments)
    deadline = time.monotonic() + 120
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while process.poll() is None and _done(connection) < commands:
            assert time.monotonic() < deadline
            time.sleep(0.002)
    process.kill()
    return process.wait() != 0


def run_whole(conninfo: str) -> None:
    arguments = [sys.executable, "-m", "tests.faults.end_of_day", conninfo, *map(str, DAYS)]
    subprocess.run(arguments, timeout=120, check=True)


@pytest.fixture
def twins(postgres_server: str, database: str) -> Iterator[list[str]]:
    """Two banks that are the same."""
    made(database)
    with copies(postgres_server, str(conninfo_to_dict(database)["dbname"]), 2) as found:
        yield found


def test_a_run_that_is_killed_again_and_again_comes_to_the_same(twins: list[str]) -> None:
    undisturbed, disturbed = twins
    run_whole(undisturbed)
    expected = totals(read_log(undisturbed))

    # Each is killed once it has committed something that was not there before.
    killed, done = 0, [0]
    while killed < 12 and run_until(disturbed, done[-1] + 1):
        killed += 1
        with psycopg.connect(disturbed) as connection:
            done.append(_done(connection))
    asyncio.run(end_days(Ending(conninfo=disturbed), DAYS))

    log = read_log(disturbed)
    with psycopg.connect(undisturbed) as connection:
        whole = _done(connection)
    assert any(0 < each < whole for each in done), (
        f"killed {killed} times, none in mid-work: {done}"
    )
    assert totals(log) == expected
    assert sum(step.refused for steps in expected["steps"] for step in steps) == 0
    assert max(Counter(_keys(log)).values()) <= 3
    asyncio.run(end_days(Ending(conninfo=disturbed), DAYS))
    assert len(read_log(disturbed)) == len(log), "a second run wrote something"


def test_a_bank_in_which_something_was_done_twice_is_told_apart(twins: list[str]) -> None:
    """The negative control: were an item done under another key, the totals would say so."""
    one, other = twins
    for conninfo in twins:
        run_whole(conninfo)
    with Bank(other) as bank:
        details = Details(booking_date=END, reason="end of day")
        bank.submit(accounts.credit_interest(ask("end-of-day/again"), 1, Decimal("0.01"), details))

    assert totals(read_log(one)) != totals(read_log(other))


def _done(connection: psycopg.Connection[Any]) -> int:
    """How many commands of a run of the day were decided."""
    found = connection.execute(
        "SELECT count(*) FROM commands WHERE key LIKE 'end-of-day/%'"
    ).fetchone()
    assert found is not None
    return int(found[0])


def _keys(log: list[Recorded]) -> list[str]:
    keys = (r.event.command_id for r in log)
    return [key for key in keys if key.startswith("end-of-day/")]
