"""Settlement between banks, as the central bank reports it."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from litestar import post
from litestar.params import JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, asked_by, recorded_at, written
from api.documents import answers, described
from api.parameters import Text
from api.strict_json import Amount, BodyInvalid, FieldError, encode
from application.books import Answer, Posted
from application.commands import Details
from application.interbank import settle_interbank
from domain.interbank import InterbankSettled
from domain.money import decimal_of

Reference = Annotated[
    str, msgspec.Meta(min_length=1, max_length=35, examples=["RTGS-20260302-EUR-1"])
]
# One blank more would be another reference, under which a report is booked again.
_PADDED: Final = FieldError("/reference", "No blank may stand before or after it")


class SettlingInterbank(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What was received from other banks, and what was paid to them; one of the two may be left out.
    `reference` is the central bank's, of at most 35 characters and without a blank at either end.
    An amount below zero takes back what an earlier report was booked too high by, under a reference of
    its own, with a `reason`. `booking_date` is of an earlier day."""

    incoming: Annotated[Amount, msgspec.Meta(examples=[18250.4])] = Amount(0)
    outgoing: Annotated[Amount, msgspec.Meta(examples=[9310.25])] = Amount(0)
    currency: Annotated[str, msgspec.Meta(max_length=3)] | None = None
    reference: Reference
    reason: Text | None = None
    booking_date: dt.date | None = None


class InterbankSettledOut(msgspec.Struct, kw_only=True):
    """`net` is what the account at the central bank has more after it."""

    transaction_id: int
    incoming: Decimal
    outgoing: Decimal
    net: Decimal
    currency: str
    reference: str
    timestamp: dt.datetime
    position: int


@post(
    "/ledger/interbank-settlements",
    **described(
        "Settle with other banks",
        answers(201, InterbankSettledOut, 401, 403, 409, 422, 429, 503),
    ),
)
async def settle(request: Call, data: JSONBody[SettlingInterbank]) -> ASGIApp:
    """Payments from and to other banks stand in clearing (1130, 2310) until the central bank has settled
    them; what it reports goes to the account there (1110). A report is booked once, by its reference."""

    def answer(posted: list[Posted]) -> Answer:
        (one,) = posted
        fact = one.facts[0]
        assert isinstance(fact, InterbankSettled)
        out = InterbankSettledOut(
            transaction_id=one.transaction_id,
            incoming=decimal_of(fact.incoming, fact.currency),
            outgoing=decimal_of(fact.outgoing, fact.currency),
            net=decimal_of(fact.incoming - fact.outgoing, fact.currency),
            currency=fact.currency,
            reference=fact.reference,
            timestamp=recorded_at(one),
            position=one.position,
        )
        return Answer(201, encode(out))

    if data.reference != data.reference.strip():
        raise BodyInvalid(_PADDED)
    details = Details(
        description=f"Settlement with other banks, {data.reference}",
        booking_date=data.booking_date,
        reason=data.reason,
    )
    command = settle_interbank(
        asked_by(request, answer),
        data.incoming,
        data.outgoing,
        data.currency or request.bank.currency,
        data.reference,
        details,
    )
    return await written(request, command)


HANDLERS: Final[list[ControllerRouterHandler]] = [settle]
