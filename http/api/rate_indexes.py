"""Index rates: what an index stands at from a day on, as told and as it was known."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from litestar import get, post
from litestar.params import JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, asked_by, told, written
from api.documents import answers, described
from api.parameters import AsOf, KnownAt, Word
from api.strict_json import Rate, encode
from api.visibility import reading
from application import rate_indexes
from application.books import Answer, Posted
from domain.amortisation.index_rates import IndexValue, value_on
from domain.loans.rate_indexes import INDEXES
from readmodels import rate_indexes as rate_indexes_view


class TellingValue(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Per cent a year, from a day on until the next value. It may be below zero."""

    index: Annotated[Word, msgspec.Meta(examples=["EURIBOR3M"])]
    on: Annotated[dt.date, msgspec.Meta(examples=["2026-11-30"])]
    value: Annotated[Rate, msgspec.Meta(examples=["2.015"])]


class IndexValueOut(msgspec.Struct, kw_only=True):
    on: dt.date
    value: str


class RateIndexOut(msgspec.Struct, kw_only=True):
    """All values by the days they hold from, and the one that holds on the day asked about."""

    index: str
    value: str | None
    values: list[IndexValueOut]


class ValueTold(RateIndexOut, kw_only=True):
    position: int | None


@post(
    "/rate-indexes",
    **described("Tell what an index stands at", answers(201, ValueTold, 401, 403, 422, 429, 503)),
)
async def tell_value(request: Call, data: JSONBody[TellingValue]) -> ASGIApp:
    """Loans that follow it take it on their reset dates, when the night of the day is run. Told again
    for a day, a value takes the place of the first, which stays in the log."""
    value = IndexValue(data.on, Decimal(data.value))
    today = request.bank.today()

    def answer(posted: list[Posted]) -> Answer:
        values = posted[0].facts[0].values if posted else (value,)
        out = _out(data.index, values, today)
        position = posted[0].position if posted else None
        told_out = ValueTold(index=out.index, value=out.value, values=out.values, position=position)
        return Answer(201, encode(told_out))

    command = rate_indexes.set_value(asked_by(request, answer), data.index, value.on, value.value)
    return await written(request, command)


@get(
    "/rate-indexes",
    **described("Index rates", answers(200, list[RateIndexOut], 401, 422, 429, 503)),
)
async def list_indexes(request: Call, as_of: AsOf = None, known_at: KnownAt = None) -> ASGIApp:
    """Every index with its values; the one that holds on a day, and as they were known at any moment."""
    async with reading(request, as_of=as_of, known_at=known_at) as (connection, moment):
        out = [
            _out(
                index,
                await rate_indexes_view.index_values(connection, index, moment.known_at),
                moment.as_of,
            )
            for index in INDEXES
        ]
    return told(out, position=moment.known_at)


def _out(index: str, values: tuple[IndexValue, ...], on: dt.date) -> RateIndexOut:
    holds = value_on(values, on)
    return RateIndexOut(
        index=index,
        value=None if holds is None else f"{holds:f}",
        values=[IndexValueOut(on=each.on, value=f"{each.value:f}") for each in values],
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [tell_value, list_indexes]
