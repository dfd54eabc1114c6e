"""From the events of standing orders to their rows: how each stands, and what became of each due date."""

from typing import Any, Final

import msgspec

from domain.standing_orders import Executed, OrderFact, Outcome
from ledger.journal import JournalEvent
from readmodels.copy_text import NULL, text_of

STANDING_ORDER: Final = "standing-order-"


class StandingOrderRows:
    """The newest state of each order, and a row for each outcome."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[Any, ...]] = {}
        self.outcomes: list[str] = []

    def add(self, stream: str, position: int, event: JournalEvent[Any]) -> None:
        fact = event.fact
        if not isinstance(fact, OrderFact):
            return
        order_id, order = int(stream[len(STANDING_ORDER) :]), fact.order
        self.orders[order_id] = (
            order_id,
            order.account_id,
            order.to_account,
            order.status,
            order.attempt_on,
            position,
            msgspec.json.encode(order).decode(),
        )
        if isinstance(fact, Outcome):
            paid = isinstance(fact, Executed)
            kind = fact.TAG.split(".")[1]
            self.outcomes.append(
                f"{order_id}\t{position}\t{fact.due}\t{event.booking_date}\t{kind}"
                f"\t{text_of(getattr(fact, 'why', None))}"
                f"\t{event.transaction_id if paid else NULL}\t{event.recorded_at.isoformat()}\n"
            )
