"""Payments as the log itself has them now, for being held against what a gateway says."""

from collections.abc import Iterable
from typing import Any, Final

from application.payment_places import claim_of
from domain.reconciliation import OwnPayment
from ledger.journal import decode

# The bill that each payment was made for, and those that took its place one after the other, each with
# its newest event, in which it stands whole. The payment is in one of them.
BILLS: Final = """
    WITH RECURSIVE of AS (
        SELECT c.name, c.holder AS stream FROM claims c WHERE c.name = ANY(%s)
        UNION ALL
        SELECT of.name,
               'bill-' || (convert_from(newest.state, 'UTF8')::json
                           #>> '{fact,standing,superseded_by}')
          FROM of
         CROSS JOIN LATERAL (
               SELECT state FROM daybook_events e WHERE e.originator_id = of.stream
                ORDER BY e.originator_version DESC LIMIT 1) AS newest
         WHERE convert_from(newest.state, 'UTF8')::json
               #>> '{fact,standing,superseded_by}' IS NOT NULL)
    SELECT of.name, of.stream, newest.topic, newest.state
      FROM of
     CROSS JOIN LATERAL (
           SELECT topic, state FROM daybook_events e WHERE e.originator_id = of.stream
            ORDER BY e.originator_version DESC LIMIT 1) AS newest
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
        payment = next((p for p in standing.payments if p.payment_id == wanted[name]), None)
        if payment is not None and payment.gateway == gateway:
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
