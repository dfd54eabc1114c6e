"""From the events of a hold to its row and those of its settlements."""

from typing import Any, Final

from domain.account_facts import (
    Hold,
    HoldExpired,
    HoldPlaced,
    HoldReleased,
    HoldSettled,
    TermsFact,
)
from ledger.journal import JournalEvent
from readmodels.copy_text import NULL, number_of, text_of

HOLD_FACTS: Final = (HoldPlaced, HoldSettled, HoldReleased, HoldExpired)


class HoldRows:
    """Rows in the text form of COPY, and what has to be said of rows that are there."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        self.settlements: list[str] = []
        # Hold id, outcome, position, and the booking date from which nothing is held any more.
        self.endings: list[tuple[int, str, int | None, str | None]] = []
        self._settled: tuple[int, int] | None = None

    def add(self, account_id: int, position: int, event: JournalEvent[Any]) -> None:
        fact = event.fact
        hold_id: int = fact.hold_id
        rest = _find(fact, hold_id)
        if isinstance(fact, HoldPlaced):
            assert rest is not None, "what was placed is held"
            expires_at = NULL if rest.expires_at is None else rest.expires_at.isoformat()
            self.rows.append(
                f"{hold_id}\t{account_id}\t{rest.amount}\t{text_of(rest.counterparty)}"
                f"\t{text_of(rest.description)}\t{expires_at}\t{position}"
                f"\t{event.booking_date.isoformat()}\t{event.recorded_at.isoformat()}"
                f"\t{NULL}\t{NULL}\t{NULL}\n"
            )
        elif isinstance(fact, HoldExpired):
            # Posted with whatever came next on the account, in that one's books: its time is told
            # by `expires_at` alone.
            self.endings.append((hold_id, "expired", None, None))
        elif isinstance(fact, HoldReleased):
            self._end(hold_id, "released", position, event)
        else:
            self._settled = (hold_id, position)
            if rest is None:
                self._end(hold_id, "settled", position, event)

    def pay(self, position: int, event: JournalEvent[Any]) -> None:
        """A payment; the one right after a settlement is what was settled."""
        if self._settled is not None and self._settled[1] == position - 1:
            self.settlements.append(
                f"{self._settled[0]}\t{position}\t{event.booking_date.isoformat()}"
                f"\t{number_of(event.fact.amount)}\n"
            )
        self._settled = None

    def _end(self, hold_id: int, outcome: str, position: int, event: JournalEvent[Any]) -> None:
        self.endings.append((hold_id, outcome, position, event.booking_date.isoformat()))


def _find(fact: TermsFact, hold_id: int) -> Hold | None:
    return next((hold for hold in fact.holds if hold.hold_id == hold_id), None)
