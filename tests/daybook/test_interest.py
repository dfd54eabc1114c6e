"""Interest at the end of a day: accrued, capitalised on posting days, taxed, re-opened, left unclaimed."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from application import accounts, clock, corrections, interest
from application.commands import Details
from daybook.end_of_day.interest import ACCRUAL, CAPITALISATION
from daybook.end_of_day.run import Bank as Ending
from daybook.end_of_day.run import DayRun, end_days
from domain.account_facts import InterestCapitalised, TaxWithheld
from domain.accrued_interest import Accrued, Capitalised, Unclaimed
from domain.rate_plans import Rates, Tier
from ledger.trial_balance import trial_balance
from tests.bank import Bank, ask, open_account, read_log, register, told

ONE = dt.timedelta(days=1)
TODAY = clock.now().date()
pytestmark = pytest.mark.usefixtures("one_day")
# The last day of a month that is over, and its first.
END = TODAY.replace(day=1) - ONE
BEGIN = END.replace(day=1)
SAVINGS, CHECKING = 1, 2
RATES = Rates(
    first_day=BEGIN - 400 * ONE,
    tiers=(Tier(0, Decimal("3.65")),),
    overdraft_rate=Decimal("7.30"),
    excess_rate=Decimal("14.6"),
    withholding_rate=Decimal(15),
    rounding="half_up",
)


@pytest.fixture
def running(database: str) -> Iterator[Bank]:
    with Bank(database) as bank:
        bank.submit(register(1))
        bank.submit(open_account(SAVINGS, account_type="savings", opened_on=BEGIN))
        bank.submit(open_account(CHECKING, opened_on=BEGIN))
        for account_type in ("savings", "checking"):
            bank.submit(interest.set_rates(ask(), account_type, "EUR", RATES))
        yield bank


def booked(day: dt.date, value_date: dt.date | None = None) -> Details:
    return Details(booking_date=day, value_date=value_date, reason="the past")


def put(bank: Bank, account_id: int, amount: int, *dates: dt.date) -> None:
    """Money in on a day, or out where the amount is below zero, whatever there is."""
    details = booked(*dates)
    command = (
        accounts.deposit(ask(), account_id, Decimal(amount), details)
        if amount > 0
        else accounts.withdraw(ask(), account_id, Decimal(-amount), details, forced=True)
    )
    assert told(bank.submit(command)).refused is None


def end(bank: Bank, first: dt.date, last: dt.date) -> list[DayRun]:
    runs: list[DayRun] = []
    days = [first + n * ONE for n in range((last - first).days + 1)]
    ending = Ending(conninfo=bank.conninfo, steps=(ACCRUAL, CAPITALISATION))
    asyncio.run(end_days(ending, days, ended=runs.append))
    return runs


def facts(bank: Bank, *kinds: type[Any]) -> list[Any]:
    return [r.event.fact for r in bank.log() if isinstance(r.event.fact, kinds)]


def balances(bank: Bank) -> dict[int, int]:
    """Of the ledger accounts that are not zero, on their normal sides."""
    lines = trial_balance(r.event.entry for r in bank.log())
    return {line.ledger_account: line.balance for line in lines if line.balance}


def test_a_month_of_savings_is_accrued_daily_capitalised_at_its_end_and_taxed(
    running: Bank,
) -> None:
    put(running, SAVINGS, 1000, BEGIN)

    runs = end(running, BEGIN, END)

    # 1,000 at 3.65 % is ten cents a day.
    days = (END - BEGIN).days + 1
    tax = (days * 10 * 15 * 2 + 100) // 200
    assert [run.refused for run in runs] == [0] * days
    assert [fact.credit for fact in facts(running, Accrued)] == [10] * days
    assert [fact.amount for fact in facts(running, InterestCapitalised)] == [days * 10]
    assert [fact.amount for fact in facts(running, TaxWithheld)] == [tax]
    paid = [r.event for r in running.log() if isinstance(r.event.fact, InterestCapitalised)]
    assert [(e.booking_date, e.value_date) for e in paid] == [(END, END + ONE)]
    assert balances(running) == {
        1010: 100_000,
        2120: 100_000 + days * 10 - tax,
        2510: tax,
        5110: days * 10,
    }


def test_interest_of_the_next_month_is_on_interest_too(running: Bank) -> None:
    put(running, SAVINGS, 100_000, BEGIN)
    end(running, BEGIN, END)
    before = facts(running, Accrued)[-1].standing

    end(running, END + ONE, END + ONE)

    # A day's ten euros, and that of what was capitalised.
    after = facts(running, Accrued)[-1].standing
    assert after.credit_posted - before.credit_posted == 1003


def test_days_below_zero_cost_more_beyond_the_limit(running: Bank) -> None:
    limit = accounts.change_overdraft_limit(ask(), CHECKING, Decimal(500))
    assert told(running.submit(limit)).refused is None
    put(running, CHECKING, -1000, TODAY)

    end(running, TODAY, TODAY)

    # 500 at 7.3 %, which is ten cents, and 500 at 14.6 %.
    (accrued,) = facts(running, Accrued)
    assert (accrued.credit, accrued.debit) == (0, 30)
    assert balances(running)[1360] == balances(running)[4120] == 30


def test_an_entry_that_counts_from_earlier_reopens_the_days_it_belongs_to(running: Bank) -> None:
    put(running, SAVINGS, 1000, BEGIN)
    end(running, BEGIN, BEGIN + 9 * ONE)
    put(running, SAVINGS, 1000, BEGIN + 10 * ONE, BEGIN + 5 * ONE)

    end(running, BEGIN + 10 * ONE, BEGIN + 10 * ONE)

    # Five days more of ten cents, and the day's own twenty.
    assert [fact.credit for fact in facts(running, Accrued)] == [10] * 10 + [5 * 10 + 20]


def test_a_rate_that_changes_from_a_day_in_the_past_is_counted_from_then(running: Bank) -> None:
    put(running, SAVINGS, 1000, BEGIN)
    end(running, BEGIN, BEGIN + 9 * ONE)
    changed = Rates(first_day=BEGIN + 5 * ONE, tiers=(Tier(0, Decimal("1.825")),))
    running.submit(interest.set_rates(ask(), "savings", "EUR", changed))

    end(running, BEGIN + 10 * ONE, BEGIN + 10 * ONE)

    # Five days less of five cents, and the day's own five: what was posted too much is taken back.
    assert [fact.credit for fact in facts(running, Accrued)] == [10] * 10 + [-5 * 5 + 5]


def test_what_was_paid_too_much_is_earned_before_anything_is_paid_again(running: Bank) -> None:
    put(running, SAVINGS, 1000, BEGIN)
    end(running, BEGIN, END)
    put(running, SAVINGS, -1000, END + ONE, BEGIN)

    end(running, END + ONE, END + ONE)

    standing = facts(running, Accrued)[-1].standing
    assert standing.credit_open < 0
    assert standing.since is None
    assert balances(running)[2210] == standing.credit_open


def test_a_frozen_account_is_refused_its_interest_and_gets_it_later(running: Bank) -> None:
    put(running, SAVINGS, 1000, BEGIN)
    running.submit(accounts.freeze(ask(), SAVINGS, "full", "order", None))

    frozen = end(running, BEGIN, END)[-1]
    running.submit(accounts.unfreeze(ask(), SAVINGS, "lifted"))
    after = end(running, END + ONE, END + ONE)[-1]

    assert frozen.refusals == [f"{END}, capitalisation, account-1: Account 1 is frozen (full)."]
    assert [step.done for step in after.steps] == [1, 1]
    (paid,) = facts(running, InterestCapitalised)
    assert paid.amount == ((END - BEGIN).days + 2) * 10


def test_the_interest_of_a_closed_account_waits_in_suspense(running: Bank) -> None:
    put(running, SAVINGS, 1000, BEGIN)
    end(running, BEGIN, BEGIN + 4 * ONE)
    put(running, SAVINGS, -1000, BEGIN + 5 * ONE)
    assert told(running.submit(accounts.close(ask(), SAVINGS, "moved"))).refused is None

    end(running, BEGIN + 5 * ONE, END)

    assert [fact.credit for fact in facts(running, Unclaimed)] == [50]
    assert balances(running) == {2910: 50, 5110: 50}


def test_less_than_half_a_cent_is_kept_without_an_event_until_the_posting_day(
    running: Bank,
) -> None:
    put(running, SAVINGS, 1, BEGIN)

    runs = end(running, BEGIN, END)

    # A hundredth of a cent a day: 0.28 to 0.31 cents in a month, which are none.
    assert [run.steps[0].done for run in runs] == [0] * (len(runs) - 1) + [1]
    (kept,) = facts(running, Accrued)
    assert (kept.credit, kept.standing.credit_posted) == (0, 0)
    assert kept.standing.credit > 0


def test_interest_is_not_reversed_by_half(running: Bank) -> None:
    put(running, SAVINGS, 1000, BEGIN)
    end(running, BEGIN, END)
    log = running.log()
    of_it = next(r for r in log if isinstance(r.event.fact, Capitalised)).event.transaction_id
    original = [r for r in log if r.event.transaction_id == of_it]

    answer = told(running.submit(corrections.reverse(ask(), original, booked(TODAY))))

    assert answer.refused == "TransactionNotReversible"


def test_the_same_rates_again_are_nothing_new(running: Bank) -> None:
    before = len(read_log(running.conninfo))

    answer = running.submit(interest.set_rates(ask(), "savings", "EUR", RATES))

    assert told(answer).refused is None
    assert len(read_log(running.conninfo)) == before
