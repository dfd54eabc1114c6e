"""The frame of the end of day: in turn, once, resumable, one at a time, and told in the log."""

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from application import accounts, clock, periods
from application import holds as hold_cases
from application.books import Command
from application.commands import Actor
from application.transact import Writer
from daybook.end_of_day.run import (
    RUN_LOCK,
    STEPS,
    Bank,
    DayRun,
    EndOfDayRefused,
    days_to_end,
    end_days,
    would_do,
)
from daybook.end_of_day.steps import Day, Step
from daybook.main import main
from domain.access import STREAM as AUDIT_TRAIL
from domain.account_facts import HoldExpired
from domain.business_days import EndBegun, Ended, StepTotals
from migrations.runner import migrate
from tests import bank as banks
from tests.bank import ask, deposit, read_log, told, withdraw
from tests.durable_postgres import DurablePostgres
from tests.faults.proxy import Proxy

ONE = dt.timedelta(days=1)
TODAY = clock.now().date()
pytestmark = pytest.mark.usefixtures("one_day")
YESTERDAY = TODAY - ONE


async def fees(day: Day) -> AsyncIterator[Command]:
    """A step of these tests: an account with money on it pays a cent a day."""
    query = """
        SELECT account_id FROM readmodels.accounts
         WHERE account_id > %(after)s ORDER BY account_id LIMIT %(limit)s
    """
    async for (account_id,) in day.rows(query):
        yield accounts.withdraw(
            day.ask(f"account-{account_id}"), account_id, Decimal("0.01"), day.details
        )


async def count(_: Day) -> int:
    return 3


FEES = Step(name="fees", due=fees, count=count)


def bank_of(database: str, *steps: Step) -> Bank:
    return Bank(conninfo=database, steps=steps or (FEES,))


def end(bank: Bank, *dates: dt.date) -> list[DayRun]:
    runs: list[DayRun] = []
    asyncio.run(end_days(bank, dates, ended=runs.append))
    return runs


@pytest.fixture
def database_with_accounts(database: str) -> str:
    """Accounts 1 to 3: the second has nothing on it."""
    with banks.Bank(database) as bank:
        bank.with_accounts({1: 10, 2: 0, 3: 10})
    return database


def test_a_day_is_ended_item_by_item_and_its_totals_stand_in_the_log(
    database_with_accounts: str,
) -> None:
    watched: list[tuple[Any, ...]] = []
    bank = bank_of(database_with_accounts)

    asyncio.run(end_days(bank, [YESTERDAY], watch=lambda *seen: watched.append(seen)))

    totals = (StepTotals("fees", 2, 1, (("EUR", 2),)),)
    facts = [r.event.fact for r in read_log(bank.conninfo) if r.originator_id == "business-days"]
    assert facts == [EndBegun(date=YESTERDAY), Ended(date=YESTERDAY, ended=YESTERDAY, steps=totals)]
    assert watched == [(YESTERDAY, "fees", 0, 3), (YESTERDAY, "fees", 3, 3)]
    booked = [
        r.event
        for r in read_log(bank.conninfo)
        if r.event.command_id.startswith("end-of") and r.originator_id != AUDIT_TRAIL
    ]
    assert [(e.booking_date, e.actor) for e in booked] == [(YESTERDAY, "system-0")] * 2


def test_a_refused_item_is_told_and_stops_nothing(database_with_accounts: str) -> None:
    (run,) = end(bank_of(database_with_accounts), YESTERDAY)

    assert run.refused == 1
    assert run.refusals == [
        f"{YESTERDAY}, fees, account-2: Account 2 has 0.00 EUR available; 0.01 EUR was asked for."
    ]


def test_the_second_run_of_a_day_writes_no_event(database_with_accounts: str) -> None:
    bank = bank_of(database_with_accounts)
    end(bank, YESTERDAY)
    before = len(read_log(bank.conninfo))

    (again,) = end(bank, YESTERDAY)

    assert again.was_ended
    assert len(read_log(bank.conninfo)) == before


def test_days_are_ended_in_turn_and_none_that_has_not_come(database_with_accounts: str) -> None:
    bank = bank_of(database_with_accounts)
    end(bank, YESTERDAY - ONE)

    with pytest.raises(EndOfDayRefused, match=f"The end of {YESTERDAY} comes before"):
        end(bank, TODAY)
    with pytest.raises(EndOfDayRefused, match=f"is after today, {TODAY}"):
        end(bank, TODAY + ONE)
    assert [run.date for run in end(bank, YESTERDAY, TODAY)] == [YESTERDAY, TODAY]


def test_a_day_of_a_closed_period_is_not_ended(database_with_accounts: str) -> None:
    with banks.Bank(database_with_accounts) as bank:
        for actor in (Actor(1, "compliance"), Actor(2, "admin")):
            bank.submit(periods.close_period(ask(actor=actor), "2024-02", None))

    with pytest.raises(EndOfDayRefused, match="The period 2024-02 is closed"):
        end(bank_of(database_with_accounts), dt.date(2024, 2, 29))


def test_a_run_that_was_ended_goes_on_and_comes_to_the_same(database_with_accounts: str) -> None:
    async def fails(day: Day) -> AsyncIterator[Command]:
        found = 0
        async for command in fees(day):
            yield command
            found += 1
            if found == 2:
                # What was yielded is committed before this is reached: a chunk is full, or not at all.
                raise KeyboardInterrupt

    bank = bank_of(database_with_accounts)
    with banks.Bank(bank.conninfo) as running:
        key = f"end-of-day/{YESTERDAY}/fees/account-1"
        running.submit(deposit(2, 1))
        asyncio.run(_only_first(bank))
    with pytest.raises(KeyboardInterrupt):
        end(bank_of(database_with_accounts, Step(name="fees", due=fails)), YESTERDAY)

    (run,) = end(bank, YESTERDAY)

    assert run.steps == (StepTotals("fees", 3, 0, (("EUR", 3),)),)
    assert [r.event.command_id for r in read_log(bank.conninfo)].count(key) == 1


async def _only_first(bank: Bank) -> None:
    """The first item of the day is done, as by a run that was ended right after it."""
    writer = Writer(bank.conninfo)
    writer.start()
    async for _, command in would_do(bank, YESTERDAY):
        await writer.submit(command)
        break
    await writer.stop()


def test_two_runs_at_once_are_one_too_many(database_with_accounts: str) -> None:
    with psycopg.connect(database_with_accounts) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [RUN_LOCK])

        with pytest.raises(EndOfDayRefused, match="another run"):
            end(bank_of(database_with_accounts), YESTERDAY)


def test_a_run_can_follow_at_once_on_another(
    database_with_accounts: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Though the server has not noticed yet that the connection of the first is closed."""
    folder = tmp_path_factory.mktemp("proxy")
    with Proxy(database_with_accounts, folder, lingering=True) as proxy:
        bank = bank_of(proxy.conninfo)

        runs = [*end(bank, YESTERDAY), *end(bank, YESTERDAY)]

    assert [run.was_ended for run in runs] == [False, True]


def test_a_run_that_failed_is_in_nobodys_way(
    database_with_accounts: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("proxy")
    with Proxy(database_with_accounts, folder, lingering=True) as proxy:
        bank = bank_of(proxy.conninfo)

        for _ in range(2):
            with pytest.raises(EndOfDayRefused, match="is after today"):
                end(bank, TODAY + ONE)


def test_what_it_would_do_is_listed_and_not_done(database_with_accounts: str) -> None:
    bank = bank_of(database_with_accounts)
    before = len(read_log(bank.conninfo))

    async def listed() -> list[str]:
        return [f"{step} {command.key}" async for step, command in would_do(bank, YESTERDAY)]

    found = asyncio.run(listed())

    assert found == [f"fees end-of-day/{YESTERDAY}/fees/account-{n}" for n in (1, 2, 3)]
    assert len(read_log(bank.conninfo)) == before


@pytest.mark.parametrize(
    ("ended", "date", "first", "meant"),
    [
        (None, None, None, [-1]),
        (None, -5, None, [-5]),
        (None, None, -3, [-3, -2, -1]),
        (None, -2, -3, [-3, -2]),
        (-4, None, None, [-3, -2, -1]),
        (-1, None, None, []),
        (-4, -3, None, [-3]),
        (-4, None, -3, [-3, -2, -1]),
    ],
)
def test_the_days_that_are_meant(
    database: str, ended: int | None, date: int | None, first: int | None, meant: list[int]
) -> None:
    def day(number: int | None) -> dt.date | None:
        return None if number is None else TODAY + number * ONE

    bank = bank_of(database)
    if ended is not None:
        end(bank, TODAY + ended * ONE)

    found = asyncio.run(days_to_end(bank, day(date), day(first)))

    assert found == [TODAY + number * ONE for number in meant]


def test_another_first_day_is_refused_once_there_is_one(database: str) -> None:
    bank = bank_of(database)
    end(bank, TODAY - 4 * ONE)

    with pytest.raises(EndOfDayRefused, match="--from is for the first of all days"):
        asyncio.run(days_to_end(bank, None, TODAY - 9 * ONE))


def test_holds_that_ran_out_expire_on_frozen_accounts_too(database: str) -> None:
    with banks.Bank(database) as running:
        running.with_accounts({1: 10, 2: 10, 3: 10})
        for number, seconds in ((1, 0.3), (2, 0.3), (3, 3600)):
            placed = hold_cases.place_hold(
                ask(),
                number,
                number,
                Decimal(5),
                expires_at=clock.now() + dt.timedelta(seconds=seconds),
                counterparty=None,
                description=None,
            )
            assert told(running.submit(placed)).refused is None
        frozen = accounts.freeze(ask(), 2, "full", "why", None)
        assert told(running.submit(frozen)).refused is None
        time.sleep(0.4)

    (run,) = end(Bank(conninfo=database, steps=STEPS[:1]), TODAY)

    expired = [r for r in read_log(database) if isinstance(r.event.fact, HoldExpired)]
    assert run.steps == (StepTotals("holds", 2, 0),)
    assert [r.originator_id for r in expired] == ["account-1", "account-2"]
    with banks.Bank(database) as running:
        assert told(running.submit(withdraw(1, 10))).refused is None


def test_the_command_line_ends_a_day(
    durable_postgres: DurablePostgres,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    migrate(durable_postgres.conninfo)
    monkeypatch.setenv("DAYBOOK_DATABASE_URL", durable_postgres.conninfo)
    data = ["--data", str(tmp_path)]

    first = main(["end-of-day", str(YESTERDAY), *data])
    again = main(["end-of-day", str(YESTERDAY), *data])
    early = main(["end-of-day", str(TODAY + ONE), *data])
    listing = main(["end-of-day", str(TODAY), "--dry-run", *data])
    none_due = main(["end-of-day", *data])

    told = capsys.readouterr()
    assert (first, again, early, listing, none_due) == (0, 0, 2, 0, 0)
    assert f"{YESTERDAY} holds 0" in told.err
    assert f"{YESTERDAY} was ended before" in told.err
    assert f"is after today, {TODAY}" in told.err
    assert told.out.endswith("daybook: no day is due; the last that is over was ended\n")


def test_a_date_that_is_none_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["end-of-day", "2026-02-30"])

    assert "a date is like 2026-03-31, not '2026-02-30'" in capsys.readouterr().err
