"""The bank said once more, as plainly as it can be: what the real one is held against.

Amounts are minor units. Each method does it and answers None, or answers the name of the refusal.
"""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from domain import refusals
from domain.money import MINOR_UNITS_MAX

ORDER = [name for name, each in vars(refusals).items() if isinstance(each, type)]


@dataclass
class ReferenceAccount:
    account_type: str
    currency: str
    balance: int = 0
    limit: int = 0
    restriction: str = "none"
    dormant: bool = False
    closed: bool = False


@dataclass
class ReferenceBank:
    accounts: dict[int, ReferenceAccount] = field(default_factory=dict)
    # What each transaction moved: account and signed amount.
    moved: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    undone: set[int] = field(default_factory=set)
    _last: list[tuple[int, int]] | None = None

    def open(self, number: int, account_type: str, currency: str) -> None:
        self.accounts[number] = ReferenceAccount(account_type, currency)

    def deposit(self, number: int, amount: int) -> str | None:
        if refused := self._move([(number, amount)]):
            return refused
        self.accounts[number].dormant = False
        return None

    def withdraw(self, number: int, amount: int) -> str | None:
        return self._move([(number, -amount)])

    def charge_fee(self, number: int, amount: int) -> str | None:
        return self._move([(number, -amount)], forced=True)

    def transfer(self, source: int, destination: int, amount: int) -> str | None:
        if source == destination:
            return "SameAccount"
        if self.accounts[source].currency != self.accounts[destination].currency:
            return "CurrencyMismatch"
        return self._move([(destination, amount), (source, -amount)])

    def reverse(self, transaction: int) -> str | None:
        if transaction in self.undone:
            return "TransactionAlreadyReversed"
        moved = self.moved.get(transaction)
        if moved is None:
            return "TransactionNotReversible"
        refused = self._move([(number, -amount) for number, amount in moved], reversal=True)
        if refused is None:
            self.undone.add(transaction)
        return refused

    def all_or_none(self, transfers: Sequence[tuple[int, int, int]]) -> list[str | None]:
        before = deepcopy((self.accounts, self.moved))
        for index, each in enumerate(transfers):
            if refused := self.transfer(*each):
                (self.accounts, self.moved), self._last = before, None
                return [refused if index == i else "NotApplied" for i in range(len(transfers))]
        self._last = None
        return [None] * len(transfers)

    def limit(self, number: int, limit: int) -> str | None:
        account = self.accounts[number]
        wrong = [
            account.closed and "AccountClosed",
            account.account_type != "checking" and limit > 0 and "OverdraftNotOffered",
            account.balance < -limit and "OverdraftLimitInUse",
        ]
        return self._agree(number, first(wrong), limit=limit)

    def freeze(self, number: int, restriction: str) -> str | None:
        closed = self.accounts[number].closed and "AccountClosed"
        return self._agree(number, first([closed]), restriction=restriction)

    def unfreeze(self, number: int) -> str | None:
        account = self.accounts[number]
        wrong = [
            account.closed and "AccountClosed",
            account.restriction == "none" and "AccountNotFrozen",
        ]
        return self._agree(number, first(wrong), restriction="none")

    def make_dormant(self, number: int) -> str | None:
        closed = self.accounts[number].closed and "AccountClosed"
        return self._agree(number, first([closed]), dormant=True)

    def reactivate(self, number: int) -> str | None:
        account = self.accounts[number]
        wrong = [account.closed and "AccountClosed", not account.dormant and "AccountNotDormant"]
        return self._agree(number, first(wrong), dormant=False)

    def close(self, number: int) -> str | None:
        account = self.accounts[number]
        wrong = [
            account.closed and "AccountClosed",
            account.restriction != "none" and "AccountFrozen",
            account.balance != 0 and "BalanceNotZero",
        ]
        return self._agree(number, first(wrong), closed=True)

    def _agree(self, number: int, refused: str | None, **terms: object) -> str | None:
        if refused is None:
            for name, agreed in terms.items():
                setattr(self.accounts[number], name, agreed)
        return refused

    def _move(
        self, moves: list[tuple[int, int]], *, forced: bool = False, reversal: bool = False
    ) -> str | None:
        """All of it or nothing; of two accounts, the one that receives is looked at first."""
        for number, amount in sorted(moves, key=lambda move: -move[1]):
            if refused := first(self._against(number, amount, forced)):
                return refused
        for number, amount in moves:
            self.accounts[number].balance += amount
        self._last = None if reversal else moves
        return None

    def done(self, transaction: int) -> None:
        """The movement just made stands under this transaction id."""
        if self._last is not None:
            self.moved[transaction] = self._last
        self._last = None

    def _against(self, number: int, amount: int, forced: bool) -> Iterable[str | bool]:
        account = self.accounts[number]
        after = account.balance + amount
        yield account.closed and "AccountClosed"
        if amount > 0:
            yield account.restriction == "full" and "AccountFrozen"
            yield after > MINOR_UNITS_MAX and "BalanceTooLarge"
            return
        yield account.restriction != "none" and "AccountFrozen"
        if forced:
            yield after < -MINOR_UNITS_MAX and "BalanceTooLarge"
            return
        yield account.dormant and "AccountDormant"
        yield after < -account.limit and "InsufficientFunds"


def first(wrong: Iterable[str | bool]) -> str | None:
    """Of several refusals, the one that stands first in the list of them."""
    return min((name for name in wrong if isinstance(name, str)), key=ORDER.index, default=None)
