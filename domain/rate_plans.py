"""Rate plans: what interest accounts of a type and currency bear, each change from a date on.

Rates are per cent a year, exact decimals. Every fact carries the whole plan, all changes of it, so what
was agreed can be read as it was known at any position; a change from a date in the past re-opens the
interest since.
"""

import datetime as dt
from decimal import Decimal
from operator import attrgetter
from typing import Final, Literal, TypeAlias

import msgspec

from domain.account_facts import ACCOUNT_TYPES
from domain.dated_changes import in_force, with_change
from domain.facts import Fact, stored_as
from domain.money import decimals_of
from domain.refusals import RateOutOfRange, TiersOutOfOrder, UnknownAccountType

# Whole: the rate of the tier that the balance falls in is paid on all of it (Regulation DD, appendix A,
# method A). Slices: each rate is paid on its part of the balance (method B).
Method: TypeAlias = Literal["whole", "slices"]
# The days of a year: 365, 360, or those of the year that the day is in.
Basis: TypeAlias = Literal["ACT/365F", "ACT/360", "ACT/ACT"]
Posting: TypeAlias = Literal["monthly", "quarterly"]
Rounding: TypeAlias = Literal["half_even", "half_up"]

RATE_DECIMALS: Final = 6
RATE_MAX: Final = Decimal(1000)
TIERS_MAX: Final = 20
RATES_MAX: Final = 500
NOTHING: Final = Decimal(0)
_FIRST_DAY: Final = attrgetter("first_day")


class Tier(msgspec.Struct, frozen=True, array_like=True):
    """`rate` is paid on balances from `above` on (minor units, exclusive), up to the next tier."""

    above: int
    rate: Decimal


class Rates(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is agreed from a date on.

    `overdraft_rate` is charged on a balance below zero, `excess_rate` on what of it is beyond the
    overdraft limit (the same unless given). `withholding_rate` is the tax on interest, in per cent.
    """

    first_day: dt.date
    tiers: tuple[Tier, ...] = ()
    method: Method = "whole"
    basis: Basis = "ACT/365F"
    overdraft_rate: Decimal = NOTHING
    excess_rate: Decimal | None = None
    posting: Posting = "monthly"
    withholding_rate: Decimal = NOTHING
    rounding: Rounding = "half_even"


# --- Events: their tags are on disk for ever.


@stored_as("rate-plan.set.1")
class RatesSet(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """`rates` is the whole plan after it, by first day."""

    account_type: str
    currency: str
    rates: tuple[Rates, ...]


# --- State


class RatePlan(msgspec.Struct, frozen=True):
    rates: tuple[Rates, ...] = ()
    version: int = 0


NO_PLAN: Final = RatePlan()


def stream_of(account_type: str, currency: str) -> str:
    """One plan a type and currency, so it needs no number."""
    return f"rate-plan-{account_type}-{currency}"


def restore(_: int, newest: RatesSet, version: int) -> RatePlan:
    return RatePlan(newest.rates, version)


def rates_on(plan: tuple[Rates, ...], date: dt.date) -> Rates | None:
    """What holds on a day; None before the first."""
    return in_force(plan, date, _FIRST_DAY)


def first_difference(one: tuple[Rates, ...], other: tuple[Rates, ...]) -> dt.date | None:
    """The first day on which two plans are not the same; None where they never differ."""
    days = sorted({rates.first_day for rates in (*one, *other)})
    return next((day for day in days if _terms(one, day) != _terms(other, day)), None)


def _terms(plan: tuple[Rates, ...], day: dt.date) -> Rates | None:
    """What holds on a day, whenever it began to."""
    found = rates_on(plan, day)
    return None if found is None else msgspec.structs.replace(found, first_day=dt.date.min)


# --- Decisions


def set_rates(plan: RatePlan, account_type: str, currency: str, rates: Rates) -> list[RatesSet]:
    """Agree rates from a day on, until the next that are there; the same again is nothing new.

    Refused: tiers that do not begin at zero and grow, and rates that are negative or too large.
    """
    if account_type not in ACCOUNT_TYPES:
        raise UnknownAccountType(account_type=account_type, offered=", ".join(ACCOUNT_TYPES))
    decimals_of(currency)
    _check(rates)
    if rates in plan.rates:
        return []
    after = with_change(plan.rates, rates, _FIRST_DAY, RATES_MAX)
    return [RatesSet(account_type=account_type, currency=currency, rates=after)]


def _check(rates: Rates) -> None:
    above = [tier.above for tier in rates.tiers]
    if above and (above[0] != 0 or above != sorted({*above}) or len(above) > TIERS_MAX):
        raise TiersOutOfOrder(limit=TIERS_MAX)
    named = [("tier", tier.rate) for tier in rates.tiers]
    named += [("overdraft", rates.overdraft_rate), ("withholding", rates.withholding_rate)]
    if rates.excess_rate is not None:
        named.append(("excess", rates.excess_rate))
    for name, rate in named:
        most = Decimal(100) if name == "withholding" else RATE_MAX
        if not rate.is_finite() or not 0 <= rate <= most or -_exponent(rate) > RATE_DECIMALS:
            raise RateOutOfRange(name=name, rate=str(rate), most=most, decimals=RATE_DECIMALS)


def _exponent(rate: Decimal) -> int:
    exponent = rate.normalize().as_tuple().exponent
    assert isinstance(exponent, int), "a finite number has one"
    return exponent
