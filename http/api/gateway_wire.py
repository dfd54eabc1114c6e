"""What gateways say of payments, in their answers and their callbacks, and what it means."""

from typing import Annotated, Literal

import msgspec

from application.gateways import Accepted, Captured, Declined, Outcome, Refunded
from domain.money import MINOR_UNITS_MAX


class GatewayPayment(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway says of a payment; other fields of its are not ours to judge.

    `amount` is minor units. Where a refund is told of, `refund` names it and `refunded` is its amount.
    """

    key: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    reference: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    amount: Annotated[int, msgspec.Meta(ge=0, le=MINOR_UNITS_MAX)]
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
    status: Literal["accepted", "captured", "declined", "refunded"]
    reason: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    refund: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None
    refunded: Annotated[int, msgspec.Meta(gt=0, le=MINOR_UNITS_MAX)] | None = None


def outcome_of(payment: GatewayPayment) -> Outcome:
    """The outcome that a gateway's word for it stands for."""
    if payment.status == "accepted":
        return Accepted(payment.reference)
    if payment.status == "captured":
        return Captured(payment.reference, payment.amount, payment.currency)
    if payment.status == "refunded":
        if payment.refund is None or payment.refunded is None:
            return Refunded(payment.reference)
        return Refunded(payment.reference, payment.refund, payment.refunded, payment.currency)
    return Declined(payment.reason or "declined", final=True)
