"""Accounts: what can be done to one. What can be asked of one is in `account_readings`."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from litestar import post, put
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, asked_by, recorded_at, written
from api.documents import answers, described
from api.parameters import Id, Text, Word
from api.strict_json import Amount, encode
from api.visibility import reading
from application import accounts
from application.books import Answer, Command, Posted
from application.commands import NO_DETAILS, Ask, Details
from application.pools import next_number
from domain.account_facts import Movement, Restriction, Right, Status, TermsFact
from domain.money import decimal_of
from domain.refusals import NotPermitted
from readmodels.standing_orders import orders_not_over

Tags: TypeAlias = Annotated[list[Word], msgspec.Meta(max_length=20)]


class OpeningAccount(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    user_id: Id
    account_type: Annotated[str, msgspec.Meta(max_length=32, examples=["checking"])]
    currency: Annotated[str, msgspec.Meta(min_length=3, max_length=3, examples=["EUR"])] | None = (
        None
    )
    reference: (
        Annotated[str, msgspec.Meta(min_length=1, max_length=64, examples=["berka-576"])] | None
    ) = None


class AccountOpened(msgspec.Struct, kw_only=True):
    account_id: int
    user_id: int
    account_type: str
    currency: str
    balance: Decimal
    reference: str | None = None
    position: int


class MoneyDetails(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What may be said beside the amount. A booking date before today is a late entry: it takes a
    teller or compliance, and a reason."""

    description: Text | None = None
    category: Word | None = None
    tags: Tags = []
    value_date: dt.date | None = None
    booking_date: dt.date | None = None
    reason: Text | None = None

    def details(self) -> Details:
        if not (
            self.description
            or self.category
            or self.tags
            or self.value_date
            or self.booking_date
            or self.reason
        ):
            return NO_DETAILS
        return Details(
            description=self.description,
            category=self.category,
            tags=tuple(self.tags),
            booking_date=self.booking_date,
            value_date=self.value_date,
            reason=self.reason,
        )


class MovingCash(MoneyDetails, forbid_unknown_fields=True, kw_only=True):
    amount: Annotated[Amount, msgspec.Meta(examples=[100.0])]


class CashMoved(msgspec.Struct, kw_only=True):
    transaction_id: int
    account_id: int
    amount: Decimal
    balance: Decimal
    timestamp: dt.datetime
    status: Literal["completed"] = "completed"
    position: int


class Adjusting(MovingCash, forbid_unknown_fields=True, kw_only=True):
    """`side` is seen by the holder: a credit gives, a debit takes."""

    side: Literal["credit", "debit"]
    reason: Text


class Freezing(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    restriction: Literal["debit", "full"] = "full"
    reason: Text
    authority: Text | None = None


class WithReason(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    reason: Text


class Closing(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    reason: Text | None = None


class SettingLimit(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    overdraft_limit: Annotated[Amount, msgspec.Meta(examples=[500.0])]


class HolderOut(msgspec.Struct):
    user_id: int
    right: Right


class TermsOut(msgspec.Struct, kw_only=True):
    """The account's terms after a change of them; `position` is absent where nothing had to change."""

    account_id: int
    status: Status | None = None
    restriction: Restriction | None = None
    overdraft_limit: Decimal | None = None
    changed: bool
    position: int | None = None


@post(
    "/accounts/create",
    **described("Open an account", answers(201, AccountOpened, 401, 403, 404, 409, 422, 503)),
)
async def open_account(request: Call, data: JSONBody[OpeningAccount]) -> ASGIApp:
    """In one's own name; a teller may open one for anybody."""
    bank = request.bank
    account_id = await next_number(bank.users, "account_ids")
    currency = data.currency or bank.currency

    def answer(posted: list[Posted]) -> Answer:
        opened = AccountOpened(
            account_id=account_id,
            user_id=data.user_id,
            account_type=data.account_type,
            currency=currency,
            balance=decimal_of(0, currency),
            reference=data.reference,
            position=posted[0].position,
        )
        return Answer(201, encode(opened))

    command = accounts.open_account(
        asked_by(request, answer),
        account_id=account_id,
        user_id=data.user_id,
        account_type=data.account_type,
        currency=currency,
        reference=data.reference,
    )
    return await written(request, command, account_id)


_MOVES: Final = answers(201, CashMoved, 401, 403, 404, 409, 413, 415, 422, 429, 503)


@post("/accounts/{account_id:int}/deposit", **described("Deposit cash", _MOVES))
async def deposit(request: Call, account_id: FromPath[int], data: JSONBody[MovingCash]) -> ASGIApp:
    """Cash over the counter, into the account."""
    return await _move(request, account_id, data, accounts.deposit)


@post("/accounts/{account_id:int}/withdraw", **described("Withdraw cash", _MOVES))
async def withdraw(request: Call, account_id: FromPath[int], data: JSONBody[MovingCash]) -> ASGIApp:
    """Cash over the counter, up to the available balance."""
    return await _move(request, account_id, data, accounts.withdraw)


@post("/accounts/{account_id:int}/adjust", **described("Adjust an account", _MOVES))
async def adjust(request: Call, account_id: FromPath[int], data: JSONBody[Adjusting]) -> ASGIApp:
    """The bank gives what it owes, or takes back what it gave too much: at its own cost or gain."""
    use_case = accounts.credit_adjustment if data.side == "credit" else accounts.debit_adjustment
    return await _move(request, account_id, data, use_case)


def check_late_only(call: Call, details: Details) -> None:
    """Refuse a role that may correct the books, and not do the day's business."""
    if call.actor.role in call.rule.late and details.booking_date is None:
        raise NotPermitted(role=call.actor.role, action="move money other than by a late entry")


async def _move(
    call: Call,
    account_id: int,
    data: MovingCash,
    use_case: Callable[[Ask, int, Decimal, Details], Command],
) -> ASGIApp:
    details = data.details()
    check_late_only(call, details)
    command = use_case(asked_by(call, _cash_answer(account_id)), account_id, data.amount, details)
    return await written(call, command, account_id)


def _cash_answer(account_id: int) -> Callable[[list[Posted]], Answer]:
    def answer(posted: list[Posted]) -> Answer:
        one = posted[0]
        # A deposit on a dormant account is preceded by the fact that woke it.
        draft = one.transaction.drafts[-1]
        movement = draft.fact
        assert isinstance(movement, Movement)
        currency = draft.entry[0].currency
        moved = CashMoved(
            transaction_id=one.transaction_id,
            account_id=account_id,
            amount=decimal_of(movement.amount, currency),
            balance=decimal_of(movement.balance, currency),
            timestamp=recorded_at(one),
            position=one.position,
        )
        return Answer(201, encode(moved))

    return answer


_CHANGES: Final = answers(200, TermsOut, 401, 403, 404, 409, 422, 429, 503)


def _changing(path: str, summary: str) -> post:
    return post(path, status_code=200, **described(summary, _CHANGES, writes=True))


@_changing("/accounts/{account_id:int}/freeze", "Freeze an account")
async def freeze(request: Call, account_id: FromPath[int], data: JSONBody[Freezing]) -> ASGIApp:
    """Stop debits, or everything. A second freeze takes the place of the first."""

    def change(ask: Ask) -> Command:
        return accounts.freeze(ask, account_id, data.restriction, data.reason, data.authority)

    return await _change(request, account_id, change)


@_changing("/accounts/{account_id:int}/unfreeze", "Lift a freeze")
async def unfreeze(request: Call, account_id: FromPath[int], data: JSONBody[WithReason]) -> ASGIApp:
    """All restrictions are lifted; what was held stays held."""
    return await _change(
        request, account_id, lambda ask: accounts.unfreeze(ask, account_id, data.reason)
    )


@_changing("/accounts/{account_id:int}/dormant", "Mark an account dormant")
async def make_dormant(
    request: Call, account_id: FromPath[int], data: JSONBody[WithReason]
) -> ASGIApp:
    """Nothing was heard of its holder for long: debits stop until the holder is identified again."""
    return await _change(
        request, account_id, lambda ask: accounts.make_dormant(ask, account_id, data.reason)
    )


@_changing("/accounts/{account_id:int}/reactivate", "Wake a dormant account")
async def reactivate(
    request: Call, account_id: FromPath[int], data: JSONBody[WithReason]
) -> ASGIApp:
    """It can be paid from again."""
    return await _change(
        request, account_id, lambda ask: accounts.reactivate(ask, account_id, data.reason)
    )


@_changing("/accounts/{account_id:int}/close", "Close an account")
async def close(request: Call, account_id: FromPath[int], data: JSONBody[Closing]) -> ASGIApp:
    """For good. The balance must be zero, and no standing order may be left."""
    async with reading(request, account_id) as (connection, _):
        orders = await orders_not_over(connection, account_id)
    return await _change(
        request, account_id, lambda ask: accounts.close(ask, account_id, data.reason, orders)
    )


@put(
    "/accounts/{account_id:int}/overdraft-limit",
    **described("Set the overdraft limit", _CHANGES, writes=True),
)
async def set_overdraft_limit(
    request: Call, account_id: FromPath[int], data: JSONBody[SettingLimit]
) -> ASGIApp:
    """How far below zero the balance may go; zero takes the overdraft away."""

    def change(ask: Ask) -> Command:
        return accounts.change_overdraft_limit(ask, account_id, data.overdraft_limit)

    return await _change(request, account_id, change)


async def _change(call: Call, account_id: int, change: Callable[[Ask], Command]) -> ASGIApp:
    def answer(posted: list[Posted]) -> Answer:
        if not posted:
            return Answer(200, encode(TermsOut(account_id=account_id, changed=False)))
        fact = posted[0].facts[-1]
        assert isinstance(fact, TermsFact)
        terms = fact.terms
        changed = TermsOut(
            account_id=account_id,
            status=terms.status,
            restriction=terms.restriction,
            overdraft_limit=decimal_of(terms.overdraft_limit, terms.currency),
            changed=True,
            position=posted[0].position,
        )
        return Answer(200, encode(changed))

    return await written(call, change(asked_by(call, answer)), account_id)


HANDLERS: Final[list[ControllerRouterHandler]] = [
    open_account,
    deposit,
    withdraw,
    adjust,
    freeze,
    unfreeze,
    make_dormant,
    reactivate,
    close,
    set_overdraft_limit,
]
