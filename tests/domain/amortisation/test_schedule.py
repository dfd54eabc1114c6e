"""Schedules: published tables and worked examples, row by row."""

import datetime as dt
from decimal import Decimal
from typing import Any, Final

import pytest

from domain.amortisation.schedule import schedule
from domain.amortisation.terms import Advance, Instalment, RateChange, ScheduleTerms
from domain.refusals import TermsContradict

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


def test_two_methods_and_a_change_begin_anew_at_a_due_date() -> None:
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
