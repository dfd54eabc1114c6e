"""A server that may forget is refused, each reason by its name."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from daybook.embedded_postgres import embedded_postgres
from daybook.postgres_programs import find_identity, find_programs
from daybook.server_check import ServerRefused, check_server


@pytest.fixture(scope="module")
def durable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The conninfo of a server as `daybook serve` runs it."""
    with embedded_postgres(tmp_path_factory.mktemp("durable")) as conninfo:
        yield conninfo


def execute(conninfo: str, statement: sql.SQL | sql.Composed) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(statement)


def test_our_own_server_will_do(durable: str) -> None:
    assert check_server(durable, {}) == []


@pytest.mark.parametrize("name", ["fsync", "full_page_writes"])
def test_a_server_with_a_setting_off_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    with (
        embedded_postgres(tmp_path, overrides={name: "off"}) as conninfo,
        pytest.raises(ServerRefused) as refused,
    ):
        check_server(conninfo, {})

    assert str(refused.value).startswith(f"{name} is off")
    assert f"ALTER SYSTEM SET {name} = on" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_data_sync_retry_is_refused(tmp_path: Path) -> None:
    with (
        embedded_postgres(tmp_path, overrides={"data_sync_retry": "on"}) as conninfo,
        pytest.raises(ServerRefused, match=r"^data_sync_retry is on"),
    ):
        check_server(conninfo, {})


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with (
        embedded_postgres(tmp_path, durable=False) as conninfo,
        pytest.raises(ServerRefused) as refused,
    ):
        check_server(conninfo, {})

    named = [line.split()[0] for line in str(refused.value).splitlines()]
    assert named == ["fsync", "full_page_writes", "synchronous_commit"]


def test_synchronous_commit_off_for_the_connected_role_alone_is_refused(durable: str) -> None:
    execute(durable, sql.SQL("CREATE ROLE hasty LOGIN"))
    execute(durable, sql.SQL("ALTER ROLE hasty SET synchronous_commit = off"))

    with pytest.raises(ServerRefused, match="synchronous_commit is off for role hasty"):
        check_server(make_conninfo(durable, user="hasty"), {})

    assert check_server(durable, {}) == []


def test_synchronous_commit_off_for_the_connected_database_alone_is_refused(durable: str) -> None:
    execute(durable, sql.SQL("CREATE DATABASE hasty_books"))
    execute(durable, sql.SQL("ALTER DATABASE hasty_books SET synchronous_commit = off"))

    with pytest.raises(ServerRefused, match="in database hasty_books"):
        check_server(make_conninfo(durable, dbname="hasty_books"), {})

    assert check_server(durable, {}) == []


def test_synchronous_commit_off_by_the_options_of_the_connection_is_refused(durable: str) -> None:
    with pytest.raises(ServerRefused, match="synchronous_commit is off"):
        check_server(make_conninfo(durable, options="-c synchronous_commit=off"), {})


def test_another_encoding_is_refused(durable: str) -> None:
    execute(durable, sql.SQL("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0"))

    with pytest.raises(ServerRefused, match=r"^the database is encoded in SQL_ASCII[^\n]*$"):
        check_server(make_conninfo(durable, dbname="ascii"), {})


def test_a_standby_is_refused(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path):
        pass
    (tmp_path / "postgres" / "standby.signal").touch()

    with embedded_postgres(tmp_path) as conninfo, pytest.raises(ServerRefused, match="standby"):
        check_server(conninfo, {})


def test_missing_checksums_are_a_warning(tmp_path: Path) -> None:
    with embedded_postgres(tmp_path):
        pass
    program = str(find_programs() / "pg_checksums")
    command = [*find_identity().prefix, program, "--disable", "-D", str(tmp_path / "postgres")]
    subprocess.run(command, check=True, capture_output=True)

    with embedded_postgres(tmp_path) as conninfo:
        warnings = check_server(conninfo, {})

    assert [warning.split()[0] for warning in warnings] == ["data_checksums"]


def test_a_commit_that_does_not_wait_for_the_named_standby_is_a_warning(tmp_path: Path) -> None:
    overrides = {"synchronous_standby_names": "other", "synchronous_commit": "local"}

    with embedded_postgres(tmp_path, overrides=overrides) as conninfo:
        warnings = check_server(conninfo, {})

    assert [warning.split()[0] for warning in warnings] == ["synchronous_commit"]


@pytest.mark.parametrize(
    "name", ["POSTGRES_ENABLE_DB_FUNCTIONS", "DAYBOOK_POSTGRES_ENABLE_DB_FUNCTIONS"]
)
@pytest.mark.parametrize("value", ["y", "TRUE", "1", "on"])
def test_the_mode_of_the_library_that_loses_events_is_refused(
    durable: str, name: str, value: str
) -> None:
    with pytest.raises(ServerRefused, match=f"^{name} is on"):
        check_server(durable, {name: value})


def test_that_mode_may_be_named_if_it_is_off(durable: str) -> None:
    assert check_server(durable, {"POSTGRES_ENABLE_DB_FUNCTIONS": "n"}) == []


def test_a_server_that_is_not_there_is_refused_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(ServerRefused, match="cannot connect") as refused:
        check_server(f"host={tmp_path} user=teller password=hunter2 dbname=books", {})

    assert "hunter2" not in str(refused.value)
