"""From the events of interest and of rate plans to their rows."""

from typing import Any, Final

import msgspec

from domain.accrued_interest import InterestFact
from domain.rate_plans import RatesSet
from ledger.journal import JournalEvent
from readmodels.copy_text import text_of

INTEREST: Final = "interest-"

# In the order of `Standing`, after the account, the version and the position.
COLUMNS: Final = (
    *("account_id", "version", "position", "through", "known_at", "balance", "credit", "debit"),
    *("credit_posted", "debit_posted", "credit_settled", "debit_settled", "since"),
)


class InterestRows:
    """The newest standing of each account's interest, and each change of a plan."""

    def __init__(self) -> None:
        self.standings: dict[str, tuple[Any, ...]] = {}
        self.plans: list[str] = []

    def add(self, stream: str, version: int, position: int, event: JournalEvent[Any]) -> None:
        fact = event.fact
        if isinstance(fact, InterestFact):
            account_id = int(stream[len(INTEREST) :])
            standing = msgspec.structs.astuple(fact.standing)
            self.standings[stream] = (account_id, version, position, *standing)
        elif isinstance(fact, RatesSet):
            rates = text_of(msgspec.json.encode(fact.rates).decode())
            self.plans.append(f"{fact.account_type}\t{fact.currency}\t{position}\t{rates}\n")
