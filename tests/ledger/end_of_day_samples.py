"""The sample facts of what the end of a day does: interest, its rates, and standing orders."""

import datetime as dt
from decimal import Decimal

import msgspec

from domain.account_facts import InterestCapitalised, OverdraftInterestCapitalised, TaxWithheld
from domain.accrued_interest import Accrued, Capitalised, Standing, Unclaimed
from domain.facts import Fact
from domain.rate_plans import Rates, RatesSet, Tier
from domain.standing_orders import (
    Cancelled,
    Changed,
    Created,
    Executed,
    Failed,
    Order,
    Paused,
    Resumed,
    Skipped,
)

STANDING = Standing(
    through=dt.date(2024, 2, 29),
    known_at=4711,
    balance=100000,
    credit=Decimal(71345678901234567890123),
    debit=Decimal(912345678901234567890),
    credit_posted=445,
    debit_posted=6,
    credit_settled=431,
    since=dt.date(2024, 2, 1),
)

ORDER = Order(
    account_id=456,
    currency="EUR",
    amount=2500,
    frequency="monthly",
    first_due=dt.date(2024, 1, 31),
    due=dt.date(2024, 2, 29),
    attempt_on=dt.date(2024, 2, 29),
    counterparty="YZ/87144583",
    description="Rent",
    day_rule="modified_following",
    last_due=dt.date(2026, 12, 31),
    count=36,
    retry_days=5,
    catch_up=True,
    number=1,
)

# A new one goes to the end: its place is part of its golden file.
END_OF_DAY_FACTS: tuple[Fact, ...] = (
    InterestCapitalised(amount=2500, balance=2500, terms=1),
    OverdraftInterestCapitalised(amount=2500, balance=-2500, terms=1, forced=True),
    TaxWithheld(amount=375, balance=2125, terms=1),
    Accrued(currency="EUR", standing=STANDING, credit=14, debit=-3),
    Capitalised(currency="EUR", standing=STANDING, credit=431),
    Unclaimed(currency="EUR", standing=STANDING, debit=12),
    RatesSet(
        account_type="savings",
        currency="EUR",
        rates=(
            Rates(first_day=dt.date(2024, 1, 1), tiers=(Tier(0, Decimal("1.5")),)),
            Rates(
                first_day=dt.date(2024, 3, 1),
                tiers=(Tier(0, Decimal("1.25")), Tier(1000000, Decimal("2.125"))),
                method="slices",
                basis="ACT/ACT",
                overdraft_rate=Decimal("11.9"),
                excess_rate=Decimal("16.9"),
                posting="quarterly",
                withholding_rate=Decimal(15),
                rounding="half_up",
            ),
        ),
    ),
    Created(order=ORDER),
    Changed(order=msgspec.structs.replace(ORDER, amount=2600)),
    Paused(order=msgspec.structs.replace(ORDER, status="paused")),
    Resumed(order=ORDER),
    Cancelled(order=msgspec.structs.replace(ORDER, status="cancelled"), why="closed"),
    Executed(order=ORDER, due=dt.date(2024, 1, 31), amount=2500),
    Failed(order=msgspec.structs.replace(ORDER, tries=1), due=dt.date(2024, 2, 29), why="no money"),
    Skipped(order=ORDER, due=dt.date(2024, 1, 31), why="no money"),
)
