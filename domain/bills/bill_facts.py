"""What can happen to a bill and to its payments. The tags are on disk for ever.

A bill has few events, so every fact carries the bill whole as it stands after it: a bill is known from
its newest event. Amounts are minor units of the bill's currency.
"""

import datetime as dt
from typing import Final, Literal, TypeAlias

import msgspec

from domain.bills.recurrence import Recurrence
from domain.facts import Fact, stored_as

Condition: TypeAlias = Literal["open", "disputed", "cancelled", "superseded"]
BillStatus: TypeAlias = Literal[
    "presented", "partially_paid", "paid", "disputed", "cancelled", "superseded"
]
PaymentState: TypeAlias = Literal[
    "held",
    "submitted",
    "unknown",
    "accepted",
    "captured",
    "settled",
    "declined",
    "refunded",
    "charged_back",
]
# As a customer is told it.
PaymentStatus: TypeAlias = Literal["pending", "success", "failed", "refunded"]

STATUS_OF: Final[dict[PaymentState, PaymentStatus]] = {
    "held": "pending",
    "submitted": "pending",
    "unknown": "pending",
    "accepted": "pending",
    "captured": "success",
    "settled": "success",
    "declined": "failed",
    "refunded": "refunded",
    "charged_back": "refunded",
}


class Payment(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One payment of a bill from an account, and how far it has come.

    `amount` goes to the biller, `fee` to the bank; both are held until it is captured. `refunded` is
    what of the amount was given back. Of that, `refund_due` the biller owes the bank, which advanced
    it; `refund_asked` is what the customer gets once the biller has paid it. `unclaimed` was to be
    given back to an account that was closed, and waits for the customer. `disputed` was charged back,
    and is the customer's to give back where that is lost.
    """

    payment_id: int
    user_id: int
    account_id: int
    hold_id: int
    amount: int
    fee: int = 0
    state: PaymentState = "held"
    gateway: str | None = None
    gateway_reference: str | None = None
    captured_on: dt.date | None = None
    settles_on: dt.date | None = None
    refunded: int = 0
    fee_refunded: bool = False
    refund_due: int = 0
    refund_asked: int = 0
    unclaimed: int = 0
    disputed: int = 0
    autopay_id: int | None = None
    reason: str | None = None

    @property
    def status(self) -> PaymentStatus:
        return STATUS_OF[self.state]

    @property
    def is_pending(self) -> bool:
        return self.status == "pending"

    @property
    def paid(self) -> int:
        """What of it counts towards the bill."""
        return 0 if self.captured_on is None else self.amount - self.refunded

    @property
    def left(self) -> int:
        """What of it can still be given back, or asked of the biller to be."""
        if self.state not in ("captured", "settled"):
            return 0
        return self.paid - self.refund_asked

    @property
    def matters(self) -> bool:
        """Whether it counts towards its bill, or still may; what failed or was given back does not."""
        return bool(self.is_pending or self.paid or self.refund_due or self.refund_asked)


class Standing(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How a bill stands: what is owed to whom by when, and what was paid.

    `external_id` is the biller's own number for the bill, `reference` its number for the customer.
    `minimum` is the least that may be paid of it at a time. A bill that takes the place of another
    has the payments of that one among its own, and the other has them no more.
    """

    biller_id: int
    user_id: int
    currency: str
    amount_due: int
    issued_on: dt.date
    due_date: dt.date
    external_id: str | None = None
    reference: str | None = None
    description: str | None = None
    minimum: int = 0
    recurrence: Recurrence | None = None
    late_fees: int = 0
    condition: Condition = "open"
    supersedes: int | None = None
    superseded_by: int | None = None
    payments: tuple[Payment, ...] = ()

    @property
    def paid(self) -> int:
        return sum(payment.paid for payment in self.payments)

    @property
    def pending(self) -> int:
        """Payments on their way, which may still fail."""
        return sum(payment.amount for payment in self.payments if payment.is_pending)

    @property
    def open_amount(self) -> int:
        """Amount due and late fees, less what was paid, and never below nothing."""
        if self.condition in ("cancelled", "superseded"):
            return 0
        return max(0, self.amount_due + self.late_fees - self.paid)

    @property
    def payable(self) -> int:
        """What may be paid now: the open amount less what is on its way."""
        return max(0, self.open_amount - self.pending)

    @property
    def credit(self) -> int:
        """What was paid beyond what was owed, and is with the biller."""
        return max(0, self.paid - self.amount_due - self.late_fees)

    @property
    def excess(self) -> int:
        """The credit, less what of it the biller was asked to give back."""
        return max(0, self.credit - sum(payment.refund_asked for payment in self.payments))

    @property
    def status(self) -> BillStatus:
        if self.condition != "open":
            return self.condition
        if self.open_amount == 0:
            return "paid"
        return "partially_paid" if self.paid else "presented"

    def is_overdue(self, on: dt.date) -> bool:
        """A bill due today is not."""
        return self.condition == "open" and self.open_amount > 0 and self.due_date < on


class BillFact(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A fact that leaves the bill standing so."""

    standing: Standing


@stored_as("bill.presented.1")
class BillPresented(BillFact, frozen=True, kw_only=True, omit_defaults=True):
    """By its biller, or entered by the one who owes it."""


@stored_as("bill.superseded.1")
class BillSuperseded(BillFact, frozen=True, kw_only=True, omit_defaults=True):
    """The biller presented it anew; the other bill takes its place, and takes its payments over."""


@stored_as("bill.disputed.1")
class BillDisputed(BillFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("bill.dispute-ended.1")
class DisputeEnded(BillFact, frozen=True, kw_only=True, omit_defaults=True):
    """Upheld, the bill is cancelled; else it is owed as before."""

    upheld: bool


@stored_as("bill.cancelled.1")
class BillCancelled(BillFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("bill.late-fee-added.1")
class LateFeeAdded(BillFact, frozen=True, kw_only=True, omit_defaults=True):
    amount: int


class PaymentFact(BillFact, frozen=True, kw_only=True, omit_defaults=True):
    """Something became of a payment; how it stands now is in the bill."""

    payment_id: int

    @property
    def payment(self) -> Payment:
        return next(p for p in self.standing.payments if p.payment_id == self.payment_id)


class PaymentMoved(PaymentFact, frozen=True, kw_only=True, omit_defaults=True):
    """With `amount` minor units; where money moved, an entry elsewhere in the transaction says how."""

    amount: int


@stored_as("bill.payment-held.1")
class PaymentHeld(PaymentMoved, frozen=True, kw_only=True, omit_defaults=True):
    """The account has reserved it."""


@stored_as("bill.payment-submitted.1")
class PaymentSubmitted(PaymentFact, frozen=True, kw_only=True, omit_defaults=True):
    """It is being given to the gateway."""


@stored_as("bill.payment-unknown.1")
class PaymentUnknown(PaymentFact, frozen=True, kw_only=True, omit_defaults=True):
    """The gateway did not answer: it may have taken it or not, so it stays held."""


@stored_as("bill.payment-accepted.1")
class PaymentAccepted(PaymentFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("bill.payment-captured.1")
class PaymentCaptured(PaymentMoved, frozen=True, kw_only=True, omit_defaults=True):
    """The account was debited, and the bank owes it to the biller."""


@stored_as("bill.payment-declined.1")
class PaymentDeclined(PaymentFact, frozen=True, kw_only=True, omit_defaults=True):
    """For good: what was held is free again."""


@stored_as("bill.payment-settled.1")
class PaymentSettled(PaymentMoved, frozen=True, kw_only=True, omit_defaults=True):
    """The biller has been paid."""


@stored_as("bill.payment-refunded.1")
class PaymentRefunded(PaymentMoved, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("bill.payment-charged-back.1")
class PaymentChargedBack(PaymentMoved, frozen=True, kw_only=True, omit_defaults=True):
    """The customer disputed the debit itself, and has the money back until that is decided."""


@stored_as("bill.refund-asked.1")
class RefundAsked(PaymentMoved, frozen=True, kw_only=True, omit_defaults=True):
    """Of a biller whose refunds are passed on when they come."""


@stored_as("bill.refund-ended.1")
class RefundEnded(PaymentMoved, frozen=True, kw_only=True, omit_defaults=True):
    """What the bank had advanced is owed to it no more: repaid, lost, or taken back."""

    outcome: Literal["repaid", "lost", "taken_back"]


@stored_as("bill.refund-unclaimed.1")
class RefundUnclaimed(PaymentMoved, frozen=True, kw_only=True, omit_defaults=True):
    """The account is closed, so what is given back waits in suspense, and with it the bank's `fee`.

    It was still owed to the biller, is due from it now, or was received from it.
    """

    source: Literal["owed", "due", "received"]
    fee: int = 0


@stored_as("bill.refund-claimed.1")
class RefundClaimed(PaymentMoved, frozen=True, kw_only=True, omit_defaults=True):
    """The customer came for it, and had it in cash."""


@stored_as("bill.unclaimed-taken-back.1")
class UnclaimedTakenBack(PaymentMoved, frozen=True, kw_only=True, omit_defaults=True):
    """What waited was the customer's to pay after all: a chargeback that he lost."""
