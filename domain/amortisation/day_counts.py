"""Day counts: how long the time between two dates is, in days and in years, by the exact convention.

Interest counts from the first day, included, to the last, excluded. Sources: ISDA Definitions 2006,
section 4.16 ((b) to (h)); ICMA Rule 251; ISDA, EMU and Market Conventions (1998), for the three kinds of
ACT/ACT; the FBF Master Agreement for AFB.
"""

import datetime as dt
import itertools
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Final, Literal, TypeAlias

import msgspec

from domain.amortisation.arithmetic import EXACT, ZERO, divide
from domain.amortisation.due_dates import (
    add_months,
    is_month_end,
    last_day_of_month,
    whole_months_back,
)
from domain.refusals import TermsContradict

DayCount: TypeAlias = Literal[
    "ACT/360",
    "ACT/364",
    "ACT/365F",
    "ACT/ACT-ISDA",
    "ACT/ACT-ICMA",
    "ACT/ACT-AFB",
    "ACT/ACT-split",
    "30/360",
    "30E/360",
    "30E/360-ISDA",
    "NL/365",
    "same-as-period",
]
# Conventions by which the years of two stretches are the years of both together.
ADDITIVE: Final[frozenset[DayCount]] = frozenset(
    ("ACT/360", "ACT/364", "ACT/365F", "ACT/ACT-ISDA", "ACT/ACT-split", "NL/365")
)
THIRTY: Final[frozenset[DayCount]] = frozenset(("30/360", "30E/360", "30E/360-ISDA"))


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """From `start` (included) to `end` (excluded). `reference` is the regular period that ACT/ACT-ICMA
    measures with, `termination` the last day of all, which 30E/360-ISDA does not move to the 30th."""

    start: dt.date
    end: dt.date
    reference: tuple[dt.date, dt.date] | None = None
    termination: dt.date | None = None

    @property
    def days(self) -> int:
        """Calendar days."""
        return (self.end - self.start).days


def days_between(convention: DayCount, stretch: Stretch) -> int:
    """The days that the convention counts. Refused when the end is before the start."""
    if stretch.end < stretch.start:
        raise TermsContradict(field="end", why=f"({stretch.end}) is before start")
    match convention:
        case "30/360":
            return _thirty(stretch, _bond_days(stretch))
        case "30E/360":
            return _thirty(stretch, (min(stretch.start.day, 30), min(stretch.end.day, 30)))
        case "30E/360-ISDA":
            return _thirty(stretch, _isda_days(stretch))
        case "NL/365":
            return stretch.days - _leap_days(stretch.start, stretch.end)
        case _:
            return stretch.days


def year_fraction(convention: DayCount, stretch: Stretch) -> Decimal:
    """The years that the convention counts, to 50 digits."""
    days = days_between(convention, stretch)
    with localcontext(EXACT):
        if convention in _BASES:
            return divide(days, _BASES[convention])
        return _BY_DATES[convention](stretch)


_BASES: Final[dict[DayCount, int]] = {
    "ACT/360": 360,
    "ACT/364": 364,
    "ACT/365F": 365,
    "NL/365": 365,
    "30/360": 360,
    "30E/360": 360,
    "30E/360-ISDA": 360,
}


def _thirty(stretch: Stretch, days: tuple[int, int]) -> int:
    months = (stretch.end.year - stretch.start.year) * 12 + stretch.end.month - stretch.start.month
    return months * 30 + days[1] - days[0]


def _bond_days(stretch: Stretch) -> tuple[int, int]:
    """4.16(f): a 31st that ends becomes the 30th only after a start on the 30th or 31st."""
    first, last = min(stretch.start.day, 30), stretch.end.day
    return first, 30 if last == 31 and first == 30 else last


def _isda_days(stretch: Stretch) -> tuple[int, int]:
    """4.16(h): every month end is the 30th, but not the end of February that terminates."""
    first = 30 if is_month_end(stretch.start) else stretch.start.day
    february_terminates = stretch.end == stretch.termination and stretch.end.month == 2
    last = 30 if is_month_end(stretch.end) and not february_terminates else stretch.end.day
    return first, last


def _leap_days(start: dt.date, end: dt.date) -> int:
    """How many 29ths of February lie after the start and not after the end."""
    return sum(
        start < dt.date(year, 2, 29) <= end
        for year in range(start.year, end.year + 1)
        if is_leap(year)
    )


def is_leap(year: int) -> bool:
    return last_day_of_month(year, 2) == 29


def _days_of_year(year: int) -> int:
    return 366 if is_leap(year) else 365


def _isda(stretch: Stretch) -> Decimal:
    """4.16(b): each day by the length of the year it lies in; 31 December still lies in the old one."""
    start, end = stretch.start, stretch.end
    first, last = (_days_of_year(day.year) for day in (start, end))
    if start.year == end.year:
        return divide(stretch.days, first)
    before = (dt.date(start.year, 12, 31) - start).days + 1
    after = (end - dt.date(end.year, 1, 1)).days
    return divide(before, first) + divide(after, last) + (end.year - start.year - 1)


def _split(stretch: Stretch) -> Decimal:
    """Cut on 31 December, whose day counts with the new year: a day earlier than ISDA cuts."""
    start, end = stretch.start, stretch.end
    if start.year == end.year:
        return divide(stretch.days, _days_of_year(start.year))
    before = (dt.date(start.year, 12, 31) - start).days
    after = (end - dt.date(end.year - 1, 12, 31)).days
    whole = end.year - start.year - 1
    return (
        divide(before, _days_of_year(start.year)) + divide(after, _days_of_year(end.year)) + whole
    )


def _afb(stretch: Stretch) -> Decimal:
    """Whole years back from the end, then days over 366 if 29 February is among them, else 365.

    A year counted back from 28 February arrives at 29 February where there is one.
    """
    start, end = stretch.start, stretch.end
    years, rest = 0, end
    while end.year - years > start.year and (earlier := _year_back(end, years + 1)) >= start:
        years, rest = years + 1, earlier
    holds_leap_day = any(
        start <= dt.date(year, 2, 29) < rest
        for year in range(start.year, rest.year + 1)
        if is_leap(year)
    )
    return years + divide((rest - start).days, 366 if holds_leap_day else 365)


def _year_back(end: dt.date, years: int) -> dt.date:
    return add_months(end, -12 * years, 29 if (end.month, end.day) == (2, 28) else None)


def _icma(stretch: Stretch) -> Decimal:
    """Rule 251: days over the days of the regular period they lie in, times its periods a year.

    A stretch that sticks out of its reference period, a long or short stub, is cut at the regular dates
    before and after it; a reference period of two month ends goes from month end to month end.
    """
    if stretch.reference is None:
        raise TermsContradict(field="ref_start", why="is needed for ACT/ACT-ICMA, with ref_end")
    first, last = stretch.reference
    if last <= first:
        raise TermsContradict(field="ref_end", why=f"({last}) is not after ref_start")
    months = max(round_half_up((last - first).days * 12, 365), 1)
    at_month_ends = is_month_end(first) and is_month_end(last)
    anchor: int | None = 31 if at_month_ends else max(first.day, last.day)
    if add_months(first, months, anchor) != last:
        anchor = None  # no number of months fits: the reference period is itself a stub
    cuts = [first, last]
    while cuts[0] > stretch.start:
        cuts.insert(0, add_months(cuts[0], -months, anchor))
    while cuts[-1] < stretch.end:
        cuts.append(add_months(cuts[-1], months, anchor))
    years = ZERO
    for begin, finish in itertools.pairwise(cuts):
        days = (min(finish, stretch.end) - max(begin, stretch.start)).days
        if days > 0:
            years += divide(days * months, (finish - begin).days * 12)
    return years


def round_half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def _same_as_period(stretch: Stretch) -> Decimal:
    """Whole months are twelfths, and the days before them are over 365."""
    months, days = whole_months_back(stretch.start, stretch.end)
    return divide(months, 12) + divide(days, 365)


_BY_DATES: Final[dict[DayCount, Callable[[Stretch], Decimal]]] = {
    "ACT/ACT-ISDA": _isda,
    "ACT/ACT-split": _split,
    "ACT/ACT-AFB": _afb,
    "ACT/ACT-ICMA": _icma,
    "same-as-period": _same_as_period,
}
