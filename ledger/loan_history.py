"""The life of a loan, from the events of its stream as they stand in the journal."""

from collections.abc import Iterable

from domain.loans.history import LoanEvent
from ledger.journal import Recorded


def events_of(events: Iterable[Recorded]) -> list[LoanEvent]:
    """What the domain needs of each event: its place, its dates, and the command it came from."""
    return [
        LoanEvent(
            recorded.originator_version,
            recorded.event.transaction_id,
            recorded.event.command_id,
            recorded.event.booking_date,
            recorded.event.value_date,
            recorded.event.fact,
        )
        for recorded in events
    ]
