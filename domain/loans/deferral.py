"""Fees that were taken and costs that were paid for making a loan, over its life by the effective rate.

What the bank has lent is worth what it paid out: the principal less the fee it kept, and more by what the
loan cost it. That grows at the effective rate, which is the rate of the contract and a margin that is the
same every day; so what is deferred is at any due date the difference between the principal and that worth,
and nothing at the end. Between two due dates it falls evenly, as interest is earned. Where every period
bears the same interest this is the effective interest method to the cent (IFRS 9, B5.4.1); where periods
differ by their days, it follows them.
"""

import datetime as dt
from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal, localcontext
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec

from domain.amortisation.arithmetic import EXACT, ONE, ZERO, divide, rounded, to_decimals
from domain.loans.accrual import earned_part, nearest
from domain.loans.lateness import DAY
from domain.loans.loan_terms import Deferred, Figures, LoanTerms, Row, Valuation

_ON: Final = attrgetter("on")
_STEPS_MAX: Final = 200
_CLOSE: Final = Decimal("1e-35")


class Stretch(NamedTuple):
    """Days of the schedule to come, the interest that they bear, and the principal due at their end."""

    end: dt.date
    days: int
    principal: int
    interest: int


def stretches(rows: Sequence[Row], on: dt.date) -> list[Stretch]:
    """What is left of the schedule from a day on."""
    found = []
    for row in rows:
        end = min(row.end, row.due)
        if end > max(row.start, on):
            days = (end - max(row.start, on)).days
            found.append(Stretch(end, days, row.principal, row.interest - earned_part(row, on)))
    return found


def respread(terms: LoanTerms, figures: Figures, on: dt.date) -> LoanTerms:
    """The terms with what is deferred by now spread over the schedule to come."""
    fees, costs = figures.valuation.fees, figures.valuation.costs
    if not (fees or costs or terms.deferrals):
        return terms
    ahead = stretches(terms.rows, on)
    principal = sum(stretch.principal for stretch in ahead)
    if not (fees or costs):
        return msgspec.structs.replace(terms, deferrals=())
    if fees >= principal:
        # Nothing is left that it could be the margin of: it is earned and borne with the next night.
        last = Deferred(on + DAY, 0, 0)
        return msgspec.structs.replace(terms, deferrals=(Deferred(on, fees, costs), last))
    net = left(ahead, fees - costs)
    of_fees = left(ahead, fees) if costs else net
    points = [Deferred(on, fees, costs)]
    for stretch, fee, rest in zip(ahead, of_fees, net, strict=True):
        points.append(Deferred(stretch.end, fee, fee - rest))
    return msgspec.structs.replace(terms, deferrals=tuple(points))


def deferred_on(terms: LoanTerms, on: dt.date) -> tuple[int, int]:
    """The fees and costs that are not earned and borne yet on a day, by the schedule."""
    points = terms.deferrals
    index = bisect_right(points, on, key=_ON)
    if index == len(points):
        return 0, 0
    if not index:
        return points[0].fees, points[0].costs
    before, after = points[index - 1], points[index]
    gone, days = (on - before.on).days, (after.on - before.on).days
    return (
        before.fees + _part(after.fees - before.fees, gone, days),
        before.costs + _part(after.costs - before.costs, gone, days),
    )


def _part(amount: int, days: int, of_days: int) -> int:
    size = nearest(abs(amount) * days, of_days)
    return size if amount >= 0 else -size


def amortised(terms: LoanTerms, valuation: Valuation, on: dt.date) -> tuple[int, int, Valuation]:
    """What of the fees and costs is earned and borne by a day and was not before, and what is left."""
    if not (valuation.fees or valuation.costs):
        return 0, 0, valuation
    fees, costs = deferred_on(terms, on)
    after = msgspec.structs.replace(valuation, fees=fees, costs=costs)
    return valuation.fees - fees, valuation.costs - costs, after


def of_prepaid(valuation: Valuation, prepaid: int, outstanding: int) -> tuple[int, int, Valuation]:
    """The share of fees and costs that goes with principal that is repaid early, and what is left."""
    if prepaid == outstanding:
        fees, costs = valuation.fees, valuation.costs
    else:
        fees = nearest(valuation.fees * prepaid, outstanding)
        costs = nearest(valuation.costs * prepaid, outstanding)
    after = msgspec.structs.replace(
        valuation, fees=valuation.fees - fees, costs=valuation.costs - costs
    )
    return fees, costs, after


def left(ahead: Sequence[Stretch], deferred: int) -> list[int]:
    """What is deferred still at the end of each stretch; nothing at the last. Above zero fees, below
    zero costs, and less than the principal."""
    rest, balance = Decimal(deferred), sum(stretch.principal for stretch in ahead)
    after: list[int] = []
    with localcontext(EXACT):
        margin = daily_margin(ahead, deferred)
        for stretch in ahead:
            rest += _rate(stretch, balance) * rest + margin * stretch.days * (rest - balance)
            balance -= stretch.principal
            after.append(rounded(rest, "half_even"))
    after[-1] = 0
    return after


def daily_margin(ahead: Sequence[Stretch], deferred: int) -> Decimal:
    """What a day bears above the contract, so that the principal less what is deferred is repaid by
    the schedule. Newton's steps, from the side on which a convex function lets none pass the root."""
    if not deferred:
        return ZERO
    with localcontext(EXACT):
        balance = sum(stretch.principal for stretch in ahead)
        worth = balance - deferred
        flows = []
        for stretch in ahead:
            paid = Decimal(stretch.principal + stretch.interest)
            flows.append((stretch.days, ONE + _rate(stretch, balance), paid))
            balance -= stretch.principal
        margin = ZERO if deferred > 0 else _below(flows, worth)
        for _ in range(_STEPS_MAX):
            value, slope = _present(flows, margin)
            step = divide(worth - value, slope)
            margin += step
            if abs(step) <= _CLOSE:
                break
        return margin


def effective_rate(terms: LoanTerms) -> Decimal | None:
    """Per cent a year of 365 days, nominal: the rate of the contract and the margin; None where nothing
    was deferred by the schedule that stands."""
    if not terms.deferrals:
        return None
    first = terms.deferrals[0]
    ahead = stretches(terms.rows, first.on)
    if first.fees >= sum(stretch.principal for stretch in ahead):
        return None
    margin = daily_margin(ahead, first.fees - first.costs)
    return to_decimals(terms.annual_rate + margin * 365 * 100, 6)


def _below(flows: Sequence[tuple[int, Decimal, Decimal]], worth: int) -> Decimal:
    """A margin below zero at which the flows are worth more than that."""
    floor = max(-divide(growth, days) for days, growth, _ in flows)
    margin = floor.scaleb(-6)
    while _present(flows, margin)[0] < worth:
        margin = max(margin * 2, divide(margin + floor, 2))
    return margin


def _present(
    flows: Sequence[tuple[int, Decimal, Decimal]], margin: Decimal
) -> tuple[Decimal, Decimal]:
    """What the flows are worth today at a margin, and the slope of that."""
    discount, fall = ONE, ZERO
    value = slope = ZERO
    for days, growth, paid in flows:
        one = divide(ONE, growth + margin * days)
        discount *= one
        fall += days * one
        value += paid * discount
        slope -= paid * discount * fall
    return value, slope


def _rate(stretch: Stretch, balance: int) -> Decimal:
    """The interest of the contract on a unit of principal."""
    return divide(stretch.interest, balance) if balance else ZERO
