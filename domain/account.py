"""A deposit account: money a customer has left with the bank. Its state, and what may be decided on it.

What can happen to it stands in `domain/account_facts.py`.
"""

import datetime as dt
from typing import Any, Literal

import msgspec

from domain.account_facts import (
    ACCOUNT_TYPES,
    AccountFact,
    AdjustmentCredited,
    AdjustmentDebited,
    Closed,
    CreditReversed,
    DebitReversed,
    Deposited,
    FeeCharged,
    Frozen,
    Hold,
    Holder,
    InterestCapitalised,
    InterestCharged,
    InterestCredited,
    LoanReceived,
    LoanRefunded,
    LoanRepaid,
    MadeDormant,
    Movement,
    Opened,
    OverdraftInterestCapitalised,
    OverdraftLimitChanged,
    PaymentReceived,
    PaymentSent,
    Reactivated,
    TaxWithheld,
    Terms,
    TermsFact,
    TransferReceived,
    TransferSent,
    Unfrozen,
    Withdrawn,
)
from domain.money import MINOR_UNITS_MAX, Money
from domain.refusals import (
    AccountAlreadyOpen,
    AccountClosed,
    AccountDormant,
    AccountFrozen,
    AccountNotDormant,
    AccountNotFound,
    AccountNotFrozen,
    BalanceNotZero,
    BalanceTooLarge,
    InsufficientFunds,
    OverdraftLimitInUse,
    OverdraftNotOffered,
    SameAccount,
    UnknownAccountType,
)

# --- State


class Account(msgspec.Struct, frozen=True, gc=False):
    """An account that was opened, after `version` events. `None` stands for one that was not."""

    account_id: int
    terms: Terms
    terms_version: int
    balance: int
    version: int
    holds: tuple[Hold, ...] = ()

    @property
    def held(self) -> int:
        return sum(hold.amount for hold in self.holds) if self.holds else 0

    @property
    def available(self) -> int:
        """What may be debited now: booked, less what is held, plus the unused overdraft limit."""
        return self.balance - self.held + self.terms.overdraft_limit

    def money(self, minor_units: int) -> Money:
        return Money(minor_units, self.terms.currency)


def stream_of(account_id: int) -> str:
    return f"account-{account_id}"


def evolve(account: Account | None, fact: AccountFact, account_id: int = 0) -> Account:
    """The account after one more fact. Never refuses: what was recorded happened.

    `account_id` is needed for the first fact of a stream only.
    """
    if account is None:
        assert isinstance(fact, Opened), f"{fact.TAG} before the account was opened"
        return Account(account_id, fact.terms, 1, fact.balance, 1)
    version = account.version + 1
    if isinstance(fact, TermsFact):
        return Account(account.account_id, fact.terms, version, fact.balance, version, fact.holds)
    terms, terms_version = account.terms, account.terms_version
    return Account(account.account_id, terms, terms_version, fact.balance, version, account.holds)


def restore(
    account_id: int,
    newest: AccountFact,
    newest_version: int,
    last_terms: TermsFact,
    terms_version: int,
) -> Account:
    """The account from its newest event and its last `TermsFact`; equal to folding the stream."""
    return Account(
        account_id,
        last_terms.terms,
        terms_version,
        newest.balance,
        newest_version,
        last_terms.holds,
    )


def opened(account: Account | None, account_id: int) -> Account:
    if account is None:
        raise AccountNotFound(account_id=account_id)
    return account


# --- Decisions: each answers the facts that follow, or raises the first refusal that applies.


def open_account(
    account: Account | None,
    *,
    account_id: int,
    account_type: str,
    currency: str,
    holders: tuple[Holder, ...],
    opened_on: dt.date,
    reference: str | None,
) -> list[AccountFact]:
    if account_type not in ACCOUNT_TYPES:
        raise UnknownAccountType(account_type=account_type, offered=", ".join(ACCOUNT_TYPES))
    if account is not None:
        raise AccountAlreadyOpen(account_id=account_id)
    terms = Terms(
        account_type=account_type,
        currency=currency,
        holders=holders,
        opened_on=opened_on,
        reference=reference,
    )
    return [Opened(terms=terms, balance=0)]


def deposit(account: Account, amount: int) -> list[AccountFact]:
    """Cash in, over the counter. It wakes a dormant account: its holder was there."""
    _check_credit(account, amount)
    facts: list[AccountFact] = []
    if account.terms.dormant:
        facts.append(_agreed(Reactivated, account, dormant=False))
        account = evolve(account, facts[0])
    facts.append(moved(Deposited, account, amount))
    return facts


def withdraw(account: Account, amount: int, *, forced: bool = False) -> list[AccountFact]:
    check_debit(account, amount, forced)
    return [moved(Withdrawn, account, amount, forced=_is_forced(account, amount))]


def send_transfer(account: Account, amount: int, to_account: int) -> list[AccountFact]:
    """The payer's half of a transfer; `receive_transfer` is the other.

    Most of what a bank decides is these two, so they are written out, which is quicker than `moved`.
    """
    if account.account_id == to_account:
        raise SameAccount(account_id=to_account)
    check_debit(account, amount, forced=False)
    balance, terms = account.balance - amount, account.terms_version
    return [TransferSent(amount=amount, balance=balance, terms=terms, to_account=to_account)]


def receive_transfer(account: Account, amount: int, payer: int) -> list[AccountFact]:
    _check_credit(account, amount)
    balance, terms = account.balance + amount, account.terms_version
    return [TransferReceived(amount=amount, balance=balance, terms=terms, from_account=payer)]


def send_payment(
    account: Account, amount: int, counterparty: str | None, *, forced: bool = False
) -> list[AccountFact]:
    check_debit(account, amount, forced)
    return [
        moved(
            PaymentSent,
            account,
            amount,
            counterparty=counterparty,
            forced=_is_forced(account, amount),
        )
    ]


def receive_payment(account: Account, amount: int, counterparty: str | None) -> list[AccountFact]:
    _check_credit(account, amount)
    return [moved(PaymentReceived, account, amount, counterparty=counterparty)]


def receive_loan(
    account: Account, amount: int, loan: int, *, refunded: bool = False
) -> list[AccountFact]:
    """The account's half of a loan that is paid out, or of an overpayment that is given back."""
    _check_credit(account, amount)
    return [moved(LoanRefunded if refunded else LoanReceived, account, amount, loan=loan)]


def repay_loan(
    account: Account, amount: int, loan: int, *, forced: bool = False
) -> list[AccountFact]:
    """The account's half of a repayment."""
    check_debit(account, amount, forced)
    return [moved(LoanRepaid, account, amount, loan=loan, forced=_is_forced(account, amount))]


def credit_interest(account: Account, amount: int) -> list[AccountFact]:
    _check_credit(account, amount)
    return [moved(InterestCredited, account, amount)]


def charge_interest(account: Account, amount: int) -> list[AccountFact]:
    """The bank's own debit: it is made whether or not the money is there."""
    return _take(InterestCharged, account, amount)


def capitalise_interest(account: Account, amount: int) -> list[AccountFact]:
    _check_credit(account, amount)
    return [moved(InterestCapitalised, account, amount)]


def capitalise_overdraft_interest(account: Account, amount: int) -> list[AccountFact]:
    """The bank's own debit: it is made whether or not the money is there."""
    return _take(OverdraftInterestCapitalised, account, amount)


def withhold_tax(account: Account, amount: int) -> list[AccountFact]:
    """Tax on interest, which the bank takes for the state whether or not the money is there."""
    return _take(TaxWithheld, account, amount)


def credit_adjustment(account: Account, amount: int) -> list[AccountFact]:
    _check_credit(account, amount)
    return [moved(AdjustmentCredited, account, amount)]


def debit_adjustment(account: Account, amount: int) -> list[AccountFact]:
    """The bank takes back what it gave too much; refused where the money is not there."""
    check_debit(account, amount, forced=False)
    return [moved(AdjustmentDebited, account, amount)]


def charge_fee(account: Account, amount: int) -> list[AccountFact]:
    """The bank's own debit: it is made whether or not the money is there."""
    return _take(FeeCharged, account, amount)


def reverse_credit(
    account: Account, amount: int, reverses: int, *, forced: bool = False
) -> list[AccountFact]:
    check_debit(account, amount, forced)
    return [
        moved(
            CreditReversed, account, amount, reverses=reverses, forced=_is_forced(account, amount)
        )
    ]


def reverse_debit(account: Account, amount: int, reverses: int) -> list[AccountFact]:
    _check_credit(account, amount)
    return [moved(DebitReversed, account, amount, reverses=reverses)]


def change_overdraft_limit(account: Account, limit: int) -> list[AccountFact]:
    """`limit` is how far below zero the balance may go; the same limit again is nothing new."""
    check_open(account)
    if account.terms.account_type != "checking" and limit:
        raise OverdraftNotOffered(account_type=account.terms.account_type)
    if account.balance - account.held < -limit:
        raise OverdraftLimitInUse(
            account_id=account.account_id,
            balance=account.money(account.balance),
            limit=account.money(limit),
        )
    if account.terms.overdraft_limit == limit:
        return []
    return [_agreed(OverdraftLimitChanged, account, overdraft_limit=limit)]


def freeze(
    account: Account, restriction: Literal["debit", "full"], authority: str | None
) -> list[AccountFact]:
    """Stop debits, or everything. A freeze replaces the one before; the same again is nothing new."""
    check_open(account)
    if account.terms.restriction == restriction:
        return []
    frozen = _agreed(Frozen, account, restriction=restriction)
    return [msgspec.structs.replace(frozen, authority=authority)]


def unfreeze(account: Account) -> list[AccountFact]:
    check_open(account)
    if account.terms.restriction == "none":
        raise AccountNotFrozen(account_id=account.account_id)
    return [_agreed(Unfrozen, account, restriction="none")]


def make_dormant(account: Account) -> list[AccountFact]:
    check_open(account)
    if account.terms.dormant:
        return []
    return [_agreed(MadeDormant, account, dormant=True)]


def reactivate(account: Account) -> list[AccountFact]:
    """The holder was identified again."""
    check_open(account)
    if not account.terms.dormant:
        raise AccountNotDormant(account_id=account.account_id)
    return [_agreed(Reactivated, account, dormant=False)]


def close(account: Account) -> list[AccountFact]:
    """For good. The balance must be zero; pay it out first."""
    check_open(account)
    if account.terms.restriction != "none":
        raise AccountFrozen(account_id=account.account_id, restriction=account.terms.restriction)
    if account.balance or account.held:
        raise BalanceNotZero(account_id=account.account_id, balance=account.money(account.balance))
    return [_agreed(Closed, account, closed=True)]


def check_open(account: Account) -> None:
    if account.terms.closed:
        raise AccountClosed(account_id=account.account_id)


def _check_credit(account: Account, amount: int) -> None:
    check_open(account)
    if account.terms.restriction == "full":
        raise AccountFrozen(account_id=account.account_id, restriction="full")
    if account.balance + amount > MINOR_UNITS_MAX:
        raise BalanceTooLarge(account_id=account.account_id)


def check_debit(account: Account, amount: int, forced: bool) -> None:
    check_open(account)
    terms = account.terms
    if terms.restriction != "none":
        raise AccountFrozen(account_id=account.account_id, restriction=terms.restriction)
    if forced:
        if account.balance - amount < -MINOR_UNITS_MAX:
            raise BalanceTooLarge(account_id=account.account_id)
        return
    if terms.dormant:
        raise AccountDormant(account_id=account.account_id)
    if amount > account.available:
        raise InsufficientFunds(
            account_id=account.account_id,
            available=account.money(account.available),
            requested=account.money(amount),
        )


def _take(kind: type[Movement], account: Account, amount: int) -> list[AccountFact]:
    check_debit(account, amount, forced=True)
    return [moved(kind, account, amount, forced=_is_forced(account, amount))]


def _is_forced(account: Account, amount: int) -> bool:
    """Whether a debit that passed the check was made although the money was not there."""
    return amount > account.available


def moved(kind: type[Movement], account: Account, amount: int, **more: Any) -> Movement:
    balance = account.balance + kind.SIGN * amount
    return kind(amount=amount, balance=balance, terms=account.terms_version, **more)


def _agreed(kind: type[TermsFact], account: Account, **changed: Any) -> TermsFact:
    terms = msgspec.structs.replace(account.terms, **changed)
    return kind(terms=terms, balance=account.balance, holds=account.holds)
