"""A repayment that another bank takes back, days after it was made: it happened, and so does this.

What bounced was never paid, and is undone. A charge-back is a claim of today: it takes the borrower's
credit first, and the rest is principal that is owed again and due at once, in a line of its own. The
schedule goes on as it was made when the money was there.
"""

import datetime as dt
from bisect import bisect_left
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

import msgspec

from domain.loans.allocation import past_due_since
from domain.loans.arrears import catch_up
from domain.loans.deferral import respread
from domain.loans.history import Step
from domain.loans.loan import Course, Dated, Loan, check_status
from domain.loans.loan_facts import ChargedBack, Repaid
from domain.loans.loan_refusals import (
    ChargeBackAboveRepayment,
    LoanMovedOn,
    LoanStatusForbids,
    NothingToChargeBack,
)
from domain.loans.loan_terms import REOPENED, LoanTerms, Row
from domain.loans.schedules import with_rows
from domain.money import MINOR_UNITS_MAX
from domain.refusals import AmountTooLarge

_DUE: Final = attrgetter("due")


def charge_back_of(
    life: Sequence[Step], transaction_id: int, amount: int | None, on: dt.date
) -> list[Dated]:
    """Take a repayment back, or part of it. Refused: what came from an account here, for that is
    undone; and more than came in on the day of the repayment and was not taken back yet."""
    loan = life[-1].loan
    meant = [each for each in life if each.event.transaction_id == transaction_id]
    paid_on = next((each.event.valued for each in meant if _from_outside(each)), None)
    if paid_on is None:
        raise NothingToChargeBack(transaction_id=transaction_id, loan_id=loan.loan_id)
    repaid = paid_from_outside(meant, paid_on)
    left = min(repaid, paid_from_outside(life, paid_on) - charged_back(life, paid_on))
    amount = left if amount is None else amount
    if amount > left or not amount:
        raise ChargeBackAboveRepayment(
            transaction_id=transaction_id, left=loan.money(left), requested=loan.money(amount)
        )
    return charge_back(loan, amount, on, paid_on=paid_on)


def _from_outside(each: Step) -> int:
    """What another bank sent as a repayment."""
    fact = each.event.fact
    return fact.amount if isinstance(fact, Repaid) and fact.from_account is None else 0


def paid_from_outside(life: Sequence[Step], day: dt.date) -> int:
    """What other banks sent as repayments that count from a day. The day is what a repayment told
    anew keeps: its transaction is another one then."""
    return sum(_from_outside(each) for each in life if each.event.valued == day)


def charged_back(life: Sequence[Step], day: dt.date) -> int:
    """What of that was taken back."""
    return sum(
        each.event.fact.amount
        for each in life
        if isinstance(each.event.fact, ChargedBack) and each.event.fact.paid_on == day
    )


def charge_back(loan: Loan, amount: int, on: dt.date, *, paid_on: dt.date) -> list[Dated]:
    """Take back `amount` of what was repaid on `paid_on`, on the loan as it stands.

    It is principal that is owed again, and due at once, less what the borrower had paid too much. A loan that
    had ended with the repayment lives again.
    """
    check_status(loan, "active", "closed")
    _check_no_loss(loan)
    if on < loan.figures.through:
        raise LoanMovedOn(loan_id=loan.loan_id, on=on, through=loan.figures.through)
    course = Course(loan)
    catch_up(course, on)
    figures = course.figures
    credit = min(figures.overpaid, amount)
    owed_again = amount - credit
    if figures.principal + owed_again > MINOR_UNITS_MAX:
        raise AmountTooLarge(amount=str(loan.money(amount)))
    terms = _reopened(course.terms, owed_again, on)
    figures = msgspec.structs.replace(
        figures,
        principal=figures.principal + owed_again,
        overpaid=figures.overpaid - credit,
    )
    since = past_due_since(terms, figures, on)
    figures = msgspec.structs.replace(figures, past_due_since=since)
    if loan.terms.status == "closed":
        # What was deferred was earned when it ended.
        terms = respread(terms, figures, on)
    course.agree(on, ChargedBack, terms, figures, amount=amount, paid_on=paid_on, credit=credit)
    course.close_if_settled(on)
    return course.facts


def _check_no_loss(loan: Loan) -> None:
    """Refused: a loan that ended by recoveries after a loss. Its schedule was never paid, and would all
    be due again."""
    terms = loan.terms
    unpaid = sum(row.principal for row in terms.rows) - loan.figures.settled.principal
    if terms.status == "closed" and unpaid:
        raise LoanStatusForbids(
            loan_id=loan.loan_id,
            status="closed after a loss",
            needed="active, or closed by repayments",
        )


def _reopened(terms: LoanTerms, principal: int, on: dt.date) -> LoanTerms:
    if terms.status == "closed":
        terms = msgspec.structs.replace(terms, status="active", write_off_asked_by=None)
    if not principal:
        return terms
    at = bisect_left(terms.rows, on, key=_DUE)
    line = Row(REOPENED, on, on, on, principal, 0)
    return with_rows(terms, (*terms.rows[:at], line, *terms.rows[at:]), on)
