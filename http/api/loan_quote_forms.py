"""What a quote is asked with and answered with."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from api.reckoning import said
from api.strict_json import Amount, Rate
from domain.amortisation.arithmetic import Rounding
from domain.amortisation.day_counts import DayCount
from domain.amortisation.due_dates import Unit
from domain.amortisation.terms import INSTALMENTS_MAX, Method

EVENTS_MAX: Final = 60

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


class InstalmentFeeIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is given of the three adds up."""

    flat: Annotated[Amount | None, said("In major units.", 2.5)] = None
    percent_of_principal: Annotated[
        Rate | None, said("Per cent of the principal in the instalment.")
    ] = None
    percent_of_instalment: Annotated[
        Rate | None, said("Per cent of the principal and the interest in the instalment.", "0.5")
    ] = None


class IndexValueIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    on: Annotated[dt.date, said("The first day that it holds on.", "2026-01-15")]
    value: Annotated[Rate, said("Per cent a year; it may be below zero.", "2.015")]


class FollowsIn(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """An index and a margin. The rate is taken on the day of disbursement and every `reset_months` months
    after it; after the last value it stays as it is."""

    values: Annotated[
        list[IndexValueIn],
        msgspec.Meta(min_length=1, max_length=EVENTS_MAX, description="What the index stands at."),
    ]
    margin: Annotated[Rate, said("Points above the index.", "1.25")] = Rate(0)
    reset_months: Annotated[int, msgspec.Meta(ge=1, le=120, examples=[3])]
    cap: Annotated[Rate | None, said("The most that the rate may be.", "7")] = None
    floor: Annotated[Rate | None, said("The least that the rate may be.", "0")] = None


class Quote(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A loan. One of `annual_rate`, `periodic_rate` and `follows` is given."""

    principal: Annotated[Amount, said("What is lent, in major units.", 12000.0)]
    method: Annotated[Method, said("How it is repaid.", "annuity")]
    currency: Annotated[
        Annotated[str, msgspec.Meta(min_length=3, max_length=3)] | None,
        said("ISO 4217; the bank's own if left out.", "EUR"),
    ] = None
    annual_rate: Annotated[Rate | None, said("Per cent a year.", "24")] = None
    periodic_rate: Annotated[Rate | None, said("Per cent for each period.", "2")] = None
    follows: Annotated[FollowsIn | None, said("A rate that follows an index.")] = None
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
    instalment_fee: Annotated[
        InstalmentFeeIn | None, said("What is charged with each instalment.")
    ] = None
    business_days: Annotated[
        Literal["none", "following", "modified_following", "preceding"],
        said("Where a due date goes that is no business day of the bank.", "none"),
    ] = "none"
    moves_accrual: Annotated[
        bool,
        said("Interest counts to the day that a due date was moved to, not to the date itself."),
    ] = False


class InstalmentOut(msgspec.Struct, kw_only=True):
    number: int
    from_: Annotated[dt.date, said("The first day of interest.")] = msgspec.field(name="from")
    until: Annotated[
        dt.date, said("Where interest stops, the day not included; due, unless that was moved.")
    ]
    due: dt.date
    days: Annotated[int, said("Calendar days of interest.")]
    principal: Decimal
    interest: Decimal
    fee: Annotated[Decimal, said("What is charged with the instalment.")]
    payment: Annotated[Decimal, said("Principal, interest and fee.")]
    balance: Annotated[Decimal, said("The principal owed after it.")]


class Totals(msgspec.Struct, kw_only=True):
    principal: Decimal
    interest: Decimal
    payment: Decimal
    fees: Annotated[
        Decimal, said("Those of the instalments, which payment holds too, and all others.")
    ]


class QuoteOut(msgspec.Struct, kw_only=True):
    """Rates are per cent a year, with six decimals."""

    currency: str
    disbursed_on: dt.date
    instalments: list[InstalmentOut]
    totals: Totals
    apr_eu: Annotated[str, said("By annex I of Directive 2008/48/EC.", "26.824180")]
    apr_us: Annotated[str, said("By appendix J of Regulation Z.", "24.000000")]
    effective_rate: Annotated[str, said("Of the interest alone, compounded.", "26.824179")]
