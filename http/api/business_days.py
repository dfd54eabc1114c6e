"""The business days that the bank has ended: when, and what the steps came to."""

import datetime as dt
from decimal import Decimal
from typing import Final, Literal

import msgspec
from litestar import get
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, told
from api.documents import answers, described
from api.pages import END, Cursor, Limit, cursor_for, next_page, page_of
from application.pools import borrowed
from domain.business_days import Ended
from domain.money import decimal_of
from ledger.journal import Recorded
from readmodels.business_days import business_day_events


class StepOut(msgspec.Struct, kw_only=True):
    """Items done and refused; `moved` is what went through the books, by currency."""

    step: str
    done: int
    refused: int
    moved: dict[str, Decimal]


class BusinessDayLine(msgspec.Struct, kw_only=True):
    """A day whose end has begun stands without steps until it is complete."""

    date: dt.date
    status: Literal["ending", "ended"]
    timestamp: dt.datetime
    position: int
    steps: list[StepOut]


@get(
    "/ledger/business-days",
    **described("The business days", answers(200, list[BusinessDayLine], 400, 401, 403, 429, 503)),
)
async def list_business_days(request: Call, limit: Limit = None, cursor: Cursor = None) -> ASGIApp:
    """Those that the end of was run, or has begun; the newest first."""
    page = page_of(limit, cursor)
    async with borrowed(request.bank.reads) as connection:
        # A day has two events, its beginning and its end; of the oldest one here the first may be left out.
        events = await business_day_events(
            connection, before_version=page.place or END, limit=2 * page.rows
        )
    lines: dict[dt.date, BusinessDayLine] = {}
    places: dict[dt.date, int] = {}
    for recorded in events:
        lines.setdefault(recorded.event.fact.date, _line(recorded))
        places[recorded.event.fact.date] = recorded.originator_version
    shown, link = list(lines.values())[: page.size], None
    if len(lines) > page.size:
        link = next_page(request, "cursor", cursor_for(places[shown[-1].date]))
    return told(shown, position=events[0].position if events else 0, link=link)


def _line(recorded: Recorded) -> BusinessDayLine:
    fact = recorded.event.fact
    return BusinessDayLine(
        date=fact.date,
        status="ended" if isinstance(fact, Ended) else "ending",
        timestamp=recorded.event.recorded_at,
        position=recorded.position,
        steps=[
            StepOut(
                step=step.step,
                done=step.done,
                refused=step.refused,
                moved={currency: decimal_of(amount, currency) for currency, amount in step.moved},
            )
            for step in (fact.steps if isinstance(fact, Ended) else ())
        ],
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [list_business_days]
