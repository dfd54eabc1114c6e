"""What is agreed from a day on: all changes by their first day, of which the last that has come holds."""

import datetime as dt
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import TypeVar

from domain.refusals import TooManyRates

Change = TypeVar("Change")


def in_force(
    changes: Sequence[Change], date: dt.date, first_day: Callable[[Change], dt.date]
) -> Change | None:
    """What holds on a day, of those of one day the last; None before the first."""
    index = bisect_right(changes, date, key=first_day)
    return changes[index - 1] if index else None


def with_change(
    changes: Sequence[Change],
    change: Change,
    first_day: Callable[[Change], dt.date],
    changes_max: int,
) -> tuple[Change, ...]:
    """Another change, in place of the one that has its first day. Refused: more than so many."""
    others = [each for each in changes if first_day(each) != first_day(change)]
    if len(others) >= changes_max:
        raise TooManyRates(limit=changes_max)
    return tuple(sorted((*others, change), key=first_day))
