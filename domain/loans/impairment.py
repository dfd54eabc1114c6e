"""The allowance of a loan: what is expected to be lost of it, set aside each night by how late it is.

Interest counts once the loan is late: what a loan in time has earned since its last instalment is paid
with the next, and counting it would write an event a night for every loan of the bank.
"""

import datetime as dt
from collections.abc import Sequence

import msgspec

from domain.loans.accrual import nearest
from domain.loans.lateness import days_past_due
from domain.loans.loan import Course
from domain.loans.loan_facts import AllowanceChanged
from domain.loans.loan_terms import Figures
from domain.loans.loss_rates import PARTS_OF_ONE, LossRates, rates_on


def exposure(figures: Figures, days: int) -> int:
    """What may be lost of a loan that is so many days late."""
    late_interest = figures.interest if days else 0
    return figures.principal + late_interest + figures.fees + figures.penalties


def allowance_of(figures: Figures, days: int, rates: LossRates) -> int:
    """The rate of the bucket on the exposure, to the nearest minor unit."""
    return nearest(exposure(figures, days) * rates.parts(days), PARTS_OF_ONE)


def provide(course: Course, on: dt.date, loss_rates: Sequence[LossRates]) -> None:
    """Bring the allowance to what the bank's rates of the day ask for; a loan that is over has none."""
    rates = rates_on(loss_rates, on)
    if rates is None or course.terms.status != "active":
        return
    figures = course.figures
    days = days_past_due(course.terms, figures.past_due_since, on)
    allowance = allowance_of(figures, days, rates)
    change = allowance - figures.valuation.allowance
    if change:
        valuation = msgspec.structs.replace(figures.valuation, allowance=allowance)
        after = msgspec.structs.replace(figures, valuation=valuation)
        course.move(on, AllowanceChanged, after, change=change)
