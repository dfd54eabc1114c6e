"""The outbox: what is to be sent to a payment gateway, written in the commit of the events that ask for it.

A row stands for one payment until its outcome is final. Whoever takes it leases it: the row is due again
when the lease has run out, so that what a killed process had in hand is taken up by the next. It is
then sent again under the same key, which a gateway answers with the payment it knows.
"""

from typing import Any, Final

import msgspec

INSERT: Final = "INSERT INTO outbox (gateway, payment_id, message) VALUES (%b, %b::int8, %b)"


class PaymentOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway is told of a payment. `amount` is minor units of `currency`.

    `biller` is who is paid, as the gateway knows it; `reference` is the customer's at the biller.
    """

    payment_id: int
    bill_id: int
    gateway: str
    amount: int
    currency: str
    biller: str
    reference: str

    @property
    def key(self) -> str:
        """The idempotency key at the gateway: one payment has one, for ever."""
        return f"payment-{self.payment_id}"


def sent_later(order: PaymentOrder) -> tuple[str, tuple[Any, ...]]:
    """For `Transaction.statements`: have the payment submitted once the transaction is committed."""
    return INSERT, (order.gateway, order.payment_id, msgspec.json.encode(order))
