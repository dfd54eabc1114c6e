"""What an import of the Berka bank did, row by row and as a whole."""

from decimal import Decimal

import msgspec

from daybook.berka_files import Fault, Place


class Count(msgspec.Struct):
    """What became of the rows of one kind."""

    read: int = 0
    posted: int = 0
    already_there: int = 0
    refused: int = 0


class Difference(msgspec.Struct, frozen=True):
    """How far a balance of ours is from the printed one, and at which row."""

    amount: Decimal
    place: Place
    account_id: int
    trans_id: int


class Report(msgspec.Struct):
    """What an import did. `largest_step` compares one step, `largest_difference` a running balance.

    The printed balances are rounded to 0.1, so a step may differ by as much, and the steps of an
    account may add up. `views_seconds` is what the read models took after the import.
    `repayments` are the transactions that repaid a loan; those of `no_repayments` say they did, and
    went out of the bank, for the reason given. `later_loans` were granted after the last transaction.
    """

    clients: Count = msgspec.field(default_factory=Count)
    dispositions: Count = msgspec.field(default_factory=Count)
    accounts: Count = msgspec.field(default_factory=Count)
    loans: Count = msgspec.field(default_factory=Count)
    transactions: Count = msgspec.field(default_factory=Count)
    standing_orders: Count = msgspec.field(default_factory=Count)
    later_loans: int = 0
    repayments: int = 0
    no_repayments: list[Fault] = []
    refusals: list[Fault] = []
    largest_step: Difference | None = None
    largest_difference: Difference | None = None
    elapsed_seconds: float = 0.0
    views_seconds: float = 0.0

    @property
    def rows_read(self) -> int:
        counts = (
            *(self.clients, self.dispositions, self.accounts, self.loans, self.transactions),
            self.standing_orders,
        )
        return sum(count.read for count in counts)

    def refuse(self, count: Count, place: Place, reason: str) -> None:
        count.refused += 1
        self.refusals.append(Fault(place, reason))
