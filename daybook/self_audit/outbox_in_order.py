"""The outbox against the log: a gateway is told of a payment what its events say, and of each that is pending.

A row goes once the outcome of its payment is final, so few stand there; one may outlive that for a moment.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from application.outbox import PaymentOrder
from daybook.self_audit.findings import Findings
from domain.account_facts import HoldPlaced
from domain.bills.bill_facts import PaymentHeld
from ledger.journal import JournalEvent

CHECK: Final = "outbox"

ROWS: Final = "SELECT payment_id, gateway, message FROM outbox"


class OutboxInOrder:
    """The rows that stand there, as the log is read: each is found at the event that asked for it."""

    def __init__(self, connection: Any, findings: Findings) -> None:
        self._findings = findings
        rows = connection.execute(ROWS, binary=True).fetchall()
        self._rows = {payment_id: (gateway, message) for payment_id, gateway, message in rows}
        self._told: set[int] = set()
        self._payee: str | None = None

    def event(self, position: int, stream: str, event: JournalEvent[Any]) -> None:
        """The next event of the log."""
        fact = event.fact
        if isinstance(fact, HoldPlaced):
            # A payment is held before it is noted on its bill, for who is paid.
            self._payee = next(h.counterparty for h in fact.holds if h.hold_id == fact.hold_id)
        if not isinstance(fact, PaymentHeld) or fact.payment_id not in self._rows:
            return
        self._told.add(fact.payment_id)
        bill, payment = fact.standing, fact.payment
        bill_id = int(stream.rpartition("-")[2])
        order = PaymentOrder(
            payment_id=payment.payment_id,
            bill_id=bill_id,
            gateway=payment.gateway or "",
            amount=payment.amount,
            currency=bill.currency,
            biller=self._payee or "",
            reference=bill.reference or bill.external_id or str(bill_id),
        )
        if self._rows[fact.payment_id] != (order.gateway, msgspec.json.encode(order)):
            detail = f"what the gateway is told of payment {fact.payment_id} is not what was held"
            self._findings.add(CHECK, position, detail, stream=stream)

    def end(self, head: int) -> None:
        for payment_id in sorted(self._rows.keys() - self._told):
            detail = f"no event tells of payment {payment_id}, of which the gateway is told"
            self._findings.add(CHECK, max(head, 1), detail)

    def check_pending(self, pending: Iterable[int], head: int) -> None:
        """Each payment that waits for a gateway, once all bills are known."""
        for payment_id in sorted(set(pending) - self._rows.keys()):
            detail = f"payment {payment_id} is pending, and the gateway is not told of it"
            self._findings.add(CHECK, max(head, 1), detail)
