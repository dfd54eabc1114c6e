"""What each movement means in the ledger."""

import datetime as dt

import pytest

from domain.account_facts import (
    ACCOUNT_TYPES,
    AccountType,
    Credit,
    CreditReversed,
    Debit,
    DebitReversed,
    Holder,
    Movement,
    Terms,
    TermsFact,
)
from domain.facts import FACTS
from ledger.chart_of_accounts import CHART, CONTROL_ACCOUNT
from ledger.journal import Posting
from ledger.posting_rules import BANK_SIDE, entry_for
from tests.ledger.samples import SAMPLES

REVERSALS = {CreditReversed, DebitReversed}
MOVEMENTS = [fact for fact in FACTS.values() if issubclass(fact, Movement)]


def terms(account_type: AccountType) -> Terms:
    return Terms(account_type, "EUR", (Holder(7, "owner"),), dt.date(2024, 1, 1))


def test_every_movement_has_a_rule_but_for_reversals_which_mirror_the_entry_they_undo() -> None:
    assert {*MOVEMENTS} - REVERSALS == {*BANK_SIDE}


def test_every_account_type_has_a_control_account_with_sub_accounts() -> None:
    assert {*CONTROL_ACCOUNT} == {*ACCOUNT_TYPES}
    assert all(CHART[code].has_sub_accounts for code in CONTROL_ACCOUNT.values())
    assert len({*CONTROL_ACCOUNT.values()}) == len(CONTROL_ACCOUNT)


@pytest.mark.parametrize("account_type", ACCOUNT_TYPES)
@pytest.mark.parametrize("kind", BANK_SIDE, ids=lambda kind: kind.__name__)
def test_a_movement_is_the_customer_against_the_bank_and_balances(
    kind: type[Movement], account_type: AccountType
) -> None:
    fact = SAMPLES[kind.TAG].event.fact

    entry = entry_for(fact, "account-456", terms(account_type))

    control, bank = CONTROL_ACCOUNT[account_type], BANK_SIDE[kind]
    customer = ("D" if issubclass(kind, Debit) else "C", control, "account-456")
    # Where the bank's side has sub-accounts, they are those of billers.
    sub_account = "biller-3" if CHART[bank].has_sub_accounts else None
    other = ("C" if issubclass(kind, Debit) else "D", bank, sub_account)
    assert {(p.side, p.ledger_account, p.sub_account) for p in entry} == {customer, other}
    assert [(p.amount, p.currency) for p in entry] == [(fact.amount, "EUR")] * 2
    assert [p.side for p in entry] == ["D", "C"]


@pytest.mark.parametrize("kind", MOVEMENTS, ids=lambda kind: kind.__name__)
def test_a_movement_is_a_debit_or_a_credit_to_the_holder(kind: type[Movement]) -> None:
    assert issubclass(kind, Debit) != issubclass(kind, Credit)
    assert (-1 if issubclass(kind, Debit) else 1) == kind.SIGN


@pytest.mark.parametrize("tag", [tag for tag, fact in FACTS.items() if issubclass(fact, TermsFact)])
def test_a_change_of_terms_moves_no_money(tag: str) -> None:
    assert entry_for(SAMPLES[tag].event.fact, "account-456", terms("checking")) == ()


def test_the_two_halves_of_a_transfer_leave_nothing_in_transit() -> None:
    sent = SAMPLES["account.transfer-sent.1"].event.fact
    received = SAMPLES["account.transfer-received.1"].event.fact

    postings = [
        *entry_for(sent, "account-456", terms("checking")),
        *entry_for(received, "account-789", terms("savings")),
    ]

    assert postings == [
        Posting(2110, "account-456", "D", 2500, "EUR"),
        Posting(2320, None, "C", 2500, "EUR"),
        Posting(2320, None, "D", 2500, "EUR"),
        Posting(2120, "account-789", "C", 2500, "EUR"),
    ]
