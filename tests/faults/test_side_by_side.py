"""Writers of several processes on one log: what one has not seen, it must not decide on."""

import time
from typing import Any

import psycopg

from application import append
from domain.account_facts import Deposited
from ledger.journal import JournalEvent, encode
from ledger.log_tree import extended, leaves_of
from ledger.posting_rules import entry_for
from tests.bank import Bank, deposit, told, withdraw

WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def test_a_state_that_another_process_changed_is_not_refused_on(database: str) -> None:
    with Bank(database) as one, Bank(database) as other:
        one.with_accounts({1: 0, 2: 0, 3: 0})
        other.submit(deposit(1, 100))
        # The first of these finds that the log has moved, the second that it has not moved again.
        one.submit(deposit(2, 1))
        one.submit(deposit(3, 1))
        answer = told(one.submit(withdraw(1, 60)))

    assert answer.refused is None
    assert answer.balances == [4000]


def test_what_is_written_between_a_decision_and_its_commit_is_not_refused_on(database: str) -> None:
    """A refusal writes no event that could collide, so only the check of the head can see it."""
    with Bank(database).with_accounts({1: 0, 2: 0}) as bank:
        bank.submit(deposit(2, 1))
        with psycopg.connect(database) as other:
            other.execute(append.LOCK)
            refused_ahead = bank.send(withdraw(1, 60))
            _wait_until_it_waits(database)
            _append_deposit_of_100(bank, other)
        answer = told(refused_ahead.result(30))

    assert answer.refused is None
    assert answer.balances == [4000]


def _wait_until_it_waits(conninfo: str) -> None:
    deadline = time.monotonic() + 5
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while connection.execute(WAITING).fetchone() != (1,):
            assert time.monotonic() < deadline, "nobody waits for the append lock"
            time.sleep(0.01)


def _append_deposit_of_100(bank: Bank, connection: "psycopg.Connection[Any]") -> None:
    """As another process would, on a connection that has the append lock."""
    log = bank.log()
    opened = next(r for r in log if r.originator_id == "account-1")
    row = connection.execute(append.HEAD).fetchone()
    assert row is not None
    head = append.Head(*row)
    position = head.position + 1
    fact = Deposited(amount=10000, balance=10000, terms=1)
    event = JournalEvent(
        fact=fact,
        entry=entry_for(fact, "account-1", opened.event.fact.terms),
        transaction_id=position,
        booking_date=opened.event.booking_date,
        value_date=opened.event.value_date,
        recorded_at=append.next_instant(head),
        actor="system-0",
        command_id="another process",
    )
    leaf = (b"account-1", 2, fact.TAG.encode(), encode(event))
    peaks = extended(head.peaks, head.position, leaves_of(position, [leaf]))
    connection.execute(
        "INSERT INTO daybook_events VALUES (%s, %s, %s, %s, %s)",
        ["account-1", 2, fact.TAG, encode(event), position],
    )
    connection.execute(
        "INSERT INTO commits (last_position, first_position, recorded_at, peaks)"
        " VALUES (%s, %s, %s, %s)",
        [position, position, event.recorded_at, peaks],
    )
