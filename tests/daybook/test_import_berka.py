"""The import as it is run: killed, from the command line, and on the real bank."""

import asyncio
import datetime as dt
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from argparse import Namespace
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from daybook.berka_files import find_files
from daybook.import_berka import run
from readmodels.accounts import accounts_of
from readmodels.balances import balance
from readmodels.moments import resolve
from tests.berka_folder import FILES, MOVEMENTS, TRANS, books, imported, refusals, rows, written
from tests.durable_postgres import DurablePostgres

ROOT = Path(__file__).parents[2]


PROGRAM = """
import asyncio, datetime, sys
from pathlib import Path
from daybook.berka import import_berka
from daybook.berka_files import find_files
from tests.keys import keyring_of
files = find_files(Path(sys.argv[2]))
keyring = keyring_of(sys.argv[1])
asyncio.run(
    import_berka(
        sys.argv[1], files, keyring=keyring, zone=datetime.UTC, advance=lambda read: None
    )
)
"""
ACCOUNTS = 300
ROWS_EACH = 30


def _larger_bank(folder: Path) -> Path:
    chance = random.Random(1)
    balances = [0] * ACCOUNTS
    lines = []
    for number in range(1, ROWS_EACH + 1):
        for account in range(ACCOUNTS):
            credit = chance.random() < 0.6
            amount = chance.randrange(1, 100_000)
            balances[account] += amount if credit else -amount
            kind = "PRIJEM,VKLAD" if credit else "VYDAJ,VYBER"
            printed = f"{amount // 100}.{amount % 100:02}"
            trans_id = number * ACCOUNTS + account
            balance = Decimal(balances[account]).scaleb(-2)
            lines.append(
                f"{trans_id},{account + 1},1993-03-{number:02},{kind},{printed},{balance},,,,{number}"
            )
    return written(
        folder,
        client=[FILES["client"][0], *(f"{n},706213,1" for n in range(1, ACCOUNTS + 1))],
        account=[FILES["account"][0], *(f"{n},1,X,930101" for n in range(1, ACCOUNTS + 1))],
        disp=[FILES["disp"][0], *(f"{n},{n},{n},OWNER" for n in range(1, ACCOUNTS + 1))],
        trans=[TRANS, *lines],
    )


def test_an_import_killed_again_and_again_leaves_the_same_bank_as_one_that_was_not(
    database: str, module_database: str, tmp_path: Path
) -> None:
    folder = _larger_bank(tmp_path)
    command = [sys.executable, "-c", PROGRAM, database, str(folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    reached = []
    with psycopg.connect(database, autocommit=True) as connection:
        # Among the clients, among the accounts, and twice among the transactions.
        for events in (1, 400, 2_000, 5_000):
            importing = subprocess.Popen(command, env=environment)
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and importing.poll() is None:
                (head,) = connection.execute(
                    "SELECT max(last_position) FROM commits"
                ).fetchone() or (0,)
                if (head or 0) >= events:
                    break
            importing.send_signal(signal.SIGKILL)
            importing.wait(10)
            row = connection.execute("SELECT max(last_position) FROM commits").fetchone()
            reached.append(row[0] if row else 0)

    resumed = imported(database, folder)
    uninterrupted = imported(module_database, folder)

    assert reached[0] < 2 * ACCOUNTS + ACCOUNTS * ROWS_EACH
    assert resumed.transactions.already_there >= reached[-1] - 2 * ACCOUNTS > 0
    assert books(database) == books(module_database)
    assert resumed.transactions.read == uninterrupted.transactions.posted == ACCOUNTS * ROWS_EACH
    assert refusals(resumed) == []


# --- From the command line


def test_the_command_reports_to_a_machine_and_fails_where_a_row_was_refused(
    durable_postgres: DurablePostgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DAYBOOK_DATABASE_URL", durable_postgres.conninfo)
    monkeypatch.setenv("DAYBOOK_DATA", str(tmp_path / "data"))
    folder = written(tmp_path / "files", trans=[*FILES["trans"], "a,bad,row"])

    status = run(Namespace(folder=folder, json=True))

    figures = json.loads(capsys.readouterr().out)
    assert status == 1
    assert (figures["rows_read"], figures["posted"], figures["refused"]) == (19, 15, 1)
    assert figures["refusals"] == [
        {
            "place": {"file": "trans.csv.gz", "line": 12},
            "reason": "the row has 3 fields, and should have 11",
        }
    ]
    assert figures["largest_difference"]["amount"] == "0.04"


def test_the_command_tells_a_person_the_same(
    durable_postgres: DurablePostgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DAYBOOK_DATABASE_URL", durable_postgres.conninfo)
    monkeypatch.setenv("DAYBOOK_DATA", str(tmp_path / "data"))

    status = run(Namespace(folder=written(tmp_path / "files"), json=False))
    told = capsys.readouterr().out
    known = asyncio.run(_balance(durable_postgres.conninfo, "berka-576", dt.date(1993, 1, 31)))
    missing = run(Namespace(folder=tmp_path / "nowhere", json=False))

    assert status == 0
    assert "largest difference from a printed balance: 0.04 CZK, account 576" in told
    assert ("transactions", "10", "10", "0", "0") in [
        tuple(line.split()) for line in told.split("\n")
    ]
    assert known == 712716
    assert missing == 2
    assert "nowhere is not a folder" in capsys.readouterr().err


async def _balance(conninfo: str, reference: str, as_of: dt.date) -> int | None:
    """What the read models say at once, without waiting for any projector."""
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        (account,) = await accounts_of(connection, reference=reference, limit=2)
        moment = await resolve(connection, as_of=as_of, known_at=None, today=dt.date(2100, 1, 1))
        row = await balance(connection, account.account_id, moment)
    return None if row is None else row.balance


# --- The real bank


def _real_files() -> Path | None:
    """The folder named by DAYBOOK_BERKA_DIR, else one called `berka` beside or above the project."""
    given = os.environ.get("DAYBOOK_BERKA_DIR")
    places = [Path(given)] if given else []
    places += [above / "berka" for above in (ROOT, *ROOT.parents)]
    return next((place for place in places if (place / "account.csv.gz").is_file()), None)


def test_the_real_bank_is_imported_whole_and_answers_what_its_files_say(database: str) -> None:
    folder = _real_files()
    if folder is None:
        pytest.skip("the Berka files are not here: name their folder in DAYBOOK_BERKA_DIR")

    report = imported(database, folder)

    assert refusals(report) == []
    assert (report.clients.posted, report.accounts.posted) == (5369, 4500)
    assert report.transactions.read == report.transactions.posted >= 46_997
    assert report.largest_step is not None
    assert report.largest_step.amount <= Decimal("0.10")
    assert report.largest_difference is not None
    assert report.largest_difference.amount < 1
    computed = {
        (reference.removeprefix("account-reference/berka-")): int(balance)
        for reference, _, _, _, balance, booked in rows(database, MOVEMENTS)
        if booked <= "1994-01-31"
    }
    printed: dict[str, Decimal] = {}
    for path in find_files(folder).trans:
        for line in gzip.decompress(path.read_bytes()).decode().splitlines()[1:]:
            fields = line.split(",")
            if fields[2] <= "1994-01-31":
                printed[fields[1]] = Decimal(fields[6])
    assert len(printed) > 1_000
    assert all(abs(Decimal(computed[a]).scaleb(-2) - printed[a]) < 1 for a in printed)
    assert abs(Decimal(computed["576"]).scaleb(-2) - printed["576"]) <= Decimal("0.20")
