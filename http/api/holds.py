"""Holds: funds reserved on an account, and what becomes of them."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.accounts import MoneyDetails, check_late_only
from api.call import Call, asked_by, recorded_at, told, written
from api.documents import answers, described
from api.parameters import AsOf, KnownAt, Text
from api.strict_json import Amount, encode
from api.visibility import account_for, account_of_hold, reading
from application import holds
from application.books import Answer, Posted
from application.pools import next_number
from domain.account_facts import Movement, TermsFact
from domain.money import decimal_of
from domain.refusals import HoldNotFound
from readmodels import holds as holds_view
from readmodels.holds import HoldRow, HoldStatus

Instant = Annotated[dt.datetime, msgspec.Meta(tz=True, examples=["2026-04-01T12:00:00Z"])]


class PlacingHold(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Without `expires_at` it stands until it is settled or released."""

    amount: Annotated[Amount, msgspec.Meta(examples=[25.0])]
    expires_at: Instant | None = None
    counterparty: Text | None = None
    description: Text | None = None


class SettlingHold(MoneyDetails, forbid_unknown_fields=True, kw_only=True):
    """Without an amount, all that is held. What is left of it is given back, unless it is kept."""

    amount: Annotated[Amount, msgspec.Meta(examples=[20.0])] | None = None
    keep_rest: bool = False


class ReleasingHold(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class HoldPlacedOut(msgspec.Struct, kw_only=True):
    hold_id: int
    account_id: int
    amount: Decimal
    status: Literal["active"] = "active"
    expires_at: dt.datetime | None
    counterparty: str | None
    description: str | None
    timestamp: dt.datetime
    position: int


class HoldSettledOut(msgspec.Struct, kw_only=True):
    transaction_id: int
    hold_id: int
    account_id: int
    amount: Decimal
    balance: Decimal
    held_rest: Annotated[Decimal, msgspec.Meta(description="What of this hold is held still.")]
    timestamp: dt.datetime
    status: Literal["completed"] = "completed"
    position: int


class HoldReleasedOut(msgspec.Struct, kw_only=True):
    hold_id: int
    account_id: int
    status: Literal["released"] = "released"
    position: int


class HoldOut(msgspec.Struct, kw_only=True):
    hold_id: int
    account_id: int
    amount: Annotated[Decimal, msgspec.Meta(description="What was held at first.")]
    remaining: Annotated[Decimal, msgspec.Meta(description="What of it is held still.")]
    status: HoldStatus
    placed_at: dt.datetime
    expires_at: dt.datetime | None
    counterparty: str | None
    description: str | None


@post(
    "/accounts/{account_id:int}/holds",
    **described("Hold funds", answers(201, HoldPlacedOut, 401, 403, 404, 409, 422, 429, 503)),
)
async def place_hold(
    request: Call, account_id: FromPath[int], data: JSONBody[PlacingHold]
) -> ASGIApp:
    """Reserve funds: the available balance falls at once, the balance when the hold is settled."""
    hold_id = await next_number(request.bank.users, "hold_ids")

    def answer(posted: list[Posted]) -> Answer:
        fact = posted[0].facts[-1]
        assert isinstance(fact, TermsFact)
        hold = fact.holds[-1]
        placed = HoldPlacedOut(
            hold_id=hold.hold_id,
            account_id=account_id,
            amount=decimal_of(hold.amount, fact.terms.currency),
            expires_at=hold.expires_at,
            counterparty=hold.counterparty,
            description=hold.description,
            timestamp=recorded_at(posted[0]),
            position=posted[0].position,
        )
        return Answer(201, encode(placed))

    command = holds.place_hold(
        asked_by(request, answer),
        account_id,
        hold_id,
        data.amount,
        expires_at=data.expires_at,
        counterparty=data.counterparty,
        description=data.description,
    )
    return await written(request, command, account_id)


@post(
    "/holds/{hold_id:int}/settle",
    **described("Settle a hold", answers(201, HoldSettledOut, 401, 403, 404, 409, 422, 429, 503)),
)
async def settle_hold(
    request: Call, hold_id: FromPath[int], data: JSONBody[SettlingHold]
) -> ASGIApp:
    """Pay what was held, or part of it, to its counterparty. A hold that is over stays over."""
    account_id = await account_of_hold(request.bank, request.actor, hold_id)
    details = data.details()
    check_late_only(request, details)

    def answer(posted: list[Posted]) -> Answer:
        one = posted[0]
        settled, paid = one.transaction.drafts[-2:]
        assert isinstance(settled.fact, TermsFact)
        assert isinstance(paid.fact, Movement)
        currency = settled.fact.terms.currency
        rest = sum(hold.amount for hold in settled.fact.holds if hold.hold_id == hold_id)
        out = HoldSettledOut(
            transaction_id=one.transaction_id,
            hold_id=hold_id,
            account_id=account_id,
            amount=decimal_of(paid.fact.amount, currency),
            balance=decimal_of(paid.fact.balance, currency),
            held_rest=decimal_of(rest, currency),
            timestamp=recorded_at(one),
            position=one.position,
        )
        return Answer(201, encode(out))

    command = holds.settle_hold(
        asked_by(request, answer),
        account_id,
        hold_id,
        data.amount,
        details,
        keep_rest=data.keep_rest,
    )
    return await written(request, command, account_id)


@post(
    "/holds/{hold_id:int}/release",
    status_code=200,
    **described(
        "Release a hold",
        answers(200, HoldReleasedOut, 401, 403, 404, 409, 422, 429, 503),
        writes=True,
    ),
)
async def release_hold(
    request: Call, hold_id: FromPath[int], data: JSONBody[ReleasingHold]
) -> ASGIApp:
    """Give back what is held. A hold that is over stays over."""
    account_id = await account_of_hold(request.bank, request.actor, hold_id)

    def answer(posted: list[Posted]) -> Answer:
        released = HoldReleasedOut(
            hold_id=hold_id, account_id=account_id, position=posted[0].position
        )
        return Answer(200, encode(released))

    command = holds.release_hold(asked_by(request, answer), account_id, hold_id)
    return await written(request, command, account_id)


@get(
    "/accounts/{account_id:int}/holds",
    **described("The holds of an account", answers(200, list[HoldOut], 401, 404, 422, 429, 503)),
)
async def holds_of_account(
    request: Call, account_id: FromPath[int], as_of: AsOf = None, known_at: KnownAt = None
) -> ASGIApp:
    """Those that were active at the moment asked about; what had expired by then was not."""
    async with reading(request, account_id, as_of=as_of, known_at=known_at) as (connection, moment):
        await account_for(connection, request.actor, account_id)
        rows = await holds_view.holds(connection, account_id, moment)
    return told([_out(row) for row in rows], position=moment.known_at)


@get(
    "/holds/{hold_id:int}",
    **described("A hold", answers(200, HoldOut, 401, 404, 429, 503)),
)
async def one_hold(request: Call, hold_id: FromPath[int]) -> ASGIApp:
    """As it stands now: active, settled, released or expired."""
    account_id = await account_of_hold(request.bank, request.actor, hold_id)
    async with reading(request, account_id) as (connection, moment):
        row = await holds_view.hold(connection, hold_id, moment.instant)
    if row is None:
        raise HoldNotFound(hold_id=hold_id)
    return told(_out(row), position=moment.known_at)


def _out(row: HoldRow) -> HoldOut:
    return HoldOut(
        hold_id=row.hold_id,
        account_id=row.account_id,
        amount=decimal_of(row.amount, row.currency),
        remaining=decimal_of(row.remaining, row.currency),
        status=row.status,
        placed_at=row.placed_at,
        expires_at=row.expires_at,
        counterparty=row.counterparty,
        description=row.description,
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [
    place_hold,
    settle_hold,
    release_hold,
    holds_of_account,
    one_hold,
]
