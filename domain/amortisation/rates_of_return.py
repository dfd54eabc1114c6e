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


# The value at x and its slope there.
Value: TypeAlias = Callable[[Decimal], tuple[Decimal, Decimal]]

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

        def value(x: Decimal) -> tuple[Decimal, Decimal]:
            power = powers((-x * divide(1, units_a_year)).exp())
            rests: dict[Decimal, Decimal] = {}
            worth = slope = ZERO
            for (moment, amount), time in by_time:
                if moment.rest not in rests:
                    rests[moment.rest] = (-x * moment.rest).exp()
                term = amount * power(moment.whole) * rests[moment.rest]
                worth += term
                slope -= term * time
            return worth, slope

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


def root(value: Value, years_max: Decimal, name: str) -> Decimal:
    """Where the value is zero: the root that a search outwards from x = 0 meets first.

    Raises `NoRateOfReturn` when the value has one sign wherever it was looked at.
    """
    at_zero, _ = value(ZERO)
    if at_zero == 0:
        return ZERO
    low, high = _bracket(value, at_zero > 0, years_max, name)
    rising = value(high)[0] > 0
    x = divide(low + high, 2)
    for _ in range(_STEPS_MAX):
        worth, slope = value(x)
        if worth == 0:
            return x
        if (worth > 0) is rising:
            high = x
        else:
            low = x
        following = x - divide(worth, slope) if slope else low
        if not low < following < high:
            following = divide(low + high, 2)
        if abs(following - x) <= _CLOSE * max(ONE, abs(x)):
            return following
        x = following
    return x


def _bracket(
    value: Value, above_at_zero: bool, years_max: Decimal, name: str
) -> tuple[Decimal, Decimal]:
    size = Decimal("0.0625")
    inner = ZERO
    bound = min(Decimal(_FORCE_MAX), divide(_EXPONENT_MAX, max(years_max, ONE)))
    while size <= bound:
        if (value(size)[0] > 0) is not above_at_zero:
            return inner, size
        if (value(-size)[0] > 0) is not above_at_zero:
            return -size, -inner
        inner, size = size, size * 2
    raise NoRateOfReturn(rate=name)


def merged(flows: Iterable[tuple[Moment, Decimal]]) -> list[tuple[Moment, Decimal]]:
    """One amount a moment."""
    sums: dict[Moment, Decimal] = {}
    for moment, amount in flows:
        sums[moment] = sums.get(moment, ZERO) + amount
    return list(sums.items())
