"""Quotes: the schedule and the cost of any loan. Nobody is asked who he is, and nothing is stored."""

import datetime as dt
from decimal import Decimal
from typing import Final

from litestar import post
from litestar.params import JSONBody
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, told
from api.documents import answers, described
from api.loan_quote_forms import FollowsIn, InstalmentFeeIn, InstalmentOut, Quote, QuoteOut, Totals
from api.reckoning import check_day, reckoned
from domain.amortisation.arithmetic import ZERO, to_decimals
from domain.amortisation.cost import cost_of
from domain.amortisation.index_rates import FollowedIndex, IndexValue, rates_by
from domain.amortisation.instalment_fees import InstalmentFee
from domain.amortisation.rates_of_return import Flow
from domain.amortisation.schedule import schedule
from domain.amortisation.terms import (
    Advance,
    Instalment,
    RateChange,
    RateType,
    ScheduleTerms,
)
from domain.banking_calendar import Calendar
from domain.money import decimal_of, minor_units_of
from domain.refusals import TermsContradict

RATE_DECIMALS: Final = 6
RATE_LEAST: Final = Decimal(-10)


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
    terms = terms_of(data, currency, data.disbursed_on or first_of_all, bank.calendar)
    fees = _fees(data, currency, terms.start)
    return told(await reckoned(request, lambda: _quoted(terms, fees, currency)))


def terms_of(data: Quote, currency: str, start: dt.date, calendar: Calendar) -> ScheduleTerms:
    """The loan in the terms of the domain. What no schedule could mean is refused by its field."""
    days = [change.on for change in data.rate_changes] + [one.on for one in data.disbursements]
    for field, day in (("disbursed_on", start), ("first_due", data.first_due)):
        check_day(field, day)
    for day in days:
        check_day("on", day)
    rate, rate_type, rate_changes = _rate(data, start)
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
        rate_changes=rate_changes,
        advances=advances,
        amortisation_instalments=data.amortisation_instalments,
        payment=None if data.payment is None else minor_units_of(data.payment, currency),
        growth=Decimal(data.growth or 0),
        percent=Decimal(data.percent or 0),
        day_rule=None if data.business_days == "none" else data.business_days,
        moves_accrual=data.moves_accrual,
        calendar=calendar,
        instalment_fee=_instalment_fee(data.instalment_fee, currency),
    )


def _instalment_fee(fee: InstalmentFeeIn | None, currency: str) -> InstalmentFee | None:
    if fee is None:
        return None
    return InstalmentFee(
        flat=0 if fee.flat is None else minor_units_of(fee.flat, currency),
        of_principal=Decimal(fee.percent_of_principal or 0),
        of_instalment=Decimal(fee.percent_of_instalment or 0),
    )


def _rate(data: Quote, start: dt.date) -> tuple[Decimal, RateType, tuple[RateChange, ...]]:
    """The first rate, its type, and its changes."""
    annual, periodic = data.annual_rate, data.periodic_rate
    if [annual, periodic, data.follows].count(None) != 2:
        why = "or periodic_rate or follows is given, one of the three"
        raise TermsContradict(field="annual_rate", why=why)
    if periodic is not None and data.rate_type == "effective":
        raise TermsContradict(field="rate_type", why="effective goes with annual_rate")
    if annual is None and data.rate_changes:
        raise TermsContradict(field="rate_changes", why="are of an annual rate; give annual_rate")
    rates = [("annual_rate", annual), ("periodic_rate", periodic)]
    rates += [("rate_changes", change.annual_rate) for change in data.rate_changes]
    for field, rate in rates:
        if rate is not None and rate < RATE_LEAST:
            raise TermsContradict(field=field, why=f"is below {RATE_LEAST} per cent")
    if data.follows is not None:
        first, changes = _followed(data.follows, start)
        return first, data.rate_type, changes
    if periodic is not None:
        return Decimal(periodic), "periodic", ()
    changes = tuple(
        RateChange(change.on, Decimal(change.annual_rate)) for change in data.rate_changes
    )
    return Decimal(annual or 0), data.rate_type, changes


def _followed(asked: FollowsIn, start: dt.date) -> tuple[Decimal, tuple[RateChange, ...]]:
    for each in asked.values:
        check_day("on", each.on)
    values = [IndexValue(each.on, Decimal(each.value)) for each in asked.values]
    values.sort(key=lambda each: each.on)
    if len({each.on for each in values}) != len(values):
        raise TermsContradict(field="follows.values", why="hold two values for one day")
    cap, floor = (None if r is None else Decimal(r) for r in (asked.cap, asked.floor))
    if cap is not None and floor is not None and cap < floor:
        raise TermsContradict(field="follows.cap", why="is below the floor")
    follows = FollowedIndex(
        margin=Decimal(asked.margin), reset_months=asked.reset_months, cap=cap, floor=floor
    )
    found = rates_by(follows, values, start)
    if found is None:
        raise TermsContradict(field="follows.values", why="hold none for the day of disbursement")
    if min(found[0], *(change.rate for change in found[1]), found[0]) < RATE_LEAST:
        raise TermsContradict(field="follows", why=f"comes to less than {RATE_LEAST} per cent")
    return found


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
    of_instalments = sum(row.fee for row in rows)
    return QuoteOut(
        currency=currency,
        disbursed_on=terms.start,
        instalments=[_row(row, currency) for row in rows],
        totals=Totals(
            principal=decimal_of(sum(row.principal for row in rows), currency),
            interest=decimal_of(sum(row.interest for row in rows), currency),
            payment=decimal_of(sum(row.payment for row in rows), currency),
            fees=decimal_of(
                of_instalments - int(sum((fee.amount for fee in fees), ZERO)), currency
            ),
        ),
        apr_eu=shown(cost.apr_eu),
        apr_us=shown(cost.apr_us),
        effective_rate=shown(cost.effective_rate),
    )


def _row(row: Instalment, currency: str) -> InstalmentOut:
    return InstalmentOut(
        number=row.number,
        from_=row.start,
        until=row.end,
        due=row.due,
        days=row.days,
        principal=decimal_of(row.principal, currency),
        interest=decimal_of(row.interest, currency),
        fee=decimal_of(row.fee, currency),
        payment=decimal_of(row.payment, currency),
        balance=decimal_of(row.balance, currency),
    )


def shown(rate: Decimal) -> str:
    """A rate in per cent as it is written: six decimals, and no exponent."""
    return f"{to_decimals(rate, RATE_DECIMALS):f}"


HANDLERS: Final[list[ControllerRouterHandler]] = [quote_loan]
