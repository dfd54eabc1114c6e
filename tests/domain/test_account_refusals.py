"""What an account refuses, and which refusal is the answer where several would do."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from domain import account as accounts
from domain import refusals
from domain.account import Account
from domain.account_facts import AccountFact, AccountType, Holder, Terms
from domain.money import MINOR_UNITS_MAX
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
    Refused,
    SameAccount,
    UnknownAccountType,
)

Decision = Callable[[Account], list[AccountFact]]

# What can be wrong with an account, each with what it makes of a debit, in order of precedence.
WRONG: dict[str, dict[str, Any]] = {
    "closed": {"closed": True},
    "frozen": {"restriction": "full"},
    "dormant": {"dormant": True},
    "poor": {},
}

ORDINARY_DEBITS: dict[str, Decision] = {
    "withdraw": lambda a: accounts.withdraw(a, 10),
    "send a transfer": lambda a: accounts.send_transfer(a, 10, 789),
    "send a payment": lambda a: accounts.send_payment(a, 10, None),
    "reverse a credit": lambda a: accounts.reverse_credit(a, 10, 1),
}
FORCED_DEBITS: dict[str, Decision] = {
    "charge interest": lambda a: accounts.charge_interest(a, 10),
    "charge a fee": lambda a: accounts.charge_fee(a, 10),
    "withdraw by force": lambda a: accounts.withdraw(a, 10, forced=True),
    "send a payment by force": lambda a: accounts.send_payment(a, 10, None, forced=True),
}
CREDITS: dict[str, Decision] = {
    "deposit": lambda a: accounts.deposit(a, 10),
    "receive a transfer": lambda a: accounts.receive_transfer(a, 10, 789),
    "receive a payment": lambda a: accounts.receive_payment(a, 10, None),
    "credit interest": lambda a: accounts.credit_interest(a, 10),
    "reverse a debit": lambda a: accounts.reverse_debit(a, 10, 1),
}


def account(balance: int = 0, *, account_type: AccountType = "checking", **agreed: Any) -> Account:
    terms = Terms(account_type, "EUR", (Holder(7, "owner"),), dt.date(2024, 1, 1), **agreed)
    return Account(456, terms, 1, balance, 1)


def refusal_of(decision: Decision, on: Account) -> type[Refused] | None:
    try:
        decision(on)
    except Refused as refusal:
        return type(refusal)
    return None


def but_for(*right: str) -> dict[str, Any]:
    """The terms of an account with everything wrong, but for this."""
    agreed: dict[str, Any] = {}
    for name, wrong in WRONG.items():
        if name not in right:
            agreed |= wrong
    return agreed


@pytest.mark.parametrize("debit", ORDINARY_DEBITS.values(), ids=ORDINARY_DEBITS)
@pytest.mark.parametrize(
    ("agreed", "balance", "refusal"),
    [
        (but_for(), 0, AccountClosed),
        (but_for("closed"), 0, AccountFrozen),
        (but_for("closed") | {"restriction": "debit"}, 0, AccountFrozen),
        (but_for("closed", "frozen"), 0, AccountDormant),
        (but_for("closed", "frozen", "dormant"), 0, InsufficientFunds),
        (but_for("closed", "frozen", "dormant"), 9, InsufficientFunds),
        (but_for("closed", "frozen", "dormant"), 10, None),
        ({"overdraft_limit": 10}, -1, InsufficientFunds),
        ({"overdraft_limit": 10}, 0, None),
    ],
)
def test_debits_are_refused_in_order_of_precedence(
    debit: Decision, agreed: dict[str, Any], balance: int, refusal: type[Refused] | None
) -> None:
    assert refusal_of(debit, account(balance, **agreed)) is refusal


@pytest.mark.parametrize("debit", FORCED_DEBITS.values(), ids=FORCED_DEBITS)
@pytest.mark.parametrize(
    ("agreed", "balance", "refusal"),
    [
        (but_for(), -MINOR_UNITS_MAX, AccountClosed),
        (but_for("closed"), -MINOR_UNITS_MAX, AccountFrozen),
        (but_for("closed", "frozen"), -MINOR_UNITS_MAX, BalanceTooLarge),
        (but_for("closed", "frozen"), 10 - MINOR_UNITS_MAX, None),
    ],
)
def test_a_forced_debit_needs_no_money_but_an_account_that_is_open_and_free(
    debit: Decision, agreed: dict[str, Any], balance: int, refusal: type[Refused] | None
) -> None:
    assert refusal_of(debit, account(balance, **agreed)) is refusal


@pytest.mark.parametrize("credit", CREDITS.values(), ids=CREDITS)
@pytest.mark.parametrize(
    ("agreed", "balance", "refusal"),
    [
        (but_for(), MINOR_UNITS_MAX, AccountClosed),
        (but_for("closed"), MINOR_UNITS_MAX, AccountFrozen),
        ({"restriction": "debit"}, MINOR_UNITS_MAX, BalanceTooLarge),
        ({"restriction": "debit"}, MINOR_UNITS_MAX - 10, None),
        ({"dormant": True}, 0, None),
    ],
)
def test_credits_are_refused_in_order_of_precedence(
    credit: Decision, agreed: dict[str, Any], balance: int, refusal: type[Refused] | None
) -> None:
    assert refusal_of(credit, account(balance, **agreed)) is refusal


@pytest.mark.parametrize(
    ("decision", "on", "refusal"),
    [
        (accounts.unfreeze, account(closed=True), AccountClosed),
        (accounts.unfreeze, account(), AccountNotFrozen),
        (accounts.reactivate, account(closed=True), AccountClosed),
        (accounts.reactivate, account(), AccountNotDormant),
        (accounts.make_dormant, account(closed=True, dormant=True), AccountClosed),
        (lambda a: accounts.freeze(a, "full", None), account(closed=True), AccountClosed),
        (accounts.close, account(5, closed=True, restriction="full"), AccountClosed),
        (accounts.close, account(5, restriction="debit"), AccountFrozen),
        (accounts.close, account(5), BalanceNotZero),
        (accounts.close, account(-5, overdraft_limit=10), BalanceNotZero),
        (
            lambda a: accounts.change_overdraft_limit(a, 5),
            account(closed=True, account_type="savings"),
            AccountClosed,
        ),
        (
            lambda a: accounts.change_overdraft_limit(a, 5),
            account(-10, account_type="savings"),
            OverdraftNotOffered,
        ),
        (
            lambda a: accounts.change_overdraft_limit(a, 5),
            account(-6, overdraft_limit=10),
            OverdraftLimitInUse,
        ),
        (lambda a: accounts.change_overdraft_limit(a, 6), account(-6, overdraft_limit=10), None),
        (lambda a: accounts.change_overdraft_limit(a, 0), account(account_type="savings"), None),
        (
            lambda a: accounts.send_transfer(a, 10, a.account_id),
            account(0, closed=True),
            SameAccount,
        ),
    ],
)
def test_changes_of_terms_are_refused_in_order_of_precedence(
    decision: Decision, on: Account, refusal: type[Refused] | None
) -> None:
    assert refusal_of(decision, on) is refusal


@pytest.mark.parametrize(
    ("existing", "account_type", "refusal"),
    [
        (account(), "current", UnknownAccountType),
        (account(), "savings", AccountAlreadyOpen),
        (None, "savings", None),
    ],
)
def test_openings_are_refused_in_order_of_precedence(
    existing: Account | None, account_type: str, refusal: type[Refused] | None
) -> None:
    def open_again(_: Account) -> list[AccountFact]:
        return accounts.open_account(
            existing,
            account_id=456,
            account_type=account_type,
            currency="EUR",
            holders=(Holder(7, "owner"),),
            opened_on=dt.date(2024, 1, 1),
            reference=None,
        )

    assert refusal_of(open_again, account()) is refusal


def test_an_account_that_was_never_opened_is_not_found() -> None:
    with pytest.raises(AccountNotFound, match=r"There is no account 456\."):
        accounts.opened(None, 456)


def test_a_refusal_says_the_figures_in_the_currency_of_the_account() -> None:
    with pytest.raises(refusals.InsufficientFunds) as caught:
        accounts.withdraw(account(1_50, overdraft_limit=1_00), 2_51)

    assert str(caught.value) == "Account 456 has 2.50 EUR available; 2.51 EUR was asked for."
