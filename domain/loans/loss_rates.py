"""Loss rates: what share of a loan the bank expects to lose, by how late it is, each change from a day on.

They are the bank's own policy and not agreed with any borrower, so they stand in one stream of their
own. Every fact carries all of them, so what held can be read as it was known at any position. A day
that was ended keeps the rates that it was ended by.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Final

import msgspec

from domain.dated_changes import in_force, with_change
from domain.facts import Fact, stored_as
from domain.loans.lateness import BUCKETS
from domain.loans.loan_refusals import LossRatesTooLate
from domain.refusals import RateOutOfRange

STREAM: Final = "loss-rates"
RATE_DECIMALS: Final = 6
RATE_MAX: Final = 100
CHANGES_MAX: Final = 500
# Of a rate in per cent with all its decimals.
PARTS_OF_ONE: Final = 100 * 10**RATE_DECIMALS
_FIRST_DAY: Final = attrgetter("first_day")


class LossRates(msgspec.Struct, frozen=True, kw_only=True):
    """Per cent of what may be lost of a loan that is so late: `days_30` from 30 days past due on."""

    first_day: dt.date
    current: Decimal = Decimal(1)
    days_1: Decimal = Decimal(5)
    days_30: Decimal = Decimal(20)
    days_60: Decimal = Decimal(50)
    days_90: Decimal = Decimal(100)

    @property
    def by_bucket(self) -> tuple[Decimal, ...]:
        """In the order of `BUCKETS`, the latest first."""
        return self.days_90, self.days_60, self.days_30, self.days_1, self.current

    def parts(self, days: int) -> int:
        """The rate for so many days past due, as parts of `PARTS_OF_ONE`."""
        for (least, _), rate in zip(BUCKETS, self.by_bucket, strict=True):
            if days >= least:
                return int(rate.scaleb(RATE_DECIMALS))
        raise AssertionError("no loan is less than in time")


# --- Events: their tags are on disk for ever.


@stored_as("loss-rates.set.1")
class LossRatesSet(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """`changes` are all rates that hold or will, by first day."""

    changes: tuple[LossRates, ...]


# --- State


class LossRatePlan(msgspec.Struct, frozen=True):
    changes: tuple[LossRates, ...] = ()
    version: int = 0


NO_LOSS_RATES: Final = LossRatePlan()


def restore(_: int, newest: LossRatesSet, version: int) -> LossRatePlan:
    return LossRatePlan(newest.changes, version)


def rates_on(changes: Sequence[LossRates], date: dt.date) -> LossRates | None:
    """What holds on a day; None before the first."""
    return in_force(changes, date, _FIRST_DAY)


# --- Decisions


def set_loss_rates(
    plan: LossRatePlan, rates: LossRates, ended: dt.date | None
) -> list[LossRatesSet]:
    """Rates from a day on, until the next that are there; the same again is nothing new.

    `ended` is the last day that the bank has ended. Refused: a first day that is not after it, and
    rates that are no share.
    """
    for least, rate in zip((least for least, _ in BUCKETS), rates.by_bucket, strict=True):
        if not rate.is_finite() or not 0 <= rate <= RATE_MAX or rate != round(rate, RATE_DECIMALS):
            raise RateOutOfRange(
                name=f"loss from {least} days on",
                rate=str(rate),
                most=RATE_MAX,
                decimals=RATE_DECIMALS,
            )
    if rates in plan.changes:
        return []
    if ended is not None and rates.first_day <= ended:
        raise LossRatesTooLate(first_day=rates.first_day, ended=ended)
    return [LossRatesSet(changes=with_change(plan.changes, rates, _FIRST_DAY, CHANGES_MAX))]
