"""The log replayed says what the writer said, and a log that no writer can have left is told."""

import psycopg
import pytest

from application.replay import LogDamaged, replay
from tests.bank import Bank, balances_of, transfer, withdraw

FORGE = "SET session_replication_role = replica"


def test_a_replay_of_the_log_leaves_every_stream_where_the_writer_left_it(database: str) -> None:
    with Bank(database).with_accounts({1: 100, 2: 50, 3: 0}) as bank:
        bank.submit(transfer(1, 2, "12.34"))
        bank.submit(transfer(2, 3, "60.00"))
        bank.submit(withdraw(3, "1000.00"))
        log = bank.log()

    with psycopg.connect(database) as connection:
        replayed = replay(connection)

    balances = {s: a.balance for s, a in replayed.states.items() if s.startswith("account-")}  # type: ignore[attr-defined]
    assert balances == balances_of(log)
    assert {s: a.version for s, a in replayed.states.items()} == {
        recorded.originator_id: recorded.originator_version for recorded in log
    }
    assert replayed.position == log[-1].position


def test_an_empty_log_is_at_position_zero(database: str) -> None:
    with psycopg.connect(database) as connection:
        replayed = replay(connection)

    assert (replayed.position, replayed.states) == (0, {})


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("DELETE FROM daybook_events WHERE notification_id = 2", "after position 1 comes 3"),
        (
            """UPDATE daybook_events SET originator_version = 9
                WHERE originator_id = 'account-2' AND originator_version = 2""",
            "account-2 has version 9 where 2 is due",
        ),
    ],
)
def test_a_log_that_was_tampered_with_is_not_replayed(
    database: str, damage: str, said: str
) -> None:
    with Bank(database).with_accounts({1: 100, 2: 50}):
        pass
    with psycopg.connect(database) as connection:
        connection.execute(FORGE)
        connection.execute(damage)

    with psycopg.connect(database) as connection, pytest.raises(LogDamaged) as damaged:
        replay(connection)

    assert str(damaged.value) == said
