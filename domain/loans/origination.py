"""What the bank pays others for making a loan: a broker, a valuer. It is borne over the loan's life."""

import datetime as dt

import msgspec

from domain.loans.arrears import course_on
from domain.loans.deferral import respread
from domain.loans.loan import Dated, Loan
from domain.loans.loan_facts import LoanCostPaid
from domain.loans.loan_refusals import CostAboveLoan


def pay_cost(
    loan: Loan, amount: int, on: dt.date, *, counterparty: str | None = None
) -> list[Dated]:
    """Refused: costs of more than was lent. Once the schedule is over it is borne with the next night."""
    course = course_on(loan, on, "active")
    terms, valuation = course.terms, course.figures.valuation
    if valuation.costs + amount > terms.disbursed:
        raise CostAboveLoan(
            loan_id=loan.loan_id,
            disbursed=loan.money(terms.disbursed),
            costs=loan.money(valuation.costs + amount),
        )
    valuation = msgspec.structs.replace(valuation, costs=valuation.costs + amount)
    figures = msgspec.structs.replace(course.figures, valuation=valuation)
    terms = respread(terms, figures, on)
    course.agree(on, LoanCostPaid, terms, figures, amount=amount, counterparty=counterparty)
    return course.facts
