"""Interest on the balance of each day by value date: exact, unrounded, and rounded where it is posted.

What is accrued is kept in whole *units*, of which there are `UNITS` in a minor unit. There are so many that
the interest of a day is a whole number of them, at any rate and in a year of any length. So sums of days are
exact, and the same in whatever parts they are added up.
"""

import calendar
import datetime as dt
from collections.abc import Sequence
from decimal import Context, Decimal
from itertools import pairwise
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias

from domain.dated_changes import in_force
from domain.rate_plans import RATE_DECIMALS, Basis, Posting, Rates, Rounding, rates_on

# The least common multiple of 360, 365 and 366, which are the days of a year.
_YEARS: Final = 1_603_080
# A rate is per cent with six decimals, so 10 ** 8 of them are the whole.
_RATES: Final[int] = 10 ** (RATE_DECIMALS + 2)
UNITS: Final[int] = _YEARS * _RATES
_EXACT: Final = Context(prec=60)
ONE_DAY: Final = dt.timedelta(days=1)

# A figure that changes from day to day, a balance or a limit: each day on which it did, and what it is from
# then on. Of several on one day the last counts.
ByDay: TypeAlias = Sequence[tuple[dt.date, int]]


class Interest(NamedTuple):
    """In units: what the bank owes on balances above zero, and is owed on those below."""

    credit: int
    debit: int

    def plus(self, other: "Interest") -> "Interest":
        return Interest(self.credit + other.credit, self.debit + other.debit)

    def minus(self, other: "Interest") -> "Interest":
        return Interest(self.credit - other.credit, self.debit - other.debit)


NOTHING: Final = Interest(0, 0)


def interest_of(
    balances: ByDay, limits: ByDay, plan: tuple[Rates, ...], first: dt.date, last: dt.date
) -> Interest:
    """The interest of the days from `first` to `last`, both included.

    `balances` are those by value date at the end of each day, `limits` the overdraft limits; both are
    zero before their first day.
    """
    if first > last or not plan:
        return NOTHING
    cuts = {first, last + ONE_DAY}
    for figures in (balances, limits):
        cuts.update(day for day, _ in figures if first < day <= last)
    cuts.update(rates.first_day for rates in plan if first < rates.first_day <= last)
    cuts.update(dt.date(year, 1, 1) for year in range(first.year + 1, last.year + 1))
    credit = debit = 0
    for begin, end in pairwise(sorted(cuts)):
        rates = rates_on(plan, begin)
        balance = _on(balances, begin)
        if rates is None or balance == 0:
            continue
        days = (end - begin).days * (_YEARS // days_of_year(rates.basis, begin))
        if balance > 0:
            credit += days * _of_tiers(balance, rates)
        else:
            debit += days * _of_overdraft(-balance, _on(limits, begin), rates)
    return Interest(credit, debit)


def days_of_year(basis: Basis, date: dt.date) -> int:
    if basis == "ACT/ACT":
        return 366 if calendar.isleap(date.year) else 365
    return 360 if basis == "ACT/360" else 365


def _on(figures: ByDay, date: dt.date) -> int:
    found = in_force(figures, date, itemgetter(0))
    return 0 if found is None else found[1]


def _of_tiers(balance: int, rates: Rates) -> int:
    """A year's interest on a balance above zero, in minor units times `_RATES`."""
    if rates.method == "whole":
        within = [tier for tier in rates.tiers if balance > tier.above]
        return balance * _scaled(within[-1].rate) if within else 0
    ends = [tier.above for tier in rates.tiers[1:]]
    total = 0
    for index, tier in enumerate(rates.tiers):
        end = ends[index] if index < len(ends) else balance
        total += max(0, min(balance, end) - tier.above) * _scaled(tier.rate)
    return total


def _of_overdraft(overdrawn: int, limit: int, rates: Rates) -> int:
    """The same on what is overdrawn, of which what is beyond the limit has a rate of its own."""
    excess = overdrawn - min(overdrawn, limit)
    excess_rate = rates.overdraft_rate if rates.excess_rate is None else rates.excess_rate
    return (overdrawn - excess) * _scaled(rates.overdraft_rate) + excess * _scaled(excess_rate)


def _scaled(rate: Decimal) -> int:
    return int(rate.scaleb(RATE_DECIMALS, _EXACT))


def minor_units(units: int, rounding: Rounding) -> int:
    """Units as they are posted: the nearest minor unit, a half to the even one or away from zero."""
    whole, rest = divmod(abs(units), UNITS)
    up: bool = 2 * rest > UNITS or (2 * rest == UNITS and (rounding == "half_up" or whole % 2 == 1))
    return (whole + up) * (1 if units >= 0 else -1)


def part(amount: int, rate: Decimal, rounding: Rounding) -> int:
    """That many per cent of an amount, in minor units, rounded: a tax."""
    return minor_units(amount * _scaled(rate) * _YEARS, rounding)


def posting_day(posting: Posting, date: dt.date) -> dt.date:
    """The last posting day up to a date: the last day of a month, or of a quarter."""
    tomorrow = date + ONE_DAY
    month = tomorrow.month if posting == "monthly" else (tomorrow.month - 1) // 3 * 3 + 1
    return tomorrow.replace(month=month, day=1) - ONE_DAY


def percentage_yield(interest: Decimal, balance: Decimal, days: int) -> Decimal:
    """100 ((1 + interest / balance) ** (365 / days) - 1), unrounded: Regulation DD, appendix A.

    The annual percentage yield of a principal that earns `interest` in a term of `days`, and the one
    earned in a statement's days on their average daily balance. Refused by assertion: no balance.
    """
    assert balance > 0, "a yield is of money that is there"
    assert days > 0, "a yield is of time that passes"
    growth = _EXACT.add(1, _EXACT.divide(interest, balance))
    years = _EXACT.divide(Decimal(365), Decimal(days))
    return _EXACT.multiply(100, _EXACT.subtract(_EXACT.power(growth, years), 1))
