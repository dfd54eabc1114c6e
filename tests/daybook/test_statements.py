"""A month's statement of every account: resumable, whole files only, and all on one position."""

import asyncio
import datetime as dt
import threading
import time
from argparse import Namespace
from decimal import Decimal as Major
from pathlib import Path

import psycopg
import pytest

from application import accounts as use_cases
from application.commands import Details
from daybook.loading import bring_views_up
from daybook.statements import (
    Made,
    StatementsRefused,
    formats_of,
    run,
    write_statements,
    write_whole,
)
from domain.statement import LETTERHEAD
from migrations.runner import migrate
from readmodels.statements.canonical import decode
from readmodels.statements.renderings import Format
from tests.bank import Bank, ask, deposit, told
from tests.durable_postgres import DurablePostgres

TODAY = dt.date(2026, 11, 20)


@pytest.fixture
def bank(database: str) -> None:
    fill(database)


def fill(database: str) -> None:
    """Thirty accounts with a booking in March."""
    with Bank(database) as running:
        running.with_accounts(dict.fromkeys(range(1, 31), 0))
        for number in range(1, 31):
            details = Details(booking_date=dt.date(2026, 3, 10), reason="late")
            running.submit(use_cases.deposit(ask(), number, Major(number), details))
    assert bring_views_up(database)


def made(
    database: str, folder: Path, *forms: Format, month: str = "2026-03", today: dt.date = TODAY
) -> Made:
    folder.mkdir(exist_ok=True)
    return asyncio.run(
        write_statements(
            database, folder, month=month, forms=list(forms), bank=LETTERHEAD, today=today
        )
    )


def test_every_account_gets_its_statement_in_each_format(
    bank: None, database: str, tmp_path: Path
) -> None:
    wrote = made(database, tmp_path, "json", "camt053", "pdf")

    assert (wrote.written, wrote.already_there, wrote.missing) == (90, 0, [])
    for number in range(1, 31):
        name = f"statement-{number}-2026-03-01-2026-03-31"
        stated = decode((tmp_path / f"{name}.json").read_bytes())
        assert (stated.account.account_id, stated.closing_balance) == (number, number * 100)
        assert (tmp_path / f"{name}.pdf").read_bytes().startswith(b"%PDF-")
        assert (tmp_path / f"{name}.xml").read_bytes().startswith(b"<?xml")
    assert not list(tmp_path.glob(".*"))


def test_a_run_goes_on_where_another_was_ended_and_on_the_same_position(
    bank: None, database: str, tmp_path: Path
) -> None:
    one, ended = tmp_path / "one", tmp_path / "ended"
    made(database, one, "json", "csv")
    made(database, ended, "json", "csv")
    gone = [path for path in sorted(ended.glob("statement-*")) if "-1-" in path.name]
    for path in gone:
        path.unlink()
    # What a run leaves that is killed while it writes.
    (ended / f".{gone[0].name}.part").write_bytes(b"half")
    with Bank(database) as again:
        again.submit(deposit(1, 5))
        details = Details(booking_date=dt.date(2026, 3, 5), reason="later still")
        again.submit(use_cases.deposit(ask(), 1, Major(9), details))
    assert bring_views_up(database)

    wrote = made(database, ended, "json", "csv")

    assert (wrote.written, wrote.already_there) == (len(gone), 60 - len(gone))
    assert {p.name: p.read_bytes() for p in ended.iterdir()} == {
        p.name: p.read_bytes() for p in one.iterdir()
    }


def test_a_file_has_its_name_only_once_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)

    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "statement.pdf", b"all of it")

    assert not (tmp_path / "statement.pdf").exists()


def test_what_an_account_cannot_be_stated_in_is_told_and_the_rest_is_made(
    bank: None, database: str, tmp_path: Path
) -> None:
    with Bank(database) as again:
        # More digits than MT940 has room for.
        details = Details(booking_date=dt.date(2026, 3, 5), reason="a large one")
        large = again.submit(use_cases.deposit(ask(), 7, Major(9_999_999_999_000), details))
    assert large.status == 201, told(large)
    assert bring_views_up(database)

    wrote = made(database, tmp_path, "mt940", "csv")

    assert wrote.written == 59
    assert [line.partition(":")[0] for line in wrote.missing] == ["account 7, mt940"]


def test_the_command_says_what_it_did_and_goes_on_after_the_store_was_away(
    durable_postgres: DurablePostgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    conninfo = durable_postgres.conninfo
    migrate(conninfo)
    fill(conninfo)
    monkeypatch.setenv("DAYBOOK_DATABASE_URL", conninfo)
    monkeypatch.setenv("DAYBOOK_DATA", str(tmp_path / "data"))
    folder = tmp_path / "out" / "march"
    arguments = Namespace(month="2026-03", format="pdf,json", folder=folder)
    ending = threading.Thread(target=_end_connections, args=(conninfo, folder))
    ending.start()

    with pytest.raises(StatementsRefused, match="what is written stays, run it again"):
        run(arguments)
    ending.join()
    there = len(list(folder.glob("statement-*")))
    statuses = [run(arguments), run(arguments)]

    assert statuses == [0, 0]
    assert 0 < there < 60
    assert capsys.readouterr().out.splitlines() == [
        f"daybook: {60 - there} files written, {there} were there, 0 could not be",
        "daybook: 0 files written, 60 were there, 0 could not be",
    ]


def _end_connections(conninfo: str, folder: Path) -> None:
    """Once the first files are there, end every connection but this one."""
    deadline = time.monotonic() + 30
    with psycopg.connect(conninfo, autocommit=True) as connection:
        while not list(folder.glob("statement-*.json")):
            assert time.monotonic() < deadline, "nothing was written"
            time.sleep(0.01)
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.mark.parametrize("month", ["2026-13", "march", "2026-12"])
def test_a_month_that_is_none_or_has_not_begun_is_refused(
    bank: None, database: str, tmp_path: Path, month: str
) -> None:
    with pytest.raises(StatementsRefused, match="--month"):
        made(database, tmp_path, "csv", month=month)


def test_formats_are_read_by_name() -> None:
    assert formats_of("camt053, pdf") == ["pdf", "camt053"]
    with pytest.raises(StatementsRefused, match="docx"):
        formats_of("pdf,docx")
