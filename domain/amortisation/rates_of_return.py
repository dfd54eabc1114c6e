"""Rates of return: the rate at which what is paid is worth what is advanced.

Every such rate solves one equation in the force of interest x = ln(1 + rate), where rates of minus
nearly all and of millions of per cent are both near; Newton's steps, kept within a bracket.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, localcontext
from typing import Final, NamedTuple, TypeAlias

from domain.amortisation.arithmetic import EXACT, ONE, ZERO, divide
from domain.refusals import NoRateOfReturn


class Flow(NamedTuple):
    """Money on a day: above zero what the borrower gets, below zero what the borrower pays."""

    on: dt.date
    amount: Decimal


class Moment(NamedTuple):
    """A time after the beginning: whole units, and a rest in years (units, for simple interest)."""

    whole: int
    rest: Decimal


class Worth(NamedTuple):
    """What is advanced and what is paid are worth at x, both above zero, and the slopes there."""

    advanced: Decimal
    paid: Decimal
    advanced_slope: Decimal
    paid_slope: Decimal


Value: TypeAlias = Callable[[Decimal], Worth]

_FORCE_MAX: Final = 4_096  # doubling overnight is 253
_EXPONENT_MAX: Final = 2_000_000  # e to this is a Decimal still
_STEPS_MAX: Final = 300
_CLOSE: Final = Decimal("1e-30")


def effective_rate(
    timed: Sequence[tuple[Moment, Decimal]], units_a_year: int, name: str
) -> Decimal:
    """The effective annual rate in per cent: interest compounds over any time, however short."""
    with localcontext(EXACT):
        years = [divide(moment.whole, units_a_year) + moment.rest for moment, _ in timed]
        by_time = sorted(zip(timed, years, strict=True), key=lambda one: one[0][0].whole)

        def value(x: Decimal) -> Worth:
            power = powers((-x * divide(1, units_a_year)).exp())
            rests: dict[Decimal, Decimal] = {}
            terms = []
            for (moment, amount), time in by_time:
                if moment.rest not in rests:
                    rests[moment.rest] = (-x * moment.rest).exp()
                terms.append((amount * power(moment.whole) * rests[moment.rest], time))
            return worth_of(terms)

        return (root(value, max(years), name).exp() - 1) * 100


def powers(one: Decimal) -> Callable[[int], Decimal]:
    """Its powers, for exponents asked in rising order: each is the last times a power kept."""
    last, reached = ONE, 0
    kept: dict[int, Decimal] = {}

    def power(exponent: int) -> Decimal:
        nonlocal last, reached
        gap = exponent - reached
        if gap not in kept:
            kept[gap] = one**gap
        last, reached = last * kept[gap], exponent
        return last

    return power


def worth_of(terms: Iterable[tuple[Decimal, Decimal]]) -> Worth:
    """Of flows discounted to the beginning, each with its time; a slope is by the force of interest."""
    advanced = paid = advanced_slope = paid_slope = ZERO
    for term, time in terms:
        if term > 0:
            advanced += term
            advanced_slope -= term * time
        else:
            paid -= term
            paid_slope += term * time
    return Worth(advanced, paid, advanced_slope, paid_slope)


def root(value: Value, years_max: Decimal, name: str) -> Decimal:
    """Where both are worth the same: the root that a search outwards from x = 0 meets first.

    Newton's steps are on the logarithm of their ratio, which is nearly straight. Raises `NoRateOfReturn`
    when one is worth more wherever it was looked at.
    """
    at_zero = value(ZERO)
    if at_zero.advanced == at_zero.paid:
        return ZERO
    if not (at_zero.advanced and at_zero.paid):
        raise NoRateOfReturn(rate=name)
    low, high = _bracket(value, years_max, name)
    rising = _is_above(value(high))
    x = divide(low + high, 2)
    for _ in range(_STEPS_MAX):
        worth = value(x)
        if worth.advanced == worth.paid:
            return x
        if _is_above(worth) is rising:
            high = x
        else:
            low = x
        slope = divide(worth.advanced_slope, worth.advanced) - divide(worth.paid_slope, worth.paid)
        ratio = divide(worth.advanced, worth.paid).ln()
        following = x - divide(ratio, slope) if slope else low
        if not low < following < high:
            following = divide(low + high, 2)
        if abs(following - x) <= _CLOSE * max(ONE, abs(x)):
            return following
        x = following
    return x


def _is_above(worth: Worth) -> bool:
    return worth.advanced > worth.paid


def _bracket(value: Value, years_max: Decimal, name: str) -> tuple[Decimal, Decimal]:
    above_at_zero = _is_above(value(ZERO))
    size, inner = Decimal("0.0625"), ZERO
    bound = min(Decimal(_FORCE_MAX), divide(_EXPONENT_MAX, max(years_max, ONE)))
    while size <= bound:
        if _is_above(value(size)) is not above_at_zero:
            return inner, size
        if _is_above(value(-size)) is not above_at_zero:
            return -size, -inner
        inner, size = size, size * 2
    raise NoRateOfReturn(rate=name)


def merged(flows: Iterable[tuple[Moment, Decimal]]) -> list[tuple[Moment, Decimal]]:
    """One amount a moment."""
    sums: dict[Moment, Decimal] = {}
    for moment, amount in flows:
        sums[moment] = sums.get(moment, ZERO) + amount
    return list(sums.items())
