"""Schedules: published tables and worked examples, row by row."""

import datetime as dt
from decimal import Decimal
from typing import Any, Final

import pytest

from domain.amortisation.schedule import schedule
from domain.amortisation.terms import Advance, Instalment, RateChange, ScheduleTerms
from domain.refusals import AmountTooLarge, TermsContradict

NEW_YEAR: Final = dt.date(2024, 1, 1)


def rows_of(**more: Any) -> tuple[Instalment, ...]:
    """12,000.00 at 24 % a year, in four months from the end of January, unless said otherwise."""
    terms: dict[str, Any] = {
        "principal": 12_000_00,
        "method": "annuity",
        "rate": Decimal(24),
        "instalments": 4,
        "start": dt.date(2024, 1, 31),
    }
    return schedule(ScheduleTerms(**terms | more))


def payments(**more: Any) -> list[int]:
    return [row.payment for row in rows_of(**more)]


def test_an_annuity_repays_the_loan_with_equal_payments() -> None:
    rows = rows_of()

    assert [(row.principal, row.interest, row.payment, row.balance) for row in rows] == [
        (2911_49, 240_00, 3151_49, 9088_51),
        (2969_72, 181_77, 3151_49, 6118_79),
        (3029_11, 122_38, 3151_49, 3089_68),
        (3089_68, 61_79, 3151_47, 0),
    ]


def test_a_clipped_month_end_returns() -> None:
    dues = [row.due for row in rows_of()]

    assert [(due.month, due.day) for due in dues] == [(2, 29), (3, 31), (4, 30), (5, 31)]
    assert [row.days for row in rows_of()] == [29, 31, 30, 31]


def test_a_rate_of_a_period_and_a_nominal_one_of_a_year_say_the_same() -> None:
    assert rows_of(rate=Decimal(2), rate_type="periodic") == rows_of()


def test_a_change_of_rate_solves_the_instalment_again() -> None:
    halved = rows_of(method="step", rate_changes=(RateChange(dt.date(2024, 3, 31), Decimal(12)),))

    assert halved[:2] == rows_of()[:2]
    assert [row.payment for row in halved[2:]] == [3105_36, 3105_37]
    assert [row.interest for row in halved[2:]] == [61_19, 30_75]


def test_a_disbursement_on_a_due_date_belongs_to_the_period_that_ends() -> None:
    rows = rows_of(method="progressive", advances=(Advance(dt.date(2024, 2, 29), 1000_00),))

    assert (rows[0].payment, rows[0].balance) == (3151_49, 10_088_51)
    assert sum(row.principal for row in rows) == 13_000_00
    assert rows[1].interest == 201_77


def test_terms_that_contradict_one_another_are_refused_by_name() -> None:
    with pytest.raises(TermsContradict, match="instalments is needed for annuity"):
        rows_of(instalments=None)
    with pytest.raises(TermsContradict, match="payment leaves instalment 1 less than its interest"):
        rows_of(method="fixed_payment", instalments=None, payment=200_00)


def test_flat_interest_is_on_the_first_principal_all_the_time() -> None:
    rows = rows_of(method="flat", principal=1000_00, instalments=3, rate=Decimal(12))

    assert [(row.principal, row.interest) for row in rows] == [
        (333_33, 10_00),
        (333_33, 10_00),
        (333_34, 10_00),
    ]


def test_flat_interest_is_rounded_once_and_the_last_row_takes_the_rest() -> None:
    rows = rows_of(method="flat", principal=100_00, instalments=3, rate=Decimal("4.04"))

    assert [row.interest for row in rows] == [34, 34, 33]


def test_a_bullet_pays_interest_on_its_interest_at_the_end() -> None:
    (row,) = rows_of(method="bullet", every=12, instalments=3, rate=Decimal(10), principal=1000_00)

    assert (row.principal, row.interest, row.payment, row.balance) == (1000_00, 331_00, 1331_00, 0)
    assert (row.start, row.due) == (dt.date(2024, 1, 31), dt.date(2027, 1, 31))


def test_a_balloon_leaves_the_rest_to_the_last_instalment() -> None:
    whole = rows_of(instalments=10)
    short = rows_of(method="balloon", amortisation_instalments=10)

    assert short[:3] == whole[:3]
    assert short[3].principal == whole[2].balance


def test_interest_only_repays_all_at_the_end() -> None:
    assert payments(method="interest_only") == [240_00, 240_00, 240_00, 12_240_00]


def test_equal_principal_pays_interest_on_what_is_left() -> None:
    assert payments(method="equal_principal") == [3240_00, 3180_00, 3120_00, 3060_00]


def test_a_fixed_payment_is_paid_until_the_loan_is_repaid() -> None:
    until = payments(method="fixed_payment", instalments=None, payment=3500_00)
    at_most = payments(method="fixed_payment", instalments=3, payment=3500_00)

    assert until == [3500_00, 3500_00, 3500_00, 2063_56]
    assert at_most == [3500_00, 3500_00, 3500_00 + 2023_10]


def test_a_fixed_principal_is_repaid_with_interest_on_top() -> None:
    assert payments(method="fixed_principal", instalments=None, payment=5000_00) == [
        5240_00,
        5140_00,
        2040_00,
    ]


def test_a_card_is_paid_by_percent_and_at_least_so_much() -> None:
    paid = payments(
        method="percent_of_balance", instalments=None, percent=Decimal(50), payment=2000_00
    )

    assert paid == [6120_00, 3121_20, 2000_00, 1207_29]


def test_graduated_instalments_grow_each_year() -> None:
    paid = payments(method="graduated", growth=Decimal(5), every=6, instalments=6)

    assert paid[0] == paid[1]
    assert [round(Decimal(later) / paid[0], 4) for later in paid[2:5:2]] == [
        Decimal("1.05"),
        Decimal("1.1025"),
    ]


@pytest.mark.parametrize(
    ("grace", "expected"),
    [
        ({"grace_principal": 1}, [240_00, 4161_06, 4161_06, 4161_05]),
        ({"grace_interest_payment": 2}, [2911_49, 2969_72, 3573_26, 3151_47]),
        ({"grace_principal": 1, "grace_interest_payment": 1}, [0, 4401_06, 4161_06, 4161_05]),
        ({"interest_free": 1}, [3089_69, 3089_69, 3089_69, 3089_70]),
    ],
)
def test_each_grace_does_what_its_name_says(grace: dict[str, int], expected: list[int]) -> None:
    assert payments(**grace) == expected


def test_a_zero_rate_shares_the_principal_out() -> None:
    assert payments(rate=Decimal(0), principal=100_00, instalments=3) == [33_33, 33_33, 33_34]


def test_odd_days_before_the_first_period_are_over_365() -> None:
    rows = rows_of(start=dt.date(2024, 1, 20), first_due=dt.date(2024, 3, 1), rate=Decimal(12))

    assert rows[0].interest == round(12_000_00 * (Decimal("0.01") + Decimal("0.12") * 12 / 365))
    assert len({row.payment for row in rows[:-1]}) == 1


def test_a_level_instalment_is_rounded_to_its_multiple_and_the_last_takes_the_rest() -> None:
    assert payments(instalment_multiple_of=100_00) == [3200_00, 3200_00, 3200_00, 3000_04]


def test_every_amount_is_rounded_to_the_multiple_of_the_currency() -> None:
    paid = payments(currency_multiple_of=5)

    assert all(payment % 5 == 0 for payment in paid)


def test_unrounded_balances_end_level() -> None:
    rows = rows_of(balances_rounded=False)

    assert [row.payment for row in rows] == [3151_49] * 4
    assert [row.balance for row in rows] == [9088_51, 6118_80, 3089_69, 0]


def test_a_progressive_loan_spreads_what_a_disbursement_within_a_period_leaves_over() -> None:
    # 100 at 9.4822 % by 30/360 in six months.
    loan = {
        "method": "progressive",
        "principal": 100_00,
        "rate": Decimal("9.4822"),
        "instalments": 6,
        "start": NEW_YEAR,
        "day_count": "30/360",
    }

    assert payments(**loan) == [17_13] * 6
    rows = rows_of(**loan, advances=(Advance(dt.date(2024, 1, 8), 100_00),))
    assert [row.payment for row in rows] == [34_23] * 6
    assert rows[0].interest == 1_40


def test_more_than_can_be_posted_is_refused() -> None:
    with pytest.raises(AmountTooLarge):
        rows_of(method="bullet", rate=Decimal(9999), instalments=600)
