"""The loans of the Berka bank: granted on their day, repaid by the rows that say so, to the cent."""

import datetime as dt
import gzip
import os
from argparse import Namespace
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from daybook.berka_files import find_files
from daybook.berka_loans import first_due
from daybook.import_berka import run
from domain.loans.loan import Loan, evolve
from ledger.chart_of_accounts import (
    CHECKING_ACCOUNTS,
    COMMITMENTS,
    COMMITMENTS_CONTRA,
    LOAN_PRINCIPAL,
    OUTGOING_CLEARING,
    TRANSFERS_IN_TRANSIT,
)
from ledger.journal import Recorded
from ledger.trial_balance import trial_balance
from tests.bank import read_log
from tests.berka_folder import TRANS, imported, refusals, rows, written
from tests.durable_postgres import DurablePostgres

LOAN = "loan_id,account_id,date,amount,duration,payments,status"
ORDER = "order_id,account_id,bank_to,account_to,amount,k_symbol"
PAYS = "VYDAJ,PREVOD NA UCET"
LENT: dict[str, list[str]] = {
    "loan": [LOAN, "7,576,930112,1200,12,100.00,B", "8,704,930401,50,2,25.00,A"],
    "order": [ORDER, "1,576,AB,2,40.00,SIPO", "2,576,AB,1,99.70,UVER", "3,704,AB,1,9.00,UVER"],
    "trans": [
        TRANS,
        "11,576,1993-01-01,PRIJEM,VKLAD,150.00,150.00,,,,1",
        f"12,576,1993-01-11,{PAYS},10.00,140.00,UVER,AB,1,2",
        f"13,576,1993-02-12,{PAYS},99.70,40.30,UVER,AB,1,3",
        f"21,704,1993-02-12,{PAYS},2.50,-2.50,UVER,AB,1,1",
        f"14,576,1993-03-12,{PAYS},99.70,-59.40,UVER,AB,1,4",
    ],
}


def loans_of(log: Iterable[Recorded]) -> dict[str, Loan]:
    """Every loan of the log by the description it was taken over with."""
    folded: dict[str, Loan | None] = {}
    names: dict[str, str] = {}
    for recorded in log:
        stream = recorded.originator_id
        if stream.startswith("loan-"):
            folded[stream] = evolve(folded.get(stream), recorded.event.fact, int(stream[5:]))
            names.setdefault(stream, str(recorded.event.description).split(",")[0])
    return {names[stream]: loan for stream, loan in folded.items() if loan is not None}


def posted(log: Iterable[Recorded], key: str) -> list[Any]:
    """The event of a command by its kind, each with its account, side and amount."""
    return [
        (r.event.fact.TAG, [(p.ledger_account, p.side, p.amount) for p in r.event.entry])
        for r in log
        if r.event.command_id == key
    ]


def test_a_loan_is_granted_on_its_day_out_of_the_bank_with_what_the_standing_order_pays(
    database: str, tmp_path: Path
) -> None:
    imported(database, written(tmp_path, **LENT))

    log = read_log(database)
    assert posted(log, "berka-loan-7") == [
        ("loan.applied.1", []),
        ("loan.approved.1", [(COMMITMENTS, "D", 120000), (COMMITMENTS_CONTRA, "C", 120000)]),
        ("loan.accepted.1", []),
        (
            "loan.disbursed.1",
            [
                (LOAN_PRINCIPAL, "D", 120000),
                (OUTGOING_CLEARING, "C", 120000),
                (COMMITMENTS_CONTRA, "D", 120000),
                (COMMITMENTS, "C", 120000),
            ],
        ),
    ]
    events = [r.event for r in log if r.event.command_id == "berka-loan-7"]
    assert {(e.booking_date, e.value_date, e.transaction_id) for e in events} == {
        (dt.date(1993, 1, 12), dt.date(1993, 1, 12), events[0].transaction_id)
    }
    assert events[0].description == "berka loan 7, status B at the end of 1998"
    terms = loans_of(log)["berka loan 7"].terms
    assert [row.principal for row in terms.rows] == [9970] * 11 + [10330]
    assert (terms.rows[0].due, terms.rows[-1].due) == (dt.date(1993, 2, 12), dt.date(1994, 1, 12))
    assert (terms.status, terms.account_id) == ("active", None)
    assert terms.annual_rate == 0


def test_a_row_that_repays_a_loan_is_one_transaction_of_the_account_and_the_loan(
    database: str, tmp_path: Path
) -> None:
    report = imported(database, written(tmp_path, **LENT))

    log = read_log(database)
    for key in ("berka-trans-13", "berka-trans-14"):
        assert posted(log, key) == [
            (
                "account.loan-repaid.1",
                [(CHECKING_ACCOUNTS, "D", 9970), (TRANSFERS_IN_TRANSIT, "C", 9970)],
            ),
            ("loan.repaid.1", [(TRANSFERS_IN_TRANSIT, "D", 9970), (LOAN_PRINCIPAL, "C", 9970)]),
        ]
        assert len({r.event.transaction_id for r in log if r.event.command_id == key}) == 1
    # The money was not there for the last one, and their bank took it all the same.
    debits = [r.event.fact for r in log if r.event.fact.TAG == "account.loan-repaid.1"]
    assert [(fact.balance, fact.forced) for fact in debits] == [(4030, False), (-5940, True)]
    loan = loans_of(log)["berka loan 7"]
    assert loan.figures.principal == 120000 - 2 * 9970
    assert loan.figures.past_due_since is None
    assert (report.repayments, refusals(report)) == (2, [])
    balances = {
        line.ledger_account: line.balance for line in trial_balance(e.event.entry for e in log)
    }
    assert balances[TRANSFERS_IN_TRANSIT] == 0


def test_what_meets_no_loan_leaves_the_bank_as_before_and_the_report_says_why(
    database: str, tmp_path: Path
) -> None:
    report = imported(database, written(tmp_path, **LENT))

    assert [(str(fault.place), fault.reason) for fault in report.no_repayments] == [
        ("trans.csv.gz:3", "loan 7 was granted on 1993-01-12"),
        ("trans.csv.gz:5", "loan 8 was granted on 1993-04-01"),
    ]
    log = read_log(database)
    assert [tag for tag, _ in posted(log, "berka-trans-12")] == ["account.payment-sent.1"]
    assert (report.loans.read, report.loans.posted, report.later_loans) == (2, 1, 1)
    assert list(loans_of(log)) == ["berka loan 7"]


def test_a_loan_ends_with_its_last_payment_and_what_comes_after_is_an_ordinary_one(
    database: str, tmp_path: Path
) -> None:
    paid = [
        f"{number},576,1993-0{number - 10}-12,{PAYS},50.00,0.00,UVER,AB,1,{number - 10}"
        for number in (12, 13, 14)
    ]
    trans = [TRANS, "11,576,1993-01-01,PRIJEM,VKLAD,150.00,150.00,,,,1", *paid]
    loan = [LOAN, "7,576,930131,100,2,50.00,A"]

    report = imported(database, written(tmp_path, loan=loan, trans=trans))

    log = read_log(database)
    assert [fault.reason for fault in report.no_repayments] == ["loan 7 was repaid before"]
    assert loans_of(log)["berka loan 7"].terms.status == "closed"
    assert [tag for tag, _ in posted(log, "berka-trans-14")] == ["account.payment-sent.1"]


def test_an_import_again_and_one_with_more_transactions_lend_once(
    database: str, tmp_path: Path
) -> None:
    less = written(tmp_path, **{**LENT, "trans": LENT["trans"][:4]})
    assert imported(database, less).repayments == 1
    whole = written(tmp_path, **LENT)

    first = imported(database, whole)
    log = read_log(database)
    second = imported(database, whole)

    assert read_log(database) == log
    assert (first.loans.already_there, first.transactions.already_there) == (1, 3)
    assert (second.loans.posted, second.loans.already_there, second.transactions.posted) == (
        0,
        1,
        0,
    )
    assert (second.repayments, refusals(second)) == (2, [])
    assert loans_of(log)["berka loan 7"].figures.principal == 120000 - 2 * 9970


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("x,576,930112,1200,12,100.00,A", "the loan_id is 'x'"),
        ("7,576,931312,1200,12,100.00,A", "there is no day 1993-13-12"),
        ("7,576,930112,1201,12,100.00,A", "12 payments of 100.00 should come to the amount, 1201"),
        ("7,576,930112,0,12,0.00,A", "the amount is 0, and should be within 0 and 1000000000"),
        ("7,576,930112,9999999999,1,9999999999,A", "should be within 0 and 1000000000"),
        ("7,576,930112,601,601,1.00,A", "the duration is 601, and should be at most 600"),
        ("7,576,930112,1200,12,100.00,E", "the status is 'E', and should be A, B, C or D"),
        ("7,999,930112,1200,12,100.00,A", "account 999 was not opened"),
        ("9,704,930112,1200,12,100.00,A", "loan 9 or one of account 704 came before"),
        ("8,576,930112,1200,12,100.00,A", "loan 8 or one of account 576 came before"),
    ],
)
def test_a_bad_loan_is_named_by_file_and_line_and_its_account_is_as_without_it(
    database: str, tmp_path: Path, row: str, reason: str
) -> None:
    loan = [LOAN, LENT["loan"][2], row]

    report = imported(database, written(tmp_path, **{**LENT, "loan": loan}))

    ((place, said),) = refusals(report)
    assert place == "loan.csv.gz:3"
    assert reason in said
    assert (report.transactions.posted, report.loans.posted, report.repayments) == (5, 0, 0)


@pytest.mark.parametrize(
    ("granted", "due"),
    [("1993-07-11", "1993-07-12"), ("1993-07-12", "1993-08-12"), ("1993-12-31", "1994-01-12")],
)
def test_the_first_instalment_is_due_on_the_next_due_day_of_the_bank(
    granted: str, due: str
) -> None:
    assert first_due(dt.date.fromisoformat(granted)) == dt.date.fromisoformat(due)


def test_the_command_tells_what_met_a_loan(
    durable_postgres: DurablePostgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DAYBOOK_DATABASE_URL", durable_postgres.conninfo)
    monkeypatch.setenv("DAYBOOK_DATA", str(tmp_path / "data"))

    status = run(Namespace(folder=written(tmp_path / "files", **LENT), json=False))

    told = capsys.readouterr().out
    assert status == 0
    assert "2 transactions repaid a loan, 2 found none" in told
    assert "1 loans were granted after the last transaction" in told
    assert "loan 7 was granted on 1993-01-12: 1" in told


# --- The real bank


def rows_of(path: Path) -> list[dict[str, str]]:
    head, *lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    return [dict(zip(head.split(","), line.split(","), strict=True)) for line in lines]


def months_due(granted: str, last: str) -> int:
    """How many of the bank's due days, the 12th, are after the first date and up to the last."""
    first, until = (int(date[:4]) * 12 + int(date[5:7]) for date in (granted, last))
    return until - first + (granted[8:] < "12") - (last[8:] < "12")


def test_every_loan_of_the_real_bank_owes_its_amount_less_what_the_file_says_was_paid(
    database: str,
) -> None:
    given = os.environ.get("DAYBOOK_BERKA_DIR")
    if not given:
        pytest.skip("the Berka files are not here: name their folder in DAYBOOK_BERKA_DIR")
    files = find_files(Path(given))
    assert files.loan is not None
    trans = [row for path in files.trans for row in rows_of(path)]
    last = max(row["date"] for row in trans)
    repayments = [row for row in trans if row["k_symbol"] == "UVER"]
    expected, late = {}, set()
    for row in rows_of(files.loan):
        granted = f"19{row['date'][:2]}-{row['date'][2:4]}-{row['date'][4:]}"
        if granted <= last:
            paid = [
                Decimal(r["amount"]) for r in repayments if r["account_id"] == row["account_id"]
            ]
            name = f"berka loan {row['loan_id']}"
            expected[name] = int((Decimal(row["amount"]) - sum(paid)) * 100)
            if len(paid) < months_due(granted, last):
                late.add(name)

    report = imported(database, Path(given))

    log = read_log(database)
    assert refusals(report) == []
    assert report.no_repayments == []
    assert report.repayments == len(repayments) >= 123
    assert report.loans.posted == len(expected) >= 37
    assert report.loans.posted + report.later_loans == report.loans.read == 682
    sums: dict[str, int] = {}
    for recorded in log:
        for posting in recorded.event.entry:
            if posting.ledger_account == LOAN_PRINCIPAL:
                signed = posting.amount if posting.side == "D" else -posting.amount
                sums[str(posting.sub_account)] = sums.get(str(posting.sub_account), 0) + signed
    found = loans_of(log)
    assert {name: sums[f"loan-{loan.loan_id}"] for name, loan in found.items()} == expected
    assert {name: loan.figures.principal for name, loan in found.items()} == expected
    assert {name for name, loan in found.items() if loan.figures.past_due_since} == late
    lines = trial_balance(recorded.event.entry for recorded in log)
    assert sum(line.debits - line.credits for line in lines) == 0
    balances = {line.ledger_account: line.balance for line in lines}
    assert balances[TRANSFERS_IN_TRANSIT] == balances[COMMITMENTS] == 0
    head = rows(database, "SELECT max(last_position) FROM commits")
    again = imported(database, Path(given))
    assert (again.loans.already_there, again.repayments) == (len(expected), len(repayments))
    assert rows(database, "SELECT max(last_position) FROM commits") == head
