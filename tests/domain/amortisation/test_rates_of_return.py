"""Rates of return: the examples that the laws themselves print, another library, and extremes."""

import datetime as dt
import random
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Final

import pytest
import pyxirr
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.amortisation.apr_eu import apr_eu, apr_of_moments
from domain.amortisation.apr_us import UnitPeriod, apr_us, unit_period
from domain.amortisation.arithmetic import EXACT, divide
from domain.amortisation.due_dates import add_months
from domain.amortisation.rates_of_return import Flow, Moment
from domain.amortisation.xirr import xirr
from domain.refusals import NoRateOfReturn

CASES: Final = 1_500


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def loan(amount: str, on: str, *payments: tuple[dt.date, str]) -> list[Flow]:
    return [
        Flow(day(on), Decimal(amount)),
        *(Flow(due, -Decimal(payment)) for due, payment in payments),
    ]


def monthly(
    first: str, count: int, payment: str, every_months: int = 1
) -> list[tuple[dt.date, str]]:
    return [(add_months(day(first), number * every_months), payment) for number in range(count)]


def every_days(first: str, count: int, payment: str, days: int) -> list[tuple[dt.date, str]]:
    return [(day(first) + dt.timedelta(days=number * days), payment) for number in range(count)]


SEMIMONTHLY: Final = sorted(
    monthly("1978-03-01", 12, "219.17") + monthly("1978-03-16", 12, "219.17")
)


# 12 CFR 1026, appendix J, (c)(1) to (c)(5): each with the rate printed there.
@pytest.mark.parametrize(
    ("flows", "printed"),
    [
        (loan("5000", "1978-01-10", *monthly("1978-02-10", 24, "230")), "9.69"),
        (loan("6000", "1978-02-10", *monthly("1978-04-01", 36, "200")), "11.82"),
        (loan("5000", "1978-02-23", *SEMIMONTHLY), "10.34"),
        (loan("10000", "1978-05-23", *monthly("1978-10-01", 40, "385", 3)), "8.97"),
        (loan("500", "1978-03-20", *every_days("1978-04-21", 30, "17.60", 7)), "14.96"),
        (
            loan(
                "5000",
                "1978-01-10",
                (day("1978-02-10"), "250"),
                *monthly("1978-03-10", 22, "230"),
                (day("1980-01-10"), "280"),
            ),
            "10.90",
        ),
        (loan("1000", "1978-01-03", (day("1978-09-15"), "1080")), "11.45"),
        (loan("1000", "1978-07-15", (day("1979-01-15"), "1044")), "8.80"),
        (loan("1000", "1978-01-17", (day("1979-07-17"), "1135.19")), "8.76"),
        (loan("1000", "1978-01-17", (day("1980-01-17"), "1240")), "11.36"),
    ],
)
def test_the_examples_of_regulation_z(flows: list[Flow], printed: str) -> None:
    assert round(apr_us(flows), 2) == Decimal(printed)


# Directive 98/7/EC, annex III, whose equation is that of 2008/48/EC, annex I: rates as printed there.
@pytest.mark.parametrize(
    ("flows", "printed"),
    [
        # 1000, repaid with 1200 after a year and a half.
        (loan("1000", "1994-01-01", (day("1995-07-01"), "1200")), "12.9"),
        # The same with costs of 50 withheld.
        (loan("950", "1994-01-01", (day("1995-07-01"), "1200")), "16.9"),
        # Two equal repayments of 600 after one year and after two.
        (loan("1000", "1994-01-01", *monthly("1995-01-01", 2, "600", 12)), "13.1"),
        # 272 after three months, 272 after six, 544 after a year.
        (
            loan(
                "1000",
                "1994-01-01",
                (day("1994-04-01"), "272"),
                (day("1994-07-01"), "272"),
                (day("1995-01-01"), "544"),
            ),
            "13.2",
        ),
    ],
)
def test_the_examples_of_the_directive(flows: list[Flow], printed: str) -> None:
    assert round(apr_eu(flows), 1) == Decimal(printed)


def test_odd_days_are_over_the_year_that_ends_with_them() -> None:
    # From 1 January to 15 March of a leap year: two months, and 14 days of the year to 15 January.
    common = apr_eu(loan("1000", "2016-01-01", (day("2016-03-15"), "1100")))
    # From 1 March to 15 May: two months, and 14 days of the year to 15 March, which has 29 February.
    leap = apr_eu(loan("1000", "2016-03-01", (day("2016-05-15"), "1100")))

    def by_moment(days_of_year: int) -> Decimal:
        repaid = Moment(2, divide(14, days_of_year))
        return apr_of_moments([(Moment(0, Decimal(0)), Decimal(1000)), (repaid, Decimal(-1100))])

    assert (common, leap) == (by_moment(365), by_moment(366))


def test_a_month_end_a_month_later_is_a_whole_month() -> None:
    flows = loan("1000", "2023-01-31", (day("2023-02-28"), "1010"))

    assert round(apr_eu(flows), 6) == Decimal("12.682503")
    assert round(apr_us(flows), 6) == Decimal("12.000000")


@pytest.mark.parametrize(
    ("payments", "unit"),
    [
        (monthly("2023-02-28", 12, "1"), UnitPeriod(1, "months")),
        (monthly("2023-02-28", 2, "1"), UnitPeriod(1, "months")),
        (every_days("2023-02-11", 9, "1", 7), UnitPeriod(7, "days")),
        (every_days("2023-02-25", 9, "1", 28), UnitPeriod(28, "days")),
        (every_days("2023-02-07", 9, "1", 10), UnitPeriod(10, "days")),
        (monthly("2024-01-28", 5, "1", 12), UnitPeriod(1, "years")),
        (monthly("2025-01-28", 5, "1", 24), UnitPeriod(1, "years")),
        # Nothing twice: a month and three months are two on average.
        ([(day("2023-02-28"), "1"), (day("2023-05-28"), "1")], UnitPeriod(2, "months")),
        # As many weeks as months: the smaller.
        (
            [*every_days("2023-02-04", 3, "1", 7), *monthly("2023-03-18", 3, "1")],
            UnitPeriod(7, "days"),
        ),
    ],
)
def test_the_unit_period_is_the_most_common(
    payments: list[tuple[dt.date, str]], unit: UnitPeriod
) -> None:
    assert unit_period(day("2023-01-28"), [day("2023-01-28")], [due for due, _ in payments]) == unit


def test_extremes_are_found() -> None:
    days_later = day("2020-01-06")
    assert round(xirr(loan("100", "2020-01-01", (days_later, "115"))), 2) == Decimal("2697281.32")
    overnight = xirr(loan("100", "2020-01-01", (day("2020-01-02"), "200")))
    assert abs(divide(overnight, Decimal(2) ** 365 * 100 - 100) - 1) < Decimal("1e-20")
    assert round(apr_eu(loan("100", "2020-01-01", (day("2021-01-01"), "90"))), 6) == -10
    assert round(apr_us(loan("100", "2020-01-01", (day("2021-01-01"), "90"))), 6) == -10
    assert apr_eu(loan("100", "2020-01-01", (day("2021-01-01"), "100"))) == 0


@pytest.mark.parametrize("rate", [apr_eu, apr_us, xirr])
def test_without_a_root_there_is_no_rate(rate: Callable[[list[Flow]], Decimal]) -> None:
    with pytest.raises(NoRateOfReturn):
        rate([Flow(day("2020-01-01"), Decimal(100)), Flow(day("2021-01-01"), Decimal(5))])


def test_thousands_of_internal_rates_are_those_of_another_library() -> None:
    chance = random.Random(7)
    for _ in range(CASES):
        first = dt.date(2000, 1, 1) + dt.timedelta(days=chance.randrange(9000))
        amount, number = chance.randrange(1_000, 100_000), chance.randrange(1, 30)
        days = sorted(chance.sample(range(20, 3_000), number))
        paid = Decimal(amount * chance.randrange(80, 160)) / 100 / number
        flows = [Flow(first, Decimal(amount))]
        flows += [Flow(first + dt.timedelta(days=after), -paid) for after in days]

        expected = pyxirr.xirr([flow.on for flow in flows], [float(flow.amount) for flow in flows])

        assert expected is not None
        assert abs(float(xirr(flows)) - expected * 100) < 1e-6 * max(1, abs(expected) * 100)


@given(
    st.lists(st.tuples(st.integers(300, 3_000), st.integers(1, 10_000)), min_size=1, max_size=12),
    st.integers(1, 50_000),
)
@settings(deadline=None)
def test_at_the_rate_found_the_flows_are_worth_nothing(
    paid: list[tuple[int, int]], advanced: int
) -> None:
    first = dt.date(2000, 1, 1)
    flows = [Flow(first, Decimal(advanced))]
    flows += [Flow(first + dt.timedelta(days=after), Decimal(-much)) for after, much in paid]

    with localcontext(EXACT):
        growth = 1 + xirr(flows) / 100
        worth = [flow.amount / growth ** (Decimal((flow.on - first).days) / 365) for flow in flows]

    assert abs(sum(worth, Decimal(0))) < Decimal("1e-12") * advanced
