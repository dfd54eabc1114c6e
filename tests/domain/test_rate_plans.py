"""What a rate plan takes and refuses, and what it says of a day."""

import datetime as dt
from decimal import Decimal

import pytest

from domain.rate_plans import (
    NO_PLAN,
    RATES_MAX,
    RatePlan,
    Rates,
    RatesSet,
    Tier,
    first_difference,
    rates_on,
    restore,
    set_rates,
)
from domain.refusals import (
    RateOutOfRange,
    TiersOutOfOrder,
    TooManyRates,
    UnknownAccountType,
    UnknownCurrency,
)

MARCH, APRIL, MAY = (dt.date(2026, month, 1) for month in (3, 4, 5))


def one(first_day: dt.date, rate: str) -> Rates:
    return Rates(first_day=first_day, tiers=(Tier(0, Decimal(rate)),))


def plan_of(*rates: Rates) -> RatePlan:
    plan = NO_PLAN
    for each in rates:
        (fact,) = set_rates(plan, "savings", "EUR", each)
        plan = restore(0, fact, plan.version + 1)
    return plan


def test_rates_hold_from_their_first_day_until_the_next() -> None:
    plan = plan_of(one(APRIL, "2"), one(MARCH, "1"))

    held = [rates_on(plan.rates, day) for day in (MARCH - dt.timedelta(1), MARCH, APRIL, MAY)]

    assert held == [None, one(MARCH, "1"), one(APRIL, "2"), one(APRIL, "2")]


def test_rates_of_the_same_first_day_take_the_place_of_the_ones_before() -> None:
    plan = plan_of(one(MARCH, "1"), one(MARCH, "3"))

    assert plan.rates == (one(MARCH, "3"),)
    assert set_rates(plan, "savings", "EUR", one(MARCH, "3")) == []


def test_two_plans_differ_from_the_first_day_on_which_they_do() -> None:
    old = plan_of(one(MARCH, "1"), one(APRIL, "2")).rates
    later = plan_of(one(MARCH, "1"), one(APRIL, "2"), one(MAY, "3")).rates
    split = plan_of(one(MARCH, "1"), one(dt.date(2026, 3, 9), "1"), one(APRIL, "2")).rates

    assert first_difference(old, later) == MAY
    assert first_difference((), old) == MARCH
    assert first_difference(old, split) is None


@pytest.mark.parametrize(
    ("rates", "refusal"),
    [
        (Rates(first_day=MARCH, tiers=(Tier(1, Decimal(1)),)), TiersOutOfOrder),
        (Rates(first_day=MARCH, tiers=(Tier(0, Decimal(1)), Tier(0, Decimal(2)))), TiersOutOfOrder),
        (one(MARCH, "-0.1"), RateOutOfRange),
        (one(MARCH, "1000.1"), RateOutOfRange),
        (one(MARCH, "0.0000001"), RateOutOfRange),
        (one(MARCH, "NaN"), RateOutOfRange),
        (Rates(first_day=MARCH, withholding_rate=Decimal(101)), RateOutOfRange),
        (Rates(first_day=MARCH, excess_rate=Decimal(-1)), RateOutOfRange),
    ],
)
def test_rates_that_make_no_sense_are_refused(rates: Rates, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        set_rates(NO_PLAN, "savings", "EUR", rates)


def test_the_plan_is_of_a_type_and_a_currency_that_are_there() -> None:
    with pytest.raises(UnknownAccountType):
        set_rates(NO_PLAN, "term", "EUR", one(MARCH, "1"))
    with pytest.raises(UnknownCurrency):
        set_rates(NO_PLAN, "savings", "EUX", one(MARCH, "1"))


def test_a_plan_has_a_bound() -> None:
    rates = tuple(one(MARCH + dt.timedelta(n), "1") for n in range(RATES_MAX))

    with pytest.raises(TooManyRates):
        set_rates(RatePlan(rates, 1), "savings", "EUR", one(MARCH - dt.timedelta(1), "1"))
    assert isinstance(set_rates(RatePlan(rates, 1), "savings", "EUR", one(MARCH, "2"))[0], RatesSet)
