"""What a schedule needs to be told, and what it answers."""

import datetime as dt
from decimal import Decimal
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from domain.amortisation.arithmetic import ZERO, Rounding
from domain.amortisation.day_counts import THIRTY, DayCount
from domain.amortisation.due_dates import Unit
from domain.amortisation.instalment_fees import InstalmentFee, check_fee
from domain.banking_calendar import WEEKENDS, Calendar, DayRule
from domain.refusals import TermsContradict

Method: TypeAlias = Literal[
    "annuity",
    "progressive",
    "equal_principal",
    "interest_only",
    "bullet",
    "balloon",
    "flat",
    "fixed_payment",
    "fixed_principal",
    "percent_of_balance",
    "graduated",
    "step",
]
RateType: TypeAlias = Literal["nominal", "effective", "periodic"]

INSTALMENTS_MAX: Final = 1_200
# These end when the loan is repaid, and need no number of instalments.
UNTIL_REPAID: Final[frozenset[Method]] = frozenset(
    ("fixed_payment", "fixed_principal", "percent_of_balance")
)
LEVEL: Final[frozenset[Method]] = frozenset(("annuity", "progressive", "balloon", "step"))


class RateChange(msgspec.Struct, frozen=True):
    """From `on`, that day included, interest accrues at `rate` per cent, of the terms' rate type."""

    on: dt.date
    rate: Decimal


class Advance(msgspec.Struct, frozen=True):
    """A further disbursement, in minor units. On a due date it is made after that instalment."""

    on: dt.date
    amount: int


class ScheduleTerms(msgspec.Struct, frozen=True, kw_only=True):
    """A loan from `start`, or what is left of one. Amounts are minor units, rates and growth per cent.

    For a loan that goes on (another rate, a part repaid early), give the balance as `principal`, the day
    as `start`, the next due date as `first_due`, the interest accrued and not yet due by then as
    `interest_brought`, and the day of the month that the loan is anchored at.
    """

    principal: int  # owed from the start; `advances` come on top of it
    method: Method
    rate: Decimal  # a year; of one period where the rate type is periodic
    start: dt.date
    instalments: int | None = None  # none: until repaid
    rate_type: RateType = "nominal"
    every: int = 1
    unit: Unit = "months"
    first_due: dt.date | None = None
    day_of_month: int | None = None
    first_number: int = 1
    interest_brought: int = 0  # minor units, due with the first instalment that pays interest
    day_count: DayCount = "same-as-period"
    rounding: Rounding = "half_even"
    instalment_multiple_of: int = 1  # minor units; of the level instalment
    currency_multiple_of: int = 1  # minor units; of every amount
    balances_rounded: bool = True  # else carried exactly, and each figure rounded for show alone
    grace_principal: int = 0  # so many first instalments pay interest only
    grace_interest_payment: int = 0  # the interest of so many is paid with the one after them
    interest_free: int = 0  # so many first periods accrue none
    rate_changes: tuple[RateChange, ...] = ()
    advances: tuple[Advance, ...] = ()
    amortisation_instalments: int | None = None  # balloon: the level instalment is that of so many
    payment: int | None = None  # the fixed payment or principal, or the least payment of a card
    growth: Decimal = ZERO  # graduated: of the instalment, each year
    percent: Decimal = ZERO  # percent_of_balance: of the balance with its interest
    day_rule: DayRule | None = None  # where a due date goes that is no business day of the calendar
    moves_accrual: bool = False  # else interest counts to the date before it was moved
    calendar: Calendar = WEEKENDS
    instalment_fee: InstalmentFee | None = None


class Instalment(NamedTuple):
    """One row: interest counts from `start` to `end`, `days` of the calendar; minor units are due on `due`.

    That is `end`, or the business day that it is moved to. `payment` is principal, interest and `fee`.
    `balance` is the principal still owed after it, advances of its end included.
    """

    number: int
    start: dt.date
    end: dt.date
    due: dt.date
    days: int
    principal: int
    interest: int
    fee: int
    payment: int
    balance: int


def check_terms(terms: ScheduleTerms) -> None:
    """Raise `TermsContradict`, naming the field, when the terms contradict one another."""
    needs_count = terms.method not in UNTIL_REPAID
    spread_over = terms.amortisation_instalments
    wrong: tuple[tuple[bool, str, str], ...] = (
        (terms.principal <= 0, "principal", "is not above zero"),
        (needs_count and terms.instalments is None, "instalments", f"is needed for {terms.method}"),
        (
            terms.instalments is not None and not 1 <= terms.instalments <= INSTALMENTS_MAX,
            "instalments",
            f"is not within 1 to {INSTALMENTS_MAX}",
        ),
        (terms.every < 1, "every", "is not above zero"),
        (
            terms.first_due is not None and terms.first_due <= terms.start,
            "first_due",
            "is not after the disbursement",
        ),
        (
            (terms.method == "balloon") is not (spread_over is not None),
            "amortisation_instalments",
            "goes with the method balloon, and balloon needs it",
        ),
        (
            spread_over is not None
            and not (terms.instalments or 0) <= spread_over <= INSTALMENTS_MAX,
            "amortisation_instalments",
            f"is less than instalments, or above {INSTALMENTS_MAX}",
        ),
        (
            (terms.method in UNTIL_REPAID) is not (terms.payment is not None),
            "payment",
            f"goes with the methods {', '.join(sorted(UNTIL_REPAID))}, and they need it",
        ),
        (
            terms.method != "graduated" and terms.growth != 0,
            "growth",
            "goes with the method graduated",
        ),
        (terms.growth <= -100, "growth", "leaves nothing to pay after a year"),
        (
            (terms.method == "percent_of_balance") is not (terms.percent > 0),
            "percent",
            "goes with the method percent_of_balance, and it needs one above zero",
        ),
        (
            terms.method == "step" and not terms.rate_changes,
            "rate_changes",
            "is needed for the method step",
        ),
        *_wrong_events(terms),
        *_wrong_grace(terms),
        (
            terms.day_count == "ACT/ACT-ICMA" and terms.unit != "months",
            "day_count",
            "ACT/ACT-ICMA counts in months, and the periods are not months",
        ),
        (
            terms.rate_type == "periodic" and terms.day_count != "same-as-period",
            "day_count",
            "counts days, but a periodic rate is the same for every period",
        ),
        *_wrong_business_days(terms),
    )
    for is_wrong, field, why in wrong:
        if is_wrong:
            raise TermsContradict(field=field, why=why)
    check_fee(terms.instalment_fee)


def _wrong_events(terms: ScheduleTerms) -> tuple[tuple[bool, str, str], ...]:
    changes = [change.on for change in terms.rate_changes]
    fixed = terms.method in ("flat", "graduated")
    return (
        (fixed and bool(changes), "rate_changes", f"does not go with the method {terms.method}"),
        (
            fixed and bool(terms.advances),
            "disbursements",
            f"more than one does not go with the method {terms.method}",
        ),
        (
            any(on < terms.start for on in changes),
            "rate_changes",
            "holds a date before the disbursement",
        ),
        (len({*changes}) != len(changes), "rate_changes", "holds two rates for one date"),
        (
            any(advance.on < terms.start for advance in terms.advances),
            "disbursements",
            "holds a date before the first disbursement",
        ),
    )


def _wrong_business_days(terms: ScheduleTerms) -> tuple[tuple[bool, str, str], ...]:
    moves, counted = terms.moves_accrual, terms.day_count
    whole = counted in ("same-as-period", "ACT/ACT-ICMA")
    whole = whole or (terms.method == "progressive" and counted in THIRTY)
    return (
        (moves and terms.day_rule is None, "moves_accrual", "goes with a rule for business days"),
        (
            moves and whole,
            "moves_accrual",
            f"goes with counted days; {counted} takes each period for whole",
        ),
    )


def _wrong_grace(terms: ScheduleTerms) -> tuple[tuple[bool, str, str], ...]:
    count = terms.instalments or INSTALMENTS_MAX
    no_plan = terms.method in ("bullet", "interest_only", "percent_of_balance")
    return (
        (
            terms.grace_principal > 0 and no_plan,
            "grace_principal",
            f"does not go with the method {terms.method}",
        ),
        (
            terms.grace_interest_payment > 0
            and terms.method in ("bullet", "percent_of_balance", "fixed_payment"),
            "grace_interest_payment",
            f"does not go with the method {terms.method}",
        ),
        (terms.grace_principal >= count, "grace_principal", "leaves no instalment to repay in"),
        (
            terms.grace_interest_payment >= count,
            "grace_interest_payment",
            "leaves no instalment to pay interest in",
        ),
        (terms.interest_free > count, "interest_free", "is more than the instalments"),
    )
