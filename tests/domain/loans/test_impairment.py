"""What is set aside for the loss of a loan: by how late it is, and what becomes of it."""

import datetime as dt
from decimal import Decimal

import pytest

from domain.loans.lateness import stage_of
from domain.loans.loan_facts import AllowanceChanged
from domain.loans.loan_refusals import LossRatesTooLate
from domain.loans.loss_rates import NO_LOSS_RATES, LossRates, rates_on, restore, set_loss_rates
from domain.loans.products import PRODUCTS
from domain.loans.restating import Nights, undo
from domain.refusals import RateOutOfRange, TooManyRates
from tests.laws.loan_stories import BEGAN, DAY, Act, Book, done, late, played, undone

RATES = LossRates(first_day=BEGAN)


def lent() -> Book:
    book = Book(PRODUCTS["instalment"], 12_000_00, 4, (RATES,))
    assert done(book, Act(0, "disburse", 0), BEGAN)
    return book


def nights(book: Book, days: int) -> None:
    played(book, [], days, each=lambda: None)


def allowance(book: Book) -> int:
    assert book.sums[1390] == -book.current.figures.valuation.allowance
    return book.current.figures.valuation.allowance


@pytest.mark.parametrize(
    ("days_late", "rate"),
    [(0, 1), (1, 5), (29, 5), (30, 20), (59, 20), (60, 50), (89, 50), (90, 100)],
)
def test_the_allowance_is_the_rate_of_the_bucket_on_what_may_be_lost(
    days_late: int, rate: int
) -> None:
    book = lent()
    due = book.current.terms.rows[0].due
    nights(book, (due - BEGAN).days + days_late)
    sums = book.sums

    gross = sums[1310] + sums.get(1330, 0) + sums.get(1340, 0)
    gross += sums.get(1320, 0) if days_late else 0

    assert Decimal(allowance(book)) == (Decimal(gross * rate) / 100).to_integral_value()
    assert book.sums[5310] == allowance(book)


def test_a_loan_in_time_has_one_change_of_its_allowance_for_each_instalment() -> None:
    book = lent()
    played(
        book,
        [Act(28, "repay", 3_151_49)],
        40,
        each=lambda: None,
    )

    facts = [told.event.fact for told in book.log]

    changes = [fact.change for fact in facts if isinstance(fact, AllowanceChanged)]
    assert changes == [120_00, 90_89 - 120_00]


def test_a_loan_that_ends_gives_its_allowance_back() -> None:
    book = lent()
    nights(book, 3)
    assert allowance(book) == 120_00

    assert done(book, Act(3, "repay", 13_000_00), BEGAN + 3 * DAY)
    assert done(book, Act(3, "refund"), BEGAN + 3 * DAY)

    assert book.current.terms.status == "closed"
    assert (book.sums[1390], book.sums[5310]) == (0, 0)


def test_a_write_off_is_borne_by_the_allowance_and_the_shortfall_is_a_loss() -> None:
    book = lent()
    due = book.current.terms.rows[0].due
    days = (due - BEGAN).days + 60
    nights(book, days)
    set_aside = allowance(book)
    gross = sum(book.sums.get(account, 0) for account in (1310, 1320, 1330, 1340))

    assert done(book, Act(days, "write off"), BEGAN + days * DAY)
    assert done(book, Act(days, "write off"), BEGAN + days * DAY)

    assert (book.sums[1390], book.sums[5310]) == (0, set_aside)
    assert book.sums[5320] == gross - set_aside
    assert book.sums[9010] == gross


def test_a_write_off_of_less_than_was_set_aside_gives_the_rest_back() -> None:
    book = lent()
    due = book.current.terms.rows[0].due
    days = (due - BEGAN).days + 95
    nights(book, days)
    set_aside = allowance(book)
    assert done(book, Act(days, "repay", 2_000_00), BEGAN + days * DAY)
    gross = sum(book.sums.get(account, 0) for account in (1310, 1320, 1330, 1340))
    assert gross < set_aside

    assert done(book, Act(days, "write off"), BEGAN + days * DAY)
    assert done(book, Act(days, "write off"), BEGAN + days * DAY)

    assert book.sums[1390] == book.sums.get(5320, 0) == 0
    assert book.sums[5310] == gross


def test_a_charge_off_costs_the_principal_once_whatever_was_set_aside_before() -> None:
    book = lent()
    nights(book, 100)
    assert allowance(book)
    principal = book.sums[1310]

    assert done(book, Act(100, "charge off"), BEGAN + 100 * DAY)

    assert (book.sums[1390], book.sums[5310]) == (0, principal)
    assert done(book, Act(101, "repay", 1_000_00), BEGAN + 101 * DAY)
    assert (book.sums[4310], book.sums[5310]) == (-1_000_00, principal)
    charged_off = next(t for t in book.log if t.event.fact.TAG == "loan.charged-off.1")
    assert not any(t.event.fact.TAG == "loan.closed.1" for t in book.log)

    recovered = next(t for t in book.log if t.event.fact.TAG == "loan.recovered.1")
    undone(book, recovered.event.transaction_id, 100)
    undone(book, charged_off.event.transaction_id, 105)

    assert allowance(book) > 0
    assert book.sums.get(4310) == 0


def test_a_repayment_told_late_changes_what_was_set_aside_since() -> None:
    book = lent()
    due = book.current.terms.rows[0].due
    first = (due - BEGAN).days
    nights(book, first + 20)
    assert allowance(book) > 600_00

    late(book, Act(first, "repay", 3_151_49), first + 20)

    assert allowance(book) == 90_89
    for day in range(first, first + 21):
        loan = book.life(as_of=BEGAN + day * DAY)[-1].loan
        assert loan.figures.valuation.allowance == 90_89


def test_a_day_that_was_ended_keeps_its_rates() -> None:
    ended = dt.date(2026, 3, 31)
    (fact,) = set_loss_rates(NO_LOSS_RATES, RATES, None)
    plan = restore(0, fact, 1)
    other = LossRates(first_day=ended, current=Decimal(2))

    with pytest.raises(LossRatesTooLate):
        set_loss_rates(plan, other, ended)
    assert set_loss_rates(plan, RATES, ended) == []
    later = LossRates(first_day=ended + DAY, current=Decimal(2))
    (fact,) = set_loss_rates(plan, later, ended)
    assert fact.changes == (RATES, later)
    assert rates_on(fact.changes, ended) == RATES
    assert rates_on(fact.changes, ended + DAY) == later
    assert rates_on(fact.changes, BEGAN - DAY) is None


@pytest.mark.parametrize("rate", ["-1", "100.1", "0.1234567", "NaN", "Infinity"])
def test_a_loss_rate_is_a_share(rate: str) -> None:
    with pytest.raises(RateOutOfRange):
        set_loss_rates(NO_LOSS_RATES, LossRates(first_day=BEGAN, days_30=Decimal(rate)), None)


def test_loss_rates_are_changed_so_often_and_no_more() -> None:
    plan = NO_LOSS_RATES
    for n in range(500):
        (fact,) = set_loss_rates(plan, LossRates(first_day=BEGAN + n * DAY), None)
        plan = restore(0, fact, plan.version + 1)

    with pytest.raises(TooManyRates):
        set_loss_rates(plan, LossRates(first_day=BEGAN + 500 * DAY), None)


def test_stages_begin_with_the_buckets_of_30_and_90_days() -> None:
    assert [stage_of(days) for days in (0, 29, 30, 89, 90)] == [1, 1, 2, 2, 3]


def test_a_charge_off_that_is_undone_leaves_the_loan_as_if_it_had_never_been() -> None:
    without, with_it = lent(), lent()
    nights(without, 70)
    played(with_it, [Act(40, "charge off")], 70, each=lambda: None)
    assert with_it.sums[9010] > 0
    charged_off = next(t for t in with_it.log if t.event.fact.TAG == "loan.charged-off.1")
    assert with_it.sums[4110] > without.sums[4110]

    undone(with_it, charged_off.event.transaction_id, 70)

    assert with_it.current.figures == without.current.figures
    assert {a: n for a, n in with_it.sums.items() if n} == {
        a: n for a, n in without.sums.items() if n
    }


def test_a_bank_that_ends_no_days_earns_what_is_missing_in_one_sum_once_it_does() -> None:
    without, with_it = lent(), lent()
    nights(without, 50)
    played(with_it, [Act(35, "charge off")], 50, each=lambda: None)
    charged_off = next(t for t in with_it.log if t.event.fact.TAG == "loan.charged-off.1")
    restated = undo(with_it.life(), charged_off.event.transaction_id, Nights(None, (RATES,)))
    with_it.restate(restated)
    missing = with_it.sums[4110] - without.sums[4110]
    assert missing > 0

    before = len(with_it.log)
    assert with_it.night(BEGAN + 50 * DAY)

    accrued = [t for t in with_it.log[before:] if t.event.fact.TAG == "loan.interest-accrued.1"]
    assert len(accrued) == 1
    assert with_it.sums[4110] == without.sums[4110]
