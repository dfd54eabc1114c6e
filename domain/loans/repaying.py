"""Money out and money in: disbursement, repayment, early repayment in its forms, payoff and refund.

What is due is paid first. Money above it is held as the borrower's credit, which pays the next
instalments as they fall due; or it repays principal early, at a fee where the product has one, and
then either the instalment falls or the term ends sooner. Money for all that is owed ends the loan.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal

import msgspec

from domain.amortisation.arithmetic import EXACT
from domain.amortisation.due_dates import add_months
from domain.amortisation.index_rates import IndexValue
from domain.banking_calendar import WEEKENDS, Calendar
from domain.loans.allocation import allocate, due_total, dues
from domain.loans.arrears import catch_up, check_not_before, course_on, paid
from domain.loans.deferral import of_prepaid, respread
from domain.loans.lateness import DAY
from domain.loans.loan import Course, Dated, Loan, check_status
from domain.loans.loan_facts import (
    Disbursed,
    LoanFeeCharged,
    OverpaymentApplied,
    OverpaymentRefunded,
    Reamortised,
    Repaid,
)
from domain.loans.loan_refusals import (
    DisbursementAboveCommitment,
    NotInTranches,
    RefundAboveCredit,
)
from domain.loans.loan_terms import Charge, LoanTerms, Row
from domain.loans.products import Excess
from domain.loans.rate_indexes import rate_at
from domain.loans.schedules import (
    PERCENT,
    Keep,
    first_schedule,
    not_yet_earned,
    paid_off,
    reamortised,
    rounded,
    with_rows,
)
from domain.money import MINOR_UNITS_MAX
from domain.refusals import AmountTooLarge, DateOutOfRange


class Payoff(msgspec.Struct, frozen=True):
    """What ends a loan on a day, in minor units: all that is owed, less the borrower's credit."""

    on: dt.date
    principal: int
    interest: int
    fees: int
    penalties: int
    early_fee: int
    credit: int

    @property
    def total(self) -> int:
        owed = self.principal + self.interest + self.fees + self.penalties + self.early_fee
        return max(0, owed - self.credit)


def disburse(
    loan: Loan,
    amount: int | None,
    on: dt.date,
    *,
    to_account: int | None,
    first_due: dt.date | None = None,
    payment: int | None = None,
    calendar: Calendar = WEEKENDS,
    index_values: Sequence[IndexValue] = (),
) -> list[Dated]:
    """Pay out all that is approved, or a tranche of it; the schedule begins, or is made anew.

    `payment` is the instalment in minor units where it was agreed as such; the last takes the rest.
    """
    check_status(loan, "accepted", "active")
    amount = loan.undrawn if amount is None else amount
    if amount > loan.undrawn or not amount:
        raise DisbursementAboveCommitment(
            loan_id=loan.loan_id,
            undrawn=loan.money(loan.undrawn),
            requested=loan.money(amount),
        )
    terms = loan.terms
    left = terms.product.tranches_max - terms.tranches
    if not left or (left == 1 and amount < loan.undrawn):
        raise NotInTranches(loan_id=loan.loan_id, tranches_max=terms.product.tranches_max)
    check_not_before(loan, on)
    course = Course(loan)
    catch_up(course, on)
    if terms.tranches:
        last = min(terms.rows[-1].end, terms.rows[-1].due) - DAY
        if on > last:
            raise DateOutOfRange(
                field="day of the tranche", date=on, earliest=terms.disbursed_on, latest=last
            )
        rows = reamortised(terms, on, drawn=amount)
    else:
        rate = rate_at(terms.product, index_values, on)
        terms = terms if rate is None else msgspec.structs.replace(terms, annual_rate=rate)
        rows = first_schedule(terms, amount, on, first_due, payment, calendar)
    fee = rounded(_share(amount, terms.product.disbursal_fee), terms.product)
    valuation = course.figures.valuation
    if terms.product.fee_income == "over_life":
        valuation = msgspec.structs.replace(valuation, fees=valuation.fees + fee)
    figures = msgspec.structs.replace(
        course.figures,
        principal=course.figures.principal + amount,
        valuation=valuation,
    )
    terms = msgspec.structs.replace(
        terms,
        status="active",
        disbursed=terms.disbursed + amount,
        tranches=terms.tranches + 1,
        disbursed_on=terms.disbursed_on or on,
        account_id=to_account if to_account is not None else terms.account_id,
    )
    terms = respread(with_rows(terms, rows, on), figures, on)
    course.agree(on, Disbursed, terms, figures, amount=amount, fee=fee, to_account=to_account)
    return course.facts


def repay(
    loan: Loan,
    amount: int,
    on: dt.date,
    *,
    excess: Excess | None = None,
    from_account: int | None = None,
    counterparty: str | None = None,
) -> list[Dated]:
    """Money from the borrower, for what is due on the day and, where it is more, for what is not.

    `excess` is what becomes of money above what is due; without it, what the product says.
    """
    course = course_on(loan, on, "active")
    if loan.figures.overpaid + amount > MINOR_UNITS_MAX:
        raise AmountTooLarge(amount=str(loan.money(amount)))
    rest = amount - due_total(dues(course.terms, course.figures, on))
    if rest > 0 and course.figures.principal:
        quote = payoff_of(course, on)
        if amount >= quote.total:
            _fall_due(course, quote, on)
        elif (excess or course.terms.product.excess) != "hold":
            _repay_early(course, rest, on, excess or course.terms.product.excess)
    terms, figures = course.terms, course.figures
    product = terms.product
    due = dues(terms, figures, on)
    parts, rest = allocate(amount, due, product.allocation_order, product.axis)
    laid, suspended = paid(terms, figures, parts, on)
    laid = msgspec.structs.replace(laid, overpaid=laid.overpaid + rest)
    course.move(
        on,
        Repaid,
        laid,
        amount=amount,
        parts=parts,
        suspended=suspended,
        from_account=from_account,
        excess=excess,
        counterparty=counterparty,
    )
    course.close_if_settled(on)
    return course.facts


def payoff(loan: Loan, on: dt.date) -> Payoff:
    """What would end the loan on a day, today's or one to come, if nothing else happens before."""
    return payoff_of(course_on(loan, on, "active"), on)


def payoff_of(course: Course, on: dt.date) -> Payoff:
    """The same for a loan that was brought to the day."""
    figures = course.figures
    return Payoff(
        on=on,
        principal=figures.principal,
        interest=figures.interest + figures.suspended,
        fees=figures.fees,
        penalties=figures.penalties,
        early_fee=_early_fee(course.terms, _not_due(course.terms, on), on),
        credit=figures.overpaid,
    )


def refund(loan: Loan, amount: int | None, on: dt.date, *, to_account: int | None) -> list[Dated]:
    """Give the borrower's credit back, or part of it."""
    course = course_on(loan, on, "active")
    figures = course.figures
    amount = figures.overpaid if amount is None else amount
    if amount > figures.overpaid or not amount:
        raise RefundAboveCredit(
            loan_id=loan.loan_id,
            credit=loan.money(figures.overpaid),
            requested=loan.money(amount),
        )
    given = msgspec.structs.replace(figures, overpaid=figures.overpaid - amount)
    course.move(on, OverpaymentRefunded, given, amount=amount, to_account=to_account)
    course.close_if_settled(on)
    return course.facts


def charge_fee(course: Course, amount: int, on: dt.date, *, early: bool = False) -> None:
    """A fee that is due at once."""
    charges = (*course.terms.charges, Charge("fee", on, amount))
    terms = msgspec.structs.replace(course.terms, charges=charges)
    figures = msgspec.structs.replace(course.figures, fees=course.figures.fees + amount)
    course.agree(on, LoanFeeCharged, terms, figures, amount=amount, early=early)


def _fall_due(course: Course, quote: Payoff, on: dt.date) -> None:
    """All of the loan falls due, with the fee for repaying it early; credit is used first."""
    if quote.early_fee:
        charge_fee(course, quote.early_fee, on, early=True)
    if any(row.due > on for row in course.terms.rows):
        _reamortise(course, on, paid_off(course.terms, on))
    terms, figures = course.terms, course.figures
    if figures.overpaid:
        product = terms.product
        due = dues(terms, figures, on)
        parts, rest = allocate(figures.overpaid, due, product.allocation_order, product.axis)
        laid, suspended = paid(terms, figures, parts, on)
        laid = msgspec.structs.replace(laid, overpaid=rest)
        course.move(on, OverpaymentApplied, laid, parts=parts, suspended=suspended)


def _repay_early(course: Course, rest: int, on: dt.date, excess: Excess) -> None:
    """Principal falls due early: what is left of the money once the fee is taken from it."""
    terms = course.terms
    whole = EXACT.add(1, EXACT.divide(_early_rate(terms, on), PERCENT))
    principal = int(EXACT.divide(Decimal(rest), whole).to_integral_value(ROUND_CEILING))
    principal = min(principal, _not_due(terms, on))
    if not principal:
        return
    fee = min(rest - principal, _early_fee(terms, principal, on))
    if fee:
        charge_fee(course, fee, on, early=True)
    keep: Keep = "term" if excess == "lower_instalment" else "instalment"
    _reamortise(course, on, reamortised(terms, on, prepaid=principal, keep=keep))


def _reamortise(course: Course, on: dt.date, rows: Sequence[Row]) -> None:
    """What is deferred of fees and costs goes with the principal that is repaid early, by its share."""
    terms = with_rows(course.terms, rows, on)
    outstanding = _not_due(course.terms, on)
    prepaid = outstanding - _not_due(terms, on)
    fees, costs, valuation = of_prepaid(course.figures.valuation, prepaid, outstanding)
    figures = msgspec.structs.replace(course.figures, valuation=valuation)
    terms = respread(terms, figures, on)
    course.agree(on, Reamortised, terms, figures, fees=fees, costs=costs)


def _not_due(terms: LoanTerms, on: dt.date) -> int:
    return sum(row.principal for row in not_yet_earned(terms, on))


def _early_rate(terms: LoanTerms, on: dt.date) -> Decimal:
    """Per cent of what is repaid early; less where a year or less is left."""
    product = terms.product
    last = terms.rows[-1].due
    return product.early_fee_last_year if last <= add_months(on, 12) else product.early_fee


def _early_fee(terms: LoanTerms, principal: int, on: dt.date) -> int:
    """Rounded down, so that it never passes the per cent that it is capped at."""
    return int(_share(principal, _early_rate(terms, on)))


def _share(amount: int, percent: Decimal) -> Decimal:
    return EXACT.divide(EXACT.multiply(amount, percent), PERCENT)
