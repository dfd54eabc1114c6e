"""Business days: which days the bank has run the end of, in order, all in one stream.

The end of a day begins, and is complete once all its steps are done; a run that was killed between the two
is gone on with by the next. Every fact carries how the days stand after it.
"""

import datetime as dt
from typing import Final

import msgspec

from domain.facts import Fact, stored_as
from domain.refusals import BookingDateInFuture, BusinessDayOutOfTurn

STREAM: Final = "business-days"


# --- Events: their tags are on disk for ever.


class StepTotals(msgspec.Struct, frozen=True, array_like=True):
    """What a step came to on a day: items done and refused, and minor units moved by currency."""

    step: str
    done: int
    refused: int
    moved: tuple[tuple[str, int], ...] = ()


class BusinessDayFact(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """`date` is the day it is about, `ended` the last day whose end is complete after it."""

    date: dt.date
    ended: dt.date | None = None


@stored_as("business-day.end-begun.1")
class EndBegun(BusinessDayFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("business-day.ended.1")
class Ended(BusinessDayFact, frozen=True, kw_only=True, omit_defaults=True):
    steps: tuple[StepTotals, ...] = ()


# --- State


class BusinessDays(msgspec.Struct, frozen=True):
    """`ending` is the day whose end has begun and is not complete, `ended` the last that is."""

    ending: dt.date | None = None
    ended: dt.date | None = None
    version: int = 0


NONE_ENDED: Final = BusinessDays()


def restore(_: int, newest: BusinessDayFact, version: int) -> BusinessDays:
    ending = newest.date if isinstance(newest, EndBegun) else None
    return BusinessDays(ending, newest.ended, version)


def due(days: BusinessDays) -> dt.date | None:
    """The day whose end comes next; None where none was ever run, and any may be the first."""
    if days.ending is not None:
        return days.ending
    return None if days.ended is None else days.ended + dt.timedelta(days=1)


# --- Decisions: the same again is nothing new.


def begin_end(days: BusinessDays, date: dt.date, today: dt.date) -> list[BusinessDayFact]:
    """Refused: a day that has not come, and one that is not the day after the last."""
    if date > today:
        raise BookingDateInFuture(booking_date=date, today=today)
    if date == days.ending or (days.ended is not None and date <= days.ended):
        return []
    if (next_day := due(days)) is not None and date != next_day:
        raise BusinessDayOutOfTurn(date=date, due=next_day)
    return [EndBegun(date=date, ended=days.ended)]


def complete_end(
    days: BusinessDays, date: dt.date, steps: tuple[StepTotals, ...]
) -> list[BusinessDayFact]:
    if days.ended is not None and date <= days.ended:
        return []
    assert days.ending == date, f"the end of {date} is completed, and {days.ending} is under way"
    return [Ended(date=date, ended=date, steps=steps)]
