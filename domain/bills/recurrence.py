"""Recurrences: when a bill that comes again is next due, and about how much it will be for."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

import msgspec

from domain.amortisation.due_dates import add_months
from domain.bills.bill_refusals import TermsContradictory

MONTHS_MAX: Final = 12
# Of how many of the last amounts an estimate is the mean.
MEAN_OF: Final = 3


class Recurrence(msgspec.Struct, frozen=True, array_like=True):
    """Due again every `months` months on day `anchor_day`, or on the last day of a month without it."""

    months: int
    anchor_day: int


def check_recurrence(recurrence: Recurrence) -> None:
    if not (1 <= recurrence.months <= MONTHS_MAX and 1 <= recurrence.anchor_day <= 31):
        raise TermsContradictory(
            field="recurrence", why=f"it is every 1 to {MONTHS_MAX} months, on day 1 to 31"
        )


def next_due(recurrence: Recurrence, due_date: dt.date) -> dt.date:
    """The due date after this one. 31 January is followed by 28 February, and that by 31 March."""
    return add_months(due_date, recurrence.months, recurrence.anchor_day)


def due_dates(recurrence: Recurrence, after: dt.date, until: dt.date) -> list[dt.date]:
    """The due dates that follow the due date `after`, up to and with `until`."""
    dates: list[dt.date] = []
    due_date = next_due(recurrence, after)
    while due_date <= until:
        dates.append(due_date)
        due_date = next_due(recurrence, due_date)
    return dates


def estimate(amounts: Sequence[int]) -> int:
    """What the next may be for, in minor units: the mean of the last three, or the last of fewer.

    `amounts` are newest first. A mean of three is never half way between two numbers.
    """
    if len(amounts) < MEAN_OF:
        return amounts[0]
    whole, rest = divmod(sum(amounts[:MEAN_OF]), MEAN_OF)
    return whole + (rest * 2 > MEAN_OF)
