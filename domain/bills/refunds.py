"""Payments of bills that are given back: by refund, before or after the biller was paid, or charged back.

What the bank gives back after the settlement it has advanced: the biller owes it, and repays it or not.
"""

from typing import Any, Final, Literal, TypeAlias

from domain.account import Account, check_open, evolve, moved
from domain.account_facts import AccountFact
from domain.bills.bill import Bill, restore
from domain.bills.bill_facts import (
    BillFact,
    Payment,
    PaymentChargedBack,
    PaymentMoved,
    PaymentRefunded,
    PaymentState,
    RefundAsked,
    RefundClaimed,
    RefundEnded,
    RefundUnclaimed,
    UnclaimedTakenBack,
)
from domain.bills.bill_movements import (
    BillCredit,
    BillRefundAdvanced,
    BillRefunded,
    BillRefundPassedOn,
    BillRefundTakenBack,
    FeeRefunded,
)
from domain.bills.bill_refusals import PaymentNotRefundable, RefundAbovePayment, RefundNotDue
from domain.bills.biller import BillerTerms
from domain.bills.payments import NOTHING_NEW, OnAccount, changed, names
from domain.money import MINOR_UNITS_MAX, Money
from domain.refusals import BalanceTooLarge

Outcome: TypeAlias = Literal["repaid", "lost", "taken_back"]


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
            changed(bill, payment_id, RefundAsked, amount=amount, refund_asked=asked), []
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
    facts = changed(
        bill,
        payment.payment_id,
        kind,
        state=state,
        refunded=refunded,
        fee_refunded=payment.fee_refunded or with_fee,
        refund_due=payment.refund_due + (amount if is_settled else 0),
        disputed=amount if is_settled and kind is PaymentChargedBack else payment.disputed,
        amount=amount,
    )
    credit = BillRefundAdvanced if is_settled else BillRefunded
    fee = payment.fee if with_fee else 0
    return _credited(bill, facts, account, terms, payment.payment_id, amount, credit, fee)


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
    facts = changed(
        bill,
        payment_id,
        PaymentRefunded,
        state="refunded" if refunded == payment.amount else payment.state,
        refunded=refunded,
        refund_asked=payment.refund_asked - amount,
        amount=amount,
    )
    return _credited(bill, facts, account, terms, payment_id, amount, BillRefundPassedOn)


def refund_claimed(bill: Bill, payment_id: int, amount: int) -> list[BillFact]:
    """What waited because the account was closed is paid out."""
    payment = bill.payment(payment_id)
    if not 0 < amount <= payment.unclaimed:
        raise RefundNotDue(payment_id=payment_id, requested=Money(amount, bill.standing.currency))
    left = payment.unclaimed - amount
    return changed(bill, payment_id, RefundClaimed, amount=amount, unclaimed=left)


def refund_lost(bill: Bill, payment_id: int, amount: int) -> list[BillFact]:
    """The biller will not pay back what was advanced: the bank bears it."""
    return _refund_ended(bill, bill.payment(payment_id), amount, "lost")


def chargeback_lost(bill: Bill, account: Account, terms: BillerTerms, payment_id: int) -> OnAccount:
    """The debit was right: the customer gives back what was advanced, though the money is not there. What
    had been refunded before, for another reason, stays with him.

    Where the account was closed, it still waits for him. Refused once he has had it.
    """
    payment = bill.payment(payment_id)
    amount = min(payment.disputed, payment.refund_due)
    if payment.state != "charged_back":
        raise RefundNotDue(payment_id=payment_id, requested=Money(amount, bill.standing.currency))
    facts = _refund_ended(bill, payment, amount, "taken_back")
    if account.terms.closed and payment.unclaimed >= amount > 0:
        left = payment.unclaimed - amount
        return _with_more(bill, facts, payment_id, UnclaimedTakenBack, amount, unclaimed=left)
    check_open(account)
    if account.balance - amount < -MINOR_UNITS_MAX:
        raise BalanceTooLarge(account_id=account.account_id)
    debit = moved(
        BillRefundTakenBack,
        account,
        amount,
        forced=amount > account.available,
        **names(bill, terms, payment),
    )
    return OnAccount(facts, [debit])


def _refund_ended(bill: Bill, payment: Payment, amount: int, outcome: Outcome) -> list[BillFact]:
    if not 0 < amount <= payment.refund_due:
        raise RefundNotDue(
            payment_id=payment.payment_id, requested=Money(amount, bill.standing.currency)
        )
    change: dict[str, Any] = {"refund_due": payment.refund_due - amount}
    if outcome == "taken_back":
        change |= {"refunded": payment.refunded - amount, "state": "settled", "disputed": 0}
    return changed(bill, payment.payment_id, RefundEnded, amount=amount, outcome=outcome, **change)


def _refundable(bill: Bill, payment_id: int, amount: int) -> Payment:
    payment = bill.payment(payment_id)
    if payment.state not in ("captured", "settled"):
        raise PaymentNotRefundable(payment_id=payment_id, state=payment.state)
    left = payment.left
    if amount > left or not amount:
        raise RefundAbovePayment(
            payment_id=payment_id,
            left=Money(left, bill.standing.currency),
            requested=Money(amount, bill.standing.currency),
        )
    return payment


# What was given back before the biller was paid, after it, and by the biller itself.
_SOURCE: Final[dict[type[BillCredit], str]] = {
    BillRefunded: "owed",
    BillRefundAdvanced: "due",
    BillRefundPassedOn: "received",
}


def _credited(
    bill: Bill,
    facts: list[BillFact],
    account: Account,
    terms: BillerTerms,
    payment_id: int,
    amount: int,
    kind: type[BillCredit],
    fee: int = 0,
) -> OnAccount:
    """What is given back is on the account, frozen or not; where that is closed, it waits unclaimed."""
    payment = bill.payment(payment_id)
    if account.terms.closed:
        waiting = payment.unclaimed + amount + fee
        said = {"source": _SOURCE[kind], "fee": fee, "unclaimed": waiting}
        return _with_more(bill, facts, payment_id, RefundUnclaimed, amount, **said)
    if account.balance + amount + fee > MINOR_UNITS_MAX:
        raise BalanceTooLarge(account_id=account.account_id)
    credits: list[AccountFact] = [moved(kind, account, amount, **names(bill, terms, payment))]
    if fee:
        credits.append(moved(FeeRefunded, evolve(account, credits[0]), fee))
    return OnAccount(facts, credits)


def _with_more(
    bill: Bill,
    facts: list[BillFact],
    payment_id: int,
    kind: type[PaymentMoved],
    amount: int,
    **change: Any,
) -> OnAccount:
    """One more fact of the bill, after these, and none of the account."""
    after = restore(bill.bill_id, facts[-1], bill.version + len(facts)) if facts else bill
    return OnAccount([*facts, *changed(after, payment_id, kind, amount=amount, **change)], [])
