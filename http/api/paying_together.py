"""One payment over several bills of a biller."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from litestar import post
from litestar.params import JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.bills import BillPaidOut, account_to_pay, paid_out, written_for
from api.call import Call, asked_by
from api.documents import answers, described
from api.parameters import Id
from api.strict_json import Amount, encode
from api.visibility import check_user, reading
from application.books import Answer, Posted
from application.paying_together import BILLS_AT_ONCE_MAX, Share, pay_together
from application.payment_places import Place
from application.pools import next_number
from domain.bills.bill_facts import PaymentHeld
from domain.bills.bill_refusals import NothingOwed
from readmodels import bills
from readmodels.billers import biller


class PayingTogether(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Without an account, the one that would pay the oldest of the bills."""

    user_id: Id
    biller_id: Id
    amount: Annotated[Amount, msgspec.Meta(examples=[150.0])]
    currency: Annotated[str, msgspec.Meta(max_length=3)] | None = None
    account_id: Id | None = None


class PaidTogetherOut(msgspec.Struct, kw_only=True):
    """A payment for each bill that was paid, the oldest first."""

    amount: Decimal
    payments: list[BillPaidOut]
    position: int


@post(
    "/bills/pay-together",
    **described(
        "Pay several bills", answers(201, PaidTogetherOut, 401, 403, 404, 409, 422, 429, 503)
    ),
)
async def pay(request: Call, data: JSONBody[PayingTogether]) -> ASGIApp:
    """Of one biller, the oldest due date first, and the last in part where that is accepted; all of the
    amount, or nothing is done. No more than the twenty oldest are paid at once."""
    bank, actor = request.bank, request.actor
    check_user(actor, data.user_id)
    currency = data.currency or bank.currency
    async with reading(request, user_id=data.user_id) as (connection, _):
        known = await biller(connection, data.biller_id)
        owed = await bills.payable(connection, data.user_id, due_by=dt.date.max)
    payable = [
        bill
        for bill in owed
        if (bill.standing.biller_id, bill.standing.currency) == (data.biller_id, currency)
    ][:BILLS_AT_ONCE_MAX]
    if known is None:
        raise NothingOwed(biller=f"biller {data.biller_id}", currency=currency)
    # Where nothing is owed any more, the writer still knows what it has answered under the key.
    account_id = data.account_id or 0
    if payable and not account_id:
        account_id = await account_to_pay(request, payable[0])
    shares = [
        Share(
            Place(
                await next_number(bank.users, "payment_ids"),
                *(bill.bill_id, account_id, data.biller_id),
            ),
            await next_number(bank.users, "hold_ids"),
        )
        for bill in payable
    ]

    def answer(posted: list[Posted]) -> Answer:
        held = [one for one in posted if any(isinstance(f, PaymentHeld) for f in one.facts)]
        payments = [paid_out(one, posted[-1].position) for one in held]
        total = sum((payment.amount for payment in payments), Decimal(0))
        out = PaidTogetherOut(amount=total, payments=payments, position=posted[-1].position)
        return Answer(201, encode(out))

    command = pay_together(
        asked_by(request, answer),
        shares,
        user_id=data.user_id,
        biller_id=data.biller_id,
        amount=data.amount,
        currency=currency,
        account_id=data.account_id,
    )
    return await written_for(request, command, data.user_id, account_id)


HANDLERS: Final[list[ControllerRouterHandler]] = [pay]
