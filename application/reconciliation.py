"""The use cases of reconciliation: differences become work items, which people resolve."""

from application.books import Books, Command, Transaction
from application.commands import NO_DETAILS, Ask, check_text, transaction
from domain import reconciliation, work_items
from domain.reconciliation import ReconciliationMade
from domain.work_items import Difference, Resolution
from ledger.work_item_posting_rules import entry_for_work_item


def claim_of(difference: Difference) -> str:
    """The claim by which a difference that is found again is known to have its item."""
    return f"difference/{difference.name}"


def open_work_item(ask: Ask, work_item_id: int, difference: Difference) -> Command:
    """Open an item for a difference that has none yet; nothing is written where it has one.

    `work_item_id` is fresh. What the gateway took for nothing we know of becomes a receivable.
    """
    stream, claim = work_items.stream_of(work_item_id), claim_of(difference)

    def decide(books: Books) -> list[Transaction]:
        if books.claimed(claim) is not None:
            return []
        posted = transaction(ask.actor, NO_DETAILS, books)
        posted.description = f"{difference.kind}: {difference.key}"
        books.add(posted, stream, work_items.open_item(difference), entry_for_work_item)
        books.claim(claim, stream)
        return [posted]

    request = {"call": "work-items/open", "difference": difference.name}
    return ask.command(request, (stream,), decide, claims=(claim,))


def resolve_work_item(ask: Ask, work_item_id: int, resolution: Resolution, reason: str) -> Command:
    """Say what became of a difference, for a reason that is kept for ever."""
    stream = work_items.stream_of(work_item_id)

    def decide(books: Books) -> list[Transaction]:
        item = work_items.found(books.state(stream), work_item_id)
        check_text("reason", reason)
        posted = transaction(ask.actor, NO_DETAILS, books)
        posted.reason = reason
        posted.description = f"{item.difference.kind}: {item.difference.key}"
        books.add(posted, stream, work_items.resolve(item, resolution), entry_for_work_item)
        return [posted] if posted.drafts else []

    request = {
        "call": "work-items/resolve",
        "work_item_id": work_item_id,
        "resolution": resolution,
        "reason": reason,
    }
    return ask.command(request, (stream,), decide)


def record_reconciliation(ask: Ask, reconciliation_id: int, made: ReconciliationMade) -> Command:
    """Keep that a file was compared, and how it came out."""
    stream = reconciliation.stream_of(reconciliation_id)

    def decide(books: Books) -> list[Transaction]:
        posted = transaction(ask.actor, NO_DETAILS, books)
        books.add(posted, stream, [made])
        return [posted]

    request = {
        "call": "reconciliations/record",
        "gateway": made.gateway,
        "settlement_date": made.settlement_date,
    }
    return ask.command(request, (stream,), decide)
