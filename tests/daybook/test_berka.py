"""The Berka bank is brought in whole, once, each row under its own date."""

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
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from daybook.berka import Report, import_berka
from daybook.berka_files import BerkaError, find_files
from daybook.import_berka import run
from tests.bank import read_log
from tests.durable_postgres import DurablePostgres

ROOT = Path(__file__).parents[2]
TRANS = (
    "trans_id,account_id,date,type,operation,amount,balance,k_symbol,bank,account,seq_in_account"
)
FILES = {
    "client": ["client_id,birth_number,district_id", "1,706213,18", "2,450204,1", "3,406009,1"],
    "account": [
        "account_id,district_id,frequency,date",
        "576,55,POPLATEK MESICNE,930101",
        "704,55,POPLATEK TYDNE,970131",
    ],
    "disp": [
        "disp_id,client_id,account_id,type",
        "1,1,576,OWNER",
        "2,2,576,DISPONENT",
        "3,3,704,OWNER",
    ],
    "trans": [
        TRANS,
        "11,576,1993-01-01,PRIJEM,VKLAD,900.00,900.00,,,,1",
        "12,576,1993-01-11,PRIJEM,PREVOD Z UCTU,6207.00,7107.00,DUCHOD,YZ,30300313,2",
        "21,704,1993-01-12,PRIJEM,VKLAD,100.00,100.00,,,,1",
        "13,576,1993-01-31,PRIJEM,,20.16,7127.20,UROK,,,3",
        "14,576,1993-02-02,VYDAJ,PREVOD NA UCET,7000.00,127.20,SIPO,AB,1,4",
        "15,576,1993-02-03,VYBER,VYBER,200.00,-72.80,,,0,5",
        "16,576,1993-02-04,VYDAJ,VYBER,14.60,-87.40,SLUZBY,,,6",
        "17,576,1993-02-05,VYDAJ,VYBER,0.10,-87.50,SANKC. UROK,,,7",
        "18,576,1993-02-06,VYDAJ,VYBER KARTOU,10.00,-97.50,,,0,8",
        "19,576,1993-02-07,VYDAJ,PREVOD NA UCET,2.50,-100.00,UVER,AB,1,9",
    ],
}
MOVEMENTS = """
    SELECT a.name, convert_from(e.state, 'UTF8')::json ->> 'command_id', e.topic,
           convert_from(e.state, 'UTF8')::json #>> '{fact,amount}',
           convert_from(e.state, 'UTF8')::json #>> '{fact,balance}',
           convert_from(e.state, 'UTF8')::json ->> 'booking_date'
      FROM daybook_events e JOIN claims a ON a.holder = e.originator_id
     WHERE a.name LIKE 'account-reference/%' ORDER BY a.name, e.originator_version
"""


def _written(folder: Path, **changed: Iterable[str | bytes]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, lines in {**FILES, **changed}.items():
        rows = [line if isinstance(line, bytes) else line.encode() for line in lines]
        (folder / f"{name}.csv.gz").write_bytes(gzip.compress(b"\n".join(rows) + b"\n"))
    return folder


def _imported(conninfo: str, folder: Path) -> Report:
    files = find_files(folder)
    return asyncio.run(import_berka(conninfo, files, zone=dt.UTC, advance=lambda _: None))


def _refusals(report: Report) -> list[tuple[str, str]]:
    return [(str(fault.place), fault.reason) for fault in report.refusals]


def _rows(conninfo: str, query: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute(query).fetchall()


def _books(conninfo: str) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """All that an import leaves, without what depends on when it ran: movements in order, users."""
    users = _rows(conninfo, "SELECT username, role FROM users ORDER BY username")
    return _rows(conninfo, MOVEMENTS), users


def test_every_row_becomes_what_the_bank_called_it(database: str, tmp_path: Path) -> None:
    report = _imported(database, _written(tmp_path))

    assert _refusals(report) == []
    events = [r.event for r in read_log(database) if r.event.command_id.startswith("berka-trans")]
    assert [
        (e.command_id, e.fact.TAG, str(e.booking_date), e.fact.balance, e.category) for e in events
    ] == [
        ("berka-trans-11", "account.deposited.1", "1993-01-01", 90000, None),
        ("berka-trans-12", "account.payment-received.1", "1993-01-11", 710700, "DUCHOD"),
        ("berka-trans-21", "account.deposited.1", "1993-01-12", 10000, None),
        ("berka-trans-13", "account.interest-credited.1", "1993-01-31", 712716, "UROK"),
        ("berka-trans-14", "account.payment-sent.1", "1993-02-02", 12716, "SIPO"),
        ("berka-trans-15", "account.withdrawn.1", "1993-02-03", -7284, None),
        ("berka-trans-16", "account.fee-charged.1", "1993-02-04", -8744, "SLUZBY"),
        ("berka-trans-17", "account.interest-charged.1", "1993-02-05", -8754, "SANKC. UROK"),
        ("berka-trans-18", "account.withdrawn.1", "1993-02-06", -9754, None),
        ("berka-trans-19", "account.payment-sent.1", "1993-02-07", -10004, "UVER"),
    ]
    forced = [e.command_id[12:] for e in events if getattr(e.fact, "forced", False)]
    assert forced == ["15", "16", "17", "18", "19"]
    assert {(e.reason, e.value_date == e.booking_date) for e in events} == {("import", True)}
    assert events[1].fact.counterparty == "YZ 30300313"
    assert events[0].description == "berka trans 11"


def test_accounts_are_opened_for_their_owner_and_whom_he_authorised(
    database: str, tmp_path: Path
) -> None:
    _imported(database, _written(tmp_path))

    users = dict(_rows(database, "SELECT username, user_id FROM users"))
    terms = {
        r.event.fact.terms.reference: r.event.fact.terms
        for r in read_log(database)
        if r.event.fact.TAG == "account.opened.1"
    }
    assert [(h.user_id, h.right) for h in terms["berka-576"].holders] == [
        (users["berka-client-1"], "owner"),
        (users["berka-client-2"], "authorised"),
    ]
    assert [h.user_id for h in terms["berka-704"].holders] == [users["berka-client-3"]]
    assert {t.reference: str(t.opened_on) for t in terms.values()} == {
        "berka-576": "1993-01-01",
        "berka-704": "1997-01-31",
    }
    assert {(t.currency, t.account_type) for t in terms.values()} == {("CZK", "checking")}


def test_nothing_of_a_client_is_kept_but_a_number_and_nobody_signs_in_as_one(
    database: str, tmp_path: Path
) -> None:
    _imported(database, _written(tmp_path))

    users = _rows(database, "SELECT username, email, password_hash FROM users ORDER BY user_id")
    assert users[0] == ("berka-client-1", "berka-client-1@berka.invalid", "!")
    assert "706213" not in str(_rows(database, "SELECT u FROM users u"))
    assert all(
        b"706213" not in state for (state,) in _rows(database, "SELECT state FROM daybook_events")
    )


def test_the_second_import_changes_nothing_and_says_so(database: str, tmp_path: Path) -> None:
    _imported(database, _written(tmp_path))
    before, log = _books(database), read_log(database)

    report = _imported(database, tmp_path)

    assert (_books(database), read_log(database)) == (before, log)
    counts = (report.clients, report.accounts, report.transactions)
    assert [(c.read, c.posted, c.already_there, c.refused) for c in counts] == [
        (3, 0, 3, 0),
        (2, 0, 2, 0),
        (10, 0, 10, 0),
    ]


def test_the_differences_are_measured_against_what_the_bank_keeps(
    database: str, tmp_path: Path
) -> None:
    report = _imported(database, _written(tmp_path))

    step, largest = report.largest_step, report.largest_difference
    assert step is not None
    assert (step.amount, step.trans_id) == (Decimal("0.04"), 13)
    assert largest is not None
    assert (largest.amount, str(largest.place)) == (Decimal("0.04"), "trans.csv.gz:5")


BAD_TRANSACTIONS = [
    ("11,576,1993-01-01,PRIJEM,VKLAD,9o0.00,900.00,,,,1", "the amount is '9o0.00'"),
    ("11,576,1993-01-01,PRIJEM,VKLAD,NaN,900.00,,,,1", "the amount is 'NaN'"),
    ("11,576,1993-01-01,PRIJEM,VKLAD,1e400,900.00,,,,1", "the amount is '1e400'"),
    ("11,576,1993-01-01,PRIJEM,VKLAD,0.00,900.00,,,,1", "must be greater than zero"),
    ("11,576,1993-01-01,PRIJEM,VKLAD,-1.00,900.00,,,,1", "must be greater than zero"),
    ("11,576,1993-01-01,PRIJEM,VKLAD,1.001,900.00,,,,1", "more decimals than CZK"),
    ("11,576,1993-02-30,PRIJEM,VKLAD,900.00,900.00,,,,1", "there is no day 1993-02-30"),
    ("11,576,930101,PRIJEM,VKLAD,900.00,900.00,,,,1", "should be like 1993-01-05"),
    ("11,576,2999-01-01,PRIJEM,VKLAD,900.00,900.00,,,,1", "is after today"),
    ("11,576,1850-01-01,PRIJEM,VKLAD,900.00,900.00,,,,1", "is outside 1900-01-01"),
    ("11,576,1993-01-01,VYDAJ,VKLAD,900.00,900.00,,,,1", "no movement is of type 'VYDAJ'"),
    ("11,576,1993-01-01,PRIJEM,,900.00,900.00,,,,1", "no movement is of type 'PRIJEM'"),
    ("x,576,1993-01-01,PRIJEM,VKLAD,900.00,900.00,,,,1", "the trans_id is 'x'"),
    ("11,999,1993-01-01,PRIJEM,VKLAD,900.00,900.00,,,,1", "account 999 was not opened"),
    ("11,576,1993-01-01,PRIJEM,VKLAD", "the row has 5 fields, and should have 11"),
    ('11,576,1993-01-01,PRIJEM,VKLAD,"900.00,900.00,,,,1', "the line is no CSV"),
    (b"11,576,1993-01-01,PRIJEM,VKLAD,900.00,900.00,\xff,,,1", "the line is not UTF-8"),
    ("11,576,1993-01-01,PRIJEM,VKLAD,900.00,900.00,\x00,,,1", "cannot be printed"),
    (f"11,576,1993-01-01,PRIJEM,VKLAD,900.00,900.00,{'x' * 41},,,1", "longer than 40 characters"),
    ("x" * 100_000, "the line is longer than 4096 bytes"),
    ("12,576,1993-03-01,PRIJEM,VKLAD,900.00,900.00,,,,10", "used before with another amount"),
]


@pytest.mark.parametrize(("row", "reason"), BAD_TRANSACTIONS)
def test_a_bad_row_is_named_by_file_and_line_and_nothing_else_is_lost(
    database: str, tmp_path: Path, row: str | bytes, reason: str
) -> None:
    good = FILES["trans"][2:]

    report = _imported(database, _written(tmp_path, trans=[TRANS, *good, row]))

    ((place, said),) = _refusals(report)
    assert place == "trans.csv.gz:11"
    assert reason in said
    assert (report.transactions.read, report.transactions.posted) == (10, 9)
    assert len(_rows(database, MOVEMENTS)) == 2 + 9


def test_bad_clients_accounts_and_dispositions_are_named_and_what_hangs_on_them_too(
    database: str, tmp_path: Path
) -> None:
    clients = [*FILES["client"], "x,1,1", "1,1,1"]
    accounts = [
        *FILES["account"],
        "800,1,POPLATEK MESICNE,931301",
        "900,1,X,930101",
        "576,1,X,930101",
    ]
    disp = [*FILES["disp"], "4,9,704,DISPONENT", "5,1,5,OWNER", "6,1,704,OWNER", "7,1,704,LODGER"]

    report = _imported(database, _written(tmp_path, client=clients, account=accounts, disp=disp))

    assert _refusals(report) == [
        ("account.csv.gz:4", "there is no day 1993-13-01"),
        ("account.csv.gz:5", "account 900 has no owner in disp.csv.gz"),
        ("account.csv.gz:6", "account 576 stands in account.csv.gz:2 already"),
        ("client.csv.gz:5", "the client_id is 'x', and should be a number above zero"),
        ("client.csv.gz:6", "client 1 stands in client.csv.gz:2 already"),
        ("disp.csv.gz:5", "client 9 is not in client.csv.gz"),
        ("disp.csv.gz:6", "account 5 is not in account.csv.gz"),
        ("disp.csv.gz:7", "account 704 has an owner already"),
        ("disp.csv.gz:8", "the type is 'LODGER', and should be OWNER or DISPONENT"),
    ]
    assert report.transactions.posted == 10


def test_a_row_that_was_mended_is_posted_by_the_next_import(database: str, tmp_path: Path) -> None:
    bad = [row.replace("6207.00", "62o7.00") for row in FILES["trans"]]
    first = _imported(database, _written(tmp_path, trans=bad))

    second = _imported(database, _written(tmp_path))

    assert [place for place, _ in _refusals(first)] == ["trans.csv.gz:3"]
    assert (second.transactions.posted, second.transactions.already_there) == (1, 9)
    assert _rows(database, MOVEMENTS)[-3][4] == "-10004"


def test_rows_in_any_order_are_posted_in_the_order_of_their_account(
    database: str, tmp_path: Path
) -> None:
    rows = FILES["trans"][1:]
    random.Random(5).shuffle(rows)

    report = _imported(database, _written(tmp_path, trans=[TRANS, *rows]))

    assert _refusals(report) == []
    keys = [key for reference, key, *_ in _rows(database, MOVEMENTS) if reference.endswith("576")]
    assert keys[1:] == [f"berka-trans-{number}" for number in range(11, 20)]


def test_a_file_that_ends_early_loses_only_its_end(database: str, tmp_path: Path) -> None:
    _written(tmp_path)
    whole = gzip.compress("\n".join(FILES["trans"]).encode(), compresslevel=0)
    (tmp_path / "trans.csv.gz").write_bytes(whole[:-200])

    report = _imported(database, tmp_path)

    ((place, reason),) = _refusals(report)
    assert place.startswith("trans.csv.gz:")
    assert "the rest of the file cannot be read" in reason
    assert 0 < report.transactions.posted < 10


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("disp", None, "holds no disp.csv.gz"),
        ("trans", None, "holds no transactions"),
        ("account", b"account_id,district_id\n", "account.csv.gz:1: the header lacks date"),
        ("account", b"", "account.csv.gz:1: the header lacks account_id, date"),
    ],
)
def test_a_folder_that_is_no_berka_bank_is_refused_before_anything_is_written(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    path = _written(tmp_path) / f"{name}.csv.gz"
    path.unlink()
    if content is not None:
        path.write_bytes(gzip.compress(content))

    with pytest.raises(BerkaError, match=said):
        find_files(tmp_path)


def test_a_file_that_is_not_gzip_is_refused_by_name(tmp_path: Path) -> None:
    (_written(tmp_path) / "trans.csv.gz").write_text(TRANS)

    with pytest.raises(BerkaError, match=r"trans\.csv\.gz cannot be read"):
        find_files(tmp_path)


# --- Killed


PROGRAM = """
import asyncio, datetime, sys
from pathlib import Path
from daybook.berka import import_berka
from daybook.berka_files import find_files
files = find_files(Path(sys.argv[2]))
asyncio.run(import_berka(sys.argv[1], files, zone=datetime.UTC, advance=lambda read: None))
"""
ACCOUNTS = 300
ROWS_EACH = 30


def _larger_bank(folder: Path) -> Path:
    chance = random.Random(1)
    balances = [0] * ACCOUNTS
    rows = []
    for number in range(1, ROWS_EACH + 1):
        for account in range(ACCOUNTS):
            credit = chance.random() < 0.6
            amount = chance.randrange(1, 100_000)
            balances[account] += amount if credit else -amount
            kind = "PRIJEM,VKLAD" if credit else "VYDAJ,VYBER"
            printed = f"{amount // 100}.{amount % 100:02}"
            trans_id = number * ACCOUNTS + account
            balance = Decimal(balances[account]).scaleb(-2)
            rows.append(
                f"{trans_id},{account + 1},1993-03-{number:02},{kind},{printed},{balance},,,,{number}"
            )
    return _written(
        folder,
        client=[FILES["client"][0], *(f"{n},706213,1" for n in range(1, ACCOUNTS + 1))],
        account=[FILES["account"][0], *(f"{n},1,X,930101" for n in range(1, ACCOUNTS + 1))],
        disp=[FILES["disp"][0], *(f"{n},{n},{n},OWNER" for n in range(1, ACCOUNTS + 1))],
        trans=[TRANS, *rows],
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

    resumed = _imported(database, folder)
    uninterrupted = _imported(module_database, folder)

    assert reached[0] < 2 * ACCOUNTS + ACCOUNTS * ROWS_EACH
    assert resumed.transactions.already_there >= reached[-1] - 2 * ACCOUNTS > 0
    assert _books(database) == _books(module_database)
    assert resumed.transactions.read == uninterrupted.transactions.posted == ACCOUNTS * ROWS_EACH
    assert _refusals(resumed) == []


# --- From the command line


def test_the_command_reports_to_a_machine_and_fails_where_a_row_was_refused(
    durable_postgres: DurablePostgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DAYBOOK_DATABASE_URL", durable_postgres.conninfo)
    monkeypatch.setenv("DAYBOOK_DATA", str(tmp_path / "data"))
    folder = _written(tmp_path / "files", trans=[*FILES["trans"], "a,bad,row"])

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

    status = run(Namespace(folder=_written(tmp_path / "files"), json=False))
    told = capsys.readouterr().out
    missing = run(Namespace(folder=tmp_path / "nowhere", json=False))

    assert status == 0
    assert "largest difference from a printed balance: 0.04 CZK, account 576" in told
    assert ("transactions", "10", "10", "0", "0") in [
        tuple(line.split()) for line in told.split("\n")
    ]
    assert missing == 2
    assert "nowhere is not a folder" in capsys.readouterr().err


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

    report = _imported(database, folder)

    assert _refusals(report) == []
    assert (report.clients.posted, report.accounts.posted) == (5369, 4500)
    assert report.transactions.read == report.transactions.posted >= 46_997
    assert report.largest_step is not None
    assert report.largest_step.amount <= Decimal("0.10")
    assert report.largest_difference is not None
    assert report.largest_difference.amount < 1
    computed = {
        (reference.removeprefix("account-reference/berka-")): int(balance)
        for reference, _, _, _, balance, booked in _rows(database, MOVEMENTS)
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
