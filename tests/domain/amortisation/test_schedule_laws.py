"""Laws of schedules: what holds for any terms, and what another library reckons."""

import datetime as dt
import random
from decimal import Decimal
from typing import Final, get_args

import msgspec
import numpy_financial
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.amortisation.cost import cost_of
from domain.amortisation.day_counts import DayCount
from domain.amortisation.due_dates import Unit
from domain.amortisation.schedule import schedule
from domain.amortisation.terms import (
    LEVEL,
    Advance,
    Method,
    RateChange,
    ScheduleTerms,
)
from domain.refusals import TermsContradict

CASES: Final = 1_000
START: Final = dt.date(2023, 1, 31)
CONVENTIONS: Final = get_args(DayCount)

rates = st.decimals(0, 60, places=2)
days_after = st.integers(0, 800)


@st.composite
def loans(draw: st.DrawFn) -> ScheduleTerms:
    """Any loan that does not contradict itself by its fields."""
    method: Method = draw(st.sampled_from(get_args(Method)))
    count = draw(st.integers(1, 40))
    few = st.integers(0, count - 1)
    unit: Unit = draw(st.sampled_from(get_args(Unit)))
    conventions = [name for name in CONVENTIONS if unit == "months" or name != "ACT/ACT-ICMA"]
    start = START + dt.timedelta(days=draw(st.integers(0, 1500)))
    on = st.builds(lambda days: start + dt.timedelta(days=days), days_after)
    changing = method not in ("flat", "graduated")
    changes = draw(st.lists(st.builds(RateChange, on, rates), max_size=3, unique_by=lambda c: c.on))
    until_repaid = method in ("fixed_payment", "fixed_principal", "percent_of_balance")
    waits = method not in ("bullet", "percent_of_balance", "fixed_payment")
    plans = method not in ("bullet", "interest_only", "percent_of_balance")
    return ScheduleTerms(
        principal=draw(st.integers(1, 10**9)),
        method=method,
        rate=draw(rates),
        rate_type=draw(st.sampled_from(("nominal", "effective"))),
        start=start,
        instalments=count,
        every=draw(st.integers(1, 3)),
        unit=unit,
        first_due=draw(
            st.none()
            | st.builds(lambda days: start + dt.timedelta(days=days + 1), st.integers(0, 90))
        ),
        interest_brought=draw(st.integers(0, 1000)),
        day_count=draw(st.sampled_from(conventions)),
        rounding=draw(st.sampled_from(("half_even", "half_up"))),
        currency_multiple_of=draw(st.sampled_from((1, 1, 5, 100))),
        instalment_multiple_of=draw(st.sampled_from((1, 1, 100, 10_000))),
        grace_principal=draw(few) if plans else 0,
        grace_interest_payment=draw(few) if waits else 0,
        interest_free=draw(few),
        rate_changes=tuple(changes) if changing or method == "step" else (),
        advances=tuple(draw(st.lists(st.builds(Advance, on, st.integers(1, 10**6)), max_size=2)))
        if changing
        else (),
        amortisation_instalments=count + draw(st.integers(1, 40)) if method == "balloon" else None,
        payment=draw(st.integers(1, 10**8)) if until_repaid else None,
        growth=draw(st.decimals(-5, 20, places=1)) if method == "graduated" else Decimal(0),
        percent=Decimal(10) if method == "percent_of_balance" else Decimal(0),
    )


@given(loans())
@settings(max_examples=300, deadline=None)
def test_what_was_lent_is_repaid_and_every_row_adds_up(terms: ScheduleTerms) -> None:
    try:
        rows = schedule(terms)
    except TermsContradict as refusal:
        if refusal.figures["field"] not in ("payment", "disbursements", "rate_changes"):
            raise
        return
    lent = terms.principal + sum(advance.amount for advance in terms.advances)

    assert sum(row.principal for row in rows) == lent
    assert rows[-1].balance == 0
    assert all(row.payment == row.principal + row.interest for row in rows)
    assert all(row.interest >= 0 for row in rows)
    assert terms.method == "graduated" or all(row.principal >= 0 for row in rows)
    assert all(row.days == (row.due - row.start).days > 0 for row in rows)
    assert [row.start for row in rows[1:]] == [row.due for row in rows[:-1]]
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    owed = lent - sum(row.principal for row in rows)
    assert owed == rows[-1].balance


@given(loans())
@settings(max_examples=150, deadline=None)
def test_the_balance_moves_by_what_is_repaid_and_disbursed(terms: ScheduleTerms) -> None:
    try:
        rows = schedule(terms)
    except TermsContradict:
        return
    balance = terms.principal
    for row in rows if terms.method != "bullet" else ():
        balance += sum(
            advance.amount
            for advance in terms.advances
            if row.start < advance.on <= row.due or advance.on == terms.start == row.start
        )
        balance -= row.principal

        assert row.balance == balance


@given(
    st.sampled_from(("annuity", "progressive", "equal_principal", "interest_only")),
    st.integers(10**5, 10**9),
    rates,
    st.integers(1, 60),
)
@settings(max_examples=100, deadline=None)
def test_without_fees_the_annual_percentage_rate_is_the_agreed_rate(
    method: Method, principal: int, rate: Decimal, count: int
) -> None:
    terms = ScheduleTerms(
        principal=principal, method=method, rate=rate, start=START, instalments=count
    )

    cost = cost_of(terms, schedule(terms))

    # Each payment may be half a cent off.
    tolerance = Decimal(count * 12 + 12) / Decimal(principal) * 100
    assert abs(cost.apr_eu - cost.effective_rate) < tolerance
    assert abs(cost.apr_us - rate) < tolerance


@given(loans().filter(lambda terms: terms.method in LEVEL and not terms.instalment_multiple_of > 1))
@settings(max_examples=100, deadline=None)
def test_level_instalments_are_level_until_something_changes(terms: ScheduleTerms) -> None:
    quiet = msgspec.structs.replace(
        terms,
        rate_changes=(),
        advances=(),
        grace_interest_payment=0,
        method="annuity" if terms.method == "step" else terms.method,
    )
    rows = schedule(quiet)

    level = {row.payment for row in rows[terms.grace_principal : -1]}

    assert len(level) <= 1


def test_thousands_of_annuities_are_those_of_another_library() -> None:
    chance = random.Random(4)
    largest = 0.0
    for _ in range(CASES):
        principal, count = chance.randrange(10**4, 10**9), chance.randrange(1, 480)
        rate = Decimal(chance.randrange(0, 4000)) / 100
        terms = ScheduleTerms(
            principal=principal,
            method="annuity",
            rate=rate,
            start=START,
            instalments=count,
            balances_rounded=False,
        )

        row = schedule(terms)[chance.randrange(count)]

        i = float(rate) / 1200
        expected = -numpy_financial.pmt(i, count, principal)
        interest = -numpy_financial.ipmt(i, row.number, count, principal) if i else 0
        largest = max(largest, abs(row.payment - expected), abs(row.interest - interest))

    assert largest <= 0.5 + 1e-4  # we round to a cent, it does not


@pytest.mark.parametrize("brought", [0, 500])
def test_a_loan_goes_on_from_a_balance_as_its_schedule_said(brought: int) -> None:
    whole = ScheduleTerms(
        principal=10_000_00,
        method="annuity",
        rate=Decimal(6),
        start=dt.date(2024, 1, 31),
        instalments=24,
    )
    rows = schedule(whole)

    rest = schedule(
        ScheduleTerms(
            principal=rows[0].balance,
            method="annuity",
            rate=Decimal(6),
            start=rows[0].due,
            instalments=23,
            day_of_month=31,
            first_number=2,
            interest_brought=brought,
        )
    )

    assert [row.due for row in rest] == [row.due for row in rows[1:]]
    assert [row.number for row in rest] == [row.number for row in rows[1:]]
    if not brought:
        assert rest == rows[1:]
    assert sum(row.interest for row in rest) >= sum(row.interest for row in rows[1:]) + brought
