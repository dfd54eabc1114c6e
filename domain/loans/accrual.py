"""Interest as it is earned: day by day, and exactly what the schedule says on the due date.

The interest of a line of the schedule is earned evenly over its days. What is earned up to a day is
therefore known without a sum over days, and what a night posts is the difference from what was posted:
rounding cannot drift, and on the due date the accrued interest is the scheduled interest.
"""

import datetime as dt
from bisect import bisect_right
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from domain.loans.loan_terms import Row

_END: Final = attrgetter("end")
# Of a rate in per cent, kept to six decimals, on days of a year of 365.
LATE_SCALE: Final = 10**6
LATE_UNITS: Final = 365 * 100 * LATE_SCALE


def nearest(numerator: int, denominator: int) -> int:
    """The nearest whole number, a half to the even one; of what is not negative."""
    whole, rest = divmod(numerator, denominator)
    doubled = 2 * rest
    return whole + (doubled > denominator or (doubled == denominator and whole % 2 == 1))


def earned_part(row: Row, on: dt.date) -> int:
    """What of the line's interest is earned up to a day; all of it by the day that it is due."""
    end = min(row.end, row.due)
    if on >= end:
        return row.interest
    if on <= row.start:
        return 0
    return nearest(row.interest * (on - row.start).days, (end - row.start).days)


def earned_between(rows: Sequence[Row], since: dt.date, on: dt.date) -> int:
    """What the schedule earns from a day to a later one."""
    total = 0
    for index in range(bisect_right(rows, since, key=_END), len(rows)):
        row = rows[index]
        if on <= row.start < row.end:
            break
        total += earned_part(row, on) - earned_part(row, since)
    return total
