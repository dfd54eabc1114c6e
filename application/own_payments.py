"""Payments as the log itself has them now, for being held against what a gateway says."""

from collections.abc import Iterable
from typing import Any, Final

from application.payment_places import claim_of
from domain.reconciliation import OwnPayment
from ledger.journal import decode

# The newest event of the bill of each payment; the bill stands in it whole.
BILLS: Final = """
    SELECT c.name, c.holder, newest.topic, newest.state
      FROM claims c
     CROSS JOIN LATERAL (
           SELECT topic, state FROM daybook_events e WHERE e.originator_id = c.holder
            ORDER BY e.originator_version DESC LIMIT 1) AS newest
     WHERE c.name = ANY(%s)
"""


async def own_payments(
    connection: Any, gateway: str, payment_ids: Iterable[int]
) -> dict[str, OwnPayment]:
    """Those of the payments that this gateway carries, by their key at it."""
    wanted = {claim_of(payment_id): payment_id for payment_id in payment_ids}
    found: dict[str, OwnPayment] = {}
    cursor = await connection.execute(BILLS, (list(wanted),))
    async for name, stream, tag, state in cursor:
        standing = decode(tag, bytes(state)).fact.standing
        payment = next(p for p in standing.payments if p.payment_id == wanted[name])
        if payment.gateway == gateway:
            own = OwnPayment(
                payment_id=payment.payment_id,
                bill_id=int(stream.rpartition("-")[2]),
                biller_id=standing.biller_id,
                amount=payment.amount if payment.captured_on is None else payment.paid,
                currency=standing.currency,
                state=payment.state,
                captured_on=payment.captured_on,
            )
            found[own.key] = own
    return found
