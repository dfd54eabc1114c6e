"""Bills: presented, disputed, cancelled, paid. What can be asked of them is in `bill_readings`."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from litestar import post
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Bank, Call, Told, asked_by, recorded_at, told_answer
from api.documents import answers, described
from api.parameters import Id, Text, Word
from api.strict_json import Amount, encode
from api.visibility import bill_for, check_user, reading
from application import bill_payments, bills, presenting, registrations
from application.books import Answer, Command, Posted
from application.commands import Ask
from application.log_reads import read_state
from application.payment_places import Place
from application.pools import next_number
from application.presenting import Outcome, PresentedBill
from domain.bills.bill import Bill
from domain.bills.bill_facts import BillFact, BillStatus, PaymentFact, PaymentStatus, Standing
from domain.bills.bill_refusals import NoAccountToPayFrom
from domain.bills.biller import Biller
from domain.bills.biller import stream_of as biller_stream_of
from domain.bills.recurrence import Recurrence
from domain.money import decimal_of
from readmodels import accounts
from readmodels.reading import PAGE_MAX


class RecurrenceIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Due again every so many months on that day, or on the last day of a month without it."""

    months: Annotated[int, msgspec.Meta(ge=1, le=12)] = 1
    day: Annotated[int, msgspec.Meta(ge=1, le=31)] | None = None


class PresentingBill(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Without a user it is of the customer who is registered with the biller under the reference. The
    biller's own number of it, `external_id`, makes it one bill however often it is presented.
    With `supersede` another amount or date takes the place of what was presented under that number, and
    what was paid of it counts towards the new bill."""

    biller_id: Id
    user_id: Id | None = None
    amount: Annotated[Amount, msgspec.Meta(examples=[84.37])]
    due_date: dt.date
    currency: Annotated[str, msgspec.Meta(min_length=3, max_length=3)] | None = None
    issued_on: dt.date | None = None
    external_id: Word | None = None
    reference: Annotated[str, msgspec.Meta(min_length=1, max_length=35)] | None = None
    description: Text | None = None
    minimum: Amount | None = None
    recurrence: RecurrenceIn | None = None
    supersede: bool = False

    def recurs(self) -> Recurrence | None:
        if self.recurrence is None:
            return None
        return Recurrence(self.recurrence.months, self.recurrence.day or self.due_date.day)


class PayingBill(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Without an account, the default account of the registration with the biller; where none is agreed,
    the oldest of the customer's own that can pay in the bill's currency."""

    user_id: Id
    bill_id: Id
    amount: Annotated[Amount, msgspec.Meta(examples=[84.37])]
    account_id: Id | None = None


class BillReason(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    reason: Text


class CancellingBill(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    reason: Text | None = None


class EndingDispute(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Upheld, the bill is cancelled; else it is owed as before."""

    upheld: bool
    reason: Text


class BillOut(msgspec.Struct, kw_only=True):
    """`payable` is the open amount less what is on its way to the biller."""

    bill_id: int
    user_id: int
    biller_id: int
    service_provider: str
    external_id: str | None
    reference: str | None
    description: str | None
    currency: str
    amount: Annotated[Decimal, msgspec.Meta(description="As it was presented.")]
    late_fees: Decimal
    paid: Decimal
    open_amount: Decimal
    payable: Decimal
    credit: Decimal
    minimum: Decimal
    issued_on: dt.date
    due_date: dt.date
    status: BillStatus
    overdue: bool
    supersedes: int | None
    superseded_by: int | None


class BillWritten(BillOut, kw_only=True):
    """`position` is absent where nothing had to change."""

    position: int | None = None


class BillPaidOut(msgspec.Struct, kw_only=True):
    payment_id: int
    bill_id: int
    amount: Decimal
    timestamp: dt.datetime
    status: PaymentStatus
    account_id: int
    fee: Decimal
    position: int


@post(
    "/bills",
    **described("Present a bill", answers(201, BillWritten, 401, 403, 404, 409, 422, 429, 503)),
)
async def present_bill(request: Call, data: JSONBody[PresentingBill]) -> ASGIApp:
    """By its biller, through staff; or entered by the one who owes it. The same bill again is answered
    with the one that is known."""
    bank = request.bank
    bill_id = await next_number(bank.users, "bill_ids")
    user_id = data.user_id or await _customer_of(request, data)
    known = await presenting.known_under(bank.reads, data.biller_id, data.external_id)
    presented = PresentedBill(
        biller_id=data.biller_id,
        user_id=user_id,
        amount=data.amount,
        currency=data.currency or bank.currency,
        due_date=data.due_date,
        issued_on=data.issued_on,
        external_id=data.external_id,
        reference=data.reference,
        description=data.description,
        minimum=data.minimum,
        recurrence=data.recurs(),
    )
    outcome = Outcome()

    def answer(posted: list[Posted]) -> Answer:
        bill, position = outcome.bill, posted[-1].position if posted else None
        assert bill is not None, "a presentment comes to a bill"
        out = written_bill(bill.bill_id, bill.standing, outcome.biller, bank.today(), position)
        return Answer(201, encode(out))

    command = presenting.present_bill(
        asked_by(request, answer),
        presented,
        bill_id=bill_id,
        known=known,
        outcome=outcome,
        supersede=data.supersede,
    )
    given_back_to = () if known is None else known.account_ids
    return await written_for(request, command, user_id, *given_back_to)


async def _customer_of(call: Call, data: PresentingBill) -> int:
    """A customer who enters a bill is its own; a biller names one by the reference."""
    if call.actor.role == "user":
        return call.actor.user_id
    return await registrations.customer_under(call.bank.reads, data.biller_id, data.reference)


@post(
    "/bills/pay",
    **described("Pay a bill", answers(201, BillPaidOut, 401, 403, 404, 409, 422, 429, 503)),
)
async def pay_bill(request: Call, data: JSONBody[PayingBill]) -> ASGIApp:
    """In full or in part. A payment through a gateway is `pending` until the gateway has answered."""
    bank = request.bank
    check_user(request.actor, data.user_id)
    bill = await bill_for(bank, request.actor, data.bill_id)
    account_id = data.account_id or await account_to_pay(request, bill)
    payment_id = await next_number(bank.users, "payment_ids")
    hold_id = await next_number(bank.users, "hold_ids")

    def answer(posted: list[Posted]) -> Answer:
        return Answer(201, encode(paid_out(posted[0], posted[-1].position)))

    command = bill_payments.authorise(
        asked_by(request, answer),
        Place(payment_id, data.bill_id, account_id, bill.standing.biller_id),
        user_id=data.user_id,
        hold_id=hold_id,
        amount=data.amount,
        account_id=data.account_id,
    )
    return await written_for(request, command, data.user_id, account_id)


def paid_out(one: Posted, position: int) -> BillPaidOut:
    """The payment that a transaction has taken on, and how far it has come."""
    draft = [d for d in one.transaction.drafts if isinstance(d.fact, PaymentFact)][-1]
    fact = draft.fact
    assert isinstance(fact, PaymentFact)
    payment, currency = fact.payment, fact.standing.currency
    return BillPaidOut(
        payment_id=payment.payment_id,
        bill_id=int(draft.stream.rpartition("-")[2]),
        amount=decimal_of(payment.amount, currency),
        timestamp=recorded_at(one),
        status=payment.status,
        account_id=payment.account_id,
        fee=decimal_of(payment.fee, currency),
        position=position,
    )


async def account_to_pay(call: Call, bill: Bill) -> int:
    """The default account; else the oldest active checking account in the bill's currency, or any other."""
    standing = bill.standing
    agreed = await registrations.account_for_bill(call.bank.reads, standing)
    if agreed is not None:
        return agreed
    async with reading(call, user_id=standing.user_id) as (connection, _):
        rows = await accounts.accounts_of(
            connection, user_id=standing.user_id, status="active", limit=PAGE_MAX
        )
    fitting = [row for row in rows if row.currency == standing.currency]
    if not fitting:
        raise NoAccountToPayFrom(currency=standing.currency)
    return min(fitting, key=lambda row: (row.account_type != "checking", row.account_id)).account_id


_CHANGES: Final = answers(200, BillWritten, 401, 403, 404, 409, 422, 429, 503)


def _changing(path: str, summary: str) -> post:
    return post(path, status_code=200, **described(summary, _CHANGES, writes=True))


@_changing("/bills/{bill_id:int}/cancel", "Cancel a bill")
async def cancel_bill(
    request: Call, bill_id: FromPath[int], data: JSONBody[CancellingBill]
) -> ASGIApp:
    """Owed no more; what was paid of it is refunded first. A customer may cancel what he entered."""
    return await _change(request, bill_id, lambda ask: bills.cancel_bill(ask, bill_id, data.reason))


@_changing("/bills/{bill_id:int}/dispute", "Dispute a bill")
async def dispute_bill(
    request: Call, bill_id: FromPath[int], data: JSONBody[BillReason]
) -> ASGIApp:
    """It is neither paid nor late until the dispute is decided."""
    return await _change(
        request, bill_id, lambda ask: bills.dispute_bill(ask, bill_id, data.reason)
    )


@_changing("/bills/{bill_id:int}/end-dispute", "Decide a dispute")
async def end_dispute(
    request: Call, bill_id: FromPath[int], data: JSONBody[EndingDispute]
) -> ASGIApp:
    """Upheld, the bill is cancelled; else it can be paid again."""
    return await _change(
        request,
        bill_id,
        lambda ask: bills.end_dispute(ask, bill_id, data.reason, upheld=data.upheld),
    )


async def _change(call: Call, bill_id: int, change: Callable[[Ask], Command]) -> ASGIApp:
    bank = call.bank
    bill = await bill_for(bank, call.actor, bill_id)
    name = await biller_name(bank, bill.standing.biller_id)

    def answer(posted: list[Posted]) -> Answer:
        standing, position = bill.standing, None
        if posted:
            fact = posted[0].facts[-1]
            assert isinstance(fact, BillFact)
            standing, position = fact.standing, posted[0].position
        out = written_bill(bill_id, standing, name, bank.today(), position)
        return Answer(200, encode(out))

    return await written_for(call, change(asked_by(call, answer)), bill.standing.user_id)


async def written_for(call: Call, command: Command, user_id: int, *account_ids: int | None) -> Told:
    """Have the command committed, so that the one whose bill it is can read it as its caller can."""
    bank = call.bank
    answer = await bank.writer.submit(command)
    if answer.position is not None:
        bank.own_writes.wrote(answer.position, call.actor.user_id, *account_ids)
        bank.own_writes.wrote(answer.position, user_id)
    return told_answer(answer)


async def biller_name(bank: Bank, biller_id: int) -> str:
    """What a biller that has bills is called now."""
    biller = await read_state(bank.reads, biller_stream_of(biller_id))
    assert isinstance(biller, Biller), f"biller {biller_id} has bills and was never registered"
    return biller.terms.name


def bill_out(bill_id: int, standing: Standing, biller: str, on: dt.date) -> BillOut:
    """The bill as it stands on a day, which says whether it is overdue."""

    def money(minor_units: int) -> Decimal:
        return decimal_of(minor_units, standing.currency)

    return BillOut(
        bill_id=bill_id,
        user_id=standing.user_id,
        biller_id=standing.biller_id,
        service_provider=biller,
        external_id=standing.external_id,
        reference=standing.reference,
        description=standing.description,
        currency=standing.currency,
        amount=money(standing.amount_due),
        late_fees=money(standing.late_fees),
        paid=money(standing.paid),
        open_amount=money(standing.open_amount),
        payable=money(standing.payable),
        credit=money(standing.credit),
        minimum=money(standing.minimum),
        issued_on=standing.issued_on,
        due_date=standing.due_date,
        status=standing.status,
        overdue=standing.is_overdue(on),
        supersedes=standing.supersedes,
        superseded_by=standing.superseded_by,
    )


def written_bill(
    bill_id: int, standing: Standing, biller: str, on: dt.date, position: int | None
) -> BillWritten:
    out = bill_out(bill_id, standing, biller, on)
    return BillWritten(**msgspec.structs.asdict(out), position=position)


HANDLERS: Final[list[ControllerRouterHandler]] = [
    present_bill,
    pay_bill,
    cancel_bill,
    dispute_bill,
    end_dispute,
]
