"""The bank's capital, as it is paid in by its owners."""

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
from api.strict_json import Amount, encode
from application.books import Answer, Posted
from application.capital import pay_capital_in
from application.commands import Details
from domain.capital import CapitalPaidIn, PaidInto
from domain.money import decimal_of


class PayingCapitalIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Into the vault, to the account at the central bank, or to the nostro with correspondents.
    `booking_date` is of an earlier day."""

    amount: Annotated[Amount, msgspec.Meta(examples=[5000000.0])]
    currency: Annotated[str, msgspec.Meta(max_length=3)] | None = None
    paid_into: PaidInto = "central_bank"
    reason: Text
    booking_date: dt.date | None = None


class CapitalOut(msgspec.Struct, kw_only=True):
    """`total` is all that was ever paid in, in that currency."""

    transaction_id: int
    amount: Decimal
    currency: str
    paid_into: PaidInto
    total: Decimal
    timestamp: dt.datetime
    position: int


@post(
    "/ledger/capital",
    **described("Pay capital in", answers(201, CapitalOut, 401, 403, 409, 422, 429, 503)),
)
async def pay_in(request: Call, data: JSONBody[PayingCapitalIn]) -> ASGIApp:
    """What the owners of the bank put into it: share capital, and as much money of its own."""

    def answer(posted: list[Posted]) -> Answer:
        (one,) = posted
        fact = one.facts[0]
        assert isinstance(fact, CapitalPaidIn)
        out = CapitalOut(
            transaction_id=one.transaction_id,
            amount=decimal_of(fact.amount, fact.currency),
            currency=fact.currency,
            paid_into=fact.paid_into,
            total=decimal_of(fact.totals[fact.currency], fact.currency),
            timestamp=recorded_at(one),
            position=one.position,
        )
        return Answer(201, encode(out))

    details = Details(
        description="Capital paid in", booking_date=data.booking_date, reason=data.reason
    )
    command = pay_capital_in(
        asked_by(request, answer),
        data.amount,
        data.currency or request.bank.currency,
        data.paid_into,
        details,
    )
    return await written(request, command)


HANDLERS: Final[list[ControllerRouterHandler]] = [pay_in]
