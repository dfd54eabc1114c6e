"""Due dates: whole periods counted from one anchor, so that a clipped month end returns."""

import calendar
import datetime as dt
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

from domain.refusals import DateOutOfRange

Unit: TypeAlias = Literal["days", "weeks", "months"]

# How many whole ones a year has.
UNITS_A_YEAR: Final[dict[Unit, int]] = {"months": 12, "weeks": 52, "days": 365}


def last_day_of_month(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


def is_month_end(day: dt.date) -> bool:
    return day.day == last_day_of_month(day.year, day.month)


def add_months(day: dt.date, months: int, day_of_month: int | None = None) -> dt.date:
    """The same day of a later (or earlier) month, or its last where that month is shorter.

    `day_of_month` is the anchor when `day` itself was clipped: 28 February, anchored at 31, is followed
    by 31 March. (Regulation (EEC) No 1182/71, article 3(2)(c), counts months this way.)
    """
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not dt.MINYEAR <= years <= dt.MAXYEAR:
        raise _out_of_range(f"{day} and {months} months")
    month += 1
    clipped = min(day_of_month or day.day, last_day_of_month(years, month))
    return dt.date(years, month, clipped)


def add_units(day: dt.date, count: int, unit: Unit, day_of_month: int | None = None) -> dt.date:
    if unit == "months":
        return add_months(day, count, day_of_month)
    try:
        return day + dt.timedelta(days=count * (7 if unit == "weeks" else 1))
    except OverflowError:
        raise _out_of_range(f"{day} and {count} {unit}") from None


def due_dates(
    start: dt.date,
    every: int,
    unit: Unit,
    *,
    first_due: dt.date | None = None,
    day_of_month: int | None = None,
) -> Iterator[dt.date]:
    """Due dates without end. Without `first_due` the first is one period after the start.

    The anchor is `day_of_month`; else the start, where the first due date is one period after it; else
    the first due date.
    """
    regular = add_units(start, every, unit, day_of_month)
    if first_due is None or first_due == regular:
        anchor, passed = start, 1
    else:
        anchor, passed = first_due, 0
    while True:
        yield add_units(anchor, passed * every, unit, day_of_month)
        passed += 1


def whole_months_back(start: dt.date, end: dt.date) -> tuple[int, int]:
    """Whole months counted back from the end, and the days that are left before them.

    Where the end is so many months after the start, month ends clipped, there are no days left: from
    31 January to 28 February is a month.
    """
    months = (end.year - start.year) * 12 + end.month - start.month
    if months >= 0 and add_months(start, months) == end:
        return months, 0
    while add_months(end, -months) < start:
        months -= 1
    return months, (add_months(end, -months) - start).days


def _out_of_range(date: str) -> DateOutOfRange:
    return DateOutOfRange(
        field="due date", date=f"({date})", earliest=dt.date.min, latest=dt.date.max
    )
