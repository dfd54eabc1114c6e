"""Quotes: the schedule and the cost of any loan. Nobody is asked who he is, and nothing is stored."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec
from litestar import post
from litestar.params import JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, told
from api.documents import answers, described
from api.reckoning import check_day, reckoned, said
from api.strict_json import Amount, Rate
from domain.amortisation.arithmetic import ZERO, Rounding, to_decimals
from domain.amortisation.cost import cost_of
from domain.amortisation.day_counts import DayCount
from domain.amortisation.due_dates import Unit
from domain.amortisation.rates_of_return import Flow
from domain.amortisation.schedule import schedule
from domain.amortisation.terms import (
    INSTALMENTS_MAX,
    Advance,
    Instalment,
    Method,
    RateChange,
    RateType,
    ScheduleTerms,
)
from domain.money import decimal_of, minor_units_of
from domain.refusals import TermsContradict

EVENTS_MAX: Final = 60
RATE_DECIMALS: Final = 6
RATE_LEAST: Final = Decimal(-10)

Count = Annotated[int, msgspec.Meta(ge=0, le=INSTALMENTS_MAX)]


class RateChangeIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    on: Annotated[dt.date, said("The first day at the new rate.", "2027-01-15")]
    annual_rate: Annotated[Rate, said("Per cent a year, of the same rate type.", "6.5")]


class DisbursementIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    on: Annotated[dt.date, said("The day it is paid out.", "2026-01-15")]
    amount: Annotated[Amount, said("In major units, above zero.", 6000.0)]


class FeeIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    amount: Annotated[Amount, said("In major units, above zero.", 50.0)]
    on: Annotated[
        dt.date | None, said("The day it is paid; the day of disbursement if left out.")
    ] = None


class Quote(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A loan. One of `annual_rate` and `periodic_rate` is given."""

    principal: Annotated[Amount, said("What is lent, in major units.", 12000.0)]
    method: Annotated[Method, said("How it is repaid.", "annuity")]
    currency: Annotated[
        Annotated[str, msgspec.Meta(min_length=3, max_length=3)] | None,
        said("ISO 4217; the bank's own if left out.", "EUR"),
    ] = None
    annual_rate: Annotated[Rate | None, said("Per cent a year.", "24")] = None
    periodic_rate: Annotated[Rate | None, said("Per cent for each period.", "2")] = None
    rate_type: Annotated[
        Literal["nominal", "effective"],
        said("A nominal annual rate is shared out by time; an effective one compounds.", "nominal"),
    ] = "nominal"
    instalments: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=INSTALMENTS_MAX)] | None,
        said("How many; left out where the loan is paid until it is repaid.", 4),
    ] = None
    every: Annotated[
        int, msgspec.Meta(ge=1, le=366, description="So many units are a period.", examples=[1])
    ] = 1
    unit: Annotated[Unit, said("The unit of the periods.", "months")] = "months"
    amortisation_instalments: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=INSTALMENTS_MAX)] | None,
        said("Balloon: the instalment is that of a loan of so many, and the last pays the rest."),
    ] = None
    payment: Annotated[
        Amount | None,
        said("The fixed payment, the fixed principal, or the least payment of percent_of_balance."),
    ] = None
    growth: Annotated[
        Rate | None, said("Graduated: by how many per cent the instalment grows each year.")
    ] = None
    percent: Annotated[
        Rate | None, said("percent_of_balance: what is paid of the balance with its interest.")
    ] = None
    disbursed_on: Annotated[
        dt.date | None,
        said("The first day of interest; the first disbursement's or today if left out."),
    ] = None
    first_due: Annotated[
        dt.date | None, said("One period after the disbursement if left out.", "2026-02-15")
    ] = None
    day_count: Annotated[
        DayCount,
        said(
            "How time is counted for interest. same-as-period: each period is alike, the days that a "
            "first period has too many or too few are over 365.",
            "same-as-period",
        ),
    ] = "same-as-period"
    rounding: Annotated[
        Rounding, said("What is half way goes to the even digit, or up.", "half_even")
    ] = "half_even"
    instalment_multiple_of: Annotated[
        Amount | None, said("The level instalment is rounded to a multiple of this.")
    ] = None
    currency_multiple_of: Annotated[
        Amount | None, said("Every amount is rounded to a multiple of this.")
    ] = None
    balances: Annotated[
        Literal["rounded", "unrounded"],
        said("Unrounded: balances are carried exactly, and figures rounded for show.", "rounded"),
    ] = "rounded"
    grace_principal: Annotated[Count, said("So many first instalments are interest only.")] = 0
    grace_interest_payment: Annotated[
        Count, said("The interest of so many first periods is paid with the period after them.")
    ] = 0
    interest_free: Annotated[Count, said("So many first periods accrue no interest.")] = 0
    rate_changes: Annotated[
        list[RateChangeIn], msgspec.Meta(max_length=EVENTS_MAX, description="Later rates.")
    ] = []
    disbursements: Annotated[
        list[DisbursementIn],
        msgspec.Meta(
            max_length=EVENTS_MAX,
            description=(
                "All disbursements, which add up to the principal, when the first is on the day of "
                "disbursement; else further ones, on top of the principal."
            ),
        ),
    ] = []
    fees: Annotated[
        list[FeeIn],
        msgspec.Meta(max_length=EVENTS_MAX, description="What the loan costs beside interest."),
    ] = []


class InstalmentOut(msgspec.Struct, kw_only=True):
    number: int
    from_: Annotated[dt.date, said("The first day of interest.")] = msgspec.field(name="from")
    due: dt.date
    days: Annotated[int, said("Calendar days.")]
    principal: Decimal
    interest: Decimal
    payment: Decimal
    balance: Annotated[Decimal, said("The principal owed after it.")]


class Totals(msgspec.Struct, kw_only=True):
    principal: Decimal
    interest: Decimal
    payment: Decimal
    fees: Decimal


class QuoteOut(msgspec.Struct, kw_only=True):
    """Rates are per cent a year, with six decimals."""

    currency: str
    disbursed_on: dt.date
    instalments: list[InstalmentOut]
    totals: Totals
    apr_eu: Annotated[str, said("By annex I of Directive 2008/48/EC.", "26.824180")]
    apr_us: Annotated[str, said("By appendix J of Regulation Z.", "24.000000")]
    effective_rate: Annotated[str, said("Of the interest alone, compounded.", "26.824179")]


@post(
    "/loans/quote",
    status_code=200,
    **described(
        "The schedule and the cost of a loan", answers(200, QuoteOut, 408, 413, 415, 422, 429)
    ),
)
async def quote_loan(request: Call, data: JSONBody[Quote]) -> ASGIApp:
    """Any loan: it needs no customer, and nothing is stored."""
    bank = request.bank
    currency = data.currency or bank.currency
    first_of_all = min((one.on for one in data.disbursements), default=bank.today())
    terms = terms_of(data, currency, data.disbursed_on or first_of_all)
    fees = _fees(data, currency, terms.start)
    return told(await reckoned(request, lambda: _quoted(terms, fees, currency)))


def terms_of(data: Quote, currency: str, start: dt.date) -> ScheduleTerms:
    """The loan in the terms of the domain. What no schedule could mean is refused by its field."""
    days = [change.on for change in data.rate_changes] + [one.on for one in data.disbursements]
    for field, day in (("disbursed_on", start), ("first_due", data.first_due)):
        check_day(field, day)
    for day in days:
        check_day("on", day)
    rate, rate_type = _rate(data)
    principal, advances = _disbursed(data, currency, start)
    unit_of = {
        name: 1 if amount is None else minor_units_of(amount, currency)
        for name, amount in (
            ("instalment_multiple_of", data.instalment_multiple_of),
            ("currency_multiple_of", data.currency_multiple_of),
        )
    }
    return ScheduleTerms(
        principal=principal,
        method=data.method,
        rate=rate,
        rate_type=rate_type,
        start=start,
        instalments=data.instalments,
        every=data.every,
        unit=data.unit,
        first_due=data.first_due,
        day_count=data.day_count,
        rounding=data.rounding,
        instalment_multiple_of=unit_of["instalment_multiple_of"],
        currency_multiple_of=unit_of["currency_multiple_of"],
        balances_rounded=data.balances == "rounded",
        grace_principal=data.grace_principal,
        grace_interest_payment=data.grace_interest_payment,
        interest_free=data.interest_free,
        rate_changes=tuple(
            RateChange(change.on, Decimal(change.annual_rate)) for change in data.rate_changes
        ),
        advances=advances,
        amortisation_instalments=data.amortisation_instalments,
        payment=None if data.payment is None else minor_units_of(data.payment, currency),
        growth=Decimal(data.growth or 0),
        percent=Decimal(data.percent or 0),
    )


def _rate(data: Quote) -> tuple[Decimal, RateType]:
    annual, periodic = data.annual_rate, data.periodic_rate
    if (annual is None) is (periodic is None):
        raise TermsContradict(field="annual_rate", why="or periodic_rate is given, one of the two")
    if periodic is not None and data.rate_type == "effective":
        raise TermsContradict(field="rate_type", why="effective goes with annual_rate")
    if periodic is not None and data.rate_changes:
        raise TermsContradict(field="rate_changes", why="are of an annual rate; give annual_rate")
    rates = [("annual_rate", annual), ("periodic_rate", periodic)]
    rates += [("rate_changes", change.annual_rate) for change in data.rate_changes]
    for field, rate in rates:
        if rate is not None and rate < RATE_LEAST:
            raise TermsContradict(field=field, why=f"is below {RATE_LEAST} per cent")
    if annual is not None:
        return Decimal(annual), data.rate_type
    return Decimal(periodic or 0), "periodic"


def _disbursed(data: Quote, currency: str, start: dt.date) -> tuple[int, tuple[Advance, ...]]:
    """What is owed from the start, and what is disbursed later."""
    principal = minor_units_of(data.principal, currency)
    all_of_them = [
        Advance(one.on, minor_units_of(one.amount, currency)) for one in data.disbursements
    ]
    later = tuple(one for one in all_of_them if one.on != start)
    if len(later) == len(all_of_them):
        return principal, later
    if sum(one.amount for one in all_of_them) != principal:
        raise TermsContradict(field="disbursements", why="do not add up to principal")
    return principal - sum(one.amount for one in later), later


def _fees(data: Quote, currency: str, start: dt.date) -> list[Flow]:
    fees = []
    for fee in data.fees:
        on = fee.on or start
        check_day("on", on)
        if on < start:
            raise TermsContradict(field="fees", why="holds a date before the disbursement")
        fees.append(Flow(on, Decimal(-minor_units_of(fee.amount, currency))))
    return fees


def _quoted(terms: ScheduleTerms, fees: list[Flow], currency: str) -> QuoteOut:
    rows = schedule(terms)
    cost = cost_of(terms, rows, fees)
    return QuoteOut(
        currency=currency,
        disbursed_on=terms.start,
        instalments=[_row(row, currency) for row in rows],
        totals=Totals(
            principal=decimal_of(sum(row.principal for row in rows), currency),
            interest=decimal_of(sum(row.interest for row in rows), currency),
            payment=decimal_of(sum(row.payment for row in rows), currency),
            fees=decimal_of(-int(sum((fee.amount for fee in fees), ZERO)), currency),
        ),
        apr_eu=shown(cost.apr_eu),
        apr_us=shown(cost.apr_us),
        effective_rate=shown(cost.effective_rate),
    )


def _row(row: Instalment, currency: str) -> InstalmentOut:
    return InstalmentOut(
        number=row.number,
        from_=row.start,
        due=row.due,
        days=row.days,
        principal=decimal_of(row.principal, currency),
        interest=decimal_of(row.interest, currency),
        payment=decimal_of(row.payment, currency),
        balance=decimal_of(row.balance, currency),
    )


def shown(rate: Decimal) -> str:
    """A rate in per cent as it is written: six decimals, and no exponent."""
    return f"{to_decimals(rate, RATE_DECIMALS):f}"


HANDLERS: Final[list[ControllerRouterHandler]] = [quote_loan]
