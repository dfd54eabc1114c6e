"""The use cases of index rates: what an index stands at is told, and loans that follow it ask."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from application.books import Books, Command, Transaction
from application.commands import Ask, canonical, note
from domain.amortisation.index_rates import IndexValue
from domain.loans import rate_indexes
from domain.loans.products import Product
from domain.loans.rate_indexes import INDEXES, NO_VALUES, RateIndex, stream_of

# What a command reads that is about a loan which may follow any of them.
STREAMS: Final = tuple(stream_of(index) for index in INDEXES)


def index_of(books: Books, index: str) -> RateIndex:
    """What is known of an index, whose stream the command must have asked for."""
    state: RateIndex = books.state(stream_of(index)) or NO_VALUES
    return state


def values_for(books: Books, product: Product) -> Sequence[IndexValue]:
    """The values of the index that a product follows; none where it follows none."""
    return () if product.index is None else index_of(books, product.index).values


def set_value(ask: Ask, index: str, on: dt.date, value: Decimal) -> Command:
    """What an index stands at from a day on; told again for a day, it takes the place of the first."""
    known = index if index in INDEXES else INDEXES[0]

    def decide(books: Books) -> list[Transaction]:
        state = index_of(books, known)
        facts = rate_indexes.set_value(state, index, on, value, books.today)
        return note(ask, books, stream_of(known), facts)

    request = {"call": "rate-indexes", "index": index, "on": on, "value": canonical(value)}
    return ask.command(request, (stream_of(known),), decide)
