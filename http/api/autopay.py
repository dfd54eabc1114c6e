"""Autopay: rules by which a customer's bills are paid by themselves."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.bill_readings import UserIn
from api.bills import written_for
from api.call import Call, asked_by, told
from api.documents import answers, described
from api.pages import Cursor, Limit, page_of, told_page
from api.parameters import Id
from api.strict_json import Amount, encode
from api.visibility import autopay_for, check_user, reading, wanted_user
from application import autopay, registrations
from application.autopay import WantedRule
from application.books import Answer, Command, Posted
from application.commands import Ask
from application.pools import next_number
from domain.bills.autopay import Mode, Outcome, Rule, RuleStatus
from domain.bills.bill_refusals import AutopayNotFound, NoDefaultAccount
from domain.money import decimal_of
from readmodels import billers as billers_view


class SettingAutopay(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Each bill of the biller is paid once, `lead_days` before it is due: in full, its minimum, or a
    fixed amount. Above the cap nothing is paid. Where the money is not there, it is tried again so many
    days after; the rule is suspended after `failures_max` failures in a row. Without an account it pays
    from the default account of the registration with the biller."""

    user_id: Id
    biller_id: Id
    account_id: Id | None = None
    fallback_account_id: Id | None = None
    reference: Annotated[str, msgspec.Meta(min_length=1, max_length=35)] | None = None
    mode: Mode = "full"
    amount: Amount | None = None
    cap: Amount | None = None
    lead_days: Annotated[int, msgspec.Meta(ge=0, le=60)] = 0
    retry_days: Annotated[
        list[Annotated[int, msgspec.Meta(ge=1, le=60)]], msgspec.Meta(max_length=5)
    ] = []
    failures_max: Annotated[int, msgspec.Meta(ge=1, le=10)] = 3


class AttemptOut(msgspec.Struct, kw_only=True):
    bill_id: int
    cycle: int
    on: dt.date
    outcome: Outcome
    payment_id: int | None
    why: str | None


class AutopayOut(msgspec.Struct, kw_only=True):
    """`attempts` are the newest of what the rule did."""

    autopay_id: int
    user_id: int
    biller_id: int
    account_id: int
    fallback_account_id: int | None
    reference: str | None
    mode: Mode
    currency: str
    amount: Decimal | None
    cap: Decimal | None
    lead_days: int
    retry_days: list[int]
    failures_max: int
    failures: int
    status: RuleStatus
    attempts: list[AttemptOut]


class AutopayWritten(AutopayOut, kw_only=True):
    """`position` is absent where nothing had to change."""

    position: int | None = None


@post(
    "/bills/autopay",
    **described("Set up autopay", answers(201, AutopayWritten, 401, 403, 404, 409, 422, 429, 503)),
)
async def set_up(request: Call, data: JSONBody[SettingAutopay]) -> ASGIApp:
    """From accounts of the customer's own, in a currency that the biller takes."""
    check_user(request.actor, data.user_id)
    autopay_id = await next_number(request.bank.users, "autopay_ids")
    wanted = WantedRule(
        user_id=data.user_id,
        biller_id=data.biller_id,
        account_id=data.account_id or await _default_account(request, data),
        reference=data.reference,
        fallback_account_id=data.fallback_account_id,
        mode=data.mode,
        amount=data.amount,
        cap=data.cap,
        lead_days=data.lead_days,
        retry_days=tuple(data.retry_days),
        failures_max=data.failures_max,
    )

    def answer(posted: list[Posted]) -> Answer:
        return Answer(201, encode(_written(autopay_id, posted[0].facts[-1].rule, posted)))

    command = autopay.set_up(asked_by(request, answer), autopay_id, wanted)
    return await written_for(request, command, data.user_id)


async def _default_account(call: Call, data: SettingAutopay) -> int:
    account_id = await registrations.default_account(
        call.bank.reads, data.biller_id, data.reference, data.user_id
    )
    if account_id is None:
        raise NoDefaultAccount(biller_id=data.biller_id)
    return account_id


@get(
    "/bills/autopay",
    **described("List autopay rules", answers(200, list[AutopayOut], 401, 404, 429, 503)),
)
async def list_rules(
    request: Call, user_id: UserIn = None, limit: Limit = None, cursor: Cursor = None
) -> ASGIApp:
    """One's own; staff see all. By rising number."""
    page = page_of(limit, cursor)
    wanted = wanted_user(request.actor, user_id)
    async with reading(request, user_id=wanted) as (connection, moment):
        found = await billers_view.autopay_rules(
            connection, user_id=wanted, limit=page.rows, after=page.place or 0
        )
    return told_page(
        request,
        page,
        found,
        shown=lambda row: autopay_out(row.autopay_id, row.rule),
        place=lambda row: row.autopay_id,
        moment=moment,
    )


@get(
    "/bills/autopay/{autopay_id:int}",
    **described("An autopay rule", answers(200, AutopayOut, 401, 404, 429, 503)),
)
async def one_rule(request: Call, autopay_id: FromPath[int]) -> ASGIApp:
    """With what it did last."""
    user_id = (await autopay_for(request.bank, request.actor, autopay_id)).rule.user_id
    async with reading(request, user_id=user_id) as (connection, moment):
        found = await billers_view.autopay_rule(connection, autopay_id)
    if found is None:
        raise AutopayNotFound(autopay_id=autopay_id)
    return told(autopay_out(autopay_id, found.rule), position=moment.head)


_CHANGES: Final = answers(200, AutopayWritten, 401, 403, 404, 409, 422, 429, 503)


@delete(
    "/bills/autopay/{autopay_id:int}",
    status_code=200,
    **described(
        "Stop autopay", answers(200, AutopayWritten, 401, 403, 404, 422, 429, 503), writes=True
    ),
)
async def stop(request: Call, autopay_id: FromPath[int]) -> ASGIApp:
    """For good. What it has paid stays paid."""
    return await _change(request, autopay_id, lambda ask: autopay.stop(ask, autopay_id))


class Resuming(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


@post(
    "/bills/autopay/{autopay_id:int}/resume",
    status_code=200,
    **described("Resume autopay", _CHANGES, writes=True),
)
async def resume(request: Call, autopay_id: FromPath[int], data: JSONBody[Resuming]) -> ASGIApp:
    """A rule that was suspended goes on, with no failures counted."""
    return await _change(request, autopay_id, lambda ask: autopay.resume(ask, autopay_id))


async def _change(call: Call, autopay_id: int, change: Callable[[Ask], Command]) -> ASGIApp:
    known = await autopay_for(call.bank, call.actor, autopay_id)

    def answer(posted: list[Posted]) -> Answer:
        rule = posted[0].facts[-1].rule if posted else known.rule
        return Answer(200, encode(_written(autopay_id, rule, posted)))

    return await written_for(call, change(asked_by(call, answer)), known.rule.user_id)


def autopay_out(autopay_id: int, rule: Rule) -> AutopayOut:
    return AutopayOut(
        autopay_id=autopay_id,
        user_id=rule.user_id,
        biller_id=rule.biller_id,
        account_id=rule.account_id,
        fallback_account_id=rule.fallback_account_id,
        reference=rule.reference,
        mode=rule.mode,
        currency=rule.currency,
        amount=decimal_of(rule.amount, rule.currency) if rule.amount else None,
        cap=None if rule.cap is None else decimal_of(rule.cap, rule.currency),
        lead_days=rule.lead_days,
        retry_days=list(rule.retry_days),
        failures_max=rule.failures_max,
        failures=rule.failures,
        status=rule.status,
        attempts=[AttemptOut(**msgspec.structs.asdict(attempt)) for attempt in rule.attempts],
    )


def _written(autopay_id: int, rule: Rule, posted: list[Posted]) -> AutopayWritten:
    return AutopayWritten(
        **msgspec.structs.asdict(autopay_out(autopay_id, rule)),
        position=posted[0].position if posted else None,
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [set_up, list_rules, one_rule, stop, resume]
