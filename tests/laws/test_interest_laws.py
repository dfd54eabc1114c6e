"""Interest that was accrued day by day, with what came late, is what the whole log says at the end."""

import asyncio
import datetime as dt
import random
from decimal import Decimal
from fractions import Fraction

import psycopg
import pytest

from application import accounts, clock, interest
from application.commands import Details
from daybook.end_of_day.interest import ACCRUAL, CAPITALISATION
from daybook.end_of_day.run import Bank as Ending
from daybook.end_of_day.run import end_days
from daybook.loading import bring_views_up
from domain.accrued_interest import InterestFact
from domain.rate_plans import Rates, Tier
from ledger.journal import Recorded
from tests.bank import Bank, ask, open_account, read_log, register, told
from tests.laws.naive_interest import naive_interest

ONE = dt.timedelta(days=1)
TODAY = clock.now().date()
pytestmark = pytest.mark.usefixtures("one_day")
# So that two month ends are among the days that are ended.
FIRST = (TODAY.replace(day=1) - 40 * ONE).replace(day=20)
LAST = TODAY.replace(day=1) + 3 * ONE
DAYS = [FIRST + n * ONE for n in range((min(LAST, TODAY) - FIRST).days + 1)]
ACCOUNTS = range(1, 13)


def kind_of(account_id: int) -> str:
    return "savings" if account_id % 2 else "checking"


def some_rates(chance: random.Random, first_day: dt.date) -> Rates:
    def rate(most: int) -> Decimal:
        return Decimal(chance.randint(0, most)).scaleb(-chance.randint(0, 6))

    above = sorted(chance.sample(range(1, 200_000), chance.randint(0, 2)))
    return Rates(
        first_day=first_day,
        tiers=tuple(Tier(each, rate(900)) for each in (0, *above)),
        method=chance.choice(["whole", "slices"]),
        basis=chance.choice(["ACT/365F", "ACT/360", "ACT/ACT"]),
        overdraft_rate=rate(999),
        excess_rate=chance.choice([None, rate(999)]),
        withholding_rate=chance.choice([Decimal(0), Decimal(15)]),
        rounding=chance.choice(["half_even", "half_up"]),
    )


def some_command(chance: random.Random, running: Bank, day: dt.date) -> None:
    """Something happens: now and then it counts from an earlier day, or a later one."""
    account_id = chance.choice(ACCOUNTS)
    if chance.random() < 0.03:
        account_type = chance.choice(["savings", "checking"])
        rates = some_rates(chance, day + chance.randint(-15, 10) * ONE)
        running.submit(interest.set_rates(ask(), account_type, "EUR", rates))
        return
    if chance.random() < 0.05:
        limit = Decimal(chance.choice([0, 100, 500]))
        running.submit(accounts.change_overdraft_limit(ask(), account_id, limit))
        return
    booked = max(day + chance.choice([0, 0, 0, -1, -3, 1]) * ONE, FIRST)
    shift = chance.choice([0, 0, 0, 0, -1, -2, -9, -25, 2, 5])
    details = Details(booking_date=min(booked, TODAY), value_date=booked + shift * ONE, reason="x")
    amount = Decimal(chance.randint(1, 90_000)).scaleb(-2)
    if chance.random() < 0.6:
        running.submit(accounts.deposit(ask(), account_id, amount, details))
    else:
        running.submit(accounts.withdraw(ask(), account_id, amount, details, forced=True))


def sub_ledger(log: list[Recorded], account_id: int, ledger_account: int) -> int:
    return sum(
        posting.amount if posting.side == "C" else -posting.amount
        for recorded in log
        for posting in recorded.event.entry
        if (posting.ledger_account, posting.sub_account)
        == (ledger_account, f"interest-{account_id}")
    )


def rounded(amount: Fraction, rounding: str) -> int:
    """A fraction to the nearest whole, a half to the even or away from zero."""
    whole = round(amount)
    if rounding == "half_up" and abs(amount - whole) * 2 == 1:
        return int(amount * 2 + (1 if amount > 0 else -1)) // 2
    return whole


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_accrued_day_by_day_is_what_the_whole_log_says(database: str, seed: int) -> None:
    chance = random.Random(seed)
    bank = Ending(conninfo=database, steps=(ACCRUAL, CAPITALISATION))
    plans = {kind: some_rates(chance, FIRST - 20 * ONE) for kind in ("savings", "checking")}
    with Bank(database) as running:
        running.submit(register(1))
        for account_id in ACCOUNTS:
            command = open_account(account_id, account_type=kind_of(account_id), opened_on=FIRST)
            assert told(running.submit(command)).refused is None
        for account_type, rates in plans.items():
            running.submit(interest.set_rates(ask(), account_type, "EUR", rates))
        for day in DAYS:
            for _ in range(chance.randint(0, 4)):
                some_command(chance, running, day)
            asyncio.run(end_days(bank, [day]))

    log = read_log(database)
    check(database, log)


def check(database: str, log: list[Recorded]) -> None:
    """For each account that was accrued: through the day of its last accrual, as known to it."""
    facts = [r for r in log if isinstance(r.event.fact, InterestFact)]
    assert len(facts) > 50
    newest = {r.originator_id: r.event.fact.standing for r in facts}
    assert any(s.credit_settled for s in newest.values())
    assert any(s.debit_settled for s in newest.values())
    for stream, standing in newest.items():
        account_id = int(stream.rpartition("-")[2])
        known = [r for r in log if r.position <= standing.known_at]
        credit, debit = naive_interest(known, account_id, standing.through)
        plan = [
            r.event.fact.rates
            for r in known
            if r.originator_id == f"rate-plan-{kind_of(account_id)}-EUR"
        ][-1]
        rounding = [rates.rounding for rates in plan if rates.first_day <= standing.through][-1]
        assert standing.credit_posted == rounded(credit, rounding)
        assert standing.debit_posted == rounded(debit, rounding)
        assert sub_ledger(log, account_id, 2210) == standing.credit_open
        assert sub_ledger(log, account_id, 1360) == -standing.debit_open
        # Not only what is posted: to the last digit.
        assert standing.credit == credit * 1_603_080 * 10**8
        assert standing.debit == debit * 1_603_080 * 10**8
    assert bring_views_up(database)
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT account_id, credit, debit_posted, since FROM readmodels.interest"
        ).fetchall()
    assert {(f"interest-{row[0]}", *row[1:]) for row in rows} == {
        (stream, s.credit, s.debit_posted, s.since) for stream, s in newest.items()
    }
