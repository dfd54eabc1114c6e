"""Loans, from the application to the money: apply, decide, accept, disburse, withdraw."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Final, TypeAlias

import msgspec
from litestar import post
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, asked_by, written
from api.documents import answers, described
from api.loan_forms import LoanChanged, loan_fields
from api.parameters import Id, Text, Word
from api.strict_json import Amount, Rate, encode
from api.visibility import mark_of_loan, reading
from application import loans
from application.books import Answer, Command, Posted
from application.commands import Ask, Details
from application.pools import next_number
from domain.loans.loan import Loan
from domain.loans.loan_facts import Disbursed, Repaid
from readmodels.loans import loan_at

Reasons: TypeAlias = Annotated[list[Text], msgspec.Meta(min_length=1, max_length=4)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=1200)]
CHANGES: Final = answers(201, LoanChanged, 401, 403, 404, 409, 422, 429, 503)


class ApplyingForLoan(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Income, debt service and living costs are of a month. `account_id` is where the money is to go."""

    product: Annotated[Word, msgspec.Meta(examples=["personal"])]
    amount: Annotated[Amount, msgspec.Meta(examples=[12000.0])]
    instalments: Annotated[Count, msgspec.Meta(examples=[24])]
    income: Annotated[Amount, msgspec.Meta(examples=[4200.0])]
    debt_service: Annotated[Amount, msgspec.Meta(examples=[150.0])] | None = None
    living_costs: Annotated[Amount, msgspec.Meta(examples=[900.0])] | None = None
    age: Annotated[int, msgspec.Meta(ge=0, le=130)] | None = None
    collateral: Annotated[Amount, msgspec.Meta(examples=[180000.0])] | None = None
    purpose: Text | None = None
    account_id: Id | None = None
    user_id: Id | None = None


class DatedBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A booking date before today is a late entry: it takes staff, and a reason."""

    booking_date: dt.date | None = None
    value_date: dt.date | None = None
    reason: Text | None = None
    description: Text | None = None

    def details(self) -> Details:
        return Details(
            description=self.description,
            booking_date=self.booking_date,
            value_date=self.value_date,
            reason=self.reason,
        )


class Approving(DatedBody, forbid_unknown_fields=True, kw_only=True):
    """Without changes, what was applied for. `override` says why, where a rule is not met."""

    amount: Annotated[Amount, msgspec.Meta(examples=[10000.0])] | None = None
    instalments: Count | None = None
    annual_rate: Annotated[Rate, msgspec.Meta(examples=[7.9])] | None = None
    conditions: Annotated[list[Text], msgspec.Meta(max_length=10)] = []
    override: Text | None = None


class Declining(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    reasons: Annotated[
        Reasons, msgspec.Meta(examples=[["income insufficient for the amount requested"]])
    ]


class Accepting(DatedBody, forbid_unknown_fields=True, kw_only=True):
    account_id: Id | None = None


class Disbursing(DatedBody, forbid_unknown_fields=True, kw_only=True):
    """All that is approved unless an amount is given, to the account agreed unless another is named.

    `external` pays to another bank.
    """

    amount: Annotated[Amount, msgspec.Meta(examples=[12000.0])] | None = None
    account_id: Id | None = None
    external: bool = False
    first_due: dt.date | None = None


class Withdrawing(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class GivingReason(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    reason: Annotated[Text, msgspec.Meta(examples=["asked for by the customer"])]


def loan_answer(call: Call, status: int = 201) -> Ask:
    """An ask that is answered with the loan as it stands afterwards."""
    today = call.bank.today()

    def answer(posted: list[Posted]) -> Answer:
        one = next((each for each in posted if _is_told(each)), posted[-1])
        states = [d.state for each in posted for d in each.transaction.drafts]
        loan = next(state for state in reversed(states) if isinstance(state, Loan))
        fields = loan_fields(loan, max(today, loan.figures.through))
        changed = LoanChanged(
            transaction_id=one.transaction_id,
            position=posted[-1].position,
            **fields,  # type: ignore[arg-type]
        )
        return Answer(status, encode(changed))

    return asked_by(call, answer)


def _is_told(posted: Posted) -> bool:
    """Whether it is what was asked for, and not what had to go before or came after."""
    return any(isinstance(fact, Repaid | Disbursed) for fact in posted.facts)


def rate_of(given: Rate | None) -> Decimal | None:
    """A rate as it is stored: the number alone, not how it was read."""
    return None if given is None else Decimal(given)


async def loan_written(
    call: Call, command: Command, loan_id: int, *account_ids: int | None
) -> ASGIApp:
    """Have it committed; whoever reads the loan here from now on sees it."""
    return await written(call, command, mark_of_loan(loan_id), *account_ids)


@post("/loans/apply", **described("Apply for a loan", CHANGES))
async def apply(request: Call, data: JSONBody[ApplyingForLoan]) -> ASGIApp:
    """A customer applies for himself; a loan officer for anyone, by `user_id`."""
    loan_id = await next_number(request.bank.users, "loan_ids")
    application = loans.Application(
        user_id=request.actor.user_id if data.user_id is None else data.user_id,
        product=data.product,
        amount=data.amount,
        instalments=data.instalments,
        income=data.income,
        debt_service=data.debt_service,
        living_costs=data.living_costs,
        age=data.age,
        collateral=data.collateral,
        purpose=data.purpose,
        account_id=data.account_id,
    )
    command = loans.apply(loan_answer(request), loan_id, application)
    return await loan_written(request, command, loan_id)


@post("/loans/{loan_id:int}/approve", **described("Approve a loan", CHANGES))
async def approve(request: Call, loan_id: FromPath[int], data: JSONBody[Approving]) -> ASGIApp:
    """Every rule is recorded with its value and threshold. Above the limit of one person the first
    call proposes the approval, and another person's call approves."""
    command = loans.approve(
        loan_answer(request),
        loan_id,
        data.details(),
        amount=data.amount,
        instalments=data.instalments,
        annual_rate=rate_of(data.annual_rate),
        conditions=data.conditions,
        override=data.override,
    )
    return await loan_written(request, command, loan_id)


@post("/loans/{loan_id:int}/undo-approval", **described("Undo an approval", CHANGES))
async def undo_approval(
    request: Call, loan_id: FromPath[int], data: JSONBody[GivingReason]
) -> ASGIApp:
    """Back to the application, while nothing was paid out."""
    command = loans.undo_approval(loan_answer(request), loan_id, data.reason)
    return await loan_written(request, command, loan_id)


@post("/loans/{loan_id:int}/decline", **described("Decline a loan", CHANGES))
async def decline(request: Call, loan_id: FromPath[int], data: JSONBody[Declining]) -> ASGIApp:
    """Say no, for reasons that the applicant is told."""
    command = loans.decline(loan_answer(request), loan_id, data.reasons)
    return await loan_written(request, command, loan_id)


@post("/loans/{loan_id:int}/withdraw", **described("Withdraw an application", CHANGES))
async def withdraw(request: Call, loan_id: FromPath[int], data: JSONBody[Withdrawing]) -> ASGIApp:
    """The borrower wants the loan no more; possible until money was paid out."""
    return await loan_written(request, loans.withdraw(loan_answer(request), loan_id), loan_id)


@post("/loans/{loan_id:int}/accept", **described("Accept an approved loan", CHANGES))
async def accept(request: Call, loan_id: FromPath[int], data: JSONBody[Accepting]) -> ASGIApp:
    """The borrower signs, while the approval stands."""
    command = loans.accept(loan_answer(request), loan_id, data.details(), data.account_id)
    return await loan_written(request, command, loan_id)


@post("/loans/{loan_id:int}/disburse", **described("Pay a loan out", CHANGES))
async def disburse(request: Call, loan_id: FromPath[int], data: JSONBody[Disbursing]) -> ASGIApp:
    """All of it or a tranche, to the borrower's account or to another bank. The schedule begins."""
    account_id = data.account_id
    if account_id is None and not data.external:
        account_id = await agreed_account(request, loan_id)
    command = loans.pay_out(
        loan_answer(request),
        loan_id,
        data.details(),
        amount=data.amount,
        account_id=account_id,
        first_due=data.first_due,
        calendar=request.bank.calendar,
    )
    return await loan_written(request, command, loan_id, account_id)


async def agreed_account(call: Call, loan_id: int) -> int | None:
    """The account that was named in the application or the acceptance."""
    async with reading(call, mark_of_loan(loan_id)) as (connection, moment):
        loan = await loan_at(connection, loan_id, moment, today=call.bank.today())
    return None if loan is None else loan.terms.account_id


HANDLERS: Final[list[ControllerRouterHandler]] = [
    apply,
    approve,
    undo_approval,
    decline,
    withdraw,
    accept,
    disburse,
]
