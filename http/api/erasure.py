"""Erasure: two people of compliance have a person forgotten; a legal hold keeps that off."""

import asyncio
import datetime as dt
from typing import Any, Final, Literal

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, asked_by, told, told_answer, written
from api.documents import answers, described
from api.parameters import Text
from api.strict_json import encode
from api.visibility import moment_of
from application import erasure
from application.books import Answer, Posted
from application.erased_persons import ErasedPerson
from application.erasure import Standing
from application.pools import borrowed
from domain.customer import Customer, Erased, Ties
from readmodels.ties import ties_of

ErasureStatus = Literal["none", "asked", "erased"]


class Erasing(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The reason is kept for ever: it should name no person."""

    reason: Text | None = None


class WithReason(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The reason is kept for ever: it should name no person."""

    reason: Text


class ErasureAskedOut(msgspec.Struct, kw_only=True):
    """The first of the two: a second person has to call too."""

    user_id: int
    status: Literal["asked"] = "asked"
    maker: str
    position: int


class ErasedOut(msgspec.Struct, kw_only=True):
    """The certificate: the event at that position says that the key of that id was destroyed."""

    user_id: int
    status: Literal["erased"] = "erased"
    maker: str
    checker: str
    key_id: str | None
    position: int


class LegalHoldOut(msgspec.Struct, kw_only=True):
    """`position` is None where it was so before."""

    user_id: int
    legal_hold: bool
    position: int | None


class ErasureWithdrawnOut(msgspec.Struct, kw_only=True):
    user_id: int
    status: Literal["none"] = "none"
    position: int


class ErasureOut(msgspec.Struct, kw_only=True):
    """What stands in the way: accounts, loans and bills that are open, a hold, days the books are kept for."""

    user_id: int
    status: ErasureStatus
    asked_by: str | None
    legal_hold: bool
    open_accounts: list[int]
    open_loans: list[int]
    open_bills: list[int]
    retained_until: dt.date | None
    position: int


_ERASES: Final = {
    **answers(200, ErasedOut, 401, 403, 404, 409, 422, 429, 503),
    202: answers(202, ErasureAskedOut)[202],
}
_CHANGES: Final = (401, 403, 404, 409, 422, 429, 503)


@post(
    "/users/{user_id:int}/erasure",
    status_code=200,
    **described("Erase a customer", _ERASES, writes=True),
)
async def erase(request: Call, user_id: FromPath[int], data: JSONBody[Erasing]) -> ASGIApp:
    """Two different people call: the first asks (202), the second erases (200). From the first call on
    nothing new is begun with the customer."""
    bank = request.bank
    standing, ties = await _standing(request, user_id)
    done: list[ErasedPerson] = []

    def answer(posted: list[Posted]) -> Answer:
        (one,) = posted
        fact = one.facts[0]
        if not isinstance(fact, Erased):
            asked = ErasureAskedOut(user_id=user_id, maker=fact.asked_by, position=one.position)
            return Answer(202, encode(asked))
        if fact.key_id is not None:
            done.append(
                ErasedPerson(user_id, fact.key_id, fact.maker, fact.checker, one.recorded_at)
            )
        erased = ErasedOut(
            user_id=user_id,
            maker=fact.maker,
            checker=fact.checker,
            key_id=fact.key_id,
            position=one.position,
        )
        return Answer(200, encode(erased))

    command = erasure.erase(asked_by(request, answer), standing, ties, data.reason)
    given = await bank.writer.submit(command)
    if given.position is not None:
        bank.own_writes.wrote(given.position, request.actor.user_id)
        bank.own_writes.wrote(given.position, user_id)
    if given.status == 200:
        await asyncio.to_thread(bank.erased.add, *done)
        bank.own_writes.session_ended()
    return told_answer(given)


@post(
    "/users/{user_id:int}/erasure/withdraw",
    status_code=200,
    **described(
        "Withdraw what was asked", answers(200, ErasureWithdrawnOut, *_CHANGES), writes=True
    ),
)
async def withdraw(request: Call, user_id: FromPath[int], data: JSONBody[WithReason]) -> ASGIApp:
    """Before the second person has agreed: the customer goes on as before."""

    def answer(posted: list[Posted]) -> Answer:
        return Answer(
            200, encode(ErasureWithdrawnOut(user_id=user_id, position=posted[0].position))
        )

    command = erasure.withdraw_erasure(asked_by(request, answer), user_id, data.reason)
    return await written(request, command)


@post(
    "/users/{user_id:int}/legal-hold",
    status_code=200,
    **described("Place a legal hold", answers(200, LegalHoldOut, *_CHANGES), writes=True),
)
async def place_hold(request: Call, user_id: FromPath[int], data: JSONBody[WithReason]) -> ASGIApp:
    """While it stands the customer is not erased, however long ago all was closed."""
    ask = asked_by(request, _hold_answer(user_id, True))
    return await written(request, erasure.place_legal_hold(ask, user_id, data.reason))


@post(
    "/users/{user_id:int}/legal-hold/lift",
    status_code=200,
    **described("Lift a legal hold", answers(200, LegalHoldOut, *_CHANGES), writes=True),
)
async def lift_hold(request: Call, user_id: FromPath[int], data: JSONBody[WithReason]) -> ASGIApp:
    """From here on the person can be erased, as far as nothing else forbids it."""
    ask = asked_by(request, _hold_answer(user_id, False))
    return await written(request, erasure.lift_legal_hold(ask, user_id, data.reason))


@get(
    "/users/{user_id:int}/erasure",
    **described(
        "Whether a customer can be erased", answers(200, ErasureOut, 401, 403, 404, 429, 503)
    ),
)
async def one_erasure(request: Call, user_id: FromPath[int]) -> ASGIApp:
    """What stands in the way of it, or that it is done."""
    standing, ties = await _standing(request, user_id)
    customer = standing.customer
    out = ErasureOut(
        user_id=user_id,
        status=status_of(customer),
        asked_by=customer.asked_by,
        legal_hold=customer.held,
        open_accounts=list(ties.accounts),
        open_loans=list(ties.loans),
        open_bills=list(ties.bills),
        retained_until=ties.retained_until,
        position=standing.position,
    )
    return told(out, position=standing.position)


def status_of(customer: Customer) -> ErasureStatus:
    if customer.erased:
        return "erased"
    return "none" if customer.asked_by is None else "asked"


async def _standing(call: Call, user_id: int) -> tuple[Standing, Ties]:
    """The customer, and what binds him, from views that have come as far as the customer has."""
    bank = call.bank
    standing = await erasure.standing_of(bank.persons, user_id)
    wanted = max(standing.position, bank.own_writes.position_for(user_id))
    async with borrowed(bank.reads) as connection:
        await moment_of(connection, bank.today(), None, None, wanted)
        ties = await ties_of(connection, user_id, retention_years=bank.retention_years)
    return standing, ties


def _hold_answer(user_id: int, stands: bool) -> Any:
    def answer(posted: list[Posted]) -> Answer:
        position = posted[0].position if posted else None
        out = LegalHoldOut(user_id=user_id, legal_hold=stands, position=position)
        return Answer(200, encode(out))

    return answer


HANDLERS: Final[list[ControllerRouterHandler]] = [
    erase,
    withdraw,
    place_hold,
    lift_hold,
    one_erasure,
]
