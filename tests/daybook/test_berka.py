"""The Berka bank is brought in whole, once, each row under its own date."""

import gzip
import random
import re
from decimal import Decimal
from pathlib import Path

import pytest

from daybook.berka_files import BerkaError, find_files
from daybook.berka_report import Count
from tests.bank import read_log
from tests.berka_folder import (
    FILES,
    MOVEMENTS,
    TRANS,
    USERS,
    books,
    imported,
    refusals,
    rows,
    written,
)


def test_every_row_becomes_what_the_bank_called_it(database: str, tmp_path: Path) -> None:
    report = imported(database, written(tmp_path))

    assert refusals(report) == []
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
    imported(database, written(tmp_path))

    users = {name: user_id for name, _, user_id, _ in rows(database, USERS)}
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
    imported(database, written(tmp_path))

    assert {password_hash for _, _, _, password_hash in rows(database, USERS)} == {"!"}
    # The number of birth; its digits may stand by chance within a digest, which is hexadecimal.
    birth_number = re.compile(rb"(?<![0-9a-f])706213(?![0-9a-f])")
    users = str(rows(database, "SELECT u FROM users u")).encode()
    events = [state for (state,) in rows(database, "SELECT state FROM daybook_events")]
    assert [text for text in (users, *events) if birth_number.search(text)] == []


def test_the_second_import_changes_nothing_and_says_so(database: str, tmp_path: Path) -> None:
    imported(database, written(tmp_path))
    before, log = books(database), read_log(database)

    report = imported(database, tmp_path)

    assert (books(database), read_log(database)) == (before, log)
    counts = (report.clients, report.accounts, report.transactions)
    assert [(c.read, c.posted, c.already_there, c.refused) for c in counts] == [
        (3, 0, 3, 0),
        (2, 0, 2, 0),
        (10, 0, 10, 0),
    ]


def test_the_differences_are_measured_against_what_the_bank_keeps(
    database: str, tmp_path: Path
) -> None:
    report = imported(database, written(tmp_path))

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

    report = imported(database, written(tmp_path, trans=[TRANS, *good, row]))

    ((place, said),) = refusals(report)
    assert place == "trans.csv.gz:11"
    assert reason in said
    assert (report.transactions.read, report.transactions.posted) == (10, 9)
    assert len(rows(database, MOVEMENTS)) == 2 + 9


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

    report = imported(database, written(tmp_path, client=clients, account=accounts, disp=disp))

    assert refusals(report) == [
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
    first = imported(database, written(tmp_path, trans=bad))

    second = imported(database, written(tmp_path))

    assert [place for place, _ in refusals(first)] == ["trans.csv.gz:3"]
    assert (second.transactions.posted, second.transactions.already_there) == (1, 9)
    assert rows(database, MOVEMENTS)[-3][4] == "-10004"


def test_rows_in_any_order_are_posted_in_the_order_of_their_account(
    database: str, tmp_path: Path
) -> None:
    lines = FILES["trans"][1:]
    random.Random(5).shuffle(lines)

    report = imported(database, written(tmp_path, trans=[TRANS, *lines]))

    assert refusals(report) == []
    keys = [key for reference, key, *_ in rows(database, MOVEMENTS) if reference.endswith("576")]
    assert keys[1:] == [f"berka-trans-{number}" for number in range(11, 20)]


def test_a_file_that_ends_early_loses_only_its_end(database: str, tmp_path: Path) -> None:
    written(tmp_path)
    whole = gzip.compress("\n".join(FILES["trans"]).encode(), compresslevel=0)
    (tmp_path / "trans.csv.gz").write_bytes(whole[:-200])

    report = imported(database, tmp_path)

    ((place, reason),) = refusals(report)
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
    path = written(tmp_path) / f"{name}.csv.gz"
    path.unlink()
    if content is not None:
        path.write_bytes(gzip.compress(content))

    with pytest.raises(BerkaError, match=said):
        find_files(tmp_path)


def test_a_file_that_is_not_gzip_is_refused_by_name(tmp_path: Path) -> None:
    (written(tmp_path) / "trans.csv.gz").write_text(TRANS)

    with pytest.raises(BerkaError, match=r"trans\.csv\.gz cannot be read"):
        find_files(tmp_path)


ORDERS = [
    "order_id,account_id,bank_to,account_to,amount,k_symbol",
    "29401,576,YZ,87144583,2452.00,SIPO",
    "29402,704,ST,89597016,3372.70, ",
    "29403,999,QR,13943797,7266.00,SIPO",
    "29404,576,QR,13943797,0.00,SIPO",
]


def test_standing_orders_are_agreed_from_the_next_month_on_and_once(
    database: str, tmp_path: Path
) -> None:
    folder = written(tmp_path, order=ORDERS)

    first, second = imported(database, folder), imported(database, folder)

    assert first.standing_orders == Count(read=4, posted=2, refused=2)
    assert second.standing_orders == Count(read=4, already_there=2, refused=2)
    assert refusals(first) == [
        ("order.csv.gz:4", "account 999 was not opened"),
        ("order.csv.gz:5", "The amount must be greater than zero; it is 0.00."),
    ]
    orders = [
        r.event.fact.order for r in read_log(database) if r.originator_id.startswith("standing-")
    ]
    assert [(o.amount, o.counterparty, o.description, o.first_due.day) for o in orders] == [
        (245200, "YZ 87144583", "SIPO", 1),
        (337270, "ST 89597016", None, 1),
    ]
