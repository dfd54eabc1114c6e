"""Due dates that are no business days, and fees of instalments: what they change, and what not."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.amortisation.cost import cost_of
from domain.amortisation.instalment_fees import InstalmentFee
from domain.amortisation.rates_of_return import Flow
from domain.amortisation.schedule import schedule
from domain.amortisation.terms import Instalment, ScheduleTerms
from domain.banking_calendar import DAY_RULES, Calendar, DayRule
from domain.refusals import TermsContradict

# The first of May 2026 is a holiday; the 31st of January, of May and of October are at a weekend.
MAY_DAY = Calendar(frozenset([dt.date(2026, 5, 1)]))


def quoted(**more: Any) -> tuple[Instalment, ...]:
    terms: dict[str, Any] = {
        "principal": 12_000_00,
        "method": "annuity",
        "rate": Decimal(6),
        "start": dt.date(2025, 12, 31),
        "instalments": 5,
        "day_count": "ACT/360",
        "calendar": MAY_DAY,
    }
    return schedule(ScheduleTerms(**(terms | more)))


@pytest.mark.parametrize(
    ("rule", "dues"),
    [
        (None, ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]),
        ("following", ["2026-02-02", "2026-03-02", "2026-03-31", "2026-04-30", "2026-06-01"]),
        ("preceding", ["2026-01-30", "2026-02-27", "2026-03-31", "2026-04-30", "2026-05-29"]),
        (
            "modified_following",
            ["2026-01-30", "2026-02-27", "2026-03-31", "2026-04-30", "2026-05-29"],
        ),
    ],
)
def test_the_payment_moves_and_the_interest_does_not(rule: DayRule | None, dues: list[str]) -> None:
    plain, moved = quoted(), quoted(day_rule=rule)

    assert [str(row.due) for row in moved] == dues
    assert [row._replace(due=row.end) for row in moved] == list(plain)


def test_a_holiday_is_no_business_day() -> None:
    rows = quoted(start=dt.date(2026, 4, 1), instalments=1, day_rule="following")

    assert [str(row.due) for row in rows] == ["2026-05-04"]


def test_interest_moves_with_the_payment_where_the_product_says_so() -> None:
    """January to Monday the 2nd: 33 days over 360 instead of 31, and two days less in February."""
    rows = quoted(day_rule="following", moves_accrual=True)

    assert [(row.start, row.end, row.due, row.days) for row in rows[:2]] == [
        (dt.date(2025, 12, 31), dt.date(2026, 2, 2), dt.date(2026, 2, 2), 33),
        (dt.date(2026, 2, 2), dt.date(2026, 3, 2), dt.date(2026, 3, 2), 28),
    ]
    assert rows[0].interest == 66_00


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"moves_accrual": True}, "moves_accrual"),
        (
            {"moves_accrual": True, "day_rule": "following", "day_count": "same-as-period"},
            "moves_accrual",
        ),
        (
            {"moves_accrual": True, "day_rule": "following", "day_count": "ACT/ACT-ICMA"},
            "moves_accrual",
        ),
        (
            {
                "moves_accrual": True,
                "day_rule": "following",
                "day_count": "30/360",
                "method": "progressive",
            },
            "moves_accrual",
        ),
        ({"moves_accrual": True, "day_rule": "following", "unit": "days"}, "moves_accrual"),
        ({"instalment_fee": InstalmentFee(flat=-1)}, "instalment_fee.flat"),
        (
            {"instalment_fee": InstalmentFee(of_instalment=Decimal(101))},
            "instalment_fee.of_instalment",
        ),
    ],
)
def test_what_contradicts_itself_is_refused_by_name(more: dict[str, Any], field: str) -> None:
    with pytest.raises(TermsContradict) as refused:
        quoted(**more)

    assert refused.value.figures["field"] == field


def test_a_fee_is_paid_with_each_instalment_and_rounded_once() -> None:
    fee = InstalmentFee(flat=2_50, of_principal=Decimal(1), of_instalment=Decimal("0.5"))

    rows = quoted(instalment_fee=fee)

    for row, bare in zip(rows, quoted(), strict=True):
        exact = 2_50 + Decimal(row.principal) / 100 + Decimal(row.principal + row.interest) / 200
        assert abs(row.fee - exact) <= Decimal("0.5")
        assert row.payment == row.principal + row.interest + row.fee
        assert row._replace(fee=0, payment=row.payment - row.fee) == bare


def test_fees_of_instalments_cost_what_a_dearer_loan_would() -> None:
    """The European Commission's example of an account fee: 200,000 at 6 per cent for twenty years,
    4,000 at first and 16.67 each month, is 6.6 per cent a year."""
    terms = ScheduleTerms(
        principal=200_000_00,
        method="annuity",
        rate=Decimal(6),
        start=dt.date(2026, 1, 15),
        instalments=240,
        instalment_fee=InstalmentFee(flat=16_67),
    )

    cost = cost_of(terms, schedule(terms), [Flow(terms.start, Decimal(-4_000_00))])

    assert round(cost.effective_rate, 4) == Decimal("6.1678")
    assert round(cost.apr_eu, 1) == Decimal("6.6")
    assert round(cost.apr_us, 1) == Decimal("6.4")


@given(
    st.sampled_from(DAY_RULES),
    st.dates(dt.date(2020, 1, 1), dt.date(2030, 12, 31)),
    st.sampled_from(["days", "weeks", "months"]),
    st.integers(1, 40),
    st.frozensets(st.dates(dt.date(2020, 1, 1), dt.date(2035, 12, 31)), max_size=60),
)
def test_whatever_the_calendar_dues_are_business_days_in_order_after_the_start(
    rule: DayRule, start: dt.date, unit: str, count: int, holidays: frozenset[dt.date]
) -> None:
    days = Calendar(holidays)
    rows = quoted(start=start, unit=unit, instalments=count, day_rule=rule, calendar=days)

    dues = [row.due for row in rows]
    assert all(days.is_business_day(due) and due > start for due in dues)
    assert dues == sorted(dues)
    assert [row.principal for row in rows] == [
        row.principal for row in quoted(start=start, unit=unit, instalments=count)
    ]
