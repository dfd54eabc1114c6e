"""Accounts, their holders and their lives, as they are read."""

from decimal import Decimal

import pytest

from application import accounts as use_cases
from application.commands import Details
from ledger.journal import Recorded
from readmodels.accounts import account, accounts_of, can_see, holders
from readmodels.stream_history import events, original
from readmodels.transactions import transaction
from tests.bank import Bank, ask, deposit, open_account, register, told, transfer
from tests.readmodels.asking import moment, project, read


@pytest.fixture(scope="module")
def bank(module_database: str) -> str:
    with Bank(module_database) as bank:
        bank.submit_all([register(1), register(2)])
        bank.submit(open_account(1, reference="DE-1"))
        bank.submit(open_account(2, authorised=[2]))
        bank.submit(open_account(3, user_id=2, account_type="savings"))
        bank.submit(deposit(1, 100))
        bank.submit(use_cases.change_overdraft_limit(ask(), 1, Decimal(20)))
        bank.submit(use_cases.freeze(ask(), 2, "debit", "an order", "the court"))
        bank.submit(use_cases.close(ask(), 3, None))
        details = Details(
            description='Rent\\t "May" \\N \\', category="rent", tags=("a b", 'c"\\', "d,e")
        )
        answer = told(bank.submit(use_cases.transfer(ask(), 1, 2, Decimal(30), details)))
        assert answer.refused is None, answer
    project(module_database)
    return module_database


def test_an_account_shows_its_terms_and_what_is_available(bank: str) -> None:
    found = read(bank, lambda c: account(c, 1))

    assert found is not None
    assert (found.balance, found.overdraft_limit, found.available) == (7000, 2000, 9000)
    assert (found.reference, found.status, found.version) == ("DE-1", "active", 4)
    assert read(bank, lambda c: account(c, 9)) is None


def test_accounts_are_found_by_customer_reference_and_status_page_by_page(bank: str) -> None:
    def ids(**wanted: object) -> list[int]:
        return [row.account_id for row in read(bank, lambda c: accounts_of(c, **wanted))]  # type: ignore[arg-type]

    assert ids(limit=2) == [1, 2]
    assert ids(limit=2, after=2) == [3]
    assert ids(user_id=1, limit=9) == [1, 2]
    assert ids(user_id=2, limit=9) == [2, 3]
    assert ids(user_id=2, limit=9, after=2) == [3]
    assert ids(reference="DE-1", limit=9) == [1]
    assert ids(status="frozen", limit=9) == [2]
    assert ids(user_id=2, status="closed", limit=9) == [3]
    with pytest.raises(ValueError, match="1 to 1000"):
        ids(limit=0)


def test_a_holder_sees_an_account_and_a_stranger_does_not(bank: str) -> None:
    shown = read(bank, lambda c: holders(c, 2))

    assert [(row.user_id, row.right) for row in shown] == [(1, "owner"), (2, "authorised")]
    assert read(bank, lambda c: can_see(c, 2, 2))
    assert not read(bank, lambda c: can_see(c, 2, 1))


def test_what_was_said_of_a_transaction_is_kept_to_the_letter(bank: str) -> None:
    found = read(bank, lambda c: transaction(c, 10, moment(11)))

    assert found is not None
    assert found.description == 'Rent\\t "May" \\N \\'
    assert found.tags == ["a b", 'c"\\', "d,e"]
    assert (found.kind, found.source_account_id, found.destination_account_id) == ("transfer", 1, 2)
    assert (found.amount, found.status, found.category) == (3000, "completed", "rent")


def test_the_whole_life_of_a_stream_is_read_from_the_log_itself(bank: str) -> None:
    def of(stream: str, after_version: int, limit: int) -> list[Recorded]:
        return read(bank, lambda c: events(c, stream, after_version=after_version, limit=limit))

    assert [r.event.fact.TAG for r in of("account-3", 0, 9)] == [
        "account.opened.1",
        "account.closed.1",
    ]
    assert [r.originator_version for r in of("account-1", 1, 2)] == [2, 3]
    assert of("account-9", 0, 9) == []


def test_the_original_of_a_transaction_is_all_its_events_and_nothing_else(bank: str) -> None:
    assert [r.position for r in read(bank, lambda c: original(c, 10))] == [10, 11]
    assert [r.position for r in read(bank, lambda c: original(c, 6))] == [6]
    assert read(bank, lambda c: original(c, 11)) == []
    assert read(bank, lambda c: original(c, 12)) == []


def test_a_deposit_that_wakes_an_account_is_one_transaction(database: str) -> None:
    with Bank(database) as bank:
        bank.with_accounts({1: 0})
        bank.submit(use_cases.make_dormant(ask(), 1, "no sign of life"))
        bank.submit(deposit(1, 5))
        bank.submit(open_account(2))
        bank.submit(transfer(1, 2, 1))
    project(database, batch_events=1)

    known = read(database, lambda c: transaction(c, 4, moment(5)))
    not_yet = read(database, lambda c: transaction(c, 4, moment(4)))

    assert known is not None
    assert (known.kind, known.amount, known.destination_account_id) == ("deposit", 500, 1)
    assert not_yet is None
