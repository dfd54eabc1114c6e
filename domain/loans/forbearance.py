"""What the bank gives a borrower: a waiver, a pause, a new schedule. And what it asks: a fee."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from domain.banking_calendar import WEEKENDS, Calendar
from domain.loans.allocation import dues
from domain.loans.applying import agreed_rate, check_rate
from domain.loans.arrears import course_on, paid
from domain.loans.deferral import respread
from domain.loans.lateness import DAY
from domain.loans.loan import Course, Dated, Loan
from domain.loans.loan_facts import Paused, Rescheduled, Waived
from domain.loans.loan_refusals import WaiverAboveOpen
from domain.loans.loan_terms import NOTHING, LoanTerms, Parts, Pause, Row
from domain.loans.products import Component
from domain.loans.repaying import charge_fee
from domain.loans.schedules import (
    carried_rows,
    covered_until,
    due_dates,
    fallen_due,
    new_periods,
    not_yet_earned,
    settled_only,
    spread,
    with_rows,
)
from domain.refusals import DateOutOfRange

PAUSE_DAYS_MAX: Final = 366
PAUSES_MAX: Final = 24
INSTALMENTS_MAX: Final = 480


def charge(loan: Loan, amount: int, on: dt.date) -> list[Dated]:
    """A fee, due at once."""
    course = course_on(loan, on, "active")
    charge_fee(course, amount, on)
    return course.facts


def waive(loan: Loan, component: Component, amount: int | None, on: dt.date) -> list[Dated]:
    """Give up what is open of a component, or part of it; of principal, what is due."""
    course = course_on(loan, on, "active")
    open_amount = open_amounts(course.loan, on)[component]
    amount = open_amount if amount is None else amount
    if amount > open_amount or not amount:
        raise WaiverAboveOpen(
            loan_id=loan.loan_id,
            component=component,
            open=loan.money(open_amount),
            requested=loan.money(amount),
        )
    parts = Parts(
        principal=amount if component == "principal" else 0,
        interest=amount if component == "interest" else 0,
        fees=amount if component == "fee" else 0,
        penalties=amount if component == "penalty" else 0,
    )
    left, suspended = paid(course.terms, course.figures, parts, on)
    course.move(on, Waived, left, parts=parts, suspended=suspended)
    course.close_if_settled(on)
    return course.facts


def open_amounts(loan: Loan, on: dt.date) -> dict[Component, int]:
    """What can be given up of each component: all that is earned or charged, and principal if due."""
    figures = loan.figures
    due = dues(loan.terms, figures, on)
    return {
        "principal": sum(each.amount for each in due if each.component == "principal"),
        "interest": figures.interest + figures.suspended,
        "fee": figures.fees,
        "penalty": figures.penalties,
    }


def pause(loan: Loan, first: dt.date, last: dt.date, on: dt.date) -> list[Dated]:
    """Days on which nothing counts as late. What falls due on them stays due."""
    course = course_on(loan, on, "active")
    earliest = max([on, *(each.last + DAY for each in loan.terms.pauses)])
    if not earliest <= first <= last or (last - first).days >= PAUSE_DAYS_MAX:
        raise DateOutOfRange(
            field="pause",
            date=f"{first} to {last}",
            earliest=earliest,
            latest=max(first, earliest) + dt.timedelta(days=PAUSE_DAYS_MAX - 1),
        )
    pauses = (*loan.terms.pauses, Pause(first, last))
    course.agree(on, Paused, msgspec.structs.replace(course.terms, pauses=pauses))
    return course.facts


def reschedule(
    loan: Loan,
    on: dt.date,
    *,
    instalments: int | None = None,
    first_due: dt.date | None = None,
    annual_rate: Decimal | None = None,
    capitalise: bool = False,
    forborne: bool = False,
    calendar: Calendar = WEEKENDS,
) -> list[Dated]:
    """A new schedule from the day on: another number of instalments, first due date, or rate.

    Principal that is due and unpaid is spread over the new schedule too. `capitalise` adds open
    interest, fees and penalties to the principal; without it they stay due. The schedule before stays
    readable, as it was known then.
    """
    course = course_on(loan, on, "active")
    terms, figures = course.terms, course.figures
    begin = covered_until(terms, on)
    left = sorted({row.end for row in not_yet_earned(terms, on)})
    count = instalments or len(left) or 1
    rate = agreed_rate(loan, annual_rate)
    check_rate(rate)
    latest = on + dt.timedelta(days=PAUSE_DAYS_MAX)
    if first_due is not None and not begin < first_due <= latest:
        raise DateOutOfRange(
            field="first due date", date=first_due, earliest=begin + DAY, latest=latest
        )
    if instalments is None and first_due is None and left:
        ends = left
    else:
        ends = due_dates(terms.product, begin, count, first_due or (left[0] if left else None))
    capitalised, suspended = NOTHING, 0
    if capitalise:
        capitalised = Parts(
            interest=figures.interest + figures.suspended,
            fees=figures.fees,
            penalties=figures.penalties,
        )
        suspended = figures.suspended
    principal = figures.principal + capitalised.total
    past = settled_only(fallen_due(terms, on), figures.settled.principal)
    periods = new_periods(terms.product, rate, begin, ends, calendar)
    number = 1 + max((row.number for row in past if not row.reopened), default=0)
    # Capitalised, it is settled by being principal now, so nothing of it falls due any more.
    carried = [
        msgspec.structs.replace(row, number=number)
        for row in carried_rows(terms.rows, on, due=on if capitalise else periods[0].due)
    ]
    carried_interest = 0 if capitalise else sum(row.interest for row in carried)
    new = spread(terms.product, principal, periods, number=number, carried=carried_interest)
    _agree(course, on, (*past, *carried, *new), rate, capitalised, suspended, forborne)
    return course.facts


def _agree(
    course: Course,
    on: dt.date,
    rows: Sequence[Row],
    rate: Decimal,
    capitalised: Parts,
    suspended: int,
    forborne: bool,
) -> None:
    terms: LoanTerms = msgspec.structs.replace(
        with_rows(course.terms, rows, on),
        annual_rate=rate,
        forborne=course.terms.forborne or forborne,
    )
    figures, _ = paid(terms, course.figures, capitalised, on)
    principal = figures.principal + capitalised.total
    figures = msgspec.structs.replace(figures, principal=principal)
    terms = respread(terms, figures, on)
    course.agree(on, Rescheduled, terms, figures, capitalised=capitalised, suspended=suspended)
