"""Fees and costs of making a loan over its life: by published figures, other programs, and its own books."""

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import numpy_financial
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.loans.deferral import (
    Stretch,
    daily_margin,
    deferred_on,
    effective_rate,
    left,
    stretches,
)
from domain.loans.loan_refusals import CostAboveLoan
from domain.loans.loan_terms import Row
from domain.loans.origination import pay_cost
from domain.loans.products import PRODUCTS, Product
from tests.laws.loan_stories import BEGAN, DAY, Act, Book, done, played

START = dt.date(2026, 1, 1)
YEAR = dt.timedelta(days=365)


def lent(amount: int = 12_000_00, count: int = 12, **more: Any) -> Book:
    """A loan of 12 months at 24 per cent with a fee of 1 per cent over its life."""
    parameters: dict[str, Any] = {
        "disbursal_fee": Decimal(1),
        "fee_income": "over_life",
        "late_fee": 0,
        **more,
    }
    product: Product = msgspec.structs.replace(PRODUCTS["instalment"], **parameters)
    book = Book(product, amount, count)
    assert done(book, Act(0, "disburse", 0), BEGAN)
    return book


def nights(book: Book, days: int) -> None:
    played(book, [], days, each=lambda: None)


def test_what_a_thousand_paid_for_1250_at_4_7_per_cent_is_worth_is_as_published() -> None:
    rows = [
        Row(
            n + 1,
            START + n * YEAR,
            START + (n + 1) * YEAR,
            START + (n + 1) * YEAR,
            0 if n < 4 else 1_250_00,
            59_00,
        )
        for n in range(5)
    ]

    ahead = stretches(rows, START)
    worth = [1_250_00 - rest for rest in left(ahead, 250_00)]

    assert [round(Fraction(each, 100)) for each in worth] == [1041, 1086, 1136, 1190, 1250]
    annual = Decimal("4.72") + daily_margin(ahead, 250_00) * 365 * 100
    assert round(annual, 1) == Decimal("10.0")


@pytest.mark.parametrize(
    ("fee", "cost"), [(150_00, 0), (0, 120_00), (150_00, 120_00), (90_00, 300_00)]
)
@pytest.mark.parametrize("method", ["annuity", "equal_principal", "interest_only"])
def test_where_periods_are_equal_it_is_the_effective_interest_method(
    method: str, fee: int, cost: int
) -> None:
    principal, count = 10_000_00, 24
    book = lent(
        principal,
        count,
        method=method,
        every=30,
        unit="days",
        day_count="ACT/365F",
        disbursal_fee=Decimal(fee) / 100_00,
    )
    if cost:
        assert done(book, Act(0, "cost", cost), BEGAN)
    rows = book.current.terms.rows
    flows = [-(principal - fee + cost), *(row.principal + row.interest for row in rows)]
    internal = numpy_financial.irr(flows)
    worth, balance = float(principal - fee + cost), principal
    for row in rows:
        worth = worth * (1 + internal) - row.principal - row.interest
        balance -= row.principal
        fees, costs = deferred_on(book.current.terms, row.end)
        # The interest of each line is whole cents, so its rate is not quite the same each time.
        assert balance - fees + costs == pytest.approx(worth, abs=3)
    assert deferred_on(book.current.terms, rows[-1].end) == (0, 0)
    effective = effective_rate(book.current.terms)
    assert effective is not None
    assert float(effective) == pytest.approx(internal * 365 / 30 * 100, abs=0.001)


STRETCHES = st.lists(
    st.tuples(st.integers(1, 400), st.integers(0, 10**9), st.integers(0, 10**7)),
    min_size=1,
    max_size=60,
)


@settings(deadline=None, max_examples=60)
@given(STRETCHES, st.integers(1, 10**9), st.integers(-(10**9), 10**9))
def test_the_margin_repays_by_the_schedule_what_the_loan_is_worth(
    drawn: list[tuple[int, int, int]], last: int, deferred: int
) -> None:
    day = START
    ahead = []
    for days, principal, interest in drawn:
        day += dt.timedelta(days)
        ahead.append(Stretch(day, days, principal, interest))
    ahead[-1] = ahead[-1]._replace(principal=ahead[-1].principal + last)
    balance = sum(stretch.principal for stretch in ahead)
    # A loan of which fees are all but a tenth is beyond any product; worth a cent, it is beyond 50 digits.
    deferred = min(deferred, balance * 9 // 10)

    margin = Fraction(daily_margin(ahead, deferred))
    rest = left(ahead, deferred)

    worth = Fraction(balance - deferred)
    for stretch, after in zip(ahead, rest, strict=True):
        worth *= 1 + Fraction(stretch.interest, balance) + margin * stretch.days
        worth -= stretch.principal + stretch.interest
        balance -= stretch.principal
        assert abs(balance - after - worth) <= Fraction(1, 2) + Fraction(1, 10**6)
        # What is deferred is of one sign to the end.
        assert after * deferred >= 0
    assert rest[-1] == balance == 0


def test_a_loan_without_fees_and_costs_has_nothing_deferred() -> None:
    assert lent(disbursal_fee=Decimal(0)).current.terms.deferrals == ()
    at_once = lent(fee_income="at_once")
    assert (at_once.sums[4220], at_once.sums.get(2610, 0)) == (-120_00, 0)
    assert effective_rate(at_once.current.terms) is None


def test_fee_and_cost_are_interest_by_the_last_due_date() -> None:
    book = lent()
    assert done(book, Act(0, "cost", 50_00), BEGAN)
    assert (book.sums[2610], book.sums[1410], book.sums[2310]) == (-120_00, 50_00, -11_930_00)
    rows = book.current.terms.rows
    payments = [Act((row.due - BEGAN).days, "repay", row.principal + row.interest) for row in rows]
    played(book, payments, payments[-1].day, each=lambda: None)

    assert book.current.terms.status == "closed"
    assert book.sums[2610] == book.sums[1410] == 0
    assert -book.sums[4110] == sum(row.interest for row in rows) + 120_00 - 50_00


def test_what_is_deferred_falls_each_night_and_is_posted_with_the_interest_of_the_day() -> None:
    book = lent()
    deferred = []
    for day in range(40):
        assert book.night(BEGAN + day * DAY)
        deferred.append(-book.sums[2610])

    assert deferred == sorted(deferred, reverse=True)
    assert deferred[0] == 120_00
    assert deferred[-1] < 105_00
    accrued = [told for told in book.log if told.event.fact.TAG == "loan.interest-accrued.1"]
    assert {p.ledger_account for told in accrued for p in told.entry} == {1320, 2610, 4110}
    assert len(accrued) == 39


@pytest.mark.parametrize("end", ["repay", "charge off", "write off"])
def test_what_is_deferred_still_is_earned_when_the_loan_ends_early(end: str) -> None:
    book = lent()
    assert done(book, Act(0, "cost", 50_00), BEGAN)
    nights(book, 45)
    assert book.sums[2610] < -60_00
    owed = book.current.figures.owed
    if end == "write off":
        assert done(book, Act(45, end), BEGAN + 45 * DAY)
    assert done(book, Act(45, end, owed), BEGAN + 45 * DAY)

    assert book.sums[2610] == book.sums[1410] == 0
    assert not any(book.balances()[:-2]), "nothing of it stays on the balance sheet"


def test_half_of_the_principal_repaid_early_takes_half_of_what_is_deferred_with_it() -> None:
    book = lent()
    nights(book, 28)
    due = book.current.terms.rows[0]
    on = BEGAN + 28 * DAY
    assert done(book, Act(28, "repay", due.principal + due.interest), on)
    before, principal = -book.sums[2610], book.sums[1310]

    assert done(book, Act(28, "repay", principal // 2, "lower_instalment"), on)

    assert -book.sums[2610] == before - before // 2
    assert deferred_on(book.current.terms, on) == (before - before // 2, 0)


def test_a_tranche_brings_its_fee_and_all_is_spread_anew() -> None:
    book = lent(tranches_max=2, disbursal_fee=Decimal(2))
    assert not done(book, Act(0, "disburse", 1), BEGAN)
    product = msgspec.structs.replace(book.current.terms.product)
    book = Book(product, 12_000_00, 12)
    assert done(book, Act(0, "disburse", 5_000_00), BEGAN)
    nights(book, 40)
    before = -book.sums[2610]
    assert 0 < before < 100_00

    assert done(book, Act(40, "disburse", 7_000_00), BEGAN + 40 * DAY)

    assert -book.sums[2610] == before + 140_00
    first = book.current.terms.deferrals[0]
    assert (first.on, first.fees) == (BEGAN + 40 * DAY, before + 140_00)


def test_while_interest_is_not_recognised_neither_is_what_is_deferred() -> None:
    book = lent(non_accrual_days=30)
    due = book.current.terms.rows[0].due
    late = (due - BEGAN).days + 30
    nights(book, late)
    assert book.current.figures.non_accrual
    stopped = book.sums[2610]
    for day in range(late + 1, late + 20):
        assert book.night(BEGAN + day * DAY)
    assert book.sums[2610] == stopped

    on = BEGAN + (late + 20) * DAY
    owed = sum(row.principal + row.interest for row in book.current.terms.rows if row.due <= on)
    assert done(book, Act(late + 20, "repay", owed), on)
    assert book.night(on)

    assert not book.current.figures.non_accrual
    assert -book.sums[2610] == deferred_on(book.current.terms, on)[0] < -stopped


def test_a_cost_above_what_was_lent_is_refused() -> None:
    book = lent()
    pay_cost(book.current, 12_000_00, BEGAN)

    with pytest.raises(CostAboveLoan):
        pay_cost(book.current, 12_000_01, BEGAN)
