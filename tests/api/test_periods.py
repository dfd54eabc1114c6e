"""Periods over HTTP: two people close one, it is sealed, and refuses what comes late."""

import hashlib
import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.period_sealing import since_closed
from application import periods
from application.commands import Actor
from domain.periods import STREAM, YearEnded
from tests.bank import Bank, ask, read_log, told
from tests.running_api import Person, RunningApi

_years = itertools.count(1991)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture
def year() -> int:
    """A year that no other test closes a month of."""
    return next(_years)


@pytest.fixture
def two(api: RunningApi) -> tuple[Person, Person]:
    return api.person("compliance"), api.person("admin")


def booked(api: RunningApi, account_id: int, amount: int, day: str, **more: Any) -> Any:
    teller = api.person("teller")
    body = {"amount": amount, "booking_date": day, "reason": "from the old books", **more}
    return teller.post(f"/v1/accounts/{account_id}/deposit", body)


def close(one: Person, other: Person, period: str) -> Any:
    first = one.post(f"/v1/ledger/periods/{period}/close")
    assert first.status_code == 202, first.text
    second = other.post(f"/v1/ledger/periods/{period}/close")
    assert second.status_code == 200, second.text
    return second.json()


def test_two_people_close_a_period_and_it_is_sealed_with_its_trial_balance(
    api: RunningApi, two: tuple[Person, Person], year: int
) -> None:
    account_id = api.account(api.person())
    assert booked(api, account_id, 70, f"{year}-03-10").status_code == 201

    path = f"/v1/ledger/periods/{year}-03/close"
    asked, same = two[0].post(path), two[0].post(path)
    closed = two[1].post(path, key="close-it")
    replayed = two[1].post(path, key="close-it")

    assert (asked.status_code, asked.json()["status"]) == (202, "close asked")
    assert code(same) == (409, "same-person")
    assert closed.status_code == 200, closed.text
    body = closed.json()
    assert (body["maker"], body["checker"]) == (
        f"compliance-{two[0].user_id}",
        f"admin-{two[1].user_id}",
    )
    seal = body["seal"]
    assert seal["sha256"] == hashlib.sha256(seal["canonical"].encode()).hexdigest()
    assert sum(line["debits"] - line["credits"] for line in seal["trial_balance"]) == 0
    stated = two[0].get("/v1/ledger/trial-balance", as_of=f"{year}-03-31").json()
    assert [(line["ledger_account"], line["debits"]) for line in seal["trial_balance"]] == [
        (line["ledger_account"], line["debits"]) for line in stated["lines"]
    ]
    assert (replayed.content, replayed.headers["idempotent-replayed"]) == (closed.content, "true")
    assert code(two[1].post(path)) == (409, "period-already-closed")


def test_a_closed_period_refuses_what_is_late_and_names_the_first_open_day(
    api: RunningApi, two: tuple[Person, Person], year: int
) -> None:
    account_id = api.account(api.person())
    close(*two, f"{year}-03")
    close(*two, f"{year}-04")

    late = booked(api, account_id, 5, f"{year}-03-10")
    after = booked(api, account_id, 5, f"{year}-05-01", value_date=f"{year}-03-10")

    assert code(late) == (409, "period-closed")
    assert late.json()["figures"] == {"period": f"{year}-03", "first_open_day": f"{year}-05-01"}
    assert after.status_code == 201, after.text


def test_a_period_is_opened_again_and_all_of_it_stays_visible(
    api: RunningApi, two: tuple[Person, Person], year: int
) -> None:
    account_id = api.account(api.person())
    period = f"{year}-06"
    close(*two, period)
    path = f"/v1/ledger/periods/{period}"

    by_admin = two[1].post(f"{path}/reopen", {"reason": "no"})
    opened = two[0].post(f"{path}/reopen", {"reason": "a receipt was found"})
    late = booked(api, account_id, 5, f"{year}-06-10")
    again = close(*two, period)

    assert code(by_admin) == (403, "not-permitted")
    assert (opened.status_code, opened.json()["status"]) == (200, "open")
    assert late.status_code == 201, late.text
    shown = two[0].get(path).json()
    assert [event["type"] for event in shown["events"]] == [
        *("period.close-asked", "period.closed", "period.sealed", "period.reopened"),
        *("period.close-asked", "period.closed", "period.sealed"),
    ]
    assert shown["status"] == "closed"
    assert shown["events"][3]["reason"] == "a receipt was found"
    assert shown["seals"][-1] == again["seal"]
    assert shown["seals"][0]["sha256"] != shown["seals"][1]["sha256"]
    (listed,) = (p for p in two[0].get("/v1/ledger/periods").json() if p["period"] == period)
    assert (listed["status"], listed["sha256"]) == ("closed", again["seal"]["sha256"])


@pytest.mark.parametrize(
    ("period", "status", "problem"),
    [
        ("2199-01", 409, "period-not-over"),
        ("2026-13", 422, "unknown-period"),
        ("march", 422, "unknown-period"),
    ],
)
def test_what_is_no_period_or_is_not_over_is_refused(
    api: RunningApi, two: tuple[Person, Person], period: str, status: int, problem: str
) -> None:
    assert code(two[0].post(f"/v1/ledger/periods/{period}/close")) == (status, problem)


def test_december_takes_the_result_to_retained_earnings_once(
    api: RunningApi, two: tuple[Person, Person], year: int
) -> None:
    holder, teller = api.person(), api.person("teller")
    account_id = api.account(holder, 500)
    adjustment = {"side": "debit", "amount": 40, "reason": "fee", "booking_date": f"{year}-11-30"}
    assert teller.post(f"/v1/accounts/{account_id}/adjust", adjustment).status_code == 201
    period, last = f"{year}-12", f"{year}-12-31"

    first = close(*two, period)
    assert two[0].post(f"/v1/ledger/periods/{period}/reopen", {"reason": "x"}).status_code == 200
    close(*two, period)

    own = [r for r in read_log(api.conninfo) if r.originator_id == STREAM]
    ended = [r for r in own if r.event.fact.period == period and type(r.event.fact) is YearEnded]
    assert len(ended) == 1
    by_account = {
        line["ledger_account"]: (line["debits"], line["credits"])
        for line in first["seal"]["trial_balance"]
    }
    books = two[0].get("/v1/ledger/trial-balance", as_of=last).json()
    for line in books["lines"]:
        if line["kind"] in ("income", "expense"):
            assert line["balance"] == 0
            assert by_account[line["ledger_account"]] == (line["debits"], line["credits"])
    earned = two[0].get("/v1/ledger/income-statement", **{"from": f"{year}-01-01", "as_of": last})
    assert earned.json()[0]["result"] == 40
    assert two[0].get("/v1/ledger/balance-sheet", as_of=last).json()[0]["result"] == 0


def test_a_period_left_unsealed_by_a_crash_is_sealed_by_the_next_who_asks(
    api: RunningApi, two: tuple[Person, Person], year: int
) -> None:
    period = f"{year}-07"
    # What a server does that is killed between the closing and the seal.
    with Bank(api.conninfo) as bank:
        for user_id in (1, 2):
            actor = Actor(user_id, "compliance")
            bank.submit(periods.close_period(ask(actor=actor), period, None))
    assert two[0].get(f"/v1/ledger/periods/{period}").json()["seals"] == []

    next_one = two[0].post(f"/v1/ledger/periods/{period}/close")

    assert code(next_one) == (409, "period-already-closed")
    (seal,) = two[0].get(f"/v1/ledger/periods/{period}").json()["seals"]
    assert seal["sha256"] == hashlib.sha256(seal["canonical"].encode()).hexdigest()


def test_many_who_close_a_december_at_once_end_the_year_once(
    api: RunningApi, two: tuple[Person, Person], year: int
) -> None:
    teller, period = api.person("teller"), f"{year}-12"
    account_id = api.account(api.person(), 100)
    adjustment = {"side": "credit", "amount": 9, "reason": "fee", "booking_date": f"{year}-02-01"}
    assert teller.post(f"/v1/accounts/{account_id}/adjust", adjustment).status_code == 201
    path = f"/v1/ledger/periods/{period}/close"
    assert two[0].post(path).status_code == 202

    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: two[1].post(path).status_code, range(8)))

    assert sorted(statuses) == [200, *[409] * 7]
    life = [r for r in read_log(api.conninfo) if r.originator_id == STREAM]
    kinds = [type(r.event.fact).__name__ for r in since_closed(life, period)]
    assert kinds == ["Closed", "YearEnded", "Sealed"]


def test_a_seal_made_of_an_older_look_at_the_periods_is_not_written(
    api: RunningApi, year: int
) -> None:
    with Bank(api.conninfo) as bank:
        for user_id in (1, 2):
            actor = Actor(user_id, "compliance")
            bank.submit(periods.close_period(ask(actor=actor), f"{year}-08", None))
        versions = [r.originator_version for r in bank.log() if r.originator_id == STREAM]
        seal = periods.seal_period(ask(), f"{year}-08", [], 1, version=versions[-1] - 1)

        assert told(bank.submit(seal)).transaction_id is None
