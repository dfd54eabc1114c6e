"""What work items mean in the ledger: what a gateway took for nothing is owed back by it."""

from domain.work_items import (
    WorkItem,
    WorkItemFact,
    WorkItemOpened,
    WorkItemResolved,
    stream_of,
)
from ledger.chart_of_accounts import GATEWAY_NOSTRO, OPERATIONAL_LOSS, REFUNDS_RECEIVABLE
from ledger.journal import Entry, Posting, entry_of


def entry_for_work_item(fact: WorkItemFact, item: WorkItem) -> Entry:
    """The entry of a fact of a work item; none where no money is in question.

    The receivable has a sub-account for each item, so that the ledger itself says which are open.
    """
    amount, currency = fact.difference.receivable, fact.difference.currency
    if amount == 0:
        return ()
    stream = stream_of(item.work_item_id)
    if isinstance(fact, WorkItemResolved):
        debit = OPERATIONAL_LOSS if fact.resolution == "lost" else GATEWAY_NOSTRO
        return entry_of(
            Posting(debit, None, "D", amount, currency),
            Posting(REFUNDS_RECEIVABLE, stream, "C", amount, currency),
        )
    assert isinstance(fact, WorkItemOpened), f"no rule for {fact.TAG}"
    return entry_of(
        Posting(REFUNDS_RECEIVABLE, stream, "D", amount, currency),
        Posting(GATEWAY_NOSTRO, None, "C", amount, currency),
    )
