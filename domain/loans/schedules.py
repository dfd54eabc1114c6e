"""The schedule of a loan: made when it is disbursed, and made anew from a day on, never rewritten.

A schedule is the lines of `Row`. What has fallen due stays as it was; from the day of a change on, the
principal that is not due yet is spread anew over the days that are left. Interest that was earned
since the last due date stands in a line of its own, so that it falls due as it was earned.
"""

import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from decimal import Decimal, localcontext
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from domain.amortisation import arithmetic
from domain.amortisation import due_dates as dates
from domain.amortisation.arithmetic import EXACT, divide
from domain.amortisation.level import level_instalment
from domain.amortisation.periods import Accrual, periods_to
from domain.amortisation.schedule import schedule
from domain.amortisation.terms import ScheduleTerms
from domain.banking_calendar import WEEKENDS, Calendar
from domain.loans.accrual import earned_part
from domain.loans.loan_refusals import PaymentTooSmall
from domain.loans.loan_terms import Charge, LoanTerms, Row
from domain.loans.products import Product

Keep: TypeAlias = Literal["term", "instalment"]

PERCENT: Final = Decimal(100)


class Period(NamedTuple):
    """Days that interest is counted over, when it is due, and what a unit of principal earns."""

    start: dt.date
    end: dt.date
    due: dt.date
    factor: Decimal


def due_dates(
    product: Product, on: dt.date, count: int, first_due: dt.date | None
) -> list[dt.date]:
    """Each counted from the first, so that they never drift."""
    endless = dates.due_dates(on, product.every, product.unit, first_due=first_due)
    return list(itertools.islice(endless, count))


def schedule_terms(
    product: Product,
    principal: int,
    annual_rate: Decimal,
    on: dt.date,
    count: int,
    first_due: dt.date | None,
    calendar: Calendar = WEEKENDS,
) -> ScheduleTerms:
    """What a schedule of the product is reckoned from, here and for whoever asks for a quote."""
    return ScheduleTerms(
        principal=principal,
        method=product.method,
        rate=annual_rate,
        start=on,
        instalments=count,
        every=product.every,
        unit=product.unit,
        first_due=first_due,
        day_count=product.day_count,
        rounding=product.rounding,
        grace_principal=product.grace_principal,
        day_rule=product.day_rule,
        moves_accrual=product.moves_accrual,
        calendar=calendar,
        instalment_fee=product.instalment_fee,
    )


def periods_over(
    product: Product, annual_rate: Decimal, on: dt.date, ends: Sequence[dt.date]
) -> list[Period]:
    """The periods between a day and due dates of a schedule; the first may be no whole one."""
    terms = msgspec.structs.replace(
        schedule_terms(product, 1, annual_rate, on, len(ends), ends[0]),
        # The day of the month that the due dates are anchored at: the others were clipped.
        day_of_month=max(end.day for end in ends) if product.unit == "months" else None,
    )
    with localcontext(EXACT):
        accrual = Accrual(terms, ())
        return [
            Period(period.start, period.due, period.due, accrual.since(period, period.start))
            for period in periods_to(terms, ends)
        ]


def rounded(amount: Decimal, product: Product) -> int:
    """Minor units: the one place where the arithmetic of a schedule becomes money."""
    return arithmetic.rounded(amount, product.rounding)


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
    """`carried` is interest that falls due with the first of the periods besides."""
    if product.method == "equal_principal":
        return rounded(divide(principal, len(periods)), product)
    with localcontext(EXACT):
        first, *later = (period.factor for period in periods)
        owed = principal * (1 + first) + carried
        return rounded(level_instalment(owed, later, [Decimal(1)] * len(periods)), product)


def first_schedule(
    terms: LoanTerms,
    principal: int,
    on: dt.date,
    first_due: dt.date | None,
    payment: int | None = None,
    calendar: Calendar = WEEKENDS,
) -> tuple[Row, ...]:
    """The schedule of a loan that is paid out on this day: the one that it was quoted with.

    `payment` is an instalment that was agreed as such, and not reckoned from the rate.
    """
    product = terms.product
    if payment is not None:
        periods = new_periods(
            product,
            terms.annual_rate,
            on,
            due_dates(product, on, terms.instalments, first_due),
            calendar,
        )
        grace = product.grace_principal
        return tuple(spread(product, principal, periods, payment=payment, grace=grace))
    asked = schedule_terms(
        product, principal, terms.annual_rate, on, terms.instalments, first_due, calendar
    )
    return tuple(
        Row(line.number, line.start, line.end, line.due, line.principal, line.interest)
        for line in schedule(asked)
    )


def new_periods(
    product: Product,
    annual_rate: Decimal,
    on: dt.date,
    dates: Sequence[dt.date],
    calendar: Calendar,
) -> list[Period]:
    """The periods between a day and dates, of which those that are no business days are moved."""
    rule = product.day_rule
    if rule is None:
        return periods_over(product, annual_rate, on, dates)
    moved = {date: calendar.moved_after(on, date, rule) for date in dates}
    if product.moves_accrual:
        return periods_over(product, annual_rate, on, sorted({*moved.values()}))
    return [
        period._replace(due=moved[period.end])
        for period in periods_over(product, annual_rate, on, dates)
    ]


def fallen_due(terms: LoanTerms, on: dt.date) -> list[Row]:
    return [row for row in terms.rows if row.due <= on]


def not_yet_earned(terms: LoanTerms, on: dt.date) -> list[Row]:
    """The lines that a new schedule takes the place of: not due, and with days to come. A line whose days
    have passed and that waits for a business day stays as it is."""
    return [row for row in terms.rows if row.due > on and row.end > on]


def covered_until(terms: LoanTerms, on: dt.date) -> dt.date:
    """Interest of what was owed is reckoned up to here: to the day, or further where the instalment was
    due on the business day before the end of its period."""
    return max([on, *(row.end for row in terms.rows if row.due <= on)])


def carried_rows(rows: Sequence[Row], on: dt.date, due: dt.date | None = None) -> list[Row]:
    """What was earned by this day and is not due yet, in lines of interest alone."""
    return [
        Row(row.number, row.start, min(row.end, on), due or row.due, 0, earned)
        for row in rows
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
    to_come = not_yet_earned(terms, on)
    principal = sum(row.principal for row in to_come) - prepaid + drawn
    begin = covered_until(terms, on)
    carried = [
        row
        for each in terms.rows
        for row in ([each] if each.end <= on < each.due else carried_rows([each], on))
    ]
    if drawn and begin > on:
        (gap,) = periods_over(product, rate, on, [begin])
        interest = rounded(EXACT.multiply(drawn, gap.factor), product)
        carried.append(Row(to_come[0].number, on, begin, to_come[0].due, 0, interest))
    early = [Row(0, on, on, on, prepaid, 0)] if prepaid else []
    rows = fallen_due(terms, on) + early + carried
    assert to_come or not principal, "what is not due has days left to fall due on"
    if principal:
        dues = {row.end: row.due for row in to_come}
        first = to_come[0]
        periods = [
            period._replace(due=dues[period.end])
            for period in periods_over(product, rate, begin, sorted(dues))
        ]
        number = first.number if first.number else len(rows)
        grace = sum(1 for row in to_come if not row.principal) if _in_grace(terms, to_come) else 0
        rows += spread(
            product,
            principal,
            periods,
            number=number,
            payment=_kept(terms, to_come) if keep == "instalment" else None,
            carried=sum(row.interest for row in carried if row.due == first.due),
            grace=grace,
        )
    return tuple(rows)


def _in_grace(terms: LoanTerms, to_come: Sequence[Row]) -> bool:
    """Whether a grace of principal goes on. Lines of a loan that repays at its end are none, nor are
    those of one of which nothing was left."""
    repays = terms.product.method != "interest_only" and any(row.principal for row in to_come)
    return repays and to_come[0].principal == 0


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
    carried = carried_rows(terms.rows, on, due=on)
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


def with_rows(terms: LoanTerms, rows: Sequence[Row], on: dt.date) -> LoanTerms:
    """The terms with a new schedule from this day on, and the fees of the instalments that are to come."""
    return msgspec.structs.replace(
        terms,
        rows=tuple(rows),
        fee_schedule=(
            *(fee for fee in terms.fee_schedule if fee.due <= on),
            *_fees_to_come(terms.product, rows, on),
        ),
        schedule_number=terms.schedule_number + 1,
    )


def _fees_to_come(product: Product, rows: Sequence[Row], on: dt.date) -> Iterator[Charge]:
    """A fee for each instalment, whichever lines it has."""
    if product.instalment_fee is None:
        return
    sums: dict[tuple[dt.date, int], tuple[int, int]] = {}
    for row in rows:
        if row.due > on:
            principal, interest = sums.get((row.due, row.number), (0, 0))
            sums[row.due, row.number] = principal + row.principal, interest + row.interest
    for (due, _), (principal, interest) in sums.items():
        if amount := product.instalment_fee.on(principal, interest, product.rounding):
            yield Charge("fee", due, amount)
