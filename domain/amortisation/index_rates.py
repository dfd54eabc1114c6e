"""Rates that follow an index: taken anew on reset dates, with a margin and within bounds."""

import datetime as dt
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import count
from typing import Final

import msgspec

from domain.amortisation.due_dates import add_months
from domain.amortisation.terms import RateChange

RESETS_MAX: Final = 60


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


def value_on(values: Sequence[IndexValue], date: dt.date) -> Decimal | None:
    """What holds on a day; None before the first."""
    found = None
    for each in values:
        if each.on > date:
            break
        found = each.value
    return found


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
    changes: list[RateChange] = []
    for number, day in enumerate(follows.resets(start)):
        value = value_on(values, day)
        assert value is not None, "a value that held goes on to hold until the next"
        before = changes[-1].rate if changes else rate
        if follows.rate(value) != before:
            changes.append(RateChange(day, follows.rate(value)))
        if day >= values[-1].on or number >= RESETS_MAX:
            break
    return rate, tuple(changes)
