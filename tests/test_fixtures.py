"""The fixtures give what they promise."""

import psycopg
import pytest

from migrations.runner import pending
from tests.durable_postgres import DurablePostgres


def _tables(conninfo: str) -> set[str]:
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        return {name for (name,) in rows}


def test_a_database_is_migrated(database: str) -> None:
    assert pending(database) == []
    assert "migrations" in _tables(database)


@pytest.mark.parametrize("round_", [1, 2])
def test_what_a_test_writes_is_gone_in_the_next(database: str, round_: int) -> None:
    before = _tables(database)

    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE left_behind ()")

    assert "left_behind" not in before
    assert "left_behind" in _tables(database)


@pytest.fixture(scope="module")
def noted_module_database(module_database: str) -> str:
    with psycopg.connect(module_database) as connection:
        connection.execute("CREATE TABLE kept_for_the_module ()")
    return module_database


@pytest.mark.parametrize("round_", [1, 2])
def test_a_module_database_lasts_for_the_module_and_is_not_that_of_a_test(
    noted_module_database: str, database: str, round_: int
) -> None:
    assert "kept_for_the_module" in _tables(noted_module_database)
    assert "kept_for_the_module" not in _tables(database)


def test_an_empty_database_has_no_tables(empty_database: str) -> None:
    assert _tables(empty_database) == set()


def test_a_durable_postgres_keeps_what_it_committed_when_it_is_killed(
    durable_postgres: DurablePostgres,
) -> None:
    conninfo = durable_postgres.conninfo
    with psycopg.connect(conninfo) as connection:
        connection.execute("CREATE TABLE committed AS SELECT 1 AS one")

    durable_postgres.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(conninfo)
    durable_postgres.start()

    assert durable_postgres.conninfo == conninfo
    assert _tables(conninfo) == {"committed"}
