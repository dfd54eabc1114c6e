"""Bill payments that are given back, and what the biller or the customer owes for it then."""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from litestar import post
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.bills import BillReason, written_for
from api.call import Call, asked_by
from api.documents import answers, described
from api.parameters import Text
from api.strict_json import Amount, encode
from api.visibility import bill_for, place_for
from application import bill_refunds
from application.books import Answer, Command, Posted
from application.commands import Ask
from application.payment_places import Place
from domain.bills.bill_facts import PaymentFact, PaymentState, PaymentStatus
from domain.money import decimal_of


class Refunding(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Without an amount, all that is left of the payment."""

    amount: Annotated[Amount, msgspec.Meta(examples=[20.0])] | None = None
    reason: Text


class RefundAmount(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    amount: Annotated[Amount, msgspec.Meta(examples=[20.0])]


class LosingRefund(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    amount: Annotated[Amount, msgspec.Meta(examples=[20.0])]
    reason: Text


class RefundedOut(msgspec.Struct, kw_only=True):
    """The payment after it; `position` is absent where nothing had to change."""

    payment_id: int
    bill_id: int
    status: PaymentStatus
    state: PaymentState
    amount: Decimal
    refunded: Decimal
    refund_due: Decimal
    refund_asked: Decimal
    unclaimed: Decimal
    position: int | None = None


_CHANGES: Final = answers(200, RefundedOut, 401, 403, 404, 409, 422, 429, 503)


def _changing(call: str, summary: str) -> post:
    path = f"/bills/payments/{{payment_id:int}}/{call}"
    return post(path, status_code=200, **described(summary, _CHANGES, writes=True))


@_changing("refund", "Refund a bill payment")
async def refund(request: Call, payment_id: FromPath[int], data: JSONBody[Refunding]) -> ASGIApp:
    """In whole or part: out of what is owed to the biller, or after that was paid by an advance of the
    bank, or when the biller has paid it back; the biller's terms say which. Where the account is closed,
    it waits to be claimed."""

    def change(ask: Ask, place: Place) -> Command:
        return bill_refunds.refunded(ask, place, data.amount, data.reason)

    return await _change(request, payment_id, change)


@_changing("refund-received", "Take in a biller's refund")
async def refund_received(
    request: Call, payment_id: FromPath[int], data: JSONBody[RefundAmount]
) -> ASGIApp:
    """It repays the bank's advance, or goes to the customer who has waited for it."""

    def change(ask: Ask, place: Place) -> Command:
        return bill_refunds.refund_received(ask, place, data.amount)

    return await _change(request, payment_id, change)


@_changing("refund-lost", "Give a biller's refund up")
async def refund_lost(
    request: Call, payment_id: FromPath[int], data: JSONBody[LosingRefund]
) -> ASGIApp:
    """What the bank had advanced is its own loss."""

    def change(ask: Ask, place: Place) -> Command:
        return bill_refunds.refund_lost(ask, place, data.amount, data.reason)

    return await _change(request, payment_id, change)


@_changing("claim", "Pay an unclaimed refund out")
async def claim(request: Call, payment_id: FromPath[int], data: JSONBody[Refunding]) -> ASGIApp:
    """In cash, to the customer who came for it: what was given back after the account was closed.
    Without an amount, all of it."""

    def change(ask: Ask, place: Place) -> Command:
        return bill_refunds.refund_claimed(ask, place, data.amount, data.reason)

    return await _change(request, payment_id, change)


@_changing("charge-back", "Charge a bill payment back")
async def charge_back(
    request: Call, payment_id: FromPath[int], data: JSONBody[BillReason]
) -> ASGIApp:
    """The customer disputes the debit itself, and has the money until that is decided."""

    def change(ask: Ask, place: Place) -> Command:
        return bill_refunds.charged_back(ask, place, data.reason)

    return await _change(request, payment_id, change)


@_changing("chargeback-lost", "Decide a chargeback against the customer")
async def chargeback_lost(
    request: Call, payment_id: FromPath[int], data: JSONBody[BillReason]
) -> ASGIApp:
    """The debit was right: the money is taken back, even if the account falls below its limit."""

    def change(ask: Ask, place: Place) -> Command:
        return bill_refunds.chargeback_lost(ask, place, data.reason)

    return await _change(request, payment_id, change)


async def _change(call: Call, payment_id: int, change: Callable[[Ask, Place], Command]) -> ASGIApp:
    place = await place_for(call.bank, call.actor, payment_id)
    bill = await bill_for(call.bank, call.actor, place.bill_id)

    def answer(posted: list[Posted]) -> Answer:
        payment = bill.payment(payment_id)
        for one in posted:
            for fact in one.facts:
                if isinstance(fact, PaymentFact):
                    payment = fact.payment
        currency = bill.standing.currency
        out = RefundedOut(
            payment_id=payment_id,
            bill_id=place.bill_id,
            status=payment.status,
            state=payment.state,
            amount=decimal_of(payment.amount, currency),
            refunded=decimal_of(payment.refunded, currency),
            refund_due=decimal_of(payment.refund_due, currency),
            refund_asked=decimal_of(payment.refund_asked, currency),
            unclaimed=decimal_of(payment.unclaimed, currency),
            position=posted[-1].position if posted else None,
        )
        return Answer(200, encode(out))

    command = change(asked_by(call, answer), place)
    return await written_for(call, command, bill.standing.user_id, place.account_id)


HANDLERS: Final[list[ControllerRouterHandler]] = [
    refund,
    refund_received,
    refund_lost,
    claim,
    charge_back,
    chargeback_lost,
]
