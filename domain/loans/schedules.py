"""The schedule of a loan: made when it is disbursed, and made anew from a day on, never rewritten.

A schedule is the lines of `Row`. What has fallen due stays as it was; from the day of a change on, the
principal that is not due yet is spread anew over the days that are left. Interest that was earned
since the last due date stands in a line of its own, so that it falls due as it was earned.
"""

import calendar
import datetime as dt
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from domain.loans.accrual import earned_part
from domain.loans.loan_refusals import PaymentTooSmall
from domain.loans.loan_terms import LoanTerms, Row
from domain.loans.products import DayCount, Product, Unit

Keep: TypeAlias = Literal["term", "instalment"]

# Rates and factors keep these digits; only what becomes money is rounded to whole minor units.
EXACT: Final = Context(prec=40)
PERCENT: Final = Decimal(100)
_YEAR: Final[dict[Unit, int]] = {"months": 12, "weeks": 52, "days": 365}


class Period(NamedTuple):
    """Days that interest is counted over, when it is due, and what a unit of principal earns."""

    start: dt.date
    end: dt.date
    due: dt.date
    factor: Decimal


def after(date: dt.date, count: int, unit: Unit) -> dt.date:
    """`count` units later. A day that the month has not is its last, and comes back the month after."""
    if unit != "months":
        return date + dt.timedelta(days=count * (7 if unit == "weeks" else 1))
    year, month = divmod(date.year * 12 + date.month - 1 + count, 12)
    return dt.date(year, month + 1, min(date.day, calendar.monthrange(year, month + 1)[1]))


def due_dates(
    product: Product, on: dt.date, count: int, first_due: dt.date | None
) -> list[dt.date]:
    """Each counted from the first, so that they never drift."""
    anchor, offset = (on, 1) if first_due is None else (first_due, 0)
    return [after(anchor, (k + offset) * product.every, product.unit) for k in range(count)]


def periods_over(
    product: Product, annual_rate: Decimal, on: dt.date, ends: Sequence[dt.date], *, broken: bool
) -> list[Period]:
    """The periods between a day and these; `broken` says that the first is no whole period."""
    found = []
    start = on
    for end in ends:
        whole = not (broken and start == on)
        found.append(Period(start, end, end, factor(product, annual_rate, start, end, whole=whole)))
        start = end
    return found


def factor(
    product: Product, annual_rate: Decimal, start: dt.date, end: dt.date, *, whole: bool
) -> Decimal:
    """What one unit of principal earns from `start` to `end`.

    By the day count of the product; under `same-as-period` a whole period earns its share of the year,
    and a broken one its days over 365.
    """
    if product.day_count == "same-as-period" and whole:
        days, year = product.every, _YEAR[product.unit]
    else:
        days, year = days_of(product.day_count, start, end)
    return EXACT.divide(EXACT.multiply(annual_rate, Decimal(days)), PERCENT * year)


def days_of(day_count: DayCount, start: dt.date, end: dt.date) -> tuple[int, int]:
    """The days from `start` to `end`, and those of the year they are held against."""
    if day_count == "30E/360":
        first, last = min(start.day, 30), min(end.day, 30)
        months = (end.year - start.year) * 12 + end.month - start.month
        return 30 * months + last - first, 360
    return (end - start).days, 360 if day_count == "ACT/360" else 365


def rounded(amount: Decimal, product: Product) -> int:
    """Minor units: the one place where the arithmetic of a schedule becomes money."""
    mode = ROUND_HALF_EVEN if product.rounding == "half_even" else ROUND_HALF_UP
    return int(amount.to_integral_value(mode))


def level_payment(principal: int, periods: Sequence[Period], carried: int = 0) -> Decimal:
    """The payment that, the same each period, repays principal and interest over the periods.

    It solves P prod(1 + f) = A (sum over the periods of the product of the later ones). `carried` is
    an amount that falls due with the first of them besides.
    """
    later, payments, first = Decimal(1), Decimal(0), Decimal(0)
    for period in reversed(periods):
        payments = EXACT.add(payments, later)
        first, later = later, EXACT.multiply(later, EXACT.add(1, period.factor))
    owed = EXACT.add(EXACT.multiply(principal, later), EXACT.multiply(carried, first))
    return EXACT.divide(owed, payments)


def spread(
    product: Product,
    principal: int,
    periods: Sequence[Period],
    *,
    number: int = 1,
    payment: int | None = None,
    carried: int = 0,
    grace: int = 0,
) -> list[Row]:
    """Principal over periods, by the product's method. The last line takes what is left.

    `payment` keeps a level (an annuity's instalment, a share of principal) and ends early; without it
    the level is that which uses all periods. `carried` is due with the first line, in another one.
    """
    rows: list[Row] = []
    balance = principal
    level = payment if payment is not None else _level(product, principal, periods[grace:], carried)
    for index, period in enumerate(periods):
        interest = rounded(EXACT.multiply(balance, period.factor), product)
        last = index == len(periods) - 1
        if product.method == "interest_only" or index < grace:
            share = 0
        elif product.method == "equal_principal":
            share = level
        else:
            share = level - interest - (carried if index == 0 else 0)
            if share < 0 and index > 0:
                raise PaymentTooSmall(payment=level, interest=interest)
        share = balance if last else max(0, min(share, balance))
        balance -= share
        rows.append(Row(number + index, period.start, period.end, period.due, share, interest))
        if not balance:
            break
    return rows


def _level(product: Product, principal: int, periods: Sequence[Period], carried: int) -> int:
    if product.method == "equal_principal":
        return rounded(EXACT.divide(Decimal(principal), Decimal(len(periods))), product)
    return rounded(level_payment(principal, periods, carried), product)


def first_schedule(
    terms: LoanTerms, principal: int, on: dt.date, first_due: dt.date | None
) -> tuple[Row, ...]:
    """The schedule of a loan that is paid out on this day."""
    product = terms.product
    ends = due_dates(product, on, terms.instalments, first_due)
    broken = first_due is not None and first_due != after(on, product.every, product.unit)
    periods = periods_over(product, terms.annual_rate, on, ends, broken=broken)
    return tuple(spread(product, principal, periods, grace=product.grace_principal))


def fallen_due(terms: LoanTerms, on: dt.date) -> list[Row]:
    return [row for row in terms.rows if row.due <= on]


def carried_rows(terms: LoanTerms, on: dt.date, due: dt.date | None = None) -> list[Row]:
    """What was earned by this day and is not due yet, in lines of interest alone."""
    return [
        Row(row.number, row.start, min(row.end, on), due or row.due, 0, earned)
        for row in terms.rows
        if row.due > on and (earned := earned_part(row, on))
    ]


def reamortised(
    terms: LoanTerms,
    on: dt.date,
    *,
    prepaid: int = 0,
    drawn: int = 0,
    keep: Keep = "term",
    annual_rate: Decimal | None = None,
) -> tuple[Row, ...]:
    """The schedule from this day on, when `prepaid` was repaid early or `drawn` was paid out besides.

    The due dates that are left stay. Keeping the term changes the instalment; keeping the instalment
    ends it sooner.
    """
    product = terms.product
    rate = terms.annual_rate if annual_rate is None else annual_rate
    to_come = [row for row in terms.rows if row.end > on]
    principal = sum(row.principal for row in terms.rows if row.due > on) - prepaid + drawn
    carried = carried_rows(terms, on)
    early = [Row(0, on, on, on, prepaid, 0)] if prepaid else []
    rows = fallen_due(terms, on) + early + carried
    if principal and to_come:
        ends = sorted({row.end for row in to_come})
        first = to_come[0]
        periods = periods_over(product, rate, on, ends, broken=first.start != on)
        number = first.number if first.number else len(rows)
        grace = sum(1 for row in to_come if not row.principal) if _in_grace(terms, to_come) else 0
        rows += spread(
            product,
            principal,
            periods,
            number=number,
            payment=_kept(terms, to_come) if keep == "instalment" else None,
            carried=sum(row.interest for row in carried),
            grace=grace,
        )
    return tuple(rows)


def _in_grace(terms: LoanTerms, to_come: Sequence[Row]) -> bool:
    """Whether a grace of principal goes on. Lines of a loan that repays at its end are none."""
    return terms.product.method != "interest_only" and to_come[0].principal == 0


def _kept(terms: LoanTerms, to_come: Sequence[Row]) -> int | None:
    """The level that goes on: an instalment, or a share of principal."""
    if terms.product.method == "interest_only":
        return None
    if terms.product.method == "equal_principal":
        return max(row.principal for row in to_come)
    return max(row.principal + row.interest for row in to_come)


def paid_off(terms: LoanTerms, on: dt.date) -> tuple[Row, ...]:
    """The schedule of a loan that is repaid whole on this day: all that is not due falls due."""
    principal = sum(row.principal for row in terms.rows if row.due > on)
    carried = carried_rows(terms, on, due=on)
    early = [Row(0, on, on, on, principal, 0)] if principal else []
    return (*fallen_due(terms, on), *early, *carried)


def settled_only(rows: Sequence[Row], settled: int) -> list[Row]:
    """The lines with no more principal than was repaid of them, oldest first."""
    left, kept = settled, []
    for row in rows:
        share = min(row.principal, left)
        left -= share
        kept.append(msgspec.structs.replace(row, principal=share))
    return kept
