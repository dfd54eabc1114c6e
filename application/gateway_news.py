"""What a gateway says of a payment becomes known to the ledger: by its answers, and by its callbacks.

News may come late, twice and out of order; the state of the payment decides what is new in it. So every
way in leads here, and what is known already writes nothing.
"""

import logging
from collections.abc import Callable

import msgspec

from application import bill_payments, bill_refunds
from application.bills import read_bill
from application.books import Answer, Command, Posted
from application.commands import SYSTEM, Ask
from application.gateways import (
    Accepted,
    Declined,
    NotThere,
    Outcome,
    Refunded,
    Unknown,
    Unreached,
)
from application.outbox import PaymentOrder
from application.payment_places import Place, place_of_payment
from application.pools import Pool
from application.transact import Writer
from domain.bills.bill_refusals import PaymentNotFound, PaymentOver
from domain.money import decimal_of
from domain.refusals import Refused

log = logging.getLogger(__name__)


class PaymentNews:
    """Records news through the writer of this process; places of payments are read by the pool."""

    def __init__(self, writer: Writer, pool: Pool) -> None:
        self._writer = writer
        self._pool = pool

    async def submitting(self, order: PaymentOrder) -> bool:
        """Record, before it is done, that the payment is being given to the gateway.

        Whether it may be: not once its outcome is known.
        """
        place = await place_of_payment(self._pool, order.payment_id)
        await self._write(place, lambda ask: bill_payments.submitting(ask, place))
        bill = await read_bill(self._pool, place.bill_id)
        return bill.payment(order.payment_id).is_pending

    async def learned(self, gateway: str, payment_id: int, outcome: Outcome) -> bool:
        """Record what is new in it. Whether it is final, so that nothing more is to be asked.

        Raises `PaymentNotFound` for a payment that is not ours, or that another gateway carries.
        """
        if isinstance(outcome, NotThere | Unreached):
            return False
        place = await place_of_payment(self._pool, payment_id)
        bill = await read_bill(self._pool, place.bill_id)
        if bill.payment(payment_id).gateway != gateway:
            raise PaymentNotFound(payment_id=payment_id)
        if isinstance(outcome, Unknown):
            await self._write(place, lambda ask: bill_payments.unknown(ask, place))
            return False
        if isinstance(outcome, Declined):
            reason, final = outcome.reason, outcome.final
            return final and await self._write(
                place, lambda ask: bill_payments.declined(ask, place, reason, final=True)
            )
        reference = outcome.reference
        if isinstance(outcome, Accepted):
            await self._write(place, lambda ask: bill_payments.accepted(ask, place, reference))
            return False
        is_final = await self._write(
            place, lambda ask: bill_payments.captured(ask, place, reference)
        )
        if isinstance(outcome, Refunded) and outcome.refund is not None:
            amount = decimal_of(outcome.amount, outcome.currency)
            await self._write(
                place,
                lambda ask: bill_refunds.refunded(ask, place, amount, "refunded by the gateway"),
                # What is given back is no state that could be told twice, so its name says which.
                key=f"{place.payment_id}/refund/{outcome.refund}",
            )
        return is_final

    async def _write(
        self, place: Place, command: Callable[[Ask], Command], key: str | None = None
    ) -> bool:
        """Whether the ledger took it; that it knew it already counts.

        What it refuses contradicts what it knows, as a capture after a decline does. That is for
        people: it is logged, and found again when the settlement file is reconciled.
        """
        refusals: list[Refused] = []

        def refuse(refusal: Refused) -> Answer:
            refusals.append(refusal)
            return Answer(409, msgspec.json.encode(str(refusal)))

        answer = await self._writer.submit(command(Ask(SYSTEM, _answer, refuse, key)))
        if answer.status == 409:
            log.error("news of payment %d was refused: %s", place.payment_id, answer.body.decode())
        return answer.status == 200 or any(isinstance(each, PaymentOver) for each in refusals)


def _answer(posted: list[Posted]) -> Answer:
    return Answer(200, b"{}", posted[-1].position if posted else None)
