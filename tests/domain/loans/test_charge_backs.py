"""A repayment that another bank takes back: what is owed again, when it is late, and what is refused."""

import datetime as dt
from typing import Any

import pytest

from domain.loans.arrears import end_of_day
from domain.loans.charge_backs import charge_back_of
from domain.loans.loan_facts import ChargedBack, Repaid
from domain.loans.loan_refusals import (
    ChargeBackAboveRepayment,
    LoanChangedSince,
    LoanMovedOn,
    LoanStatusForbids,
    NothingToChargeBack,
)
from domain.loans.losses import charge_off, recover
from domain.loans.products import PRODUCTS
from domain.loans.repaying import repay
from domain.loans.restating import Nights, insert, repaid_late
from tests.laws.loan_stories import BEGAN, DAY, Act, Book, done, late, played, undone

FIRST_DUE = 28


def lent() -> Book:
    """12,000 at 2 per cent a month in four instalments of 3,151.49."""
    book = Book(PRODUCTS["instalment"], 12_000_00, 4)
    assert done(book, Act(0, "disburse", 0), BEGAN)
    return book


def repaid(book: Book) -> int:
    """The transaction of the newest repayment."""
    return [told.event.transaction_id for told in book.log if isinstance(told.event.fact, Repaid)][
        -1
    ]


def charge_back(book: Book, day: int, amount: int | None = None, of: int | None = None) -> Any:
    facts = charge_back_of(book.life(), of or repaid(book), amount, BEGAN + day * DAY)
    book.tell(facts, BEGAN + day * DAY)
    return facts[-1].fact


def lived(book: Book, first: int, last: int) -> None:
    for day in range(first, last + 1):
        on = BEGAN + day * DAY
        book.do(lambda loan, on=on: end_of_day(loan, on), on)  # type: ignore[misc]


def test_what_is_taken_back_is_principal_that_is_owed_again_and_due_at_once() -> None:
    book = lent()
    played(book, [Act(FIRST_DUE, "repay", 3_151_49)], 40, each=lambda: None)
    assert book.sums[1310] == 9_088_51

    fact = charge_back(book, 40)

    assert (fact.amount, fact.credit, fact.paid_on) == (3_151_49, 0, BEGAN + FIRST_DUE * DAY)
    assert book.sums[1310] == 9_088_51 + 3_151_49
    assert book.log[-1].entry[-1].ledger_account == 2310
    figures = book.current.figures
    assert figures.past_due_since is None
    lived(book, 40, 41)
    figures = book.current.figures
    assert figures.past_due_since == BEGAN + 40 * DAY
    # The schedule bears what it would have; the interest of the line is none.
    assert sum(row.interest for row in book.current.terms.rows) == sum(
        row.interest for row in lent().current.terms.rows
    )
    assert done(book, Act(41, "repay", 3_151_49), BEGAN + 41 * DAY)
    assert book.current.figures.past_due_since is None
    assert book.sums[1310] == 9_088_51


def test_the_credit_of_the_borrower_goes_first() -> None:
    book = lent()
    played(book, [Act(FIRST_DUE, "repay", 4_000_00)], FIRST_DUE, each=lambda: None)
    assert book.sums[2420] == -848_51

    fact = charge_back(book, FIRST_DUE, 1_000_00)

    assert (fact.credit, book.sums[2420], book.sums[1310]) == (848_51, 0, 9_088_51 + 151_49)


def test_a_loan_that_had_ended_lives_again_and_can_end_again() -> None:
    book = lent()
    played(book, [Act(3, "repay", 13_000_00), Act(3, "refund")], 3, each=lambda: None)
    assert book.current.terms.status == "closed"

    charge_back(book, 10, 12_000_00)

    assert (book.current.terms.status, book.sums[1310]) == ("active", 12_000_00)
    lived(book, 10, 60)
    assert book.current.figures.past_due_since == BEGAN + 10 * DAY
    # It has been late by fifty days, and bears a late fee, and no interest that nobody agreed on.
    assert book.sums.get(1320, 0) == 0
    assert book.current.figures.penalties == 10_00
    assert done(book, Act(60, "repay", 12_010_00), BEGAN + 60 * DAY)
    assert book.current.terms.status == "closed"
    assert not any(book.balances())


def test_no_more_is_taken_back_than_came_in_and_nothing_twice() -> None:
    book = lent()
    played(book, [Act(FIRST_DUE, "repay", 3_151_49)], FIRST_DUE, each=lambda: None)
    charge_back(book, 29, 3_000_00)

    with pytest.raises(LoanMovedOn):
        charge_back(book, 3)
    with pytest.raises(ChargeBackAboveRepayment):
        charge_back(book, 29, 151_50)
    charge_back(book, 29)
    with pytest.raises(ChargeBackAboveRepayment):
        charge_back(book, 29)
    with pytest.raises(NothingToChargeBack):
        charge_back(book, 29, of=1)
    assert book.sums[1310] == 9_088_51 + 3_151_49


def test_a_repayment_told_anew_is_not_taken_back_once_more() -> None:
    book = lent()
    played(book, [Act(FIRST_DUE, "repay", 3_151_49)], 35, each=lambda: None)
    charge_back(book, 35)
    first = repaid(book)

    late(book, Act(20, "repay", 50_00), 35)

    assert repaid(book) != first, "it stands in another transaction now"
    again = [t for t in book.life() if isinstance(t.event.fact, ChargedBack)]
    assert [t.event.fact.amount for t in again] == [3_151_49]  # type: ignore[union-attr]
    with pytest.raises(ChargeBackAboveRepayment):
        charge_back(book, 36)
    with pytest.raises(NothingToChargeBack):
        charge_back(book, 36, of=first)


def test_what_was_taken_back_is_not_undone_as_well_until_the_charge_back_is() -> None:
    book = lent()
    played(book, [Act(FIRST_DUE, "repay", 3_151_49)], 30, each=lambda: None)
    before = book.current
    charge_back(book, 30)
    charged_back = book.log[-1].event.transaction_id

    with pytest.raises(LoanChangedSince):
        undone(book, repaid(book), 30)
    undone(book, charged_back, 30)

    assert book.current.figures == before.figures
    assert book.current.terms == before.terms
    undone(book, repaid(book), 30)
    assert book.sums[1310] == 12_000_00


def test_what_came_from_an_account_here_is_undone_and_not_charged_back() -> None:
    book = lent()
    on = BEGAN + DAY
    book.do(lambda loan: repay(loan, 100_00, on, from_account=5), on)

    with pytest.raises(NothingToChargeBack):
        charge_back(book, 1)


def test_a_debt_that_was_taken_as_lost_is_not_owed_again_in_part() -> None:
    book = lent()
    played(book, [Act(FIRST_DUE, "repay", 3_151_49)], 30, each=lambda: None)
    assert done(book, Act(30, "charge off"), BEGAN + 30 * DAY)

    with pytest.raises(LoanStatusForbids):
        charge_back(book, 30)


def test_a_loan_that_ended_by_recoveries_does_not_live_again() -> None:
    book = lent()
    played(book, [Act(FIRST_DUE, "repay", 3_151_49)], 40, each=lambda: None)
    assert book.do(lambda loan: charge_off(loan, BEGAN + 40 * DAY), BEGAN + 40 * DAY)
    lost = book.current.figures.off_balance
    assert book.do(lambda loan: recover(loan, lost, BEGAN + 50 * DAY), BEGAN + 50 * DAY)
    assert book.current.terms.status == "closed"

    with pytest.raises(LoanStatusForbids, match="closed after a loss"):
        charge_back(book, 60)


def test_of_two_repayments_of_a_day_the_one_told_late_is_the_last() -> None:
    """The other was made on the day as well, after its night."""
    book = lent()
    played(book, [], 10, each=lambda: None)
    on = BEGAN + 10 * DAY
    assert done(book, Act(10, "repay", 10_00), on)

    restated = insert(
        book.life(),
        on,
        on + DAY,
        lambda loan, day: repay(loan, 20_00, day, from_account=5),
        Nights(on, (), book.index_values),
    )

    repaid_on_it = [each for each in restated if isinstance(each.fact, Repaid)]
    assert [each.fact.amount for each in repaid_on_it] == [10_00, 20_00]  # type: ignore[union-attr]
    assert repaid_late(restated, on) is repaid_on_it[-1].fact


def test_a_reschedule_takes_in_what_is_owed_again() -> None:
    book = lent()
    played(book, [Act(FIRST_DUE, "repay", 3_151_49)], 30, each=lambda: None)
    charge_back(book, 30)

    assert done(book, Act(31, "reschedule", 0, {"instalments": 6}), BEGAN + 31 * DAY)

    rows = book.current.terms.rows
    to_come = [row for row in rows if row.due > BEGAN + 31 * DAY and row.principal]
    assert sum(row.principal for row in to_come) == book.sums[1310]
    assert [row.number for row in to_come] == [2, 3, 4, 5, 6, 7]
    assert to_come[0].start == BEGAN + 31 * dt.timedelta(days=1)
