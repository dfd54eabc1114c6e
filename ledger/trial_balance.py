"""The trial balance: all accounts with their debit and credit totals, whose two sums are equal."""

from collections.abc import Iterable

import msgspec

from ledger.chart_of_accounts import CHART
from ledger.journal import Entry


class TrialBalanceLine(msgspec.Struct, frozen=True):
    """Totals of one ledger account in one currency, in minor units; `balance` on its normal side."""

    ledger_account: int
    currency: str
    debits: int
    credits: int

    @property
    def balance(self) -> int:
        normal_debit = CHART[self.ledger_account].normal_side == "D"
        return self.debits - self.credits if normal_debit else self.credits - self.debits


def trial_balance(entries: Iterable[Entry]) -> list[TrialBalanceLine]:
    """Fold entries into totals, in the order of the chart. Written to be obviously right."""
    totals: dict[tuple[int, str], list[int]] = {}
    for entry in entries:
        for posting in entry:
            line = totals.setdefault((posting.ledger_account, posting.currency), [0, 0])
            line[0 if posting.side == "D" else 1] += posting.amount
    return [
        TrialBalanceLine(account, currency, debits, credits)
        for (account, currency), (debits, credits) in sorted(totals.items())
    ]
