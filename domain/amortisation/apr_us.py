"""The annual percentage rate of Regulation Z, 12 CFR 1026, appendix J: the actuarial method.

Nominal: the rate of one unit-period times the unit-periods of a year. Within a fraction of a unit-period
interest is simple. References are to paragraphs of the appendix.
"""

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal, localcontext
from typing import Literal, NamedTuple, TypeAlias

from domain.amortisation.arithmetic import EXACT, divide
from domain.amortisation.due_dates import add_months, whole_months_back
from domain.amortisation.rates_of_return import Flow, Moment, Worth, merged, powers, root, worth_of

Kind: TypeAlias = Literal["years", "months", "semimonths", "days"]


class UnitPeriod(NamedTuple):
    length: int
    kind: Kind

    def a_year(self) -> Decimal:
        match self.kind:
            case "years":
                return Decimal(1)
            case "months":
                return divide(12, self.length)
            case "semimonths":
                return Decimal(24)
            case "days":
                weeks, days = divmod(self.length, 7)
                return divide(52, weeks) if weeks and not days else divide(365, self.length)

    def approximate_days(self) -> int:
        return self.length * {"years": 360, "months": 30, "semimonths": 15, "days": 1}[self.kind]


YEAR = UnitPeriod(1, "years")


def apr_us(flows: Sequence[Flow], charges: Sequence[Flow] = ()) -> Decimal:
    """In per cent. Charges are finance charges paid apart: they count, but set no rhythm.

    A charge on the first day is a prepaid finance charge, and lessens the amount financed.
    """
    start = min(flow.on for flow in flows)
    advances = sorted({flow.on for flow in flows if flow.amount > 0})
    payments = sorted({flow.on for flow in flows if flow.amount < 0})
    unit = unit_period(start, advances, payments)
    timed = merged(
        (units_between(unit, start, flow.on), flow.amount) for flow in (*flows, *charges)
    )
    with localcontext(EXACT):
        per_unit = _rate_of_unit_period(timed)
        return per_unit * unit.a_year() * 100


def _rate_of_unit_period(timed: Sequence[tuple[Moment, Decimal]]) -> Decimal:
    """(b)(8): each amount is worth amount / ((1 + f i) (1 + i)^t)."""
    by_time = sorted(timed, key=lambda one: one[0].whole)

    def value(x: Decimal) -> Worth:
        grown = x.exp()
        power, rate = powers(divide(1, grown)), grown - 1
        terms = []
        for (whole, rest), amount in by_time:
            simple = 1 + rest * rate
            time = whole + divide(rest * grown, simple)
            terms.append((divide(amount * power(whole), simple), time))
        return worth_of(terms)

    longest = Decimal(by_time[-1][0].whole + 1)
    return root(value, longest, "annual percentage rate").exp() - 1


def unit_period(
    start: dt.date, advances: Sequence[dt.date], payments: Sequence[dt.date]
) -> UnitPeriod:
    """(b)(4): the period that occurs most often, or where none does twice, their average."""
    if len(advances) == 1 and len(payments) == 1:
        return _of_single_payment(start, payments[0])
    after_start = [start, *payments] if payments and payments[0] > start else list(payments)
    intervals = [*itertools.pairwise(advances), *itertools.pairwise(after_start)]
    kinds = _kinds(intervals)
    common = {kind: count for kind, count in Counter(kinds).items() if count > 1}
    if not common:
        return _average(intervals, kinds)
    most = max(common.values())
    found = min(
        (kind for kind, count in common.items() if count == most),
        key=lambda kind: kind.approximate_days(),
    )
    return YEAR if found.approximate_days() >= 360 else found


def _of_single_payment(start: dt.date, payment: dt.date) -> UnitPeriod:
    """(b)(4)(ii): the term, but no more than a year."""
    months, days = whole_months_back(start, payment)
    if months >= 12:
        return YEAR
    return UnitPeriod((payment - start).days, "days") if days else UnitPeriod(months, "months")


def _kinds(intervals: Sequence[tuple[dt.date, dt.date]]) -> list[UnitPeriod]:
    """What kind of period each interval is. Four weeks may be a month and a month four weeks: the one
    that the others are decides."""
    days = [(last - first).days for first, last in intervals]
    months = [whole_months_back(first, last) for first, last in intervals]
    by_days = Counter(days)
    by_months = Counter(whole for whole, rest in months if rest == 0)
    semimonths = _semimonths(intervals)
    kinds = []
    for index, (length, (whole, rest)) in enumerate(zip(days, months, strict=True)):
        if rest == 0 and (length % 7 or by_days[length] <= by_months[whole]):
            kinds.append(UnitPeriod(whole, "months"))
        elif index in semimonths and (length % 7 or by_days[length] <= len(semimonths)):
            kinds.append(UnitPeriod(1, "semimonths"))
        else:
            kinds.append(UnitPeriod(length, "days"))
    return kinds


def _semimonths(intervals: Sequence[tuple[dt.date, dt.date]]) -> set[int]:
    """The intervals that are one of two that make a month together."""
    found = set()
    for index, ((first, middle), (also_middle, last)) in enumerate(itertools.pairwise(intervals)):
        is_month = middle == also_middle and add_months(first, 1, max(first.day, last.day)) == last
        if is_month and 13 <= (middle - first).days <= 18:
            found |= {index, index + 1}
    return found


def _average(
    intervals: Sequence[tuple[dt.date, dt.date]], kinds: Sequence[UnitPeriod]
) -> UnitPeriod:
    """(b)(4)(i)(B): to the nearest standard interval, the lower of two as near; months of months."""
    number = len(intervals)
    total = sum((last - first).days for first, last in intervals)
    if all(kind.kind == "months" for kind in kinds):
        total = sum(kind.approximate_days() for kind in kinds)
        standard = [UnitPeriod(length, "months") for length in range(1, 12)]
    else:
        standard = [
            UnitPeriod(1, "days"),
            *(UnitPeriod(7 * weeks, "days") for weeks in range(1, 52)),
            UnitPeriod(1, "semimonths"),
            *(UnitPeriod(length, "months") for length in range(1, 12)),
        ]
    return min(
        [*standard, YEAR],
        key=lambda unit: (abs(unit.approximate_days() * number - total), unit.approximate_days()),
    )


def units_between(unit: UnitPeriod, start: dt.date, day: dt.date) -> Moment:
    """(b)(5): full unit-periods before the day, and the fraction before them."""
    months, days = whole_months_back(start, day)
    match unit.kind:
        case "days":
            whole, rest = divmod((day - start).days, unit.length)
            return Moment(whole, divide(rest, unit.length))
        case "years":
            years, rest_months = divmod(months, 12)
            if days == 0:
                return Moment(years, divide(rest_months, 12))
            return Moment(years, divide((add_months(day, -12 * years) - start).days, 365))
        case "months" if unit.length == 1:
            return Moment(months, divide(days, 30))
        case _:
            length = 15 if unit.kind == "semimonths" else 30 * unit.length
            whole, rest = divmod(30 * months + days, length)
            return Moment(whole, divide(rest, length))
