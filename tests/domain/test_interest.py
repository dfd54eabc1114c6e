"""Interest of a day, of tiers and of overdrafts; yields; and how it is rounded."""

import datetime as dt
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.interest import (
    ONE_DAY,
    UNITS,
    Interest,
    days_of_year,
    interest_of,
    minor_units,
    part,
    percentage_yield,
    posting_day,
)
from domain.rate_plans import Basis, Method, Rates, Tier

DAY = dt.date(2026, 3, 1)
# The tiers of the examples in appendix A of Regulation DD, in cents.
PUBLISHED = (
    Tier(0, Decimal("5.25")),
    Tier(250_000, Decimal("5.50")),
    Tier(1_500_000, Decimal("5.75")),
)


def of_year(principal: int, method: Method) -> Decimal:
    """What a principal (whole dollars) earns in a year, compounded daily without rounding."""
    # In billionths of a cent, so that what a day adds is kept.
    scale = 10**9
    tiers = tuple(Tier(tier.above * scale, tier.rate) for tier in PUBLISHED)
    plan = (Rates(first_day=DAY, tiers=tiers, method=method),)
    balance = principal * 100 * scale
    for number in range(365):
        day = DAY + number * ONE_DAY
        earned = interest_of([(DAY, balance)], [], plan, day, day)
        balance += minor_units(earned.credit, "half_even")
    return Decimal(balance - principal * 100 * scale) / (100 * scale)


@pytest.mark.parametrize(
    ("principal", "earned", "apy"),
    [(1_000, "53.90", "5.39"), (8_000, "452.29", "5.65"), (20_000, "1183.61", "5.92")],
)
def test_the_published_tiers_earn_what_was_published(principal: int, earned: str, apy: str) -> None:
    """12 CFR 1030, appendix A, part I, C: stepped rates by tiering method A."""
    interest = of_year(principal, "whole")

    assert interest.quantize(Decimal("0.01")) == Decimal(earned)
    assert percentage_yield(interest, Decimal(principal), 365).quantize(Decimal("0.01")) == Decimal(
        apy
    )


def test_by_slices_each_rate_is_paid_on_its_part() -> None:
    plan = (Rates(first_day=DAY, tiers=PUBLISHED, method="slices"),)

    found = interest_of([(DAY, 2_000_000)], [], plan, DAY, DAY)

    year = 2_500 * Fraction("5.25") + 12_500 * Fraction("5.5") + 5_000 * Fraction("5.75")
    assert Fraction(found.credit, UNITS) == year * 100 / 36_500


@pytest.mark.parametrize(
    ("interest", "balance", "days", "yields"),
    [
        # Part II, A: 5.25 earned in a 30-day cycle on an average daily balance of 1,000.
        ("5.25", "1000", 30, "6.58"),
        # Part I, A: 61.68 on 1,000 in a year; 30.37 on 1,000 in 182 days.
        ("61.68", "1000", 365, "6.17"),
        ("30.37", "1000", 182, "6.18"),
    ],
)
def test_the_published_yields(interest: str, balance: str, days: int, yields: str) -> None:
    found = percentage_yield(Decimal(interest), Decimal(balance), days)

    assert found.quantize(Decimal("0.01")) == Decimal(yields)


@pytest.mark.parametrize(
    ("balance", "limit", "credit", "debit"),
    [
        (10_000, 0, Fraction(10_000 * 2, 36_500), 0),
        (0, 0, 0, 0),
        # Within the limit, to the limit, and beyond it.
        (-5_000, 10_000, 0, Fraction(5_000 * 10, 36_500)),
        (-10_000, 10_000, 0, Fraction(10_000 * 10, 36_500)),
        (-12_000, 10_000, 0, Fraction(10_000 * 10 + 2_000 * 18, 36_500)),
        (-100, 0, 0, Fraction(100 * 18, 36_500)),
    ],
)
def test_a_day_s_interest(balance: int, limit: int, credit: Fraction, debit: Fraction) -> None:
    rates = Rates(
        first_day=DAY,
        tiers=(Tier(0, Decimal(2)),),
        overdraft_rate=Decimal(10),
        excess_rate=Decimal(18),
    )

    found = interest_of([(DAY, balance)], [(DAY, limit)], (rates,), DAY, DAY)

    assert found == Interest(int(credit * UNITS), int(debit * UNITS))
    assert credit * UNITS == found.credit
    assert debit * UNITS == found.debit


rates_of_a_plan = st.builds(
    Rates,
    first_day=st.dates(dt.date(2023, 6, 1), dt.date(2025, 3, 1)),
    tiers=st.lists(
        st.tuples(
            st.integers(1, 10**9),
            st.decimals(0, 1000, places=6, allow_nan=False, allow_infinity=False),
        ),
        unique_by=lambda tier: tier[0],
        max_size=4,
    ).map(lambda tiers: tuple(Tier(*t) for t in [(0, Decimal("1.5")), *sorted(tiers)])),
    method=st.sampled_from(["whole", "slices"]),
    basis=st.sampled_from(["ACT/365F", "ACT/360", "ACT/ACT"]),
    overdraft_rate=st.decimals(0, 100, places=4),
    excess_rate=st.none() | st.decimals(0, 100, places=6),
)
courses = st.lists(
    st.tuples(st.dates(dt.date(2023, 11, 1), dt.date(2024, 4, 1)), st.integers(-(10**9), 10**10)),
    max_size=8,
).map(lambda course: sorted(course, key=lambda change: change[0]))


def naively(
    balances: list[tuple[dt.date, int]],
    limits: list[tuple[dt.date, int]],
    plan: tuple[Rates, ...],
    day: dt.date,
) -> tuple[Fraction, Fraction]:
    """A day's interest in minor units, as one would say it."""
    known = [rates for rates in plan if rates.first_day <= day]
    if not known:
        return Fraction(0), Fraction(0)
    rates = known[-1]
    balance = ([0] + [value for when, value in balances if when <= day])[-1]
    limit = ([0] + [value for when, value in limits if when <= day])[-1]
    year = 100 * days_of_year(rates.basis, day)
    if balance < 0:
        within = min(-balance, limit)
        excess_rate = rates.excess_rate if rates.excess_rate is not None else rates.overdraft_rate
        cost = within * Fraction(rates.overdraft_rate)
        return Fraction(0), (cost + (-balance - within) * Fraction(excess_rate)) / year
    if rates.method == "whole":
        rate = [tier.rate for tier in rates.tiers if tier.above < balance or tier.above == 0][-1]
        return balance * Fraction(rate) / year, Fraction(0)
    earned = Fraction(0)
    for tier, following in zip(rates.tiers, [*rates.tiers[1:], None], strict=True):
        top = balance if following is None else min(balance, following.above)
        earned += max(0, top - tier.above) * Fraction(tier.rate)
    return earned / year, Fraction(0)


@given(
    courses,
    courses.map(lambda course: [(day, abs(value)) for day, value in course]),
    st.lists(rates_of_a_plan, min_size=1, max_size=3, unique_by=lambda r: r.first_day),
    st.dates(dt.date(2023, 12, 1), dt.date(2024, 1, 20)),
    st.integers(0, 70),
    st.integers(0, 70),
)
def test_interest_is_the_sum_of_its_days_exactly_and_in_any_parts(
    balances: list[tuple[dt.date, int]],
    limits: list[tuple[dt.date, int]],
    rates: list[Rates],
    first: dt.date,
    days: int,
    cut: int,
) -> None:
    plan = tuple(sorted(rates, key=lambda each: each.first_day))
    last, middle = first + days * ONE_DAY, first + min(days, cut) * ONE_DAY

    whole = interest_of(balances, limits, plan, first, last)
    parts = interest_of(balances, limits, plan, first, middle).plus(
        interest_of(balances, limits, plan, middle + ONE_DAY, last)
    )

    each = [naively(balances, limits, plan, first + n * ONE_DAY) for n in range(days + 1)]
    assert Fraction(whole.credit, UNITS) == sum(credit for credit, _ in each)
    assert Fraction(whole.debit, UNITS) == sum(debit for _, debit in each)
    assert parts == whole


@pytest.mark.parametrize(
    ("halves", "half_even", "half_up"),
    [(0, 0, 0), (1, 0, 1), (3, 2, 2), (5, 2, 3), (-1, 0, -1), (-3, -2, -2), (-5, -2, -3)],
)
def test_a_half_goes_to_the_even_one_or_away_from_zero(
    halves: int, half_even: int, half_up: int
) -> None:
    assert minor_units(halves * UNITS // 2, "half_even") == half_even
    assert minor_units(halves * UNITS // 2, "half_up") == half_up
    assert minor_units(halves * UNITS // 2 + (1 if halves >= 0 else -1), "half_even") == half_up


def test_a_tax_is_a_part_rounded() -> None:
    assert part(431, Decimal(15), "half_up") == 65
    assert part(430, Decimal(15), "half_even") == 64
    assert part(431, Decimal(0), "half_even") == 0


@pytest.mark.parametrize(
    ("date", "monthly", "quarterly"),
    [
        ("2026-03-31", "2026-03-31", "2026-03-31"),
        ("2026-03-30", "2026-02-28", "2025-12-31"),
        ("2024-02-29", "2024-02-29", "2023-12-31"),
        ("2026-01-01", "2025-12-31", "2025-12-31"),
        ("2026-12-31", "2026-12-31", "2026-12-31"),
    ],
)
def test_the_last_posting_day(date: str, monthly: str, quarterly: str) -> None:
    day = dt.date.fromisoformat(date)

    assert str(posting_day("monthly", day)) == monthly
    assert str(posting_day("quarterly", day)) == quarterly


@pytest.mark.parametrize(
    ("basis", "days"), [("ACT/365F", [365, 365]), ("ACT/360", [360, 360]), ("ACT/ACT", [365, 366])]
)
def test_the_days_of_a_year(basis: Basis, days: list[int]) -> None:
    assert [days_of_year(basis, dt.date(year, 5, 1)) for year in (2023, 2024)] == days
