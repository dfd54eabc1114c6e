"""From an application to a signature: apply, decide, accept; or decline, withdraw, let expire.

A loan above the product's limit takes two people: the first proposes the approval, the second, another
one, approves. The bank is committed from the approval on.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from domain.actors import is_same_person
from domain.amortisation.index_rates import IndexValue
from domain.loans.decisioning import RULE_SET, judged
from domain.loans.loan import Course, Dated, Loan, check_status
from domain.loans.loan_facts import (
    Accepted,
    Applied,
    ApprovalProposed,
    ApprovalUndone,
    Approved,
    Declined,
    Withdrawn,
)
from domain.loans.loan_refusals import (
    ApprovalOver,
    LoanAmountNotOffered,
    LoanRateNotOffered,
    LoanTermNotOffered,
    RateFollowsIndex,
    RulesNotMet,
)
from domain.loans.loan_terms import Applicant, Figures, LoanTerms
from domain.loans.products import Product, product_named
from domain.loans.rate_indexes import rate_at
from domain.money import Money
from domain.refusals import SamePerson

ANNUAL_RATE_MAX: Final = 99
# Why a loan is declined, in the words that the applicant is told (12 CFR 1002.9 asks for such).
DECLINE_REASONS: Final = (
    "income insufficient for the amount requested",
    "excessive obligations in relation to income",
    "value or type of collateral not sufficient",
    "unable to verify what was stated",
    "delinquent past or present credit obligations",
    "age outside the limits of the product",
    "other",
)


def apply(
    *,
    borrower: int,
    product_name: str,
    amount: int,
    instalments: int,
    applicant: Applicant,
    purpose: str | None,
    account_id: int | None,
    on: dt.date,
    index_values: Sequence[IndexValue] = (),
) -> list[Dated]:
    """Ask for a loan. Refused: what the product does not offer."""
    product = product_named(product_name)
    check_offered(product, amount, instalments)
    index_rate = rate_at(product, index_values, on)
    terms = LoanTerms(
        borrower=borrower,
        product=product,
        principal=amount,
        instalments=instalments,
        annual_rate=product.annual_rate if index_rate is None else index_rate,
        applied_on=on,
        applicant=applicant,
        purpose=purpose,
        account_id=account_id,
    )
    terms = msgspec.structs.replace(terms, rules=judged(terms), rule_set=RULE_SET)
    return [Dated(on, Applied(terms=terms, figures=Figures(on)))]


def check_offered(product: Product, amount: int, instalments: int) -> None:
    if not product.amount_min <= amount <= product.amount_max:
        raise LoanAmountNotOffered(
            product=product.name,
            least=Money(product.amount_min, product.currency),
            most=Money(product.amount_max, product.currency),
            requested=Money(amount, product.currency),
        )
    if not product.instalments_min <= instalments <= product.instalments_max:
        raise LoanTermNotOffered(
            product=product.name,
            least=product.instalments_min,
            most=product.instalments_max,
            requested=instalments,
        )


def check_rate(annual_rate: Decimal) -> None:
    if not 0 <= annual_rate <= ANNUAL_RATE_MAX:
        raise LoanRateNotOffered(rate=str(annual_rate), most=ANNUAL_RATE_MAX)


def agreed_rate(loan: Loan, annual_rate: Decimal | None) -> Decimal:
    """The rate asked for, or what it is. Refused: one for a loan whose rate follows an index."""
    if annual_rate is None:
        return loan.terms.annual_rate
    if loan.terms.product.follows is not None:
        raise RateFollowsIndex(loan_id=loan.loan_id, index=loan.terms.product.index)
    return annual_rate


def approve(
    loan: Loan,
    by: str,
    on: dt.date,
    *,
    amount: int | None = None,
    instalments: int | None = None,
    annual_rate: Decimal | None = None,
    conditions: Sequence[str] = (),
    override: str | None = None,
) -> list[Dated]:
    """Approve, with changes where they are given; above the limit of one person, propose it first.

    The second person approves what was proposed, and changes nothing. Refused: rules that are not
    met, unless `override` says why all the same.
    """
    check_status(loan, "submitted", "in_review")
    terms = loan.terms
    if terms.status == "submitted":
        terms = msgspec.structs.replace(
            terms,
            principal=terms.principal if amount is None else amount,
            instalments=terms.instalments if instalments is None else instalments,
            annual_rate=agreed_rate(loan, annual_rate),
            conditions=tuple(conditions),
        )
        check_offered(terms.product, terms.principal, terms.instalments)
        check_rate(terms.annual_rate)
        terms = msgspec.structs.replace(terms, rules=judged(terms), rule_set=RULE_SET)
        failed = [result.rule for result in terms.rules if not result.passed]
        if failed and not override:
            raise RulesNotMet(loan_id=loan.loan_id, rules=", ".join(failed))
        if override:
            terms = msgspec.structs.replace(terms, reasons=(override,))
        if terms.principal > terms.product.four_eyes_above:
            proposed = msgspec.structs.replace(terms, status="in_review", proposed_by=by)
            return [Dated(on, ApprovalProposed(terms=proposed, figures=loan.figures))]
    elif terms.proposed_by is not None and is_same_person(terms.proposed_by, by):
        raise SamePerson(action=f"approve loan {loan.loan_id}")
    until = on + dt.timedelta(days=terms.product.approval_days)
    approved = msgspec.structs.replace(terms, status="approved", approved_until=until)
    fact = Approved(terms=approved, figures=loan.figures, committed=approved.principal)
    return [Dated(on, fact)]


def decline(loan: Loan, reasons: Sequence[str], on: dt.date) -> list[Dated]:
    """Say no, for reasons that the applicant is told."""
    check_status(loan, "submitted", "in_review")
    terms = msgspec.structs.replace(loan.terms, status="declined", reasons=tuple(reasons))
    return [Dated(on, Declined(terms=terms, figures=loan.figures))]


def withdraw(loan: Loan, on: dt.date) -> list[Dated]:
    """The borrower wants the loan no more; possible until money was paid out."""
    check_status(loan, "submitted", "in_review", "approved", "accepted")
    committed = loan.terms.status in ("approved", "accepted")
    terms = msgspec.structs.replace(loan.terms, status="withdrawn")
    released = loan.undrawn if committed else 0
    return [Dated(on, Withdrawn(terms=terms, figures=loan.figures, released=released))]


def undo_approval(loan: Loan, on: dt.date) -> list[Dated]:
    """Back to the application, to be decided again."""
    check_status(loan, "approved", "accepted")
    terms = msgspec.structs.replace(
        loan.terms, status="submitted", approved_until=None, proposed_by=None
    )
    return [Dated(on, ApprovalUndone(terms=terms, figures=loan.figures, released=loan.undrawn))]


def accept(loan: Loan, account_id: int | None, on: dt.date) -> list[Dated]:
    """The borrower signs, while the approval stands; `account_id` is where the money is to go."""
    check_status(loan, "approved")
    terms = loan.terms
    assert terms.approved_until is not None, "an approval has an end"
    if on > terms.approved_until:
        raise ApprovalOver(loan_id=loan.loan_id, approved_until=terms.approved_until)
    terms = msgspec.structs.replace(
        terms,
        status="accepted",
        account_id=terms.account_id if account_id is None else account_id,
    )
    course = Course(loan)
    course.agree(on, Accepted, terms)
    return course.facts
