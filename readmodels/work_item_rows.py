"""From the events of work items and reconciliations to their rows."""

from typing import Any, Final

from domain.reconciliation import ReconciliationMade
from domain.work_items import WorkItemOpened, WorkItemResolved
from ledger.journal import JournalEvent
from readmodels.copy_text import NULL, number_of, text_of

WORK_ITEM_FACTS: Final = (WorkItemOpened, WorkItemResolved, ReconciliationMade)


class WorkItemRows:
    """Rows in the text form of COPY, and how items that are there were resolved."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.reconciliations: list[str] = []
        # Item, position, booking date, resolution, reason and who said so.
        self.resolutions: list[tuple[int, int, str, str, str, str]] = []

    def add(self, number: int, position: int, event: JournalEvent[Any]) -> None:
        """An event of the item, or the reconciliation, of that number."""
        fact, booked = event.fact, event.booking_date.isoformat()
        if isinstance(fact, WorkItemOpened):
            found = fact.difference
            self.rows.append(
                f"{number}\t{found.kind}\t{text_of(found.gateway)}\t{found.settlement_date}"
                f"\t{text_of(found.key)}\t{number_of(found.payment_id)}\t{number_of(found.ours)}"
                f"\t{number_of(found.theirs)}\t{found.receivable}\t{found.currency}"
                f"\t{text_of(found.detail)}\t{position}\t{booked}\t{event.recorded_at.isoformat()}"
                f"\t{text_of(event.actor)}\t{NULL}\t{NULL}\t{NULL}\t{NULL}\t{NULL}\n"
            )
        elif isinstance(fact, WorkItemResolved):
            self.resolutions.append(
                (number, position, booked, fact.resolution, event.reason or "", event.actor)
            )
        elif isinstance(fact, ReconciliationMade):
            count = fact.differences.get
            self.reconciliations.append(
                f"{number}\t{text_of(fact.gateway)}\t{fact.settlement_date}\t{fact.sha256}"
                f"\t{fact.lines}\t{fact.matched}\t{fact.settled}\t{count('missing_here', 0)}"
                f"\t{count('missing_there', 0)}\t{count('different', 0)}\t{count('duplicate', 0)}"
                f"\t{position}\t{event.recorded_at.isoformat()}\t{text_of(event.actor)}\n"
            )
