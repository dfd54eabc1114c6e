"""The life of an account, told as history, command and outcome."""

import datetime as dt
from collections.abc import Callable
from functools import reduce
from typing import Any

import pytest

from domain import account as accounts
from domain.account import Account, evolve
from domain.account_facts import (
    AccountFact,
    Closed,
    CreditReversed,
    DebitReversed,
    Deposited,
    FeeCharged,
    Frozen,
    Holder,
    InterestCharged,
    InterestCredited,
    MadeDormant,
    Opened,
    OverdraftLimitChanged,
    PaymentReceived,
    PaymentSent,
    Reactivated,
    Restriction,
    Terms,
    TransferReceived,
    TransferSent,
    Unfrozen,
    Withdrawn,
)

TERMS = Terms("checking", "EUR", (Holder(7, "owner"),), dt.date(2024, 1, 1))
OPENED = Opened(terms=TERMS, balance=0)


def terms(**changed: Any) -> Terms:
    return Terms(TERMS.account_type, "EUR", TERMS.holders, TERMS.opened_on, **changed)


def deposited(amount: int, balance: int, last_terms: int = 1) -> Deposited:
    return Deposited(amount=amount, balance=balance, terms=last_terms)


def given(*facts: AccountFact) -> Account:
    account = reduce(lambda state, fact: evolve(state, fact, 456), facts, None)
    assert account is not None
    return account


def test_an_account_is_opened_with_its_terms_and_nothing_on_it() -> None:
    facts = accounts.open_account(
        None,
        account_id=456,
        account_type="savings",
        currency="CZK",
        holders=(Holder(7, "owner"), Holder(8, "authorised")),
        opened_on=dt.date(1993, 1, 1),
        reference="berka-576",
    )

    assert facts == [
        Opened(
            terms=Terms(
                account_type="savings",
                currency="CZK",
                holders=(Holder(7, "owner"), Holder(8, "authorised")),
                opened_on=dt.date(1993, 1, 1),
                reference="berka-576",
            ),
            balance=0,
        )
    ]


def test_a_deposit_adds_and_says_the_balance_after_it() -> None:
    account = given(OPENED, deposited(100, 100))

    facts = accounts.deposit(account, 50)

    assert facts == [deposited(50, 150)]


def test_a_withdrawal_takes_away_and_may_take_all() -> None:
    account = given(OPENED, deposited(100, 100))

    facts = accounts.withdraw(account, 100)

    assert facts == [Withdrawn(amount=100, balance=0, terms=1)]


def test_an_overdraft_limit_of_10_lets_90_pay_100() -> None:
    limit = OverdraftLimitChanged(terms=terms(overdraft_limit=10), balance=90)
    account = given(OPENED, deposited(90, 90), limit)

    facts = accounts.withdraw(account, 100)

    assert facts == [Withdrawn(amount=100, balance=-10, terms=3)]


def test_a_transfer_leaves_the_payer_and_reaches_the_payee() -> None:
    payer, payee = given(OPENED, deposited(100, 100)), given(OPENED)

    sent = accounts.send_transfer(payer, 30, 789)
    received = accounts.receive_transfer(payee, 30, 456)

    assert sent == [TransferSent(amount=30, balance=70, terms=1, to_account=789)]
    assert received == [TransferReceived(amount=30, balance=30, terms=1, from_account=456)]


def test_payments_name_the_account_at_the_other_bank() -> None:
    account = given(OPENED, deposited(100, 100))

    sent = accounts.send_payment(account, 30, "YZ/87144583")
    received = accounts.receive_payment(account, 30, None)

    assert sent == [PaymentSent(amount=30, balance=70, terms=1, counterparty="YZ/87144583")]
    assert received == [PaymentReceived(amount=30, balance=130, terms=1)]


def test_interest_is_credited_and_charged() -> None:
    account = given(OPENED, deposited(100, 100))

    credited = accounts.credit_interest(account, 3)
    charged = accounts.charge_interest(account, 3)

    assert credited == [InterestCredited(amount=3, balance=103, terms=1)]
    assert charged == [InterestCharged(amount=3, balance=97, terms=1)]


def test_what_the_bank_charges_is_taken_without_the_money_and_marked_as_forced() -> None:
    account = given(OPENED, deposited(100, 100))

    within = accounts.charge_fee(account, 100)
    beyond = accounts.charge_fee(account, 101)

    assert within == [FeeCharged(amount=100, balance=0, terms=1)]
    assert beyond == [FeeCharged(amount=101, balance=-1, terms=1, forced=True)]


def test_a_forced_withdrawal_within_the_available_balance_is_an_ordinary_one() -> None:
    account = given(OPENED, deposited(100, 100))

    within = accounts.withdraw(account, 100, forced=True)
    beyond = accounts.withdraw(account, 101, forced=True)

    assert within == [Withdrawn(amount=100, balance=0, terms=1)]
    assert beyond == [Withdrawn(amount=101, balance=-1, terms=1, forced=True)]


def test_a_reversal_gives_back_a_debit_and_takes_back_a_credit() -> None:
    account = given(OPENED, deposited(100, 100))

    taken_back = accounts.reverse_credit(account, 100, 12)
    given_back = accounts.reverse_debit(account, 40, 12)

    assert taken_back == [CreditReversed(amount=100, balance=0, terms=1, reverses=12)]
    assert given_back == [DebitReversed(amount=40, balance=140, terms=1, reverses=12)]


def test_a_deposit_over_the_counter_wakes_a_dormant_account() -> None:
    account = given(OPENED, MadeDormant(terms=terms(dormant=True), balance=0))

    facts = accounts.deposit(account, 5)

    assert facts == [Reactivated(terms=terms(), balance=0), deposited(5, 5, last_terms=3)]


@pytest.mark.parametrize(
    "credit",
    [
        lambda account: accounts.receive_transfer(account, 5, 9),
        lambda account: accounts.receive_payment(account, 5, None),
        lambda account: accounts.credit_interest(account, 5),
    ],
    ids=["transfer", "payment", "interest"],
)
def test_a_credit_that_the_holder_did_not_make_leaves_an_account_dormant(
    credit: Callable[[Account], list[AccountFact]],
) -> None:
    account = given(OPENED, MadeDormant(terms=terms(dormant=True), balance=0))

    after = reduce(evolve, credit(account), account)

    assert (after.terms.status, after.balance) == ("dormant", 5)


def test_an_account_frozen_for_debits_still_takes_credits() -> None:
    account = given(OPENED, Frozen(terms=terms(restriction="debit"), balance=0))

    facts = accounts.deposit(account, 5)

    assert facts == [deposited(5, 5, last_terms=2)]


def test_a_freeze_replaces_the_one_before() -> None:
    account = given(OPENED, Frozen(terms=terms(restriction="debit"), balance=0))

    facts = accounts.freeze(account, "full", "court of Prague 1")

    assert facts == [
        Frozen(terms=terms(restriction="full"), balance=0, authority="court of Prague 1")
    ]


def test_an_account_is_what_it_was_before_it_was_frozen_when_it_is_unfrozen() -> None:
    before = given(OPENED, deposited(100, 100))

    frozen = reduce(evolve, accounts.freeze(before, "full", None), before)
    unfreezing = accounts.unfreeze(frozen)

    assert unfreezing == [Unfrozen(terms=TERMS, balance=100)]


def test_an_empty_account_is_closed_for_good() -> None:
    account = given(OPENED, deposited(100, 100), Withdrawn(amount=100, balance=0, terms=1))

    facts = accounts.close(account)

    assert facts == [Closed(terms=terms(closed=True), balance=0)]


@pytest.mark.parametrize(
    ("restriction", "dormant", "closed", "status"),
    [
        ("none", False, False, "active"),
        ("none", True, False, "dormant"),
        ("debit", False, False, "frozen"),
        ("full", True, False, "frozen"),
        ("full", True, True, "closed"),
    ],
)
def test_the_strongest_of_what_is_true_of_an_account_is_its_status(
    restriction: Restriction, dormant: bool, closed: bool, status: str
) -> None:
    agreed = terms(restriction=restriction, dormant=dormant, closed=closed)

    assert agreed.status == status


@pytest.mark.parametrize(
    ("history", "command"),
    [
        ([], lambda account: accounts.change_overdraft_limit(account, 0)),
        (
            [OverdraftLimitChanged(terms=terms(overdraft_limit=10), balance=0)],
            lambda account: accounts.change_overdraft_limit(account, 10),
        ),
        (
            [Frozen(terms=terms(restriction="debit"), balance=0)],
            lambda account: accounts.freeze(account, "debit", "another authority"),
        ),
        ([MadeDormant(terms=terms(dormant=True), balance=0)], accounts.make_dormant),
    ],
    ids=["no limit", "limit", "freeze", "dormant"],
)
def test_terms_that_are_so_already_are_nothing_new(
    history: list[AccountFact], command: Callable[[Account], list[AccountFact]]
) -> None:
    account = given(OPENED, *history)

    facts = command(account)

    assert facts == []


def test_every_fact_counts_one_version_and_a_movement_names_the_last_terms() -> None:
    account = given(OPENED, deposited(9, 9), Frozen(terms=terms(restriction="debit"), balance=9))

    assert (account.version, account.terms_version) == (3, 3)
    assert accounts.deposit(account, 1)[0].terms == 3


def test_a_fact_before_the_opening_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="before the account was opened"):
        evolve(None, deposited(1, 1), 456)


def test_an_account_restored_from_its_newest_fact_is_the_folded_one() -> None:
    facts: list[AccountFact] = [
        OPENED,
        deposited(9, 9),
        Frozen(terms=terms(restriction="debit"), balance=9),
    ]
    facts.append(deposited(1, 10, last_terms=3))

    from_terms = accounts.restore(456, facts[2], 3, facts[2], 3)  # type: ignore[arg-type]
    from_movement = accounts.restore(456, facts[3], 4, facts[2], 3)  # type: ignore[arg-type]

    assert from_terms == given(*facts[:3])
    assert from_movement == given(*facts)
