"""The payments of a bill: held, submitted, captured, settled, and sometimes declined.

News of a payment comes from elsewhere, late or twice. What says nothing newer than is known is
answered with no facts. Nobody knows what became of a payment whose gateway did not answer: it stays
held until that is known, and is never given up for its silence.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from domain.account import Account, check_open, evolve, moved
from domain.account_facts import AccountFact, FeeCharged, HoldSettled
from domain.banking_calendar import Calendar
from domain.bills.bill import Bill
from domain.bills.bill_facts import (
    BillFact,
    Payment,
    PaymentAccepted,
    PaymentCaptured,
    PaymentDeclined,
    PaymentFact,
    PaymentHeld,
    PaymentSettled,
    PaymentState,
    PaymentSubmitted,
    PaymentUnknown,
)
from domain.bills.bill_movements import BillPaid
from domain.bills.bill_refusals import (
    BillNotPayable,
    LatePaymentNotAccepted,
    OverpaymentNotAccepted,
    PartialPaymentNotAccepted,
    PaymentOutsideLimits,
    PaymentOver,
    TooManyPayments,
)
from domain.bills.biller import BillerTerms, is_within_limits, settlement_date
from domain.holds import held, over, release_hold
from domain.money import MINOR_UNITS_MAX, Money
from domain.refusals import BalanceTooLarge

# All of them are carried by each fact of their bill.
PAYMENTS_MAX: Final = 100

# How far a payment has come; news of what is not further is old.
_RANK: Final[dict[PaymentState, int]] = {
    "held": 1,
    "submitted": 2,
    "unknown": 3,
    "accepted": 4,
    "captured": 5,
    "settled": 6,
    "declined": 9,
    "refunded": 9,
    "charged_back": 9,
}

# What a fact of a payment says for itself, beside how it leaves the payment.
_OWN: Final = ("amount", "outcome", "source", "fee")


class OnAccount(NamedTuple):
    """Facts of the bill, and those of the account that pays it or is paid back."""

    bill: list[BillFact]
    account: list[AccountFact]


NOTHING_NEW: Final = OnAccount([], [])


# --- Paying


def authorise(bill: Bill, terms: BillerTerms, payment: Payment, today: dt.date) -> list[BillFact]:
    """Take a payment on, once the account has held it. Refused: what the bill or its biller forbid."""
    standing, amount = bill.standing, payment.amount
    if standing.condition != "open" or standing.payable == 0:
        raise BillNotPayable(bill_id=bill.bill_id, status=standing.status)
    if len(standing.payments) >= PAYMENTS_MAX:
        raise TooManyPayments(bill_id=bill.bill_id, limit=PAYMENTS_MAX)
    last_day = standing.due_date + dt.timedelta(days=terms.grace_days)
    if not terms.accepts_late and today > last_day:
        raise LatePaymentNotAccepted(biller=terms.name, last_day=last_day)
    figures = {
        "bill_id": bill.bill_id,
        "payable": Money(standing.payable, standing.currency),
        "requested": Money(amount, standing.currency),
    }
    if amount > standing.payable and terms.overpayment == "refuse":
        raise OverpaymentNotAccepted(**figures)
    least = min(standing.minimum, standing.payable) if terms.partial else standing.payable
    if amount < least:
        raise PartialPaymentNotAccepted(
            **figures, least=Money(least, standing.currency), biller=terms.name
        )
    if not is_within_limits(terms, amount, standing.currency):
        raise PaymentOutsideLimits(
            biller=terms.name, least=terms.payment_min, most=terms.payment_max, **figures
        )
    paying = msgspec.structs.replace(standing, payments=(*standing.payments, payment))
    return [PaymentHeld(standing=paying, payment_id=payment.payment_id, amount=amount)]


def submitting(bill: Bill, payment_id: int) -> list[BillFact]:
    """It is being given to the gateway."""
    return _news(bill, payment_id, PaymentSubmitted, state="submitted")


def unknown(bill: Bill, payment_id: int) -> list[BillFact]:
    return _news(bill, payment_id, PaymentUnknown, state="unknown")


def accepted(bill: Bill, payment_id: int, gateway_reference: str | None) -> list[BillFact]:
    return _news(
        bill,
        payment_id,
        PaymentAccepted,
        state="accepted",
        gateway_reference=gateway_reference or bill.payment(payment_id).gateway_reference,
    )


def captured(
    bill: Bill,
    account: Account,
    terms: BillerTerms,
    payment_id: int,
    gateway_reference: str | None,
    today: dt.date,
    calendar: Calendar,
) -> OnAccount:
    """The money has gone: debit the account of what was held.

    Refused for a payment that was declined for good, since what was held is free again. A freeze does
    not stop it, nor a balance that the bank's own debits have taken meanwhile.
    """
    payment = bill.payment(payment_id)
    if payment.state == "declined":
        raise PaymentOver(payment_id=payment_id, state=payment.state)
    facts = _news(
        bill,
        payment_id,
        PaymentCaptured,
        state="captured",
        gateway_reference=gateway_reference or payment.gateway_reference,
        captured_on=today,
        settles_on=settlement_date(terms, today, calendar),
        amount=payment.amount,
    )
    return OnAccount(facts, _debits(bill, account, terms, payment)) if facts else NOTHING_NEW


def _debits(
    bill: Bill, account: Account, terms: BillerTerms, payment: Payment
) -> list[AccountFact]:
    """The payment and the bank's fee for it, in place of the hold."""
    check_open(account)
    held(account, payment.hold_id)
    if account.balance - payment.amount - payment.fee < -MINOR_UNITS_MAX:
        raise BalanceTooLarge(account_id=account.account_id)
    settled = over(HoldSettled, account, payment.hold_id)
    facts: list[AccountFact] = [settled]
    account = evolve(account, settled)
    forced = payment.amount > account.available
    facts.append(
        moved(BillPaid, account, payment.amount, forced=forced, **names(bill, terms, payment))
    )
    if payment.fee:
        account = evolve(account, facts[-1])
        forced = payment.fee > account.available
        facts.append(moved(FeeCharged, account, payment.fee, forced=forced))
    return facts


def declined(bill: Bill, account: Account, payment_id: int, reason: str | None) -> OnAccount:
    """It will never be paid: what was held is free again. News after the capture is old."""
    payment = bill.payment(payment_id)
    if not payment.is_pending:
        return NOTHING_NEW
    facts = changed(bill, payment_id, PaymentDeclined, state="declined", reason=reason)
    return OnAccount(facts, release_hold(account, payment.hold_id))


def settled(bill: Bill, payment_id: int) -> list[BillFact]:
    """The biller was paid what is left of it after refunds; `BillerSettled` says so to the biller."""
    payment = bill.payment(payment_id)
    if payment.state != "captured":
        return []
    return changed(bill, payment_id, PaymentSettled, state="settled", amount=payment.paid)


# --- What every fact of a payment shares


def _news(
    bill: Bill, payment_id: int, kind: type[PaymentFact], *, state: PaymentState, **change: Any
) -> list[BillFact]:
    """Nothing where the payment has come as far or further."""
    if _RANK[bill.payment(payment_id).state] >= _RANK[state]:
        return []
    return changed(bill, payment_id, kind, state=state, **change)


def changed(
    bill: Bill, payment_id: int, kind: Callable[..., PaymentFact], **change: Any
) -> list[BillFact]:
    """The fact, and the bill with the payment changed; what is in `_OWN` is the fact's own."""
    own = {name: change.pop(name) for name in _OWN if name in change}
    payments = tuple(
        msgspec.structs.replace(payment, **change) if payment.payment_id == payment_id else payment
        for payment in bill.standing.payments
    )
    standing = msgspec.structs.replace(bill.standing, payments=payments)
    return [kind(standing=standing, payment_id=payment_id, **own)]


def names(bill: Bill, terms: BillerTerms, payment: Payment) -> dict[str, Any]:
    return {
        "biller_id": bill.standing.biller_id,
        "bill_id": bill.bill_id,
        "payment_id": payment.payment_id,
        "counterparty": terms.name,
    }
