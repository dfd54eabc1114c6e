"""What plain cash flows and plain dates come to: rates of return and day counts. Nothing is stored."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Final, NamedTuple, TypeAlias

import msgspec
from litestar import post
from litestar.params import JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, told
from api.documents import answers, described
from api.loan_quotes import shown
from api.reckoning import check_day, reckoned, said
from api.strict_json import Amount
from domain.amortisation.apr_eu import apr_eu, apr_of_moments
from domain.amortisation.apr_us import apr_us
from domain.amortisation.arithmetic import divide, to_decimals
from domain.amortisation.day_counts import DayCount, Stretch, days_between, year_fraction
from domain.amortisation.due_dates import add_months, add_units
from domain.amortisation.rates_of_return import Flow, Moment
from domain.amortisation.xirr import xirr
from domain.refusals import AmountNotPositive, TermsContradict

FLOWS_MAX: Final = 3_000
FLOWS_OF_A_LIST_MAX: Final = 1_200
FRACTION_DECIMALS: Final = 10
# Where nothing is dated, months and days are counted from here to find the rhythm of the payments.
_SOME_FIRST: Final = dt.date(2001, 1, 1)

Months: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=6_000, examples=[1])]
Days: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=200_000, examples=[0])]


class After(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """So long after the first advance: days, and whole months after them."""

    months: Months = 0
    days: Days = 0


class FlowIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An amount at a time: a date, or months and days after the first advance."""

    amount: Annotated[Amount, said("Above zero.", 5000.0)]
    on: Annotated[dt.date | After | None, said("The day, or so long after the first.")] = None
    months: Annotated[Months | None, said("Whole months after the first advance.", 0)] = None
    days: Annotated[Days | None, said("Days before those months.", 0)] = None


class StreamIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Equal payments at equal months."""

    amount: Annotated[Amount, said("Each payment, above zero.", 230.0)]
    first: Annotated[
        dt.date | After | Months,
        said("When the first is paid; a number is months after the first advance.", {"months": 1}),
    ]
    count: Annotated[
        int, msgspec.Meta(ge=1, le=FLOWS_OF_A_LIST_MAX, description="How many.", examples=[24])
    ]
    every_months: Annotated[
        int, msgspec.Meta(ge=1, le=120, description="Months between them.", examples=[1])
    ] = 1


Flows: TypeAlias = Annotated[list[FlowIn], msgspec.Meta(max_length=FLOWS_OF_A_LIST_MAX)]


class CashFlows(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Times are all dates, all months and days, or months and days after the first dated advance."""

    advances: Annotated[
        list[FlowIn],
        msgspec.Meta(
            min_length=1, max_length=FLOWS_OF_A_LIST_MAX, description="What the borrower gets."
        ),
    ]
    payments: Annotated[Flows, said("What the borrower repays.")] = []
    charges: Annotated[Flows, said("What the borrower pays beside: costs of the credit.")] = []
    streams: Annotated[
        list[StreamIn], msgspec.Meta(max_length=100, description="Payments that repeat.")
    ] = []


class RatesOut(msgspec.Struct, kw_only=True):
    """Per cent a year, with six decimals."""

    apr_eu: Annotated[str, said("Effective, by annex I of Directive 2008/48/EC.", "10.127465")]
    apr_us: Annotated[str, said("Nominal, by appendix J of Regulation Z.", "9.685708")]
    xirr: Annotated[
        str, said("Effective, by days over 365; where nothing is dated, that of apr_eu.")
    ]


class Counting(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    convention: Annotated[DayCount, said("By its exact name.", "30E/360")]
    start: Annotated[dt.date, said("The first day, which counts.", "2007-02-28")]
    end: Annotated[dt.date, said("The day after the last that counts.", "2007-08-31")]
    ref_start: Annotated[dt.date | None, said("ACT/ACT-ICMA: where the regular period begins.")] = (
        None
    )
    ref_end: Annotated[dt.date | None, said("ACT/ACT-ICMA: where it ends.")] = None
    termination: Annotated[
        dt.date | bool | None,
        said("30E/360-ISDA: the last day of all, or whether `end` is that day."),
    ] = None


class CountedOut(msgspec.Struct, kw_only=True):
    convention: DayCount
    start: dt.date
    end: dt.date
    days: Annotated[int, said("As the convention counts them.", 182)]
    year_fraction: Annotated[str, said("With ten decimals.", "0.5055555556")]


@post(
    "/loans/apr",
    status_code=200,
    **described("Rates of return of cash flows", answers(200, RatesOut, 408, 413, 415, 422, 429)),
)
async def rates_of_cash_flows(request: Call, data: JSONBody[CashFlows]) -> ASGIApp:
    """The European and the American annual percentage rate, and the internal rate of return."""
    return told(await reckoned(request, lambda: _rates(data)))


@post(
    "/loans/day-count",
    status_code=200,
    **described(
        "Days and years between two dates", answers(200, CountedOut, 408, 413, 415, 422, 429)
    ),
)
async def count_days(request: Call, data: JSONBody[Counting]) -> ASGIApp:
    """By a day count convention. What only another convention needs is not looked at."""
    return told(await reckoned(request, lambda: _counted(data)))


class Timed(NamedTuple):
    """A flow whose time is a date, or months and days after the first advance."""

    when: dt.date | After
    amount: Decimal


def _rates(data: CashFlows) -> RatesOut:
    advances = [_timed(flow, "advances", 1) for flow in data.advances]
    payments = [_timed(flow, "payments", -1) for flow in data.payments]
    payments += [one for stream in data.streams for one in _payments(stream)]
    charges = [_timed(flow, "charges", -1) for flow in data.charges]
    if not payments:
        raise TermsContradict(field="payments", why="and streams are both empty")
    if len(advances) + len(payments) + len(charges) > FLOWS_MAX:
        raise TermsContradict(field="streams", why=f"make more than {FLOWS_MAX} flows in all")
    dated = [one.when for one in advances if isinstance(one.when, dt.date)]
    first = min(dated, default=_SOME_FIRST)
    flows, costs = _on_days([*advances, *payments], first), _on_days(charges, first)
    start = min(flow.on for flow in flows[: len(advances)])
    if any(flow.on < start for flow in (*flows, *costs)):
        raise TermsContradict(field="payments", why="or charges come before the first advance")
    moments = [
        (Moment(one.when.months, divide(one.when.days, 365)), one.amount)
        for one in (*advances, *payments, *charges)
        if isinstance(one.when, After)
    ]
    if len(moments) == len(flows) + len(costs):
        european = internal = apr_of_moments(moments)
    else:
        european, internal = apr_eu([*flows, *costs]), xirr([*flows, *costs])
    return RatesOut(
        apr_eu=shown(european), apr_us=shown(apr_us(flows, costs)), xirr=shown(internal)
    )


def _timed(flow: FlowIn, field: str, sign: int) -> Timed:
    """Raises for an amount that is not above zero, and for no time or two."""
    if flow.amount <= 0:
        raise AmountNotPositive(amount=str(flow.amount))
    after = flow.months is not None or flow.days is not None
    if after is (flow.on is not None):
        raise TermsContradict(field=field, why="has a flow without one time, on or months and days")
    when = After(months=flow.months or 0, days=flow.days or 0) if flow.on is None else flow.on
    if isinstance(when, dt.date):
        check_day("on", when)
    return Timed(when, Decimal(flow.amount) * sign)


def _payments(stream: StreamIn) -> list[Timed]:
    if stream.amount <= 0:
        raise AmountNotPositive(amount=str(stream.amount))
    paid, first = Decimal(-stream.amount), stream.first
    later = [number * stream.every_months for number in range(stream.count)]
    if isinstance(first, int):
        first = After(months=first)
    if isinstance(first, After):
        return [
            Timed(After(months=first.months + months, days=first.days), paid) for months in later
        ]
    check_day("first", first)
    return [Timed(add_months(first, months), paid) for months in later]


def _on_days(timed: list[Timed], first: dt.date) -> list[Flow]:
    return [Flow(_day(one.when, first), one.amount) for one in timed]


def _day(when: dt.date | After, first: dt.date) -> dt.date:
    """The days come first and the months after them, which are counted back from the end."""
    if isinstance(when, dt.date):
        return when
    return add_months(add_units(first, when.days, "days"), when.months)


def _counted(data: Counting) -> CountedOut:
    days = ("start", "end", "ref_start", "ref_end")
    for field in days:
        check_day(field, getattr(data, field))
    if (data.ref_start is None) is not (data.ref_end is None):
        raise TermsContradict(field="ref_end", why="and ref_start go together")
    reference = None
    if data.ref_start is not None and data.ref_end is not None:
        reference = data.ref_start, data.ref_end
    termination = data.termination
    if isinstance(termination, bool):
        termination = data.end if termination else None
    stretch = Stretch(start=data.start, end=data.end, reference=reference, termination=termination)
    fraction = year_fraction(data.convention, stretch)
    return CountedOut(
        convention=data.convention,
        start=data.start,
        end=data.end,
        days=days_between(data.convention, stretch),
        year_fraction=f"{to_decimals(fraction, FRACTION_DECIMALS):f}",
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [rates_of_cash_flows, count_days]
