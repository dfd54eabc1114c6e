"""Many commands at once: what is decided together, what fails alone, and what is turned away."""

import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
import pytest

from application import append, transact
from application.append import APPEND_LOCK
from application.books import Books, Command, Transaction
from application.commands import NO_DETAILS, SYSTEM, transaction
from application.transact import Unavailable
from domain import account as accounts
from domain.refusals import ReferenceTaken
from tests.bank import Bank, ask, balances_of, deposit, open_account, told, transfer, withdraw


@contextmanager
def log_locked(conninfo: str) -> Iterator[None]:
    """Another process has the append lock and does not let go of it."""
    with psycopg.connect(conninfo) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [APPEND_LOCK])
        yield


def broken(account_id: int) -> Command:
    def decide(books: Books) -> list[Transaction]:
        raise ZeroDivisionError("a decision is broken")

    return ask().command({"call": "broken"}, (f"account-{account_id}",), decide)


def refused_half_way(account_id: int) -> Command:
    """Posts a deposit and a claim, and is then refused."""
    stream = f"account-{account_id}"

    def decide(books: Books) -> list[Transaction]:
        posted = transaction(SYSTEM, NO_DETAILS, books)
        books.post(posted, account_id, accounts.deposit(books.account(account_id), 100))
        books.claim("name", stream)
        raise ReferenceTaken(reference="name")

    return ask().command({"call": "half"}, (stream,), decide, claims=("name",))


@pytest.mark.parametrize("together", [True, False], ids=["one commit", "as they come"])
def test_of_a_hundred_debits_of_1_against_50_exactly_50_are_made(
    database: str, together: bool
) -> None:
    with Bank(database).with_accounts({1: 50}) as bank:
        debits = [withdraw(1, 1) for _ in range(100)]
        if together:
            answers = bank.submit_all(debits)
        else:
            answers = [sent.result(60) for sent in [bank.send(debit) for debit in debits]]

    refused = [told(answer).refused for answer in answers]
    assert refused.count(None) == 50
    assert refused.count("InsufficientFunds") == 50
    assert balances_of(bank.log()) == {"account-1": 0}


def test_of_a_hundred_debits_through_two_writers_exactly_50_are_made(database: str) -> None:
    with Bank(database) as one, Bank(database) as other:
        one.with_accounts({1: 50})
        sent = [bank.send(withdraw(1, 1)) for _ in range(50) for bank in (one, other)]
        refused = [told(each.result(60)).refused for each in sent]

    assert refused.count(None) == 50
    assert refused.count("InsufficientFunds") == 50
    assert balances_of(one.log()) == {"account-1": 0}


def test_the_same_key_from_fifty_callers_of_two_writers_is_one_transfer(database: str) -> None:
    with Bank(database) as one, Bank(database) as other:
        one.with_accounts({1: 50, 2: 0})
        sent = [bank.send(transfer(1, 2, 1, "key")) for _ in range(25) for bank in (one, other)]
        answers = [each.result(60) for each in sent]

    assert len({answer.body for answer in answers}) == 1
    assert [answer.replayed for answer in answers].count(False) == 1
    assert balances_of(one.log()) == {"account-1": 4900, "account-2": 100}


def test_commands_of_one_commit_see_what_those_before_them_left(database: str) -> None:
    with Bank(database).with_accounts({1: 0}) as bank:
        answers = bank.submit_all(
            [
                withdraw(1, 1),
                deposit(1, 5),
                withdraw(1, 5),
                withdraw(1, 1),
                open_account(2),
                deposit(2, 1),
            ]
        )

    refused = [told(answer).refused for answer in answers]
    assert refused == ["InsufficientFunds", None, None, "InsufficientFunds", None, None]


def test_a_command_refused_half_way_leaves_nothing_to_those_after_it(database: str) -> None:
    with Bank(database).with_accounts({1: 0}) as bank:
        answers = bank.submit_all([refused_half_way(1), withdraw(1, 1), deposit(1, 2)])
        linked = bank.submit_all([deposit(1, 1), refused_half_way(1)], linked=True)
        after = told(bank.submit(withdraw(1, 2)))
    with psycopg.connect(database) as connection:
        claimed = connection.execute("SELECT count(*) FROM claims").fetchone()

    refused = [told(answer).refused for answer in (*answers, *linked)]
    assert refused == ["ReferenceTaken", "InsufficientFunds", None, "NotApplied", "ReferenceTaken"]
    assert after.balances == [0]
    assert claimed == (0,)


def test_linked_commands_happen_all_or_not_at_all(database: str) -> None:
    with Bank(database).with_accounts({1: 10, 2: 0}) as bank:
        done = bank.submit_all([transfer(1, 2, 4), transfer(2, 1, 4)], linked=True)
        refused = bank.submit_all([transfer(1, 2, 4), transfer(1, 2, 7)], linked=True)
        after = told(bank.submit(deposit(1, 1)))

    assert [told(answer).refused for answer in done] == [None, None]
    assert [told(answer).refused for answer in refused] == ["NotApplied", "InsufficientFunds"]
    assert told(refused[0]).figures == {"failed": "1"}
    assert after.balances == [1100]


def test_linked_commands_under_one_key_are_refused_and_not_an_error(database: str) -> None:
    with Bank(database).with_accounts({1: 10}) as bank:
        answers = bank.submit_all([deposit(1, 1, "key"), deposit(1, 2, "key")], linked=True)

    assert [told(answer).refused for answer in answers] == ["KeyReused", "KeyReused"]
    assert balances_of(bank.log()) == {"account-1": 1000}


def test_linked_commands_asked_again_are_answered_as_they_were(database: str) -> None:
    with Bank(database).with_accounts({1: 10, 2: 0}) as bank:
        asked = [
            bank.submit_all([transfer(1, 2, 4, "one"), transfer(1, 2, 7, "two")], linked=True)
            for _ in range(2)
        ]

    assert [answer.body for answer in asked[0]] == [answer.body for answer in asked[1]]
    assert [answer.replayed for answer in asked[1]] == [True, True]


def test_a_broken_decision_fails_alone(database: str) -> None:
    with Bank(database).with_accounts({1: 10}) as bank:
        with log_locked(database):
            # They wait together, so that they are decided together.
            sent = [bank.send(deposit(1, 1)) for _ in range(5)]
            poison = bank.send(broken(1))
            sent += [bank.send(deposit(1, 1)) for _ in range(5)]
        statuses = [each.result(60).status for each in sent]

        with pytest.raises(ZeroDivisionError):
            poison.result(60)
        afterwards = bank.submit(deposit(1, 1))

    assert statuses == [201] * 10
    assert told(afterwards).balances == [2100]


def test_a_broken_decision_fails_alone_among_those_submitted_one_by_one(database: str) -> None:
    with Bank(database).with_accounts({1: 0}) as bank:
        sent = [bank.send(deposit(1, 1) if n % 10 else broken(1)) for n in range(100)]
        wait(sent, 60)

    failed = [each for each in sent if isinstance(each.exception(), ZeroDivisionError)]
    assert len(failed) == 10
    assert balances_of(bank.log()) == {"account-1": 9000}


def test_load_beyond_the_bound_of_the_queue_is_turned_away_at_once(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transact, "QUEUE_MAX", 100)
    with Bank(database).with_accounts({1: 0}) as bank:
        with log_locked(database):
            sent = [bank.send(deposit(1, 1)) for _ in range(150)]
            turned_away = wait(sent, 1.0).done
        done = [each.result(60).status for each in sent if each not in turned_away]
        again = bank.submit(deposit(1, 1))

    assert len(turned_away) == 50
    assert {type(each.exception()) for each in turned_away} == {Unavailable}
    assert done == [201] * 100
    assert told(again).balances == [10100]


def test_a_lock_that_cannot_be_had_in_time_is_told_as_not_done(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(append, "CONNECTION_OPTIONS", "-c lock_timeout=300ms")
    with Bank(database).with_accounts({1: 0}) as bank:
        with log_locked(database):
            sent = bank.send(deposit(1, 1, "key"))
            with pytest.raises(Unavailable):
                sent.result(30)
        again = bank.submit(deposit(1, 1, "key"))

    assert told(again).balances == [100]
    assert not again.replayed


def test_a_bank_that_stops_answers_what_it_was_asked(database: str) -> None:
    with Bank(database).with_accounts({1: 0}) as bank:
        sent = [bank.send(deposit(1, 1)) for _ in range(500)]

    assert [each.result(1).status for each in sent] == [201] * 500


FAULT = """
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not read block 7' USING ERRCODE = '{sqlstate}'; END $$;
    CREATE TRIGGER fault BEFORE INSERT ON daybook_events EXECUTE FUNCTION fail();
"""


@pytest.mark.parametrize("sqlstate", ["XX000", "XX001", "25006", "58030", "53100"])
def test_a_fault_of_the_store_is_told_as_not_done_and_not_as_a_fault_of_the_command(
    database: str, sqlstate: str
) -> None:
    """A disk that cannot be read, damaged data, a server gone read-only, a disk that is full."""
    with Bank(database).with_accounts({1: 50}) as bank:
        with psycopg.connect(database) as connection:
            connection.execute(FAULT.replace("{sqlstate}", sqlstate))
        for command in (deposit(1, 1), withdraw(1, 1)):
            with pytest.raises(Unavailable, match=sqlstate):
                bank.submit(command)
        with psycopg.connect(database) as connection:
            connection.execute("DROP TRIGGER fault ON daybook_events")
        answer = told(bank.submit(withdraw(1, 1)))

    assert answer.balances == [4900]


HELD_COMMIT = """
    CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        WHILE NOT EXISTS (SELECT FROM claims WHERE name = 'go on') LOOP
            PERFORM pg_sleep(0.02);
        END LOOP;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER held AFTER INSERT ON commits DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION hold();
"""
HOLDING = "SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
WAITING_SINCE = "SELECT waitstart FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def test_what_a_lost_connection_may_still_commit_is_never_told_as_not_done(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit hangs, the connection is lost, and the next run cannot have the lock in time."""
    options = append.CONNECTION_OPTIONS.replace("lock_timeout=5s", "lock_timeout=300ms")
    monkeypatch.setattr(append, "CONNECTION_OPTIONS", options)
    with (
        Bank(database).with_accounts({1: 50}) as bank,
        psycopg.connect(database, autocommit=True) as other,
    ):
        other.execute(HELD_COMMIT)
        sent = bank.send(deposit(1, 1))
        until_some(other, HOLDING)
        with socket.socket(
            fileno=os.dup(bank.writer._connections._by_name["writer"].fileno())
        ) as line:
            line.shutdown(socket.SHUT_RDWR)
        first = until_some(other, WAITING_SINCE)
        while until_some(other, WAITING_SINCE) == first:
            assert not sent.done(), sent.exception()
        other.execute("INSERT INTO claims VALUES ('go on', 'nobody')")
        answer = told(sent.result(60))
        log = bank.log()

    assert answer.balances == [5100]
    assert balances_of(log)["account-1"] == 5100


def until_some(connection: "psycopg.Connection[Any]", query: LiteralString) -> Any:
    """The first row of the query, once there is one."""
    deadline = time.monotonic() + 60
    while (row := connection.execute(query).fetchone()) is None:
        assert time.monotonic() < deadline, query
        time.sleep(0.01)
    return row
