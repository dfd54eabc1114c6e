"""Accounting periods: two people close one, it is sealed, and it can be opened again."""

import datetime as dt
from decimal import Decimal
from typing import Final, Literal

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, Told, asked_by, told, told_answer, written
from api.documents import answers, described
from api.parameters import Text
from api.period_sealing import ensure_sealed, of_period
from api.problems import NotYetRead
from api.strict_json import encode
from application import periods
from application.books import Answer, Posted
from application.pools import borrowed
from domain.money import decimal_of
from domain.periods import CloseAsked, PeriodFact, Sealed, last_day
from ledger.chart_of_accounts import CHART
from ledger.journal import Recorded
from ledger.trial_balance import TrialBalanceLine
from readmodels.periods import period_events

PeriodStatus = Literal["open", "close asked", "closed"]


class ClosingPeriod(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    reason: Text | None = None


class ReopeningPeriod(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    reason: Text


class SealedLine(msgspec.Struct, kw_only=True):
    ledger_account: int
    name: str
    currency: str
    debits: Decimal
    credits: Decimal


class SealOut(msgspec.Struct, kw_only=True):
    """`sha256` is the hash of `canonical`, the text that is kept in the log: minor units, in the
    order of the chart."""

    position: int
    timestamp: dt.datetime
    known_at: int
    trial_balance: list[SealedLine]
    canonical: str
    sha256: str


class CloseAskedOut(msgspec.Struct, kw_only=True):
    """The first of the two: a second person has to close it too."""

    period: str
    status: Literal["close asked"] = "close asked"
    maker: str
    position: int | None


class PeriodClosedOut(msgspec.Struct, kw_only=True):
    period: str
    status: Literal["closed"] = "closed"
    maker: str
    checker: str
    position: int
    seal: SealOut | None


class PeriodReopenedOut(msgspec.Struct, kw_only=True):
    period: str
    status: Literal["open"] = "open"
    position: int


class PeriodEventOut(msgspec.Struct, kw_only=True):
    position: int
    timestamp: dt.datetime
    type: str
    actor: str
    reason: str | None


class PeriodOut(msgspec.Struct, kw_only=True):
    """All that became of it, and each seal it ever had: the newest is the one that holds."""

    period: str
    status: PeriodStatus
    first_day: dt.date
    last_day: dt.date
    seals: list[SealOut]
    events: list[PeriodEventOut]


class PeriodLine(msgspec.Struct, kw_only=True):
    period: str
    status: PeriodStatus
    position: int
    sha256: str | None


_CLOSES: Final = {
    **answers(200, PeriodClosedOut, 401, 403, 409, 422, 429, 503),
    202: answers(202, CloseAskedOut)[202],
}


@post(
    "/ledger/periods/{period:str}/close",
    status_code=200,
    **described("Close a period", _CLOSES, writes=True),
)
async def close(request: Call, period: FromPath[str], data: JSONBody[ClosingPeriod]) -> ASGIApp:
    """Two different people call: the first asks (202), the second closes (200). It is sealed with its
    trial balance; December takes the year's result to retained earnings first."""

    def answer(posted: list[Posted]) -> Answer:
        fact = posted[0].facts[0]
        if isinstance(fact, CloseAsked):
            asked = CloseAskedOut(period=period, maker=fact.maker, position=posted[0].position)
            return Answer(202, encode(asked))
        closed = PeriodClosedOut(
            period=period,
            maker=fact.maker,
            checker=fact.checker,
            position=posted[0].position,
            seal=None,
        )
        return Answer(200, encode(closed))

    command = periods.close_period(asked_by(request, answer), period, data.reason)
    given = await request.bank.writer.submit(command)
    if given.position is not None:
        request.bank.own_writes.wrote(given.position, request.actor.user_id)
    if given.status == 409 and b'"code":"period-already-closed"' in given.body:
        # It may have been closed by somebody who could not seal it any more.
        await ensure_sealed(request, period)
    if given.status != 200:
        return told_answer(given)
    return await _sealed(request, period, given)


async def _sealed(call: Call, period: str, given: Answer) -> Told:
    """The answer to the second of the two, who is told the seal that followed: always the same."""
    closed = msgspec.json.decode(given.body)
    await ensure_sealed(call, period)
    async with borrowed(call.bank.reads) as connection:
        life = of_period(await period_events(connection), period)
    for recorded in life:
        if recorded.position > closed["position"] and isinstance(recorded.event.fact, Sealed):
            closed["seal"] = _seal(recorded)
            return told_answer(Answer(200, encode(closed), given.position, replayed=given.replayed))
    # It was opened again before it could be sealed.
    raise NotYetRead


@post(
    "/ledger/periods/{period:str}/reopen",
    status_code=200,
    **described(
        "Open a period again",
        answers(200, PeriodReopenedOut, 401, 403, 409, 422, 429, 503),
        writes=True,
    ),
)
async def reopen(request: Call, period: FromPath[str], data: JSONBody[ReopeningPeriod]) -> ASGIApp:
    """It takes bookings until two people close it anew. That it was opened stays visible for ever."""

    def answer(posted: list[Posted]) -> Answer:
        return Answer(200, encode(PeriodReopenedOut(period=period, position=posted[0].position)))

    command = periods.reopen_period(asked_by(request, answer), period, data.reason)
    return await written(request, command)


@get(
    "/ledger/periods",
    **described("The periods", answers(200, list[PeriodLine], 401, 403, 429, 503)),
)
async def list_periods(request: Call) -> ASGIApp:
    """Those that anybody has ever asked to close, newest month first. All others are open."""
    async with borrowed(request.bank.reads) as connection:
        life = await period_events(connection)
    lines = []
    for name in sorted({recorded.event.fact.period for recorded in life}, reverse=True):
        own = of_period(life, name)
        seals = [each.event.fact for each in own if isinstance(each.event.fact, Sealed)]
        status = _status(own)
        lines.append(
            PeriodLine(
                period=name,
                status=status,
                position=own[-1].position,
                sha256=seals[-1].sha256 if seals and status == "closed" else None,
            )
        )
    return told(lines, position=life[-1].position if life else 0)


@get(
    "/ledger/periods/{period:str}",
    **described("A period", answers(200, PeriodOut, 401, 403, 422, 429, 503)),
)
async def one_period(request: Call, period: FromPath[str]) -> ASGIApp:
    """Who asked, who closed, who opened it again, and its seals with their trial balances."""
    end = last_day(period)
    async with borrowed(request.bank.reads) as connection:
        life = await period_events(connection)
    own = of_period(life, period)
    found = PeriodOut(
        period=period,
        status=_status(own),
        first_day=end.replace(day=1),
        last_day=end,
        seals=[_seal(each) for each in own if isinstance(each.event.fact, Sealed)],
        events=[
            PeriodEventOut(
                position=each.position,
                timestamp=each.event.recorded_at,
                type=each.event.fact.TAG.rpartition(".")[0],
                actor=each.event.actor,
                reason=each.event.reason,
            )
            for each in own
        ],
    )
    return told(found, position=life[-1].position if life else 0)


def _status(own: list[Recorded]) -> PeriodStatus:
    if not own:
        return "open"
    fact: PeriodFact = own[-1].event.fact
    if fact.period in fact.closed:
        return "closed"
    return "close asked" if fact.period in dict(fact.asked) else "open"


_LINES: Final[msgspec.json.Decoder[list[TrialBalanceLine]]] = msgspec.json.Decoder(
    list[TrialBalanceLine]
)


def _seal(recorded: Recorded) -> SealOut:
    fact: Sealed = recorded.event.fact
    return SealOut(
        position=recorded.position,
        timestamp=recorded.event.recorded_at,
        known_at=fact.known_at,
        trial_balance=[
            SealedLine(
                ledger_account=line.ledger_account,
                name=CHART[line.ledger_account].name,
                currency=line.currency,
                debits=decimal_of(line.debits, line.currency),
                credits=decimal_of(line.credits, line.currency),
            )
            for line in _LINES.decode(fact.trial_balance)
        ],
        canonical=fact.trial_balance,
        sha256=fact.sha256,
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [close, reopen, list_periods, one_period]
