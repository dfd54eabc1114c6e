"""What the bank's books hold of its loans: the rates by which losses are expected, and one loan's value."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, asked_by, told, written
from api.documents import answers, described
from api.parameters import AsOf, KnownAt
from api.strict_json import Rate, encode
from api.visibility import mark_of_loan, reading
from application import loss_rates
from application.books import Answer, Posted
from domain.loans.deferral import effective_rate
from domain.loans.lateness import Bucket, Stage, bucket_of, days_past_due, stage_of
from domain.loans.loan import Loan
from domain.loans.loan_refusals import LoanNotFound
from domain.loans.loss_rates import LossRates
from domain.money import decimal_of
from readmodels import loss_rates as loss_rates_view
from readmodels.loans import loan_at

Percent = Annotated[Rate, msgspec.Meta(description="Per cent of what may be lost.")]


class SettingLossRates(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What holds from `first_day` on, until the next change: of loans in time, and from so many days
    past due on."""

    first_day: Annotated[dt.date, msgspec.Meta(examples=["2026-12-01"])]
    current: Percent = Rate(1)
    days_1: Percent = Rate(5)
    days_30: Percent = Rate(20)
    days_60: Percent = Rate(50)
    days_90: Percent = Rate(100)


class LossRatesOut(msgspec.Struct, kw_only=True):
    first_day: dt.date
    current: str
    days_1: str
    days_30: str
    days_60: str
    days_90: str


class LossRatesSetOut(msgspec.Struct, kw_only=True):
    """All changes, by the day from which they hold."""

    changes: list[LossRatesOut]
    position: int | None


class LoanAccountingOut(msgspec.Struct, kw_only=True):
    """`gross` is what the balance sheet holds of what is owed; `net` is that less the allowance and
    the deferred fees, and with the deferred costs. `effective_rate` is per cent a year, nominal as the
    loan's own, by which fees and costs are earned and borne; none where nothing is deferred.
    `suspended` is interest that is owed and not recognised."""

    loan_id: int
    currency: str
    as_of: dt.date
    days_past_due: int
    bucket: Bucket
    stage: Stage
    gross: Decimal
    allowance: Decimal
    deferred_fees: Decimal
    deferred_costs: Decimal
    effective_rate: str | None
    net: Decimal
    suspended: Decimal
    debt_charged_off: Decimal
    position: int


@post(
    "/loss-rates",
    **described("Set loss rates", answers(201, LossRatesSetOut, 401, 403, 409, 422, 429, 503)),
)
async def set_loss_rates(request: Call, data: JSONBody[SettingLossRates]) -> ASGIApp:
    """What the bank expects to lose of its loans by how late they are, from a day that is not ended
    yet. Each night sets that aside; until rates are set, nothing is."""
    rates = LossRates(
        first_day=data.first_day,
        current=Decimal(data.current),
        days_1=Decimal(data.days_1),
        days_30=Decimal(data.days_30),
        days_60=Decimal(data.days_60),
        days_90=Decimal(data.days_90),
    )

    def answer(posted: list[Posted]) -> Answer:
        changes = posted[0].facts[0].changes if posted else (rates,)
        position = posted[0].position if posted else None
        return Answer(201, encode(LossRatesSetOut(changes=_out(changes), position=position)))

    return await written(request, loss_rates.set_loss_rates(asked_by(request, answer), rates))


@get(
    "/loss-rates",
    **described("The loss rates", answers(200, list[LossRatesOut], 401, 403, 422, 429, 503)),
)
async def list_loss_rates(request: Call, known_at: KnownAt = None) -> ASGIApp:
    """All changes, by the day from which they hold; as they were known at any moment."""
    async with reading(request, known_at=known_at) as (connection, moment):
        changes = await loss_rates_view.loss_rates(connection, moment.known_at)
    return told(_out(changes), position=moment.known_at)


@get(
    "/loans/{loan_id:int}/accounting",
    **described(
        "What the books hold of a loan",
        answers(200, LoanAccountingOut, 401, 403, 404, 422, 429, 503),
    ),
)
async def accounting(
    request: Call, loan_id: FromPath[int], as_of: AsOf = None, known_at: KnownAt = None
) -> ASGIApp:
    """For staff: its stage, what is set aside for its loss, what of its fees and costs is deferred, and
    what it counts for with all that."""
    mark = mark_of_loan(loan_id)
    async with reading(request, mark, as_of=as_of, known_at=known_at) as (connection, moment):
        loan = await loan_at(connection, loan_id, moment, today=request.bank.today())
    if loan is None:
        raise LoanNotFound(loan_id=loan_id)
    out = _accounting(loan, moment.as_of, moment.known_at)
    return told(out, position=moment.known_at)


def _accounting(loan: Loan, on: dt.date, position: int) -> LoanAccountingOut:
    figures, currency = loan.figures, loan.terms.currency
    active = loan.terms.status == "active"
    late = days_past_due(loan.terms, figures.past_due_since, on) if active else 0
    gross = figures.principal + figures.interest + figures.fees + figures.penalties
    valuation = figures.valuation
    net = gross - valuation.allowance - valuation.fees + valuation.costs
    effective = effective_rate(loan.terms)
    return LoanAccountingOut(
        loan_id=loan.loan_id,
        currency=currency,
        as_of=on,
        days_past_due=late,
        bucket=bucket_of(late),
        stage=stage_of(late),
        gross=decimal_of(gross, currency),
        allowance=decimal_of(valuation.allowance, currency),
        deferred_fees=decimal_of(valuation.fees, currency),
        deferred_costs=decimal_of(valuation.costs, currency),
        effective_rate=None if effective is None else f"{effective:f}",
        net=decimal_of(net, currency),
        suspended=decimal_of(figures.suspended, currency),
        debt_charged_off=decimal_of(figures.off_balance, currency),
        position=position,
    )


def _out(changes: tuple[LossRates, ...]) -> list[LossRatesOut]:
    return [
        LossRatesOut(
            first_day=rates.first_day,
            current=f"{rates.current:f}",
            days_1=f"{rates.days_1:f}",
            days_30=f"{rates.days_30:f}",
            days_60=f"{rates.days_60:f}",
            days_90=f"{rates.days_90:f}",
        )
        for rates in changes
    ]


HANDLERS: Final[list[ControllerRouterHandler]] = [set_loss_rates, list_loss_rates, accounting]
