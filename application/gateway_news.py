"""What a gateway says of a payment becomes known to the ledger: by its answers, and by its callbacks.

News may come late, twice and out of order; the state of the payment decides what is new in it. So every
way in leads here, and what is known already writes nothing.
"""

import logging
from collections.abc import Callable

import msgspec

from application import bill_payments, bill_refunds
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
from application.payment_places import Place, payment_of
from application.pools import Pool
from application.transact import Writer
from domain.bills.bill_facts import Payment
from domain.bills.bill_refusals import PaymentCarriedOver, PaymentNotFound, PaymentOver
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
        await self._write(order.payment_id, bill_payments.submitting)
        return (await self._payment(order.payment_id)).is_pending

    async def learned(self, gateway: str, payment_id: int, outcome: Outcome) -> bool:
        """Record what is new in it. Whether it is final, so that nothing more is to be asked.

        Raises `PaymentNotFound` for a payment that is not ours, or that another gateway carries.
        """
        if isinstance(outcome, NotThere | Unreached):
            return False
        if (await self._payment(payment_id)).gateway != gateway:
            raise PaymentNotFound(payment_id=payment_id)
        if isinstance(outcome, Unknown):
            await self._write(payment_id, bill_payments.unknown)
            return False
        if isinstance(outcome, Declined):
            reason, final = outcome.reason, outcome.final
            return final and await self._write(
                payment_id, lambda ask, at: bill_payments.declined(ask, at, reason, final=True)
            )
        reference = outcome.reference
        if isinstance(outcome, Accepted):
            await self._write(
                payment_id, lambda ask, at: bill_payments.accepted(ask, at, reference)
            )
            return False
        is_final = await self._write(
            payment_id, lambda ask, at: bill_payments.captured(ask, at, reference)
        )
        if isinstance(outcome, Refunded) and outcome.refund is not None:
            amount = decimal_of(outcome.amount, outcome.currency)
            await self._write(
                payment_id,
                lambda ask, at: bill_refunds.refunded(ask, at, amount, "refunded by the gateway"),
                # What is given back is no state that could be told twice, so its name says which.
                key=f"{payment_id}/refund/{outcome.refund}",
            )
        return is_final

    async def _payment(self, payment_id: int) -> Payment:
        return (await payment_of(self._pool, payment_id))[1]

    async def _write(
        self, payment_id: int, command: Callable[[Ask, Place], Command], key: str | None = None
    ) -> bool:
        """Whether the ledger took it; that it knew it already counts.

        What it refuses contradicts what it knows, as a capture after a decline does. That is for
        people: it is logged, and found again when the settlement file is reconciled.

        A payment may go over to another bill between being looked up and being decided on. Then it is
        looked up again, and under a key of its own, since the refusal is kept under the first.
        """
        under = key
        while True:
            place, _ = await payment_of(self._pool, payment_id)
            answer = await self._writer.submit(command(Ask(SYSTEM, _answer, _refuse, under), place))
            said = msgspec.json.decode(answer.body, type=_Said)
            if said.carried_to is None:
                break
            under = key and f"{key}/bill-{said.carried_to}"
        if answer.status == 409:
            log.error("news of payment %d was refused: %s", payment_id, said.refused)
        return answer.status == 200 or said.is_over


class _Said(msgspec.Struct, omit_defaults=True):
    """What news are answered, and their key keeps: why they were refused, if they were."""

    refused: str | None = None
    is_over: bool = False
    carried_to: int | None = None


def _refuse(refusal: Refused) -> Answer:
    said = _Said(
        refused=str(refusal),
        is_over=isinstance(refusal, PaymentOver),
        carried_to=refusal.figures["bill_id"] if isinstance(refusal, PaymentCarriedOver) else None,
    )
    return Answer(409, msgspec.json.encode(said))


def _answer(posted: list[Posted]) -> Answer:
    return Answer(200, b"{}", posted[-1].position if posted else None)
