"""The days of a loan: what each of them earns, what is late on it, and what follows from being late."""

import datetime as dt
from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

import msgspec

from domain.loans.accrual import LATE_SCALE, LATE_UNITS, earned_between, nearest
from domain.loans.allocation import allocate, dues, overdue_principal, past_due_since
from domain.loans.deferral import amortised, respread
from domain.loans.impairment import provide
from domain.loans.lateness import DAY, counted_days, days_past_due
from domain.loans.loan import Course, Dated, Loan, check_status
from domain.loans.loan_facts import (
    ApprovalExpired,
    InstalmentFeeCharged,
    InterestAccrued,
    NonAccrualEnded,
    NonAccrualStarted,
    OverpaymentApplied,
    PastDueMarked,
    PenaltyCharged,
    RateReset,
)
from domain.loans.loan_refusals import LoanMovedOn
from domain.loans.loan_terms import Charge, Figures, LoanTerms, Parts, Status
from domain.loans.loss_rates import LossRates
from domain.loans.rate_indexes import Reset
from domain.loans.schedules import not_yet_earned, reamortised, with_rows

_DUE: Final = attrgetter("due")


def end_of_day(
    loan: Loan, on: dt.date, loss_rates: Sequence[LossRates] = (), reset: Reset | None = None
) -> list[Dated]:
    """All that a day brings by itself. The second time, and on an earlier day, nothing.

    Without loss rates of the bank nothing is set aside for what may be lost. `reset` is the rate by an
    index, where it is another one from this day on.
    """
    course = Course(loan)
    terms = loan.terms
    if terms.status == "approved" and terms.approved_until and on > terms.approved_until:
        expired = msgspec.structs.replace(terms, status="expired")
        course.agree(on, ApprovalExpired, expired, released=loan.undrawn)
    elif terms.status == "active" and on >= loan.figures.through:
        catch_up(course, on)
        if course.figures.past_due_since is not None or course.figures.non_accrual:
            _charge_penalties(course, on)
            _judge(course, on)
        if reset is not None:
            _reset_rate(course, on, reset)
        course.close_if_settled(on)
        provide(course, on, loss_rates)
    return course.facts


def check_not_before(loan: Loan, on: dt.date) -> None:
    """Refused: a day before the one that the loan has come to; see `restating` for how it is done."""
    if loan.terms.status == "active" and on < loan.figures.through:
        raise LoanMovedOn(loan_id=loan.loan_id, on=on, through=loan.figures.through)


def course_on(loan: Loan, on: dt.date, *allowed: Status) -> Course:
    """The course of a decision on a day: the loan, of one of these statuses, brought to it."""
    check_status(loan, *allowed)
    check_not_before(loan, on)
    course = Course(loan)
    catch_up(course, on)
    return course


def catch_up(course: Course, on: dt.date) -> None:
    """Bring the loan to a day: interest up to it, and credit laid on what fell due since.

    Each due date on the way is a step of its own, because what is overdue changes there.
    """
    if course.terms.status != "active":
        return
    rows = course.terms.rows
    first = bisect_right(rows, course.figures.through, key=_DUE)
    stop = bisect_right(rows, on, key=_DUE)
    for day in sorted({row.due for row in rows[first:stop]} | {on}):
        _accrue(course, day)
        _charge_instalment_fee(course, day)
        _apply_credit(course, day)


def _accrue(course: Course, on: dt.date) -> None:
    terms, figures = course.terms, course.figures
    since = figures.through
    if on <= since:
        _mark(course, on)
        return
    interest = earned_between(terms.rows, since, on)
    late, late_charge = figures.late, 0
    if terms.product.late_rate and not figures.non_accrual:
        late += _late_units(terms, figures, since, on)
        late_charge = nearest(late, LATE_UNITS) - figures.late_charged
    recognised = 0 if figures.non_accrual else interest
    fees, costs, valuation = 0, 0, figures.valuation
    if not figures.non_accrual:
        fees, costs, valuation = amortised(terms, valuation, on)
    after = msgspec.structs.replace(
        figures,
        through=on,
        earned=figures.earned + interest,
        interest=figures.interest + recognised,
        suspended=figures.suspended + interest - recognised,
        late=late,
        late_charged=figures.late_charged + late_charge,
        penalties=figures.penalties + late_charge,
        valuation=valuation,
    )
    passed = _due_passed(terms, figures, on)
    if interest or late != figures.late or fees or costs:
        course.move(
            on,
            InterestAccrued,
            after,
            interest=recognised,
            late=late_charge,
            fees=fees,
            costs=costs,
        )
    if passed:
        _mark(course, on)


def _charge_instalment_fee(course: Course, on: dt.date) -> None:
    """What has fallen due of the schedule of fees and was not charged yet."""
    terms, figures = course.terms, course.figures
    if not terms.fee_schedule:
        return
    fallen = sum(fee.amount for fee in terms.fee_schedule if fee.due <= on)
    others = sum(each.amount for each in terms.charges if each.component == "fee")
    amount = fallen + others - figures.fees - figures.settled.fees
    if amount > 0:
        after = msgspec.structs.replace(figures, fees=figures.fees + amount)
        course.move(on, InstalmentFeeCharged, after, amount=amount)


def _reset_rate(course: Course, on: dt.date, reset: Reset) -> None:
    """A new schedule from the day on; none where all has fallen due, or was earned and waits for it."""
    terms = course.terms
    if not_yet_earned(terms, on):
        rows = reamortised(terms, on, annual_rate=reset.rate)
        changed = msgspec.structs.replace(with_rows(terms, rows, on), annual_rate=reset.rate)
        changed = respread(changed, course.figures, on)
        course.agree(on, RateReset, changed, value=reset.value)


def _late_units(terms: LoanTerms, figures: Figures, since: dt.date, on: dt.date) -> int:
    overdue = overdue_principal(terms, figures, since)
    if not overdue:
        return 0
    rate = int(terms.product.late_rate.scaleb(6))
    assert rate < 100 * LATE_SCALE, "a late rate is below 100 per cent"
    return overdue * counted_days(terms, since, on) * rate


def _due_passed(terms: LoanTerms, figures: Figures, on: dt.date) -> bool:
    """Whether more may be late than was known: something is, or a due date has passed since."""
    rows = terms.rows
    return figures.past_due_since is not None or bisect_right(
        rows, figures.through - DAY, key=_DUE
    ) < bisect_right(rows, on - DAY, key=_DUE)


def _mark(course: Course, on: dt.date) -> None:
    since = past_due_since(course.terms, course.figures, on)
    if since != course.figures.past_due_since:
        after = msgspec.structs.replace(course.figures, past_due_since=since)
        course.move(on, PastDueMarked, after)


def _apply_credit(course: Course, on: dt.date) -> None:
    """What the borrower has paid before pays what is due now."""
    if not course.figures.overpaid:
        return
    terms, figures = course.terms, course.figures
    due = dues(terms, figures, on)
    parts, rest = allocate(
        figures.overpaid, due, terms.product.allocation_order, terms.product.axis
    )
    if parts.total:
        after, suspended = paid(terms, figures, parts, on)
        after = msgspec.structs.replace(after, overpaid=rest)
        course.move(on, OverpaymentApplied, after, parts=parts, suspended=suspended)


def paid(terms: LoanTerms, figures: Figures, parts: Parts, on: dt.date) -> tuple[Figures, int]:
    """The figures once these parts are paid or given up, and what of the interest was suspended.

    Interest that was recognised goes first.
    """
    recognised = min(parts.interest, figures.interest)
    suspended = parts.interest - recognised
    after = msgspec.structs.replace(
        figures,
        principal=figures.principal - parts.principal,
        interest=figures.interest - recognised,
        suspended=figures.suspended - suspended,
        fees=figures.fees - parts.fees,
        penalties=figures.penalties - parts.penalties,
        settled=figures.settled.plus(parts),
    )
    since = past_due_since(terms, after, on)
    return msgspec.structs.replace(after, past_due_since=since), suspended


def _charge_penalties(course: Course, on: dt.date) -> None:
    """Once for each instalment that is late by more than the days of grace."""
    product = course.terms.product
    if not product.late_fee or _paused(course.terms, on):
        return
    charged = {charge.due for charge in course.terms.charges if charge.component == "penalty"}
    late = {
        due.on
        for due in dues(course.terms, course.figures, on)
        if due.component in ("principal", "interest")
        and counted_days(course.terms, due.on, on) > product.late_grace_days
    }
    for due in sorted(late - charged):
        charge = Charge("penalty", due, product.late_fee)
        charges = (*course.terms.charges, charge)
        terms = msgspec.structs.replace(course.terms, charges=charges)
        penalties = course.figures.penalties + product.late_fee
        figures = msgspec.structs.replace(course.figures, penalties=penalties)
        course.agree(on, PenaltyCharged, terms, figures, amount=product.late_fee)


def _paused(terms: LoanTerms, on: dt.date) -> bool:
    return any(pause.first <= on <= pause.last for pause in terms.pauses)


def _judge(course: Course, on: dt.date) -> None:
    """Stop to recognise interest on a loan that is very late; begin again once nothing is late."""
    figures = course.figures
    days = days_past_due(course.terms, figures.past_due_since, on)
    if not figures.non_accrual and days >= course.terms.product.non_accrual_days:
        after = msgspec.structs.replace(
            figures,
            non_accrual=True,
            interest=0,
            suspended=figures.suspended + figures.interest,
        )
        course.move(on, NonAccrualStarted, after, interest=figures.interest)
    elif figures.non_accrual and figures.past_due_since is None:
        fees, costs, valuation = amortised(course.terms, figures.valuation, on)
        after = msgspec.structs.replace(
            figures,
            non_accrual=False,
            interest=figures.interest + figures.suspended,
            suspended=0,
            valuation=valuation,
        )
        course.move(on, NonAccrualEnded, after, interest=figures.suspended, fees=fees, costs=costs)
