"""The payments of a bill: held, submitted, captured, settled, and sometimes declined or refunded.

News of a payment comes from elsewhere, late or twice. What says nothing newer than is known is
answered with no facts. Nobody knows what became of a payment whose gateway did not answer: it stays
held until that is known, and is never given up for its silence.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from domain.account import Account, check_open, evolve, moved
from domain.account_facts import AccountFact, FeeCharged, HoldSettled
from domain.bills.bill import Bill
from domain.bills.bill_facts import (
    BillFact,
    Payment,
    PaymentAccepted,
    PaymentCaptured,
    PaymentChargedBack,
    PaymentDeclined,
    PaymentFact,
    PaymentHeld,
    PaymentMoved,
    PaymentRefunded,
    PaymentSettled,
    PaymentState,
    PaymentSubmitted,
    PaymentUnknown,
    RefundAsked,
    RefundEnded,
)
from domain.bills.bill_movements import (
    BillCredit,
    BillPaid,
    BillRefundAdvanced,
    BillRefunded,
    BillRefundPassedOn,
    BillRefundTakenBack,
    FeeRefunded,
)
from domain.bills.bill_refusals import (
    BillNotPayable,
    LatePaymentNotAccepted,
    OverpaymentNotAccepted,
    PartialPaymentNotAccepted,
    PaymentNotRefundable,
    PaymentOutsideLimits,
    PaymentOver,
    RefundAbovePayment,
    RefundNotDue,
    TooManyPayments,
)
from domain.bills.biller import BillerTerms, is_within_limits, settlement_date
from domain.holds import held, release_hold, without
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

Outcome: TypeAlias = Literal["repaid", "lost", "taken_back"]


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
        settles_on=settlement_date(terms, today),
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
    settled = HoldSettled(
        terms=account.terms,
        balance=account.balance,
        holds=without(account, payment.hold_id),
        hold_id=payment.hold_id,
    )
    facts: list[AccountFact] = [settled]
    account = evolve(account, settled)
    forced = payment.amount > account.available
    facts.append(
        moved(BillPaid, account, payment.amount, forced=forced, **_names(bill, terms, payment))
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
    facts = _changed(bill, payment_id, PaymentDeclined, state="declined", reason=reason)
    return OnAccount(facts, release_hold(account, payment.hold_id))


def settled(bill: Bill, payment_id: int) -> list[BillFact]:
    """The biller was paid what is left of it after refunds; `BillerSettled` says so to the biller."""
    payment = bill.payment(payment_id)
    if payment.state != "captured":
        return []
    return _changed(bill, payment_id, PaymentSettled, state="settled", amount=payment.paid)


# --- Giving back


def refund(
    bill: Bill, account: Account, terms: BillerTerms, payment_id: int, amount: int
) -> OnAccount:
    """Give a payment back in whole or part; the bill is open again by as much.

    The bank's fee goes back with the last of it, where the biller's terms say so.
    """
    payment = _refundable(bill, payment_id, amount)
    if payment.state == "settled" and terms.refunds == "on_receipt":
        asked = payment.refund_asked + amount
        return OnAccount(
            _changed(bill, payment_id, RefundAsked, amount=amount, refund_asked=asked), []
        )
    return _given_back(bill, account, terms, payment, amount, PaymentRefunded)


def charged_back(bill: Bill, account: Account, terms: BillerTerms, payment_id: int) -> OnAccount:
    """The customer disputes the debit itself: all that is left of it is given back at once."""
    payment = bill.payment(payment_id)
    if payment.state in ("refunded", "charged_back"):
        return NOTHING_NEW
    payment = _refundable(bill, payment_id, payment.paid)
    return _given_back(bill, account, terms, payment, payment.paid, PaymentChargedBack)


def _given_back(
    bill: Bill,
    account: Account,
    terms: BillerTerms,
    payment: Payment,
    amount: int,
    kind: type[PaymentMoved],
) -> OnAccount:
    is_settled = payment.state == "settled"
    refunded = payment.refunded + amount
    is_whole = refunded == payment.amount
    with_fee = is_whole and terms.fee_returned and payment.fee > 0 and not payment.fee_refunded
    state: PaymentState = payment.state
    if is_whole:
        state = "charged_back" if kind is PaymentChargedBack else "refunded"
    facts = _changed(
        bill,
        payment.payment_id,
        kind,
        state=state,
        refunded=refunded,
        fee_refunded=payment.fee_refunded or with_fee,
        refund_due=payment.refund_due + (amount if is_settled else 0),
        amount=amount,
    )
    credit = BillRefundAdvanced if is_settled else BillRefunded
    credits = _credit(bill, account, terms, payment, amount, credit)
    if with_fee:
        account = evolve(account, credits[0])
        credits.append(moved(FeeRefunded, account, payment.fee))
    return OnAccount(facts, credits)


def refund_received(
    bill: Bill, account: Account, terms: BillerTerms, payment_id: int, amount: int
) -> OnAccount:
    """The biller gave money back: what was asked of it goes to the customer, what was advanced to us.

    Only the first of the two has facts of the account.
    """
    payment = bill.payment(payment_id)
    if amount <= payment.refund_due:
        return OnAccount(_refund_ended(bill, payment, amount, "repaid"), [])
    if amount > payment.refund_asked:
        raise RefundNotDue(payment_id=payment_id, requested=Money(amount, bill.standing.currency))
    refunded = payment.refunded + amount
    facts = _changed(
        bill,
        payment_id,
        PaymentRefunded,
        state="refunded" if refunded == payment.amount else payment.state,
        refunded=refunded,
        refund_asked=payment.refund_asked - amount,
        amount=amount,
    )
    return OnAccount(facts, _credit(bill, account, terms, payment, amount, BillRefundPassedOn))


def refund_lost(bill: Bill, payment_id: int, amount: int) -> list[BillFact]:
    """The biller will not pay back what was advanced: the bank bears it."""
    return _refund_ended(bill, bill.payment(payment_id), amount, "lost")


def chargeback_lost(bill: Bill, account: Account, terms: BillerTerms, payment_id: int) -> OnAccount:
    """The debit was right: the customer gives back what was advanced, though the money is not there."""
    payment = bill.payment(payment_id)
    amount = payment.refund_due
    if payment.state != "charged_back":
        raise RefundNotDue(payment_id=payment_id, requested=Money(amount, bill.standing.currency))
    facts = _refund_ended(bill, payment, amount, "taken_back")
    check_open(account)
    if account.balance - amount < -MINOR_UNITS_MAX:
        raise BalanceTooLarge(account_id=account.account_id)
    debit = moved(
        BillRefundTakenBack,
        account,
        amount,
        forced=amount > account.available,
        **_names(bill, terms, payment),
    )
    return OnAccount(facts, [debit])


def _refund_ended(bill: Bill, payment: Payment, amount: int, outcome: Outcome) -> list[BillFact]:
    if not 0 < amount <= payment.refund_due:
        raise RefundNotDue(
            payment_id=payment.payment_id, requested=Money(amount, bill.standing.currency)
        )
    change: dict[str, Any] = {"refund_due": payment.refund_due - amount}
    if outcome == "taken_back":
        change |= {"refunded": payment.refunded - amount, "state": "settled"}
    return _changed(bill, payment.payment_id, RefundEnded, amount=amount, outcome=outcome, **change)


def _refundable(bill: Bill, payment_id: int, amount: int) -> Payment:
    payment = bill.payment(payment_id)
    if payment.state not in ("captured", "settled"):
        raise PaymentNotRefundable(payment_id=payment_id, state=payment.state)
    left = payment.paid - payment.refund_asked
    if amount > left:
        raise RefundAbovePayment(
            payment_id=payment_id,
            left=Money(left, bill.standing.currency),
            requested=Money(amount, bill.standing.currency),
        )
    return payment


def _credit(
    bill: Bill,
    account: Account,
    terms: BillerTerms,
    payment: Payment,
    amount: int,
    kind: type[BillCredit],
) -> list[AccountFact]:
    """Refused only where the account is closed: a refund is the holder's, frozen or not."""
    check_open(account)
    if account.balance + amount + payment.fee > MINOR_UNITS_MAX:
        raise BalanceTooLarge(account_id=account.account_id)
    return [moved(kind, account, amount, **_names(bill, terms, payment))]


# --- What every fact of a payment shares


def _news(
    bill: Bill, payment_id: int, kind: type[PaymentFact], *, state: PaymentState, **change: Any
) -> list[BillFact]:
    """Nothing where the payment has come as far or further."""
    if _RANK[bill.payment(payment_id).state] >= _RANK[state]:
        return []
    return _changed(bill, payment_id, kind, state=state, **change)


def _changed(
    bill: Bill, payment_id: int, kind: Callable[..., PaymentFact], **change: Any
) -> list[BillFact]:
    """The fact, and the bill with the payment changed; `amount` and `outcome` are the fact's own."""
    own = {name: change.pop(name) for name in ("amount", "outcome") if name in change}
    payments = tuple(
        msgspec.structs.replace(payment, **change) if payment.payment_id == payment_id else payment
        for payment in bill.standing.payments
    )
    standing = msgspec.structs.replace(bill.standing, payments=payments)
    return [kind(standing=standing, payment_id=payment_id, **own)]


def _names(bill: Bill, terms: BillerTerms, payment: Payment) -> dict[str, Any]:
    return {
        "biller_id": bill.standing.biller_id,
        "bill_id": bill.bill_id,
        "payment_id": payment.payment_id,
        "counterparty": terms.name,
    }
