"""What the program may do in the database, and what nobody may do (V3, V4)."""

import multiprocessing
from collections.abc import Iterator
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from application.event_store import LogRecorder, open_ledger
from tests.bank import Bank, balances_of, deposit, told, transfer, withdraw

LOG_TABLES = ("daybook_events", "commits", "commands", "claims")
# Every table, function, type and sequence outside the system's own schemas.
OBJECTS: LiteralString = """
    SELECT 'relation', oid::regclass::text FROM pg_class WHERE oid >= 16384 AND relkind <> 't'
     UNION ALL SELECT 'function', oid::regprocedure::text FROM pg_proc WHERE oid >= 16384
     UNION ALL SELECT 'type', oid::regtype::text FROM pg_type WHERE oid >= 16384
     UNION ALL SELECT 'schema', nspname FROM pg_namespace WHERE oid >= 16384
        AND nspname NOT LIKE 'pg_%'
     ORDER BY 1, 2
"""


@pytest.fixture
def least(database: str) -> Iterator[str]:
    """The conninfo of a login that has the rights of the writer, and no others."""
    login = f"least_{abs(hash(database))}"
    with psycopg.connect(database, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(login)))
        owner.execute(sql.SQL("GRANT daybook_writer TO {}").format(sql.Identifier(login)))
        yield make_conninfo(database, user=login)
        owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(login)))


def objects(conninfo: str) -> list[tuple[str, str]]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute(OBJECTS).fetchall()


def test_a_role_that_may_only_read_and_add_runs_the_whole_write_path(
    database: str, least: str
) -> None:
    with Bank(least) as one, Bank(least) as other:
        one.with_accounts({1: 10, 2: 10})
        answers = [told(bank.submit(transfer(1, 2, 1, "key"))) for bank in (one, other, one)]
        refused = told(other.submit(withdraw(1, 100)))

    assert [answer.refused for answer in answers] == [None, None, None]
    assert len({answer.transaction_id for answer in answers}) == 1
    assert refused.refused == "InsufficientFunds"
    assert balances_of(one.log()) == {"account-1": 900, "account-2": 1100}


def test_the_event_store_reads_and_appends_with_the_same_role(database: str, least: str) -> None:
    with Bank(least) as bank:
        bank.with_accounts({1: 10})
    ledger = open_ledger(least)

    stored = ledger.recorder.select_events("account-1")
    ledger.close()

    assert [event.topic for event in stored] == ["account.opened.1", "account.deposited.1"]


@pytest.mark.parametrize("table", LOG_TABLES)
@pytest.mark.parametrize("change", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("who", ["the program", "the owner"])
def test_nobody_changes_what_was_written(
    database: str, least: str, who: str, table: str, change: LiteralString
) -> None:
    columns = {"daybook_events": "state", "commits": "recorded_at", "commands": "answer"}
    column = sql.Identifier(columns.get(table, "holder"))
    names = [sql.Identifier(table), column, column][: change.count("{}")]

    with (
        psycopg.connect(least if who == "the program" else database) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(sql.SQL(change).format(*names))


def _start_and_deposit(conninfo: str, number: int) -> None:
    ledger = open_ledger(conninfo)
    with Bank(conninfo) as bank:
        answer = bank.submit(deposit(1, 1, f"key-{number}"))
        assert told(answer).refused is None
    ledger.close()


def test_processes_that_start_together_make_nothing_in_the_database(
    database: str, least: str
) -> None:
    with Bank(database) as bank:
        bank.with_accounts({1: 0})
    before = objects(database)
    spawn = multiprocessing.get_context("spawn")

    together = [spawn.Process(target=_start_and_deposit, args=(least, n)) for n in range(6)]
    for process in together:
        process.start()
    for process in together:
        process.join(60)

    assert [process.exitcode for process in together] == [0] * 6
    assert objects(database) == before
    assert balances_of(bank.log()) == {"account-1": 600}


def test_the_recorder_makes_no_table_even_when_it_is_asked_to(database: str) -> None:
    ledger = open_ledger(database)
    recorder = ledger.recorder
    assert isinstance(recorder, LogRecorder)

    with pytest.raises(RuntimeError, match="migrate"):
        recorder.create_table()

    ledger.close()
