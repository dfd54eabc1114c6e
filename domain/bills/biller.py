"""A biller: an organisation that presents bills and is paid by customer reference.

What the bank owes it for bills that were paid stands in the ledger, under `biller-<number>`.
"""

import datetime as dt
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from domain.banking_calendar import Calendar
from domain.bills.bill_refusals import BillerInactive, BillerNotFound, TermsContradictory
from domain.bills.references import ANY, ReferenceFormat, check_format
from domain.facts import Fact, stored_as
from domain.money import MINOR_UNITS_MAX, decimal_of, decimals_of

Overpayment: TypeAlias = Literal["refuse", "refund", "credit"]
Settlement: TypeAlias = Literal["gross", "net"]
Refunds: TypeAlias = Literal["advanced", "on_receipt"]

NOTHING: Final = Decimal(0)
PER_CENT: Final = Decimal("0.01")
DAYS_MAX: Final = 366
SETTLEMENT_DAYS_MAX: Final = 30


class BillerTerms(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """All that is agreed with a biller. Amounts are in major units of a bill's currency, rates per cent.

    `gateway` names who carries payments to it; without one the biller settles directly, and a payment
    is captured at once. `overpayment` is what becomes of more than is owed: refused, paid back, or
    passed on as the customer's credit. After `grace_days` beyond the due date a bill costs the late
    fee, once, and is paid no more unless the biller `accepts_late`. `fee` is the bank's, paid by the
    customer; the commission is the bank's, and kept back where settlement is net. Refunds after
    settlement are advanced by the bank, or passed on when the biller has paid them.
    """

    name: str
    category: str | None = None
    country: str | None = None
    currencies: tuple[str, ...]
    active: bool = True
    gateway: str | None = None
    presentment: bool = True
    reference: ReferenceFormat = ANY
    partial: bool = True
    overpayment: Overpayment = "refuse"
    payment_min: Decimal | None = None
    payment_max: Decimal | None = None
    grace_days: int = 0
    accepts_late: bool = True
    late_fee: Decimal = NOTHING
    late_fee_rate: Decimal = NOTHING
    settlement: Settlement = "gross"
    settlement_days: int = 1
    commission: Decimal = NOTHING
    commission_rate: Decimal = NOTHING
    fee: Decimal = NOTHING
    fee_returned: bool = False
    refunds: Refunds = "advanced"


# --- Events: their tags are on disk for ever.


class BillerFact(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A fact that leaves the biller with these terms."""

    terms: BillerTerms


@stored_as("biller.registered.1")
class BillerRegistered(BillerFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("biller.changed.1")
class BillerChanged(BillerFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("biller.settled.1")
class BillerSettled(BillerFact, frozen=True, kw_only=True, omit_defaults=True):
    """The bank paid what it owed for these payments, less the commission that it kept."""

    payment_ids: tuple[int, ...]
    amount: int
    commission: int = 0
    currency: str


@stored_as("biller.gateway-fee-charged.1")
class GatewayFeeCharged(BillerFact, frozen=True, kw_only=True, omit_defaults=True):
    """Whoever carried payments took its fee from what the bank has with it."""

    gateway: str
    amount: int
    currency: str


@stored_as("biller.refund-repaid.1")
class RefundRepaid(BillerFact, frozen=True, kw_only=True, omit_defaults=True):
    """The biller paid the bank back what it had advanced to a customer."""

    payment_id: int
    amount: int
    currency: str


@stored_as("biller.refund-lost.1")
class RefundLost(BillerFact, frozen=True, kw_only=True, omit_defaults=True):
    """What the bank had advanced to a customer will not be paid back: its own loss."""

    payment_id: int
    amount: int
    currency: str


# --- State


class Biller(msgspec.Struct, frozen=True):
    biller_id: int
    terms: BillerTerms
    version: int


def stream_of(biller_id: int) -> str:
    return f"biller-{biller_id}"


def restore(biller_id: int, newest: BillerFact, version: int) -> Biller:
    return Biller(biller_id, newest.terms, version)


def found(biller: Biller | None, biller_id: int) -> Biller:
    if biller is None:
        raise BillerNotFound(biller_id=biller_id)
    return biller


# --- Decisions


def check_active(biller: Biller) -> None:
    if not biller.terms.active:
        raise BillerInactive(biller=biller.terms.name)


def register(terms: BillerTerms) -> list[BillerFact]:
    check_terms(terms)
    return [BillerRegistered(terms=terms)]


def change(biller: Biller, terms: BillerTerms) -> list[BillerFact]:
    """Agree on other terms; they hold for what comes. The same again is nothing new."""
    check_terms(terms)
    return [] if biller.terms == terms else [BillerChanged(terms=terms)]


def check_terms(terms: BillerTerms) -> None:
    """Refused: currencies that there are not, and figures that contradict each other or the calendar."""
    check_format(terms.reference)
    for currency in terms.currencies:
        decimals_of(currency)
    low, high = terms.payment_min, terms.payment_max
    costs = (
        *(terms.late_fee, terms.late_fee_rate, terms.commission),
        *(terms.commission_rate, terms.fee),
    )
    wrong = {
        "currencies": not terms.currencies or len({*terms.currencies}) < len(terms.currencies),
        "payment_min": low is not None and low <= 0,
        "payment_max": high is not None and high < (low or PER_CENT),
        "grace_days": not 0 <= terms.grace_days <= DAYS_MAX,
        "settlement_days": not 0 <= terms.settlement_days <= SETTLEMENT_DAYS_MAX,
        "fees and commission": any(not 0 <= cost <= MINOR_UNITS_MAX for cost in costs),
        "late_fee_rate": terms.late_fee_rate > 100,
        "commission_rate": terms.commission_rate > 100,
    }
    for field, is_wrong in wrong.items():
        if is_wrong:
            raise TermsContradictory(field=field, why="there is none, or it is out of range")


# --- Figures


def minor_units(amount: Decimal, currency: str) -> int:
    """An amount of the terms in minor units of a currency; halves go to the even one."""
    return int(amount.scaleb(decimals_of(currency)).quantize(Decimal(1), ROUND_HALF_EVEN))


def share(amount: int, flat: Decimal, rate: Decimal, currency: str) -> int:
    """`flat` in major units and `rate` per cent of an amount in minor units, in minor units.

    Each is rounded by itself, halves to the even one.
    """
    part = (rate * PER_CENT * amount).quantize(Decimal(1), ROUND_HALF_EVEN)
    return minor_units(flat, currency) + int(part)


def fee_of(terms: BillerTerms, currency: str) -> int:
    """What the customer pays the bank for one payment."""
    return minor_units(terms.fee, currency)


def late_fee_of(terms: BillerTerms, open_amount: int, currency: str) -> int:
    return share(open_amount, terms.late_fee, terms.late_fee_rate, currency)


def commission_of(terms: BillerTerms, amount: int, currency: str) -> int:
    """What the bank keeps of one payment; never more than the payment, nothing of a gross settlement."""
    if terms.settlement == "gross":
        return 0
    return min(amount, share(amount, terms.commission, terms.commission_rate, currency))


def is_within_limits(terms: BillerTerms, amount: int, currency: str) -> bool:
    major = decimal_of(amount, currency)
    low, high = terms.payment_min, terms.payment_max
    return (low is None or major >= low) and (high is None or major <= high)


def settlement_date(terms: BillerTerms, captured_on: dt.date, calendar: Calendar) -> dt.date:
    """The day on which the bank pays the biller: so many business days after.

    Where that is none, it is paid at the end of the day itself, whichever that is.
    """
    day = captured_on
    for _ in range(terms.settlement_days):
        day = calendar.following(day + dt.timedelta(days=1))
    return day
