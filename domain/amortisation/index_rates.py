"""Rates that follow an index: taken anew on reset dates, with a margin and within bounds."""

import datetime as dt
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import count
from operator import attrgetter

import msgspec

from domain.amortisation.due_dates import add_months
from domain.amortisation.terms import RateChange
from domain.dated_changes import in_force


class IndexValue(msgspec.Struct, frozen=True, array_like=True):
    """Per cent a year, from a day on until the next value; below zero too."""

    on: dt.date
    value: Decimal


class FollowedIndex(msgspec.Struct, frozen=True, kw_only=True):
    """How a rate follows an index: so many points above it, within bounds, taken every so many months."""

    margin: Decimal
    reset_months: int
    cap: Decimal | None = None
    floor: Decimal | None = None

    def rate(self, value: Decimal) -> Decimal:
        rate = value + self.margin
        if self.cap is not None:
            rate = min(rate, self.cap)
        return rate if self.floor is None else max(rate, self.floor)

    def resets(self, start: dt.date) -> Iterator[dt.date]:
        """The days on which the rate is taken anew, without end; counted from the first day."""
        return (add_months(start, number * self.reset_months) for number in count(1))

    def reset_from(self, start: dt.date, on: dt.date) -> dt.date:
        """The first of them that is not before a day."""
        months = (on.year - start.year) * 12 + on.month - start.month
        numbers = count(max(1, months // self.reset_months))
        days = (add_months(start, number * self.reset_months) for number in numbers)
        return next(day for day in days if day >= on)


def value_on(values: Sequence[IndexValue], date: dt.date) -> Decimal | None:
    """What holds on a day; None before the first."""
    found = in_force(values, date, attrgetter("on"))
    return None if found is None else found.value


def rates_by(
    follows: FollowedIndex, values: Sequence[IndexValue], start: dt.date
) -> tuple[Decimal, tuple[RateChange, ...]] | None:
    """The first rate and its changes, as far as values are known: after the last they stay as they are.

    None where no value holds on the first day.
    """
    first = value_on(values, start)
    if first is None:
        return None
    rate = follows.rate(first)
    # Of the values since the last reset, the newest is taken.
    taken = {follows.reset_from(start, each.on): each.value for each in values if each.on > start}
    changes: list[RateChange] = []
    for day, value in taken.items():
        before = changes[-1].rate if changes else rate
        if follows.rate(value) != before:
            changes.append(RateChange(day, follows.rate(value)))
    return rate, tuple(changes)
