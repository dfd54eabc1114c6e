"""A bill: an amount due to a biller by a date. Its state, and what may be decided on it.

What becomes of its payments stands in `domain/bills/payments.py`.
"""

import datetime as dt
from typing import Final, NamedTuple

import msgspec

from domain.bills.bill_facts import (
    BillCancelled,
    BillDisputed,
    BillFact,
    BillPresented,
    BillSuperseded,
    DisputeEnded,
    LateFeeAdded,
    Payment,
    Standing,
)
from domain.bills.bill_refusals import (
    BillDiffers,
    BillHasPayments,
    BillNotDisputed,
    BillNotFound,
    BillNotPayable,
    CurrencyNotAccepted,
    PaymentCarriedOver,
    PaymentNotFound,
    PresentmentNotOffered,
    ReferenceNotAccepted,
    TermsContradictory,
)
from domain.bills.biller import BillerTerms, late_fee_of
from domain.bills.recurrence import check_recurrence
from domain.bills.references import check_reference, needs_reference
from domain.money import MINOR_UNITS_MAX
from domain.refusals import AmountTooLarge

# What makes two presentments the same bill; the rest follows from these or comes later.
PRESENTED: Final = (
    *("biller_id", "user_id", "currency", "amount_due", "issued_on", "due_date"),
    *("external_id", "reference", "description", "minimum", "recurrence"),
)


class Bill(msgspec.Struct, frozen=True):
    """A bill that was presented, after `version` events."""

    bill_id: int
    standing: Standing
    version: int

    def payment(self, payment_id: int) -> Payment:
        """Refused: one that is of no bill, or of the bill that took the place of this one."""
        for payment in self.standing.payments:
            if payment.payment_id == payment_id:
                return payment
        if self.standing.superseded_by is not None:
            raise PaymentCarriedOver(payment_id=payment_id, bill_id=self.standing.superseded_by)
        raise PaymentNotFound(payment_id=payment_id)


def stream_of(bill_id: int) -> str:
    return f"bill-{bill_id}"


def restore(bill_id: int, newest: BillFact, version: int) -> Bill:
    return Bill(bill_id, newest.standing, version)


def found(bill: Bill | None, bill_id: int) -> Bill:
    if bill is None:
        raise BillNotFound(bill_id=bill_id)
    return bill


# --- Decisions


def present(terms: BillerTerms, standing: Standing, *, by_biller: bool) -> list[BillFact]:
    """Present a bill, or enter one that came on paper.

    Refused: one that its biller does not present, in a currency that it does not take, or under a
    reference that it would not know; dates and amounts that contradict each other.
    """
    if standing.due_date < standing.issued_on:
        raise TermsContradictory(field="due_date", why="it is before the day of issue")
    if standing.minimum > standing.amount_due:
        raise TermsContradictory(field="minimum", why="it is above the amount")
    if standing.recurrence is not None:
        check_recurrence(standing.recurrence)
    if standing.reference is not None:
        check_reference(terms.reference, standing.reference)
    elif needs_reference(terms.reference):
        raise ReferenceNotAccepted(reference="", why="there is none, and the biller needs one")
    if by_biller and not terms.presentment:
        raise PresentmentNotOffered(biller=terms.name)
    if standing.currency not in terms.currencies:
        raise CurrencyNotAccepted(biller=terms.name, currency=standing.currency)
    return [BillPresented(standing=standing)]


def check_same(bill: Bill, standing: Standing) -> None:
    """Refused: another bill under the biller's number of this one, with the field that differs."""
    for field in PRESENTED:
        if getattr(bill.standing, field) != getattr(standing, field):
            raise BillDiffers(bill_id=bill.bill_id, field=field)


class Superseding(NamedTuple):
    """What becomes of a bill, and of the one that takes its place, which begins with its payments."""

    old: list[BillFact]
    new: list[BillFact]


def supersede(bill: Bill, superseded_by: int, standing: Standing) -> Superseding:
    """The biller has another amount or date for it: this one is owed no more, and `standing` is.

    What was paid goes over to the new bill, and so does what is on its way; what failed or was given
    back stays. Refused: a bill of another customer or in another currency, where there is any.
    """
    _check_in_force(bill)
    old = bill.standing
    carried = tuple(payment for payment in old.payments if payment.matters)
    if carried and (old.user_id, old.currency) != (standing.user_id, standing.currency):
        raise BillHasPayments(bill_id=bill.bill_id)
    left = msgspec.structs.replace(
        old,
        condition="superseded",
        superseded_by=superseded_by,
        payments=tuple(payment for payment in old.payments if payment not in carried),
    )
    anew = msgspec.structs.replace(standing, supersedes=bill.bill_id, payments=carried)
    return Superseding([BillSuperseded(standing=left)], [BillPresented(standing=anew)])


def cancel(bill: Bill) -> list[BillFact]:
    """Owed no more. What was paid of it is refunded first; cancelling again is nothing new."""
    if bill.standing.condition == "cancelled":
        return []
    _check_unpaid(bill)
    return [BillCancelled(standing=_with(bill, "cancelled"))]


def dispute(bill: Bill) -> list[BillFact]:
    """The one who should pay says that it is wrong: it is neither paid nor late until that is decided."""
    if bill.standing.condition == "disputed":
        return []
    if bill.standing.open_amount == 0:
        raise BillNotPayable(bill_id=bill.bill_id, status=bill.standing.status)
    if bill.standing.pending:
        raise BillHasPayments(bill_id=bill.bill_id)
    return [BillDisputed(standing=_with(bill, "disputed"))]


def end_dispute(bill: Bill, *, upheld: bool) -> list[BillFact]:
    """Upheld, the bill is cancelled; what was paid of it before is refunded first. Else it is owed."""
    if bill.standing.condition != "disputed":
        raise BillNotDisputed(bill_id=bill.bill_id)
    if upheld and bill.standing.paid:
        raise BillHasPayments(bill_id=bill.bill_id)
    standing = _with(bill, "cancelled" if upheld else "open")
    return [DisputeEnded(standing=standing, upheld=upheld)]


def add_late_fee(bill: Bill, terms: BillerTerms, on: dt.date) -> list[BillFact]:
    """The biller's late fee, once a bill, where it is open after the days of grace. Else nothing."""
    standing = bill.standing
    last_day = standing.due_date + dt.timedelta(days=terms.grace_days)
    if standing.late_fees or not standing.is_overdue(on) or on <= last_day:
        return []
    amount = late_fee_of(terms, standing.open_amount, standing.currency)
    if amount == 0:
        return []
    if standing.amount_due + amount > MINOR_UNITS_MAX:
        raise AmountTooLarge(amount=str(standing.amount_due + amount))
    late = msgspec.structs.replace(standing, late_fees=amount)
    return [LateFeeAdded(standing=late, amount=amount)]


def _check_in_force(bill: Bill) -> None:
    if bill.standing.condition in ("cancelled", "superseded"):
        raise BillNotPayable(bill_id=bill.bill_id, status=bill.standing.status)


def _check_unpaid(bill: Bill) -> None:
    _check_in_force(bill)
    if bill.standing.pending or bill.standing.paid:
        raise BillHasPayments(bill_id=bill.bill_id)


def _with(bill: Bill, condition: str) -> Standing:
    return msgspec.structs.replace(bill.standing, condition=condition)
