"""A loan that another system had agreed and paid out, taken into these books as it was agreed there."""

import datetime as dt
from typing import Final

import msgspec

from domain.loans.applying import check_offered
from domain.loans.loan import Course, Dated, evolve
from domain.loans.loan_facts import Accepted, Applied, Approved
from domain.loans.loan_terms import Applicant, Figures, LoanTerms
from domain.loans.products import Product
from domain.loans.repaying import disburse

REASON: Final = "taken over as it was agreed elsewhere"


def take_over(
    loan_id: int,
    *,
    borrower: int,
    product: Product,
    principal: int,
    instalments: int,
    payment: int,
    on: dt.date,
    first_due: dt.date,
) -> list[Dated]:
    """The loan from its application to its disbursement, all on the day it was paid out.

    It was decided elsewhere, so no rule is held against it and nothing is known of the applicant. The
    money went out of the bank; `payment` is the instalment, and the last one takes what is left.
    Refused: an amount or a number of instalments that the product does not have.
    """
    check_offered(product, principal, instalments)
    terms = LoanTerms(
        borrower=borrower,
        product=product,
        principal=principal,
        instalments=instalments,
        annual_rate=product.annual_rate,
        applied_on=on,
        applicant=Applicant(income=0),
    )
    applied = Applied(terms=terms, figures=Figures(on))
    course = Course(evolve(None, applied, loan_id))
    approved = msgspec.structs.replace(terms, status="approved", reasons=(REASON,))
    course.agree(on, Approved, approved, committed=principal)
    course.agree(on, Accepted, msgspec.structs.replace(approved, status="accepted"))
    paid_out = disburse(
        course.loan, None, on, to_account=None, first_due=first_due, payment=payment
    )
    return [Dated(on, applied), *course.facts, *paid_out]
