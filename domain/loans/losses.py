"""When a loan is not repaid: charged off (the debt lives), written off (final), and recovered.

Charge-off and write-off are two events. The first takes the loss and leaves the debt as it is owed;
the second, which takes two people, gives the debt up. Money that comes in after either is a recovery.
"""

import datetime as dt

import msgspec

from domain.actors import is_same_person
from domain.loans.arrears import course_on
from domain.loans.loan import Course, Dated, Loan, check_status
from domain.loans.loan_facts import ChargedOff, LoanClosed, Recovered, WriteOffAsked, WrittenOff
from domain.loans.loan_refusals import LoanInCredit, RecoveryAboveDebt
from domain.loans.loan_terms import NOTHING, UNVALUED, Figures, Parts
from domain.refusals import SamePerson


def charge_off(loan: Loan, on: dt.date) -> list[Dated]:
    """Take the loss: nothing of the loan stays on the balance sheet, and all of it is owed still."""
    course = course_on(loan, on, "active")
    _check_no_credit(loan)
    figures = course.figures
    terms = msgspec.structs.replace(course.terms, status="charged_off")
    course.agree(
        on,
        ChargedOff,
        terms,
        _off_balance(figures),
        parts=_on_balance(figures),
        suspended=figures.suspended,
        valuation=figures.valuation,
    )
    return course.facts


def write_off(loan: Loan, on: dt.date, by: str) -> list[Dated]:
    """The first call asks, the second, by another person, writes off. Asking again is nothing new."""
    course = course_on(loan, on, "active", "charged_off")
    _check_no_credit(loan)
    asked_by = loan.terms.write_off_asked_by
    if asked_by is None:
        terms = msgspec.structs.replace(course.terms, write_off_asked_by=by)
        course.agree(on, WriteOffAsked, terms)
        return course.facts
    if is_same_person(asked_by, by):
        raise SamePerson(action=f"write off loan {loan.loan_id}")
    figures = course.figures
    # Final also for what was never paid out: nobody is going to draw it.
    terms = msgspec.structs.replace(
        course.terms, status="written_off", principal=course.terms.disbursed
    )
    if loan.terms.status == "charged_off":
        course.agree(on, WrittenOff, terms, parts=NOTHING, released=loan.undrawn)
    else:
        course.agree(
            on,
            WrittenOff,
            terms,
            _off_balance(figures),
            parts=_on_balance(figures),
            suspended=figures.suspended,
            valuation=figures.valuation,
            released=loan.undrawn,
        )
    return course.facts


def recover(
    loan: Loan,
    amount: int,
    on: dt.date,
    *,
    from_account: int | None = None,
    counterparty: str | None = None,
) -> list[Dated]:
    """Money for a debt that the bank had taken as lost; at most what is owed."""
    check_status(loan, "charged_off", "written_off")
    owed = loan.figures.off_balance
    if amount > owed:
        raise RecoveryAboveDebt(
            loan_id=loan.loan_id, owed=loan.money(owed), requested=loan.money(amount)
        )
    course = Course(loan)
    figures = msgspec.structs.replace(loan.figures, off_balance=owed - amount)
    course.move(
        on, Recovered, figures, amount=amount, from_account=from_account, counterparty=counterparty
    )
    if amount == owed:
        terms = msgspec.structs.replace(loan.terms, status="closed", principal=loan.terms.disbursed)
        course.agree(on, LoanClosed, terms, released=loan.undrawn)
    return course.facts


def _check_no_credit(loan: Loan) -> None:
    if loan.figures.overpaid:
        raise LoanInCredit(loan_id=loan.loan_id, credit=loan.money(loan.figures.overpaid))


def _on_balance(figures: Figures) -> Parts:
    return Parts(figures.principal, figures.interest, figures.fees, figures.penalties)


def _off_balance(figures: Figures) -> Figures:
    return msgspec.structs.replace(
        figures,
        principal=0,
        interest=0,
        suspended=0,
        fees=0,
        penalties=0,
        off_balance=figures.owed,
        valuation=UNVALUED,
    )
