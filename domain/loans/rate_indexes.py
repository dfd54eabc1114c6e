"""Index rates: what an index stands at from a day on, and the rate of a loan that follows one.

An index has a stream of its own, and every fact carries all of its values, so that what held on a day can
be read as it was known at any position. A loan takes the value of its reset date when the night of that
day is run; what becomes known later counts from the next night on.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec

from domain.amortisation.index_rates import IndexValue, value_on
from domain.dated_changes import with_change
from domain.facts import Fact, stored_as
from domain.loans.loan_refusals import IndexNotFound, IndexValueMissing
from domain.loans.loan_terms import LoanTerms
from domain.loans.products import Product
from domain.refusals import DateOutOfRange, RateOutOfRange

INDEXES: Final = ("EURIBOR3M", "EURIBOR12M")
VALUES_MAX: Final = 1_000
RATE_DECIMALS: Final = 6
RATE_MAX: Final = Decimal(100)
AHEAD: Final = dt.timedelta(days=31)


class Reset(NamedTuple):
    """A rate that holds from now on, and the value of the index that it follows from."""

    rate: Decimal
    value: Decimal


# --- Events: their tags are on disk for ever.


@stored_as("rate-index.value-set.1")
class IndexValueSet(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """`values` are all there are after it, by the days they hold from."""

    index: str
    values: tuple[IndexValue, ...]


# --- State


class RateIndex(msgspec.Struct, frozen=True):
    values: tuple[IndexValue, ...] = ()
    version: int = 0


NO_VALUES: Final = RateIndex()


def stream_of(index: str) -> str:
    return f"rate-index-{index}"


def restore(_: int, newest: IndexValueSet, version: int) -> RateIndex:
    return RateIndex(newest.values, version)


# --- Decisions


def set_value(
    state: RateIndex, index: str, on: dt.date, value: Decimal, today: dt.date
) -> list[IndexValueSet]:
    """What the index stands at from a day on; another value for the same day takes its place.

    Refused: an index that there is not, a day further ahead than values are published, and a value that
    is no rate. The same again is nothing new.
    """
    if index not in INDEXES:
        raise IndexNotFound(index=index, offered=", ".join(INDEXES))
    if on > today + AHEAD:
        raise DateOutOfRange(
            field="day of the value", date=on, earliest=dt.date.min, latest=today + AHEAD
        )
    if abs(value) > RATE_MAX or value != round(value, RATE_DECIMALS):
        raise RateOutOfRange(name=index, rate=str(value), most=RATE_MAX, decimals=RATE_DECIMALS)
    told = IndexValue(on, value)
    if told in state.values:
        return []
    values = with_change(state.values, told, attrgetter("on"), VALUES_MAX)
    return [IndexValueSet(index=index, values=values)]


# --- The rates of loans.


def rate_at(product: Product, values: Sequence[IndexValue], on: dt.date) -> Decimal | None:
    """The rate of a loan that begins on a day; None where the product follows no index.

    Refused: a day on which no value of the index is known.
    """
    if product.follows is None:
        return None
    value = value_on(values, on)
    if value is None:
        raise IndexValueMissing(index=product.index, on=on)
    return product.follows.rate(value)


def reset_due(terms: LoanTerms, values: Sequence[IndexValue], on: dt.date) -> Reset | None:
    """What the rate is by the last reset date not after a day, where that is another rate."""
    follows = terms.product.follows
    if follows is None or terms.disbursed_on is None:
        return None
    last = None
    for day in follows.resets(terms.disbursed_on):
        if day > on:
            break
        last = day
    value = None if last is None else value_on(values, last)
    if value is None or follows.rate(value) == terms.annual_rate:
        return None
    return Reset(follows.rate(value), value)
