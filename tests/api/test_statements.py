"""Statements over HTTP: they foot, they come in six forms, and an issued one is the same for ever."""

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest

from daybook.loading import bring_views_up
from readmodels.rebuild import rebuild
from readmodels.statements.canonical import decode
from tests.running_api import Person, RunningApi

ROOT: Final = Path(__file__).parents[2]
MARCH = {"from": "2026-03-01", "to": "2026-03-31"}


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def booked(teller: Person, account_id: int, amount: int, day: str, **more: Any) -> Any:
    body = {"amount": amount, "booking_date": day, "reason": "the old books", **more}
    put = teller.post(f"/v1/accounts/{account_id}/deposit", body)
    assert put.status_code == 201, put.text
    return put.json()


@pytest.fixture
def holder(api: RunningApi) -> Person:
    return api.person()


@pytest.fixture
def teller(api: RunningApi) -> Person:
    return api.person("teller")


@pytest.fixture
def account_id(api: RunningApi, holder: Person, teller: Person) -> int:
    """An account with 10 in February, and 20 and 30 in March."""
    opened = api.account(holder)
    for amount, day in ((10, "2026-02-10"), (20, "2026-03-10"), (30, "2026-03-20")):
        booked(teller, opened, amount, day, category="pay")
    return opened


def issued(person: Person, account_id: int, **period: str) -> dict[str, Any]:
    answer = person.post(f"/v1/accounts/{account_id}/statements", {**MARCH, **period})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_a_statement_has_opening_entries_and_closing_and_they_foot(
    holder: Person, account_id: int
) -> None:
    answer = holder.get(f"/v1/accounts/{account_id}/statement", **MARCH)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    body = answer.json()
    assert (body["opening_balance"], body["closing_balance"]) == (10, 60)
    assert [(e["amount"], e["balance"], e["category"]) for e in body["entries"]] == [
        (20, 30, "pay"),
        (30, 60, "pay"),
    ]
    assert body["number"] is None
    assert str(body["position"]) == answer.headers["daybook-position"]
    following = {"from": "2026-04-01", "to": "2026-04-30"}
    april = holder.get(f"/v1/accounts/{account_id}/statement", **following).json()
    assert april["opening_balance"] == 60


def test_both_axes_and_the_end_of_a_period_that_is_not_over(
    holder: Person, teller: Person, account_id: int
) -> None:
    path = f"/v1/accounts/{account_id}/statement"
    before = holder.get(path, **MARCH).json()
    booked(teller, account_id, 5, "2026-03-15")

    now = holder.get(path, **MARCH).json()
    then = holder.get(path, **MARCH, known_at=before["position"]).json()
    clamped = holder.get(path, **MARCH, as_of="2026-03-12").json()
    ahead = holder.get(path, **{"from": "2026-03-01", "to": "2999-01-01"}).json()

    assert [entry["amount"] for entry in now["entries"]] == [20, 5, 30]
    assert {**then, "known_at": None} == {**before, "known_at": None}
    assert (clamped["booked_to"], clamped["closing_balance"]) == ("2026-03-12", 30)
    assert ahead["booked_to"] == ahead["as_of"]


@pytest.mark.parametrize(
    ("form", "accept", "media_type", "begins"),
    [
        ("json", "application/json", "application/json", b'{"form"'),
        ("csv", "text/csv", "text/csv; charset=utf-8; header=present", b'"number"'),
        ("pdf", "application/pdf", "application/pdf", b"%PDF-"),
        ("camt053", "application/xml", "application/xml", b"<?xml"),
        ("mt940", "text/plain", "text/plain; charset=us-ascii", b":20:"),
        ("ofx", "application/x-ofx", "application/x-ofx", b"<?xml"),
    ],
)
def test_a_statement_comes_in_six_forms_by_name_and_by_accept(
    holder: Person, account_id: int, form: str, accept: str, media_type: str, begins: bytes
) -> None:
    path = f"/v1/accounts/{account_id}/statement"
    by_name = holder.get(path, **MARCH, format=form)
    position = by_name.headers["daybook-position"]

    by_accept = holder.client.get(
        path, params={**MARCH, "known_at": position}, headers={"Accept": accept}
    )

    assert by_name.status_code == 200, by_name.text
    assert by_name.headers["content-type"] == media_type
    assert begins in by_name.content[:80]
    assert by_accept.content == by_name.content
    assert ("content-disposition" in by_name.headers) is (form != "json")


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"format": "docx"}, "/query/format"),
        ({"from": "2026-03-31", "to": "2026-03-01"}, "/query/from"),
        ({"from": "yesterday"}, "/query/from"),
        ({"from": "0001-01-01"}, "/query/from"),
        ({"as_of": "0001-01-01"}, "/query/as_of"),
        ({"until": "2026-03-01"}, "/query/until"),
    ],
)
def test_a_statement_that_cannot_be_is_refused_by_name(
    holder: Person, account_id: int, parameters: dict[str, str], named: str
) -> None:
    answer = holder.get(f"/v1/accounts/{account_id}/statement", **parameters)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == named


def test_an_issued_statement_is_the_same_bytes_whatever_comes_after(
    api: RunningApi, holder: Person, teller: Person, account_id: int
) -> None:
    first = issued(holder, account_id)
    path = f"/v1/statements/{first['statement_id']}"
    before = {form: holder.get(path, format=form).content for form in ("json", "pdf", "camt053")}
    put = booked(teller, account_id, 7, "2026-03-02")
    holder.put(f"/v1/transactions/{put['transaction_id']}/category", {"category": "x"})
    teller.post(f"/v1/transactions/{put['transaction_id']}/reverse", {"reason": "wrong"})
    rebuild(api.conninfo, None)

    after = {form: holder.get(path, format=form).content for form in before}

    assert after == before
    assert hashlib.sha256(before["json"]).hexdigest() == first["sha256"]
    stated = decode(before["json"])
    assert (stated.number, stated.closing_balance) == (1, 6000)
    assert stated.account.holders == ()
    assert holder.get(path).headers["etag"] == f'"{first["sha256"]}"'


@pytest.mark.parametrize("form", ["json", "csv", "mt940"])
def test_who_has_an_issued_statement_is_not_sent_it_again(
    holder: Person, account_id: int, form: str
) -> None:
    path = f"/v1/statements/{issued(holder, account_id)['statement_id']}?format={form}"
    first = holder.client.get(path)
    tag = first.headers["etag"]

    def again(asked: str) -> Any:
        return holder.client.get(path, headers={"If-None-Match": asked})

    assert tag == f'"{hashlib.sha256(first.content).hexdigest()}"'
    for asked in (tag, f"W/{tag}", f'"another", {tag}', "*"):
        answer = again(asked)
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert "content-length" not in answer.headers
        # It is a customer's: no cache keeps it.
        assert answer.headers["cache-control"] == "no-store"
    for asked in ('"another"', tag.strip('"'), tag[:-2] + '"', ""):
        assert again(asked).content == first.content


@pytest.mark.parametrize(
    ("accept", "status", "media_type"),
    [
        ("*/*", 200, "application/json"),
        ("", 200, "application/json"),
        ("text/html, text/csv;q=0.5", 200, "text/csv; charset=utf-8; header=present"),
        ("text/html", 406, "application/problem+json"),
        ("application/vnd.ms-excel", 406, "application/problem+json"),
    ],
)
def test_a_form_that_there_is_not_is_no_other_form(
    api: RunningApi, holder: Person, account_id: int, accept: str, status: int, media_type: str
) -> None:
    for path in (f"/v1/accounts/{account_id}/statement", "/v1/reports/transaction-summary"):
        answer = holder.client.get(path, headers={"Accept": accept})

        assert (answer.status_code, answer.headers["content-type"]) == (status, media_type)
        if status == 406:
            assert answer.json()["code"] == "not-acceptable"
            assert "text/csv" in answer.json()["detail"]


def test_an_issued_statement_is_the_same_from_the_log_alone_on_another_database(
    api: RunningApi, holder: Person, teller: Person, account_id: int, database: str
) -> None:
    told = issued(holder, account_id)
    booked(teller, account_id, 7, "2026-03-02")
    with psycopg.connect(api.conninfo) as source, psycopg.connect(database) as other:
        for table in ("daybook_events", "commits"):
            with (
                source.cursor().copy(f"COPY {table} TO STDOUT") as reading,
                other.cursor().copy(f"COPY {table} FROM STDIN") as writing,
            ):
                for data in reading:
                    writing.write(data)
    assert bring_views_up(database)
    # A program of its own, elsewhere in the world.
    elsewhere = {
        "TZ": "Pacific/Apia",
        "PGTZ": "Asia/Kathmandu",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONHASHSEED": "7",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "http"))),
    }

    made = subprocess.run(
        [sys.executable, "-c", STATED_ELSEWHERE, database, json.dumps(told)],
        env={**os.environ, **elsewhere},
        capture_output=True,
        check=True,
    )

    assert made.stdout == holder.get(f"/v1/statements/{told['statement_id']}").content
    assert hashlib.sha256(made.stdout).hexdigest() == told["sha256"]


STATED_ELSEWHERE: Final = """
import asyncio, datetime, json, sys
import psycopg
from domain.statement import LETTERHEAD
from readmodels.moments import Moment
from readmodels.statements.account_statement import account_statement
from readmodels.statements.canonical import Bank, encode

async def main():
    told = json.loads(sys.argv[2])
    day = lambda name: datetime.date.fromisoformat(told[name])
    async with await psycopg.AsyncConnection.connect(sys.argv[1], autocommit=True) as connection:
        found = await account_statement(
            connection, told["account_id"],
            bank=Bank(LETTERHEAD.name, LETTERHEAD.bic, LETTERHEAD.address, LETTERHEAD.contact),
            booked_from=day("from"), booked_to=day("to"), number=told["number"],
            moment=Moment(day("as_of"), told["known_at"], told["known_at"]),
        )
    sys.stdout.buffer.write(encode(found))

asyncio.run(main())
"""


def test_numbers_are_gapless_for_each_account_however_many_issue_at_once(
    holder: Person, account_id: int
) -> None:
    with ThreadPoolExecutor(8) as threads:
        given = list(threads.map(lambda _: issued(holder, account_id), range(16)))

    assert sorted(told["number"] for told in given) == list(range(1, 17))
    assert len({told["statement_id"] for told in given}) == 16
    for told in given:
        body = holder.get(f"/v1/statements/{told['statement_id']}").content
        assert hashlib.sha256(body).hexdigest() == told["sha256"]
    path = f"/v1/accounts/{account_id}/statements"
    page = holder.get(path, limit=10)
    rest = holder.client.get(page.links["next"]["url"])
    assert [told["number"] for told in page.json() + rest.json()] == list(range(1, 17))
    later = issued(holder, account_id, to="2026-03-30")
    assert later["number"] == 17


def test_the_same_key_issues_once(holder: Person, account_id: int) -> None:
    path = f"/v1/accounts/{account_id}/statements"

    given = [holder.post(path, MARCH, key="march") for _ in range(2)]
    other = holder.post(path, {**MARCH, "to": "2026-03-30"}, key="march")

    assert given[0].content == given[1].content
    assert code(other) == (422, "key-reused")
    assert len(holder.get(path).json()) == 1


@pytest.mark.parametrize(
    ("period", "pointer"),
    [
        ({"to": "2999-01-31"}, "/to"),
        ({"from": "2026-04-01"}, "/from"),
        ({"from": "march"}, "/from"),
        ({"from": "0001-01-01"}, "/from"),
        ({"number": 5}, "/number"),
    ],
)
def test_what_cannot_be_issued_is_refused_by_field(
    holder: Person, account_id: int, period: dict[str, Any], pointer: str
) -> None:
    answer = holder.post(f"/v1/accounts/{account_id}/statements", {**MARCH, **period})

    assert code(answer) == (422, "body-invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_statement_that_does_not_come_out_as_issued_is_never_shown(
    api: RunningApi, holder: Person, account_id: int
) -> None:
    statement_id = issued(holder, account_id)["statement_id"]
    # A view that has lost its way: an entry has another description than the log has.
    with psycopg.connect(api.conninfo) as connection:
        connection.execute(
            "UPDATE readmodels.transactions SET description = 'forged' WHERE transaction_id IN "
            "(SELECT transaction_id FROM readmodels.journal_lines WHERE account_id = %s)",
            [account_id],
        )

    answer = holder.get(f"/v1/statements/{statement_id}")

    assert code(answer) == (500, "statement-not-reproduced")
    assert f"Statement {statement_id} " in answer.json()["detail"]
    assert code(holder.get(f"/v1/statements/{statement_id}/restatement"))[0] == 500
    rebuild(api.conninfo, None)
    assert holder.get(f"/v1/statements/{statement_id}").status_code == 200


def test_a_restatement_explains_every_cent_by_the_events_that_came_later(
    holder: Person, teller: Person, account_id: int
) -> None:
    told = issued(teller, account_id)
    path = f"/v1/statements/{told['statement_id']}/restatement"
    nothing = holder.get(path).json()
    before = booked(teller, account_id, 3, "2026-02-20", description="found")
    within = booked(teller, account_id, 4, "2026-03-20")
    booked(teller, account_id, 100, "2026-04-01")
    undo = {"reason": "twice", "booking_date": "2026-03-25", "amount": 1}
    undone = teller.post(f"/v1/transactions/{within['transaction_id']}/reverse", undo).json()

    now = teller.get(path).json()
    earlier = teller.get(path, known_at=before["position"]).json()

    assert (nothing["difference"]["closing_balance"], nothing["events"]) == (0, [])
    assert (now["then"]["closing_balance"], now["now"]["closing_balance"]) == (60, 66)
    assert now["difference"] == {
        "opening_balance": 3,
        "entries": 2,
        "credits": 4,
        "debits": 1,
        "closing_balance": 6,
    }
    assert [(e["position"], e["effect"], e["amount"]) for e in now["events"]] == [
        (before["position"], "opening balance", 3),
        (within["position"], "entry", 4),
        (undone["position"], "entry", -1),
    ]
    assert now["events"][2]["reverses"] == within["transaction_id"]
    assert sum(event["amount"] for event in now["events"]) == now["difference"]["closing_balance"]
    assert [event["amount"] for event in earlier["events"]] == [3]
    # The customer is not told who it was, nor what the staff said of it.
    seen = holder.get(path).json()["events"]
    assert {(event["actor"], event["reason"]) for event in seen} == {("teller", None)}
    assert now["events"][0]["actor"] == f"teller-{teller.user_id}"
    too_early = teller.get(path, known_at=told["known_at"] - 1)
    assert code(too_early) == (422, "unanswerable-moment")


def test_a_statement_shows_what_was_held_at_its_end(holder: Person, account_id: int) -> None:
    held = holder.post(f"/v1/accounts/{account_id}/holds", {"amount": 15, "description": "Hotel"})
    holder.post(f"/v1/accounts/{account_id}/holds", {"amount": 2, "counterparty": "Car hire"})
    today = holder.get(f"/v1/accounts/{account_id}/balance").json()["as_of"]
    told = issued(holder, account_id, to=today)
    holder.post(f"/v1/holds/{held.json()['hold_id']}/settle")

    body = json.loads(holder.get(f"/v1/statements/{told['statement_id']}").content)

    # A hold without a description is told by whom it is for.
    holds = [(hold["amount"], hold["description"]) for hold in body["holds"]]
    assert holds == [(15, "Hotel"), (2, "Car hire")]
    assert (body["held"], body["closing_balance"], body["available"]) == (17, 60, 43)


def test_reports_say_in_csv_what_they_say_in_json(
    holder: Person, teller: Person, account_id: int
) -> None:
    period = {"from": "2026-01-01", "as_of": "2026-03-31"}
    asked = {
        "/v1/ledger/balance-sheet": ("liabilities", {"as_of": "2026-03-31"}),
        "/v1/ledger/cash-flow": ("inflows", period),
    }
    for path, (section, parameters) in asked.items():
        lines = [line for one in teller.get(path, **parameters).json() for line in one[section]]
        told = teller.get(path, **parameters, format="csv")
        rows = list(csv.DictReader(io.StringIO(told.text)))
        amounts = [float(row["amount"]) for row in rows if row["section"] == section]

        assert lines, path
        assert amounts == [line.get("balance", line.get("amount")) for line in lines]

    summary = holder.get("/v1/reports/transaction-summary", account_id=account_id, **period)
    assert [(g["key"], g["count"], g["net"], g["mean"]) for g in summary.json()["groups"]] == [
        ("2026-02-01", 1, 10, 10),
        ("2026-03-01", 2, 50, 25),
    ]
    as_csv = holder.get(
        "/v1/reports/transaction-summary", account_id=account_id, **period, format="csv"
    )
    (_, march) = csv.DictReader(io.StringIO(as_csv.text))
    assert (march["key"], march["net"], march["mean"]) == ("2026-03-01", "50.00", "25.0000")
    analysis = teller.get("/v1/reports/analysis", **period).json()
    assert sum(volume["count"] for volume in analysis["volumes"]) >= 3
    as_rows = csv.DictReader(
        io.StringIO(teller.get("/v1/reports/analysis", **period, format="csv").text)
    )
    assert {row["section"] for row in as_rows} >= {"volumes", "amounts", "largest"}


def test_spending_is_by_category_beside_the_period_before_and_only_ones_own(
    api: RunningApi, holder: Person, teller: Person, account_id: int
) -> None:
    for amount, day in ((2, "2026-02-12"), (6, "2026-03-12")):
        body = {"amount": amount, "booking_date": day, "reason": "x", "category": "food"}
        taken = teller.post(f"/v1/accounts/{account_id}/withdraw", body)
        assert taken.status_code == 201, taken.text

    period = {"from": "2026-03-01", "as_of": "2026-03-31"}
    # What the teller wrote to the account is seen by whoever asks about the account.
    of_account = holder.get("/v1/reports/spending", account_id=account_id, **period).json()
    spent = holder.get("/v1/reports/spending", **period).json()

    assert spent == of_account
    assert (spent["before_from"], spent["before_to"]) == ("2026-02-01", "2026-02-28")
    (food,) = spent["categories"]
    assert (food["category"], food["spent"], food["spent_before"], food["change"]) == (
        "food",
        6,
        2,
        4,
    )
    stranger = api.person()
    assert stranger.get("/v1/reports/spending", **period).json()["categories"] == []
    others = stranger.get("/v1/reports/spending", account_id=account_id)
    assert code(others) == (404, "account-not-found")
    assert code(stranger.get("/v1/reports/spending", user_id=holder.user_id))[0] == 404
    both = teller.get("/v1/reports/spending", user_id=holder.user_id, account_id=account_id)
    assert both.status_code == 400
