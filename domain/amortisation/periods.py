"""The periods of a schedule, and what one unit of balance earns in each or in the rest of one."""

import bisect
import datetime as dt
import itertools
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from domain.amortisation.arithmetic import ONE, ZERO, divide
from domain.amortisation.day_counts import ADDITIVE, THIRTY, Stretch, year_fraction
from domain.amortisation.due_dates import UNITS_A_YEAR, add_units, due_dates, whole_months_back
from domain.amortisation.terms import RateChange, ScheduleTerms
from domain.refusals import TermsContradict


class Period(NamedTuple):
    """`years` of interest accrue in it; a level instalment is reckoned with `years_regular`."""

    number: int
    start: dt.date
    due: dt.date
    years: Decimal
    years_regular: Decimal


def periods_of(terms: ScheduleTerms, count: int) -> list[Period]:
    """The first so many periods; the due date of the last is the termination date."""
    every, unit, anchor = terms.every, terms.unit, terms.day_of_month
    endless = due_dates(terms.start, every, unit, first_due=terms.first_due, day_of_month=anchor)
    dues = list(itertools.islice(endless, count))
    if terms.moves_accrual and terms.day_rule is not None:
        moved, rule = terms.calendar.moved_after, terms.day_rule
        dues = [moved(terms.start, due, rule) for due in dues]
        if any(end <= begin for begin, end in itertools.pairwise((terms.start, *dues))):
            raise TermsContradict(field="moves_accrual", why="leaves a period without a day")
    return periods_to(terms, dues)


def periods_to(terms: ScheduleTerms, dues: Sequence[dt.date]) -> list[Period]:
    """The periods from the start to these dates. A first one that is not regular is a broken one."""
    every, unit, anchor = terms.every, terms.unit, terms.day_of_month
    first_start = add_units(dues[0], -every, unit, anchor)
    if add_units(terms.start, every, unit, anchor) == dues[0]:
        first_start = terms.start
    made = []
    for index, due in enumerate(dues):
        start = dues[index - 1] if index else terms.start
        reference = (start if index else first_start, due)
        stretch = Stretch(start=start, end=due, reference=reference, termination=dues[-1])
        years = regular = _years(terms, stretch)
        if start != reference[0] and terms.method == "progressive" and _in_units(terms):
            regular = every * _unit_years(terms)
        made.append(Period(index + 1, start, due, years, regular))
    return made


def period_years(terms: ScheduleTerms) -> Decimal:
    """One regular period, in years of twelve equal months, 52 weeks or 365 days."""
    return divide(terms.every, UNITS_A_YEAR[terms.unit])


def _in_units(terms: ScheduleTerms) -> bool:
    """Whether interest goes by whole units of the calendar, not by days. The progressive way takes a
    month for 30 days of 360, whichever days it has."""
    return terms.day_count == "same-as-period" or (
        terms.method == "progressive" and terms.day_count in THIRTY
    )


def _unit_years(terms: ScheduleTerms) -> Decimal:
    if terms.day_count == "same-as-period" or terms.unit == "months":
        return divide(1, UNITS_A_YEAR[terms.unit])
    return divide(7 if terms.unit == "weeks" else 1, 360)


def _years(terms: ScheduleTerms, stretch: Stretch) -> Decimal:
    if not _in_units(terms):
        return year_fraction(terms.day_count, stretch)
    if stretch.reference is None or stretch.reference[0] == stretch.start:
        return terms.every * _unit_years(terms)
    if terms.method == "progressive":
        return _units_forward(terms, stretch) * _unit_years(terms)
    if terms.unit == "months":
        return year_fraction("same-as-period", stretch)
    units, days = divmod(stretch.days, 7 if terms.unit == "weeks" else 1)
    return divide(units, UNITS_A_YEAR[terms.unit]) + divide(days, 365)


def _units_forward(terms: ScheduleTerms, stretch: Stretch) -> Decimal:
    """Whole units from the start, and the days after them over the days of the unit they are in."""
    whole = 0
    if terms.unit == "months":
        whole, _ = whole_months_back(stretch.start, stretch.end)
    else:
        whole = stretch.days // (7 if terms.unit == "weeks" else 1)
    begin = add_units(stretch.start, whole, terms.unit)
    end = add_units(stretch.start, whole + 1, terms.unit)
    return whole + divide((stretch.end - begin).days, (end - begin).days)


class Accrual:
    """What one unit earns, at the rates known so far. Caches: most periods of a loan are alike."""

    def __init__(self, terms: ScheduleTerms, changes: tuple[RateChange, ...]) -> None:
        self._terms = terms
        rates = sorted(changes, key=lambda change: change.on)
        self._from = [dt.date.min, *(change.on for change in rates)]
        self._rates = [terms.rate, *(change.rate for change in rates)]
        self._known: dict[tuple[int, Decimal], Decimal] = {}

    def regular(self, period: Period) -> Decimal:
        """Of the whole period, as a level instalment reckons."""
        if period.years == period.years_regular:
            return self.since(period, period.start)
        if period.number <= self._terms.interest_free:
            return ZERO
        return self._earned(self._index(period.start), period.years_regular)

    def since(self, period: Period, day: dt.date) -> Decimal:
        """From a day of the period to its due date."""
        if period.number <= self._terms.interest_free:
            return ZERO
        first, last = self._index(day), self._index(period.due - dt.timedelta(days=1))
        if day == period.start and first == last:
            return self._earned(first, period.years)
        nominal, grown = ZERO, ONE
        for index in range(first, last + 1):
            begin = max(day, self._from[index])
            end = period.due if index == last else self._from[index + 1]
            earned = self._earned(index, self._part(period, begin, end))
            nominal, grown = nominal + earned, grown * (1 + earned)
        return grown - 1 if self._terms.rate_type == "effective" else nominal

    def _index(self, day: dt.date) -> int:
        return bisect.bisect_right(self._from, day) - 1

    def _part(self, period: Period, begin: dt.date, end: dt.date) -> Decimal:
        """Years of a part of the period; where parts need not add up, its share of the days."""
        if self._terms.day_count in ADDITIVE:
            return year_fraction(self._terms.day_count, Stretch(start=begin, end=end))
        return divide(period.years * (end - begin).days, (period.due - period.start).days)

    def _earned(self, index: int, years: Decimal) -> Decimal:
        key = index, years
        if key not in self._known:
            rate = divide(self._rates[index], 100)
            match self._terms.rate_type:
                case "nominal":
                    earned = rate * years
                case "effective":
                    earned = (1 + rate) ** years - 1
                case "periodic":
                    earned = divide(rate * years, period_years(self._terms))
            if earned <= -1:
                raise TermsContradict(field="rate", why="takes more than all in one period")
            self._known[key] = earned
        return self._known[key]
