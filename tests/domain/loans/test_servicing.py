"""What may be done with a loan that was paid out, told as history, act and outcome."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from domain.amortisation.instalment_fees import InstalmentFee
from domain.loans import forbearance, losses, repaying
from domain.loans.allocation import Due, allocate
from domain.loans.arrears import end_of_day
from domain.loans.lateness import bucket_of, days_past_due
from domain.loans.loan_facts import ChargedOff, Repaid
from domain.loans.loan_refusals import LoanChangedSince
from domain.loans.loan_terms import Parts
from domain.loans.products import ORDERS, PRODUCTS, Product
from domain.refusals import Refused
from ledger.chart_of_accounts import COMMITMENTS
from ledger.loan_posting_rules import entry_for_loan
from tests.laws.loan_stories import BEGAN, DAY, Act, Book, done, played, undone

JAN, FEB, MAR = dt.date(2026, 1, 31), dt.date(2026, 2, 28), dt.date(2026, 3, 31)


def lent(product: str = "instalment", amount: int = 12_000_00, count: int = 4, **more: Any) -> Book:
    changed: Product = msgspec.structs.replace(PRODUCTS[product], **more)
    book = Book(changed, amount, count)
    assert done(book, Act(0, "disburse", 0), BEGAN)
    return book


def nights(book: Book, days: int) -> None:
    played(book, [], days, each=lambda: None)


def test_the_two_axes_lay_the_same_money_on_other_debts() -> None:
    due = [
        Due(JAN, "interest", 100),
        Due(JAN, "principal", 500),
        Due(FEB, "fee", 30),
        Due(FEB, "interest", 90),
    ]
    order = ORDERS["penalty-fee-interest-principal"]

    assert allocate(650, due, order, "instalment_first") == (Parts(500, 120, 30, 0), 0)
    assert allocate(650, due, order, "component_first") == (Parts(430, 190, 30, 0), 0)
    assert allocate(730, due, order, "component_first") == (Parts(500, 190, 30, 0), 10)


@pytest.mark.parametrize(
    ("days", "bucket"),
    [(0, "current"), (1, "1-29"), (29, "1-29"), (30, "30-59"), (60, "60-89"), (90, "90+")],
)
def test_buckets_begin_on_their_first_day(days: int, bucket: str) -> None:
    assert bucket_of(days) == bucket


def test_an_instalment_is_not_late_on_its_day_and_is_by_one_on_the_next() -> None:
    book = lent()
    due = book.current.terms.rows[0].due
    nights(book, (due - BEGAN).days + 1)
    terms, figures = book.current.terms, book.current.figures

    assert figures.past_due_since == due
    assert days_past_due(terms, due, due) == 0
    assert days_past_due(terms, due, due + DAY) == 1


def test_days_of_a_pause_do_not_count() -> None:
    book = lent()
    assert done(book, Act(0, "pause", 59), BEGAN)
    due = book.current.terms.rows[0].due
    nights(book, 70)

    # From 28 February, paused up to 31 March; today is 11 April.
    assert days_past_due(book.current.terms, due, BEGAN + 70 * DAY) == 10
    # One for each of the two instalments: the days of grace have passed since the pause.
    assert book.current.figures.penalties == 20_00


def test_no_day_is_paused_twice() -> None:
    book = lent()
    assert done(book, Act(0, "pause", 28), BEGAN)

    assert not done(book, Act(28, "pause", 0), BEGAN + 28 * DAY)
    assert done(book, Act(29, "pause", 0), BEGAN + 29 * DAY)


def test_what_is_paid_in_advance_is_held_and_pays_the_next_instalment() -> None:
    book = lent()
    assert done(book, Act(10, "repay", 3_200_00, "hold"), BEGAN + 10 * DAY)
    assert (book.current.figures.principal, book.current.figures.overpaid) == (12_000_00, 3_200_00)

    nights(book, 28)

    assert book.current.figures.principal == 9_088_51
    assert book.current.figures.overpaid == 48_51
    assert book.current.figures.past_due_since is None


def test_an_early_repayment_bears_its_fee_and_no_more_than_the_cap() -> None:
    book = lent("personal", count=36)
    assert done(book, Act(0, "repay", 5_050_00, "lower_instalment"), BEGAN)

    fact = book.log[-1].event.fact
    assert isinstance(fact, Repaid)
    assert fact.parts == Parts(principal=5_000_00, fees=50_00)
    assert book.current.figures.principal == 7_000_00


def test_a_payoff_is_what_ends_the_loan_to_the_cent() -> None:
    book = lent("personal", count=36)
    nights(book, 45)
    on = BEGAN + 45 * DAY
    quote = repaying.payoff(book.current, on)
    assert quote.early_fee == (12_000_00 - book.current.terms.rows[0].principal) // 100

    assert done(book, Act(45, "repay", quote.total - 1), on)
    assert book.current.terms.status == "active"
    late = lent("personal", count=36)
    nights(late, 45)
    assert done(late, Act(45, "repay", quote.total), on)

    assert late.current.terms.status == "closed"
    assert not any(late.balances())


def test_a_loan_in_tranches_spreads_each_over_what_is_left_of_the_term() -> None:
    book = Book(PRODUCTS["mortgage"], 100_000_00, 120)
    assert done(book, Act(0, "disburse", 40_000_00), BEGAN)
    nights(book, 45)
    assert book.balances()[-1] == 60_000_00  # committed still
    assert done(book, Act(45, "disburse", 0), BEGAN + 45 * DAY)

    assert book.current.terms.rows[-1].number == 120
    assert sum(row.principal for row in book.current.terms.rows) == 100_000_00
    assert book.balances()[-1] == 0


def test_the_first_tranche_is_not_undone_while_a_later_one_stands() -> None:
    book = Book(PRODUCTS["mortgage"], 100_000_00, 120)
    assert done(book, Act(0, "disburse", 40_000_00), BEGAN)
    first = book.log[-1].event.transaction_id
    nights(book, 45)
    assert done(book, Act(45, "disburse", 0), BEGAN + 45 * DAY)
    second = book.log[-1].event.transaction_id

    with pytest.raises(LoanChangedSince, match="by disbursed, on 2025-03-17"):
        undone(book, first, 45)
    undone(book, second, 45)
    undone(book, first, 45)

    assert book.sums[1310] == 0
    assert book.current.terms.status == "accepted"


def test_very_late_interest_is_taken_back_and_recognised_again_when_all_is_paid() -> None:
    book = lent(non_accrual_days=30, late_fee=0)
    nights(book, 60)
    figures = book.current.figures
    assert figures.non_accrual
    assert (figures.interest, -book.sums[4110]) == (0, 0)
    assert figures.suspended > 400_00

    due = 2 * 3_151_49
    assert done(book, Act(61, "repay", due, "hold"), BEGAN + 61 * DAY)
    book.do(lambda loan: end_of_day(loan, BEGAN + 61 * DAY), BEGAN + 61 * DAY)

    assert not book.current.figures.non_accrual
    assert -book.sums[4110] == 240_00 + 181_77 + book.current.figures.interest


def test_a_charge_off_takes_principal_as_a_loss_and_income_back() -> None:
    """Of 1,000 principal, 30 interest, and 113 fees and penalties."""
    book = lent(amount=1_000_00, count=1)
    fact = ChargedOff(
        terms=book.current.terms,
        figures=book.current.figures,
        parts=Parts(1_000_00, 30_00, 100_00, 13_00),
    )

    entry = entry_for_loan(fact, "loan-1", "EUR")

    debits = {p.ledger_account: p.amount for p in entry if p.side == "D"}
    credits = {p.ledger_account: p.amount for p in entry if p.side == "C"}
    assert debits == {5310: 1_000_00, 4110: 30_00, 4220: 100_00, 4230: 13_00, 9010: 1_143_00}
    assert credits == {1310: 1_000_00, 1320: 30_00, 1330: 100_00, 1340: 13_00, 9019: 1_143_00}


def test_a_loan_charged_off_lives_and_its_payments_are_recoveries() -> None:
    book = lent()
    nights(book, 40)
    owed = book.current.figures.owed
    assert done(book, Act(40, "charge off"), BEGAN + 40 * DAY)
    assert book.current.figures.off_balance == owed
    nights(book, 50)
    assert book.current.figures.off_balance == owed, "no interest any more"

    assert done(book, Act(50, "repay", owed), BEGAN + 50 * DAY)

    assert book.current.terms.status == "closed"
    assert -book.sums[4310] == owed
    assert not any(book.balances())


def test_a_lost_loan_that_is_recovered_whole_ends_the_commitment_to_lend_the_rest() -> None:
    book = Book(PRODUCTS["mortgage"], 100_000_00, 120)
    assert done(book, Act(0, "disburse", 60_000_00), BEGAN)
    nights(book, 40)
    on = BEGAN + 40 * DAY
    assert book.do(lambda loan: losses.charge_off(loan, on), on)
    assert book.sums[COMMITMENTS] == 40_000_00

    lost = book.current.figures.off_balance
    assert book.do(lambda loan: losses.recover(loan, lost, on), on)

    assert book.current.terms.status == "closed"
    assert book.balances() == book.expected()
    assert book.sums[COMMITMENTS] == 0


@pytest.mark.parametrize("charged_off", [False, True])
def test_a_loan_written_off_ends_the_commitment_to_lend_the_rest(charged_off: bool) -> None:
    book = Book(PRODUCTS["mortgage"], 100_000_00, 120)
    assert done(book, Act(0, "disburse", 60_000_00), BEGAN)
    nights(book, 40)
    on = BEGAN + 40 * DAY
    if charged_off:
        assert book.do(lambda loan: losses.charge_off(loan, on), on)
    assert book.do(lambda loan: losses.write_off(loan, on, "teller-1"), on)
    assert book.sums[COMMITMENTS] == 40_000_00

    assert book.do(lambda loan: losses.write_off(loan, on, "teller-2"), on)

    assert book.current.terms.status == "written_off"
    assert book.balances() == book.expected()
    assert book.sums[COMMITMENTS] == 0


def test_arrears_that_are_capitalised_are_principal_and_late_no_more() -> None:
    book = lent()
    nights(book, 40)
    before = book.current.figures
    on = BEGAN + 40 * DAY

    assert book.do(
        lambda loan: forbearance.reschedule(
            loan, on, instalments=12, capitalise=True, annual_rate=Decimal(12), forborne=True
        ),
        on,
    )

    after = book.current.figures
    assert after.principal == before.owed
    assert (after.interest, after.penalties, after.past_due_since) == (0, 0, None)
    assert book.current.terms.forborne
    assert sum(1 for row in book.current.terms.rows if row.due > on) == 12


@pytest.mark.parametrize(
    ("act", "refused"),
    [
        (lambda loan, on: repaying.disburse(loan, 1, on, to_account=None), "DisbursementAbove"),
        (lambda loan, on: repaying.refund(loan, None, on, to_account=None), "RefundAboveCredit"),
        (lambda loan, on: forbearance.waive(loan, "fee", None, on), "WaiverAboveOpen"),
        (lambda loan, on: losses.recover(loan, 1, on), "LoanStatusForbids"),
        (lambda loan, on: repaying.repay(loan, 1, on - DAY), "LoanMovedOn"),
        (lambda loan, on: forbearance.pause(loan, on - DAY, on, on), "DateOutOfRange"),
        (
            lambda loan, on: forbearance.reschedule(loan, on, annual_rate=Decimal(100)),
            "LoanRateNotOffered",
        ),
    ],
)
def test_what_a_loan_that_is_running_refuses(act: Any, refused: str) -> None:
    book = lent()
    nights(book, 5)

    with pytest.raises(Refused) as raised:
        act(book.current, BEGAN + 5 * DAY)

    assert type(raised.value).__name__.startswith(refused)


def test_a_day_that_has_ended_brings_nothing_the_second_time() -> None:
    book = lent()
    nights(book, 35)
    count = len(book.log)

    book.do(lambda loan: end_of_day(loan, BEGAN + 35 * DAY), BEGAN + 35 * DAY)
    book.do(lambda loan: end_of_day(loan, BEGAN + 20 * DAY), BEGAN + 35 * DAY)

    assert len(book.log) == count


def test_what_falls_due_on_the_day_is_charged_before_a_write_off_is_asked_for() -> None:
    fee = InstalmentFee(flat=2_50)
    book = lent(instalment_fee=fee)
    day = (book.current.terms.rows[0].due - BEGAN).days
    nights(book, day - 1)
    assert book.current.figures.fees == 0

    assert done(book, Act(day, "write off"), BEGAN + day * DAY)

    assert (book.current.figures.fees, book.sums[1330]) == (2_50, 2_50)
    assert book.current.figures.through == BEGAN + day * DAY


def test_an_instalment_that_a_new_schedule_takes_in_bears_no_fee_of_its_own() -> None:
    """Rescheduled on a Sunday, when one instalment waits for Monday and the next has begun."""
    book = lent("store", 1_200_00, 12)
    sunday = dt.date(2025, 6, 1)
    waiting = next(row for row in book.current.terms.rows if row.end == sunday - DAY)
    assert waiting.due == sunday + DAY
    nights(book, (sunday - BEGAN).days)

    assert book.do(lambda loan: forbearance.reschedule(loan, sunday), sunday)

    fees = [fee.due for fee in book.current.terms.fee_schedule]
    assert len({*fees}) == len(fees) > 0


@pytest.mark.parametrize("day", range(2, 27, 3))
def test_a_day_that_earned_nothing_is_not_earned_again_by_a_new_schedule(day: int) -> None:
    """At a low rate a little principal earns a cent every few days."""
    book = lent("instalment", 100_00, 4)
    low = Decimal("0.5")
    assert book.do(lambda loan: forbearance.reschedule(loan, BEGAN, annual_rate=low), BEGAN)
    nights(book, day)
    on = BEGAN + day * DAY
    assert book.do(lambda loan: forbearance.reschedule(loan, on), on)

    rows = book.current.terms.rows
    while on <= rows[-1].due:
        on += DAY
        book.night(on)

    assert book.current.figures.earned == sum(row.interest for row in rows)
