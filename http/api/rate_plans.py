"""Rates of interest: what accounts of a type and currency bear from a day on; and an account's interest."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, asked_by, told, written
from api.documents import answers, described
from api.strict_json import Amount, Rate, encode
from api.visibility import account_for, reading
from application import interest
from application.books import Answer, Posted
from domain.account_facts import AccountType
from domain.money import decimal_of, decimals_of, minor_units_of
from domain.rate_plans import TIERS_MAX, Basis, Method, Posting, Rates, Rounding, Tier, rates_on
from readmodels import interest as interest_view

Day = Annotated[dt.date, msgspec.Meta(examples=["2026-04-01"])]
Percent = Annotated[Rate, msgspec.Meta(description="Per cent a year.", examples=["1.25"])]


class TierIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Without `above` it is the first: balances above zero."""

    above: Annotated[Amount, msgspec.Meta(examples=[2500.0])] | None = None
    rate: Percent


class SettingRates(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What holds from `first_day` on, until the next change. A day in the past re-opens the interest
    since. `method` whole pays the rate of the balance's tier on all of it, slices each on its part."""

    account_type: AccountType
    currency: Annotated[str, msgspec.Meta(min_length=3, max_length=3, examples=["EUR"])]
    first_day: Day
    tiers: Annotated[list[TierIn], msgspec.Meta(max_length=TIERS_MAX)] = []
    method: Method = "whole"
    basis: Basis = "ACT/365F"
    overdraft_rate: Percent = Rate(0)
    excess_rate: Percent | None = None
    posting: Posting = "monthly"
    withholding_rate: Percent = Rate(0)
    rounding: Rounding = "half_even"


class TierOut(msgspec.Struct, kw_only=True):
    above: Decimal
    rate: str


class RatesOut(msgspec.Struct, kw_only=True):
    """Rates are per cent a year."""

    first_day: dt.date
    tiers: list[TierOut]
    method: Method
    basis: Basis
    overdraft_rate: str
    excess_rate: str | None
    posting: Posting
    withholding_rate: str
    rounding: Rounding


class RatePlanOut(msgspec.Struct, kw_only=True):
    """All changes, by the day from which they hold."""

    account_type: str
    currency: str
    rates: list[RatesOut]


class RatesSetOut(RatePlanOut, kw_only=True):
    position: int | None


class AccountInterestOut(msgspec.Struct, kw_only=True):
    """`accrued` is what was earned up to `through` and has not come to the account yet, `owed` what is
    due on days below zero and was not taken yet; both rounded. The rates are those of today."""

    account_id: int
    currency: str
    through: dt.date | None
    accrued: Decimal
    owed: Decimal
    paid: Annotated[Decimal, msgspec.Meta(description="All that ever came to the account.")]
    taken: Annotated[Decimal, msgspec.Meta(description="All that was ever taken from it.")]
    rates: RatesOut | None
    position: int


@post(
    "/rate-plans",
    **described("Set rates of interest", answers(201, RatesSetOut, 401, 403, 409, 422, 429, 503)),
)
async def set_rates(request: Call, data: JSONBody[SettingRates]) -> ASGIApp:
    """For accounts of a type and currency. Set again for a first day, they take the place of the ones
    before; what was set stays in the log."""
    decimals_of(data.currency)
    rates = Rates(
        first_day=data.first_day,
        tiers=tuple(
            Tier(
                0 if tier.above is None else minor_units_of(tier.above, data.currency),
                tier.rate,
            )
            for tier in data.tiers
        ),
        method=data.method,
        basis=data.basis,
        overdraft_rate=data.overdraft_rate,
        excess_rate=data.excess_rate,
        posting=data.posting,
        withholding_rate=data.withholding_rate,
        rounding=data.rounding,
    )

    def answer(posted: list[Posted]) -> Answer:
        after = posted[0].facts[0].rates if posted else (rates,)
        out = RatesSetOut(
            account_type=data.account_type,
            currency=data.currency,
            rates=[_out(each, data.currency) for each in after],
            position=posted[0].position if posted else None,
        )
        return Answer(201, encode(out))

    command = interest.set_rates(asked_by(request, answer), data.account_type, data.currency, rates)
    return await written(request, command)


@get(
    "/rate-plans",
    **described("The rates of interest", answers(200, list[RatePlanOut], 401, 429, 503)),
)
async def list_rate_plans(request: Call) -> ASGIApp:
    """Every plan, with what held, holds and will hold."""
    async with reading(request) as (connection, moment):
        plans = await interest_view.plans(connection, moment.known_at)
    out = [
        RatePlanOut(
            account_type=plan.account_type,
            currency=plan.currency,
            rates=[_out(each, plan.currency) for each in plan.known_at(moment.known_at)],
        )
        for plan in plans
    ]
    return told(out, position=moment.known_at)


@get(
    "/accounts/{account_id:int}/interest",
    **described("The interest of an account", answers(200, AccountInterestOut, 401, 404, 429, 503)),
)
async def account_interest(request: Call, account_id: FromPath[int]) -> ASGIApp:
    """What it has earned and owes, as the last end of day left it."""
    async with reading(request, account_id) as (connection, moment):
        account = await account_for(connection, request.actor, account_id)
        found = await interest_view.interest_of_account(connection, account_id)
        plans = await interest_view.plans(connection, moment.known_at)
    currency = account.currency
    rates = None
    for plan in plans:
        if (plan.account_type, plan.currency) == (account.account_type, currency):
            rates = rates_on(plan.known_at(moment.known_at), request.bank.today())
    standing = None if found is None else found[0].standing
    out = AccountInterestOut(
        account_id=account_id,
        currency=currency,
        through=None if standing is None else standing.through,
        accrued=decimal_of(standing.credit_open if standing else 0, currency),
        owed=decimal_of(standing.debit_open if standing else 0, currency),
        paid=decimal_of(standing.credit_settled if standing else 0, currency),
        taken=decimal_of(standing.debit_settled if standing else 0, currency),
        rates=None if rates is None else _out(rates, currency),
        position=moment.known_at,
    )
    return told(out, position=moment.known_at)


def _out(rates: Rates, currency: str) -> RatesOut:
    return RatesOut(
        first_day=rates.first_day,
        tiers=[
            TierOut(above=decimal_of(tier.above, currency), rate=f"{tier.rate:f}")
            for tier in rates.tiers
        ],
        method=rates.method,
        basis=rates.basis,
        overdraft_rate=f"{rates.overdraft_rate:f}",
        excess_rate=None if rates.excess_rate is None else f"{rates.excess_rate:f}",
        posting=rates.posting,
        withholding_rate=f"{rates.withholding_rate:f}",
        rounding=rates.rounding,
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [set_rates, list_rate_plans, account_interest]
