"""Migrations are applied once, in order, whoever else is applying them."""

import itertools
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from migrations import runner
from migrations.runner import ADVISORY_LOCK, MigrationError, migrate, pending, read_migrations

ROOT = Path(__file__).parents[2]
ACCOUNTS = "CREATE TABLE accounts (id bigint); INSERT INTO accounts VALUES (1), (2);"
HOLDS = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a hold is 100%% final; it stays';
END;
$$;
CREATE TABLE holds (id bigint);
CREATE TRIGGER refuse BEFORE DELETE ON holds FOR EACH STATEMENT EXECUTE FUNCTION refuse();
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "numbered"
    folder.mkdir()
    (folder / "0001_accounts.sql").write_text(ACCOUNTS)
    (folder / "0002_holds.sql").write_text(HOLDS)
    (folder / "runner.py").write_text("# not a migration")
    return folder


def rows(conninfo: str, query: LiteralString) -> list[tuple[object, ...]]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute(query).fetchall()


def test_migrations_are_applied_once_and_in_order(empty_database: str, folder: Path) -> None:
    before = pending(empty_database, folder=folder)
    first = migrate(empty_database, folder=folder)
    second = migrate(empty_database, folder=folder)

    assert before == first == ["0001_accounts.sql", "0002_holds.sql"]
    assert second == []
    assert pending(empty_database, folder=folder) == []
    assert rows(empty_database, "SELECT count(*) FROM accounts") == [(2,)]
    assert rows(empty_database, "SELECT number, name FROM migrations ORDER BY number") == [
        (1, "0001_accounts.sql"),
        (2, "0002_holds.sql"),
    ]


def test_asking_what_is_pending_changes_nothing(empty_database: str, folder: Path) -> None:
    pending(empty_database, folder=folder)

    assert rows(empty_database, "SELECT to_regclass('migrations')") == [(None,)]


def test_a_folder_without_migrations_is_fine(empty_database: str, tmp_path: Path) -> None:
    assert migrate(empty_database, folder=tmp_path) == []


def test_a_new_file_is_applied_after_the_old_ones(empty_database: str, folder: Path) -> None:
    migrate(empty_database, folder=folder)
    (folder / "0003_fees.sql").write_text("CREATE TABLE fees ()")

    assert migrate(empty_database, folder=folder) == ["0003_fees.sql"]


def test_a_file_that_fails_leaves_those_before_it_and_nothing_of_itself(
    empty_database: str, folder: Path
) -> None:
    (folder / "0003_fees.sql").write_text("CREATE TABLE fees (); SELECT 1 / 0;")

    with pytest.raises(MigrationError, match=r"0003_fees\.sql: division by zero"):
        migrate(empty_database, folder=folder)

    assert pending(empty_database, folder=folder) == ["0003_fees.sql"]
    assert rows(empty_database, "SELECT to_regclass('fees')") == [(None,)]
    (folder / "0003_fees.sql").write_text("CREATE TABLE fees ()")
    assert migrate(empty_database, folder=folder) == ["0003_fees.sql"]


def test_four_runners_at_once_apply_each_file_once(empty_database: str, folder: Path) -> None:
    for number in range(3, 20):
        (folder / f"{number:04}_more.sql").write_text(f"CREATE TABLE more_{number} ()")

    with ThreadPoolExecutor(4) as runners:
        applied = list(runners.map(lambda _: migrate(empty_database, folder=folder), range(4)))

    assert sorted(itertools.chain(*applied)) == [
        migration.name for migration in read_migrations(folder)
    ]
    assert pending(empty_database, folder=folder) == []


def test_a_runner_that_waits_in_vain_says_so(
    empty_database: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LOCK_WAIT_SECONDS", 0.2)

    with psycopg.connect(empty_database) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
        with pytest.raises(MigrationError, match="another migration has been running"):
            migrate(empty_database, folder=folder)

    assert migrate(empty_database, folder=folder) != []


def test_a_migration_does_not_queue_for_a_table_in_use(empty_database: str, folder: Path) -> None:
    migrate(empty_database, folder=folder)
    (folder / "0003_owner.sql").write_text("ALTER TABLE accounts ADD owner text")

    with psycopg.connect(empty_database) as reader:
        reader.execute("SELECT * FROM accounts")
        with pytest.raises(MigrationError, match=r"0003_owner\.sql: .*lock timeout"):
            migrate(empty_database, folder=folder)

    assert migrate(empty_database, folder=folder) == ["0003_owner.sql"]


def test_a_file_changed_after_it_was_applied_is_refused_by_its_name(
    empty_database: str, folder: Path
) -> None:
    migrate(empty_database, folder=folder)
    (folder / "0001_accounts.sql").write_text(ACCOUNTS + " ")
    (folder / "0003_fees.sql").write_text("CREATE TABLE fees ()")

    for ask in (migrate, pending):
        with pytest.raises(MigrationError, match=r"0001_accounts\.sql: changed"):
            ask(empty_database, folder=folder)

    assert rows(empty_database, "SELECT to_regclass('fees')") == [(None,)]


@pytest.mark.parametrize("renamed", [None, "0002_reservations.sql"])
def test_a_file_applied_but_no_longer_there_is_refused_by_its_name(
    empty_database: str, folder: Path, renamed: str | None
) -> None:
    migrate(empty_database, folder=folder)
    (folder / "0002_holds.sql").rename(folder / (renamed or "elsewhere"))

    with pytest.raises(MigrationError, match=r"0002_holds\.sql: applied to this database"):
        migrate(empty_database, folder=folder)


@pytest.mark.parametrize(
    ("name", "body", "reason"),
    [
        ("0004_fees.sql", "", r"^0004_fees\.sql: there is no 0003"),
        ("0002_holdings.sql", "", r"^0002_holds\.sql: the number 0002 is taken twice"),
        ("0000_start.sql", "", r"^0000_start\.sql: "),
        ("3_fees.sql", "", r"^3_fees\.sql: a migration is named NNNN_name\.sql"),
        ("0003_Fees.sql", "", r"^0003_Fees\.sql: a migration is named"),
        ("0003_fees.sql", "CREATE TABLE fees ();\nCOMMIT;\n", r"^0003_fees\.sql: .*transaction"),
        ("0003_fees.sql", "begin transaction;\n", r"^0003_fees\.sql: .*transaction"),
    ],
)
def test_files_that_cannot_be_ordered_or_rolled_back_are_refused(
    empty_database: str, folder: Path, name: str, body: str, reason: str
) -> None:
    (folder / name).write_text(body)

    with pytest.raises(MigrationError, match=reason):
        migrate(empty_database, folder=folder)

    assert rows(empty_database, "SELECT to_regclass('accounts')") == [(None,)]


def test_a_database_that_is_not_there_is_said_to_be_so(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="cannot connect"):
        migrate(f"host={tmp_path} dbname=books")


def run_module(conninfo: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "migrations"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"DAYBOOK_DATABASE_URL": conninfo},
    )


def test_the_module_migrates_the_database_of_the_environment(empty_database: str) -> None:
    first = run_module(empty_database)
    second = run_module(empty_database)

    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines() == [migration.name for migration in read_migrations()]
    assert second.stdout == "nothing to apply\n"
    assert pending(empty_database) == []


def test_the_module_asks_for_its_variable() -> None:
    done = run_module("")

    assert done.returncode == 2
    assert "DAYBOOK_DATABASE_URL" in done.stderr
