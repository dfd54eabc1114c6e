"""Loans that were paid out: money in and back, what is charged or given up, and what is taken as lost."""

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from litestar import post
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call
from api.documents import described
from api.loans import CHANGES, DatedBody, GivingReason, loan_answer, loan_written, rate_of
from api.parameters import Id, Text
from api.problems import NotYetRead
from api.strict_json import Amount, Rate
from application import loan_restating as restating
from application import loan_servicing as servicing
from application.books import Command
from application.commands import Details
from application.pools import borrowed
from domain.loans.loan_refusals import LoanNotFound
from domain.loans.products import Component, Excess
from domain.refusals import NotPermitted
from ledger.journal import Recorded
from readmodels.loans import loan_events

READINGS_MAX: Final = 5
POSITION_MAX: Final = 2**62


class Repaying(DatedBody, forbid_unknown_fields=True, kw_only=True):
    """From an account of the bank, or where none is named from another bank, which is for staff.

    `excess` says what becomes of money above what is due: hold, lower_instalment or shorter_term.
    """

    amount: Annotated[Amount, msgspec.Meta(examples=[315.15])]
    account_id: Id | None = None
    excess: Excess | None = None
    counterparty: Text | None = None


class Refunding(DatedBody, forbid_unknown_fields=True, kw_only=True):
    """All of the credit unless an amount is given; to another bank where no account is named."""

    amount: Annotated[Amount, msgspec.Meta(examples=[20.0])] | None = None
    account_id: Id | None = None


class ChargingFee(DatedBody, forbid_unknown_fields=True, kw_only=True):
    amount: Annotated[Amount, msgspec.Meta(examples=[15.0])]


class PayingCost(DatedBody, forbid_unknown_fields=True, kw_only=True):
    amount: Annotated[Amount, msgspec.Meta(examples=[240.0])]
    counterparty: Annotated[Text, msgspec.Meta(examples=["Broker & Sons"])] | None = None


class Waiving(DatedBody, forbid_unknown_fields=True, kw_only=True):
    """All that is open of the component unless an amount is given; of principal, all that is due."""

    component: Component
    amount: Annotated[Amount, msgspec.Meta(examples=[5.0])] | None = None


class Pausing(DatedBody, forbid_unknown_fields=True, kw_only=True):
    first: Annotated[dt.date, msgspec.Meta(examples=["2026-04-01"])]
    last: Annotated[dt.date, msgspec.Meta(examples=["2026-04-30"])]


class Rescheduling(DatedBody, forbid_unknown_fields=True, kw_only=True):
    """What is not given stays. `forborne` marks a borrower in difficulty."""

    instalments: Annotated[int, msgspec.Meta(ge=1, le=480)] | None = None
    first_due: dt.date | None = None
    annual_rate: Annotated[Rate, msgspec.Meta(examples=[6.5])] | None = None
    capitalise: bool = False
    forborne: bool = False


class UndoingOnLoan(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    transaction_id: Id
    reason: Annotated[Text, msgspec.Meta(examples=["the payment bounced"])]


class ChargingBack(DatedBody, forbid_unknown_fields=True, kw_only=True):
    """All of the repayment unless an amount is given."""

    transaction_id: Id
    amount: Annotated[Amount, msgspec.Meta(examples=[315.15])] | None = None
    reason: Annotated[Text, msgspec.Meta(examples=["disputed by the payer"])]


class Recovering(DatedBody, forbid_unknown_fields=True, kw_only=True):
    amount: Annotated[Amount, msgspec.Meta(examples=[250.0])]
    account_id: Id | None = None
    counterparty: Text | None = None


@post("/loans/{loan_id:int}/repay", **described("Repay a loan", CHANGES))
async def repay(request: Call, loan_id: FromPath[int], data: JSONBody[Repaying]) -> ASGIApp:
    """What is due is paid first, in the order of the product. Money for all that is owed ends it."""
    if request.actor.role == "user" and data.account_id is None:
        raise NotPermitted(role="user", action="repay from outside the bank")
    details = data.details()
    on = details.value_date or details.booking_date
    if on is not None and on < request.bank.today():
        return await _repaid_late(request, loan_id, data, details)
    command = servicing.repay(
        loan_answer(request),
        loan_id,
        data.amount,
        details,
        account_id=data.account_id,
        excess=data.excess,
        counterparty=data.counterparty,
    )
    return await loan_written(request, command, loan_id, data.account_id)


@post("/loans/{loan_id:int}/refund", **described("Give an overpayment back", CHANGES))
async def refund(request: Call, loan_id: FromPath[int], data: JSONBody[Refunding]) -> ASGIApp:
    """The borrower's credit, or part of it."""
    command = servicing.refund(
        loan_answer(request), loan_id, data.amount, data.details(), account_id=data.account_id
    )
    return await loan_written(request, command, loan_id, data.account_id)


@post("/loans/{loan_id:int}/fee", **described("Charge a fee on a loan", CHANGES))
async def charge_fee(request: Call, loan_id: FromPath[int], data: JSONBody[ChargingFee]) -> ASGIApp:
    """Due at once."""
    command = servicing.charge_fee(loan_answer(request), loan_id, data.amount, data.details())
    return await loan_written(request, command, loan_id)


@post("/loans/{loan_id:int}/cost", **described("Pay a cost of making a loan", CHANGES))
async def pay_cost(request: Call, loan_id: FromPath[int], data: JSONBody[PayingCost]) -> ASGIApp:
    """To a broker or a valuer, at another bank. It is borne over the life of the loan."""
    command = servicing.pay_cost(
        loan_answer(request),
        loan_id,
        data.amount,
        data.details(),
        counterparty=data.counterparty,
    )
    return await loan_written(request, command, loan_id)


@post("/loans/{loan_id:int}/waive", **described("Waive what is owed", CHANGES))
async def waive(request: Call, loan_id: FromPath[int], data: JSONBody[Waiving]) -> ASGIApp:
    """Give up penalties, fees, interest, or principal that is due."""
    command = servicing.waive(
        loan_answer(request), loan_id, data.component, data.amount, data.details()
    )
    return await loan_written(request, command, loan_id)


@post("/loans/{loan_id:int}/pause", **described("Pause the count of late days", CHANGES))
async def pause(request: Call, loan_id: FromPath[int], data: JSONBody[Pausing]) -> ASGIApp:
    """Days, both included, on which nothing counts as late. What falls due on them stays due."""
    command = servicing.pause(loan_answer(request), loan_id, data.first, data.last, data.details())
    return await loan_written(request, command, loan_id)


@post("/loans/{loan_id:int}/reschedule", **described("Reschedule a loan", CHANGES))
async def reschedule(
    request: Call, loan_id: FromPath[int], data: JSONBody[Rescheduling]
) -> ASGIApp:
    """A new schedule from today on. The one before stays readable, as it was known then."""
    command = servicing.reschedule(
        loan_answer(request),
        loan_id,
        data.details(),
        instalments=data.instalments,
        first_due=data.first_due,
        annual_rate=rate_of(data.annual_rate),
        capitalise=data.capitalise,
        forborne=data.forborne,
        calendar=request.bank.calendar,
    )
    return await loan_written(request, command, loan_id)


@post("/loans/{loan_id:int}/charge-off", **described("Charge a loan off", CHANGES))
async def charge_off(
    request: Call, loan_id: FromPath[int], data: JSONBody[GivingReason]
) -> ASGIApp:
    """Take the loss. The debt lives, and what still comes in is a recovery."""
    command = servicing.charge_off(loan_answer(request), loan_id, data.reason)
    return await loan_written(request, command, loan_id)


@post("/loans/{loan_id:int}/write-off", **described("Write a loan off", CHANGES))
async def write_off(request: Call, loan_id: FromPath[int], data: JSONBody[GivingReason]) -> ASGIApp:
    """Final. The first call asks for it, the second, by another person, does it."""
    command = servicing.write_off(loan_answer(request), loan_id, data.reason)
    return await loan_written(request, command, loan_id)


@post("/loans/{loan_id:int}/recover", **described("Recover money on a lost loan", CHANGES))
async def recover(request: Call, loan_id: FromPath[int], data: JSONBody[Recovering]) -> ASGIApp:
    """Money on a loan that was charged off or written off, at most what is owed."""
    command = servicing.recover(
        loan_answer(request),
        loan_id,
        data.amount,
        data.details(),
        account_id=data.account_id,
        counterparty=data.counterparty,
    )
    return await loan_written(request, command, loan_id, data.account_id)


@post("/loans/{loan_id:int}/undo", **described("Undo a transaction of a loan", CHANGES))
async def undo(request: Call, loan_id: FromPath[int], data: JSONBody[UndoingOnLoan]) -> ASGIApp:
    """A repayment that bounced, a disbursement, a fee, a waiver, a new schedule, a charge-off. What
    came after it is taken back and told anew; nothing is edited."""
    details = Details(reason=data.reason)

    def command(history: list[Recorded]) -> Command:
        return restating.undo_transaction(
            loan_answer(request), loan_id, history, data.transaction_id, details
        )

    return await _restated(request, loan_id, command)


@post(
    "/loans/{loan_id:int}/charge-back",
    **described("Send back what another bank takes back of a repayment", CHANGES),
)
async def charge_back(
    request: Call, loan_id: FromPath[int], data: JSONBody[ChargingBack]
) -> ASGIApp:
    """The borrower's credit goes first; the rest is principal that is owed again, and due at once. A
    loan that had ended lives again. What never came in at all is undone."""
    details = data.details()

    def command(history: list[Recorded]) -> Command:
        return restating.charge_back(
            loan_answer(request), loan_id, history, data.transaction_id, data.amount, details
        )

    return await _restated(request, loan_id, command)


async def _repaid_late(request: Call, loan_id: int, data: Repaying, details: Details) -> ASGIApp:
    """Money of an earlier day. It is for staff, as every late entry is."""
    if request.actor.role == "user":
        raise NotPermitted(role="user", action="name a booking date")

    def command(history: list[Recorded]) -> Command:
        return restating.repay_late(
            loan_answer(request),
            loan_id,
            history,
            data.amount,
            details,
            account_id=data.account_id,
            excess=data.excess,
            counterparty=data.counterparty,
        )

    return await _restated(request, loan_id, command)


async def _restated(
    request: Call,
    loan_id: int,
    command: Callable[[list[Recorded]], Command],
) -> ASGIApp:
    """Read the loan's history and have the command decided on it; again where more was written since."""
    for _ in range(READINGS_MAX):
        async with borrowed(request.bank.reads) as connection:
            history = await loan_events(connection, loan_id, POSITION_MAX)
        if not history:
            raise LoanNotFound(loan_id=loan_id)
        try:
            made = command(history)
            touched = [int(s.removeprefix("account-")) for s in made.streams if "account-" in s]
            return await loan_written(request, made, loan_id, *touched)
        except restating.LoanReadTooEarly:
            continue
    raise NotYetRead


HANDLERS: Final[list[ControllerRouterHandler]] = [
    repay,
    refund,
    charge_fee,
    pay_cost,
    waive,
    pause,
    reschedule,
    charge_off,
    write_off,
    recover,
    undo,
    charge_back,
]
