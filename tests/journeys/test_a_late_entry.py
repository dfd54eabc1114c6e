"""The late-entry table: money booked on a day that has passed, asked about on both axes of time."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from tests.running_api import Person, RunningApi, running_api

DAY_1, DAY_5, DAY_6, DAY_10, DAY_11 = (dt.date(2026, 1, day) for day in (1, 5, 6, 10, 11))


@pytest.fixture(scope="module")
def api(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(module_database, tmp_path_factory.mktemp("api")) as running:
        yield running


def booked(teller: Person, account_id: int, amount: int, day: dt.date) -> dict[str, Any]:
    body = {"amount": amount, "booking_date": day.isoformat(), "reason": "told the table"}
    answer = teller.post(f"/v1/accounts/{account_id}/deposit", body)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_a_late_entry_changes_the_past_as_known_now_and_not_as_known_then(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    account_id = api.account(holder)
    booked(teller, account_id, 100, DAY_1)
    second = booked(teller, account_id, 50, DAY_10)
    late = booked(teller, account_id, 7, DAY_5)

    def asked(what: str, **moment: Any) -> Any:
        answer = holder.get(f"/v1/accounts/{account_id}/{what}", **moment)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def balance(**moment: Any) -> float:
        return float(asked("balance", **moment)["balance"])

    assert balance(as_of=DAY_6) == 107
    assert balance(as_of=DAY_11) == 157
    assert balance(as_of=DAY_6, known_at=second["position"]) == 100
    assert balance(as_of=DAY_6, known_at=second["timestamp"]) == 100
    assert balance(as_of=DAY_6, known_at=late["timestamp"]) == 107
    assert balance() == 157
    # The same truth in every view of it.
    summary = asked("summary", as_of=DAY_6)
    assert summary["balance"] == 107
    assert [line["amount"] for line in summary["transaction_history"]] == [7, 100]
    lines = asked("history")
    assert [(line["amount"], line["balance"], line["late"]) for line in lines] == [
        (50, 157, False),
        (7, 107, True),
        (100, 100, False),
    ]
    then = asked("history", known_at=second["position"])
    assert [(line["amount"], line["balance"]) for line in then] == [(50, 150), (100, 100)]


def test_the_trial_balance_answers_on_both_axes_and_balances_on_each(api: RunningApi) -> None:
    teller = api.person("teller")
    account_id = api.account(teller_customer := api.person())
    assert teller_customer.user_id
    before = teller.get("/v1/ledger/trial-balance", as_of=DAY_6).json()
    first = booked(teller, account_id, 30, DAY_1)
    booked(teller, account_id, 12, DAY_5)

    def checking(**moment: Any) -> Any:
        body = teller.get("/v1/ledger/trial-balance", **moment).json()
        assert all(total["debits"] == total["credits"] for total in body["totals"])
        return sum(line["balance"] for line in body["lines"] if line["ledger_account"] == 2110)

    base = sum(line["balance"] for line in before["lines"] if line["ledger_account"] == 2110)
    assert checking(as_of=DAY_6) == base + 42
    assert checking(as_of=DAY_6, known_at=first["position"]) == base + 30
    assert checking(as_of=dt.date(2025, 12, 31)) == 0


def test_a_late_entry_takes_a_reason_and_somebody_who_may(api: RunningApi) -> None:
    holder, teller, compliance = api.person(), api.person("teller"), api.person("compliance")
    path = f"/v1/accounts/{api.account(holder)}/deposit"
    late = {"amount": 1, "booking_date": DAY_5.isoformat()}

    answers = {
        "holder": holder.post(path, {**late, "reason": "please"}),
        "no reason": teller.post(path, late),
        "tomorrow": teller.post(path, {**late, "booking_date": "2999-01-01", "reason": "hope"}),
        "day's business": compliance.post(path, {"amount": 1}),
        "compliance": compliance.post(path, {**late, "reason": "found in the vault"}),
    }

    assert {name: (a.status_code, a.json().get("code")) for name, a in answers.items()} == {
        "holder": (403, "not-permitted"),
        "no reason": (422, "reason-missing"),
        "tomorrow": (422, "booking-date-in-future"),
        "day's business": (403, "not-permitted"),
        "compliance": (201, None),
    }


@pytest.mark.parametrize(
    ("parameters", "status", "named"),
    [
        ({"as_of": "2999-01-01"}, 422, None),
        ({"as_of": "01/02/2026"}, 400, "/query/as_of"),
        ({"as_of": "2026-02-30"}, 400, "/query/as_of"),
        ({"as_of": ""}, 400, "/query/as_of"),
        ({"known_at": "99999999"}, 422, None),
        ({"known_at": "2026-01-01T00:00:00"}, 400, "/query/known_at"),
        ({"known_at": "2026-01-01 00:00:00Z"}, 400, "/query/known_at"),
        ({"known_at": "-1"}, 400, "/query/known_at"),
        ({"known_at": "１"}, 400, "/query/known_at"),
        ({"as_off": "2026-01-01"}, 400, "/query/as_off"),
    ],
)
def test_a_moment_that_says_nothing_is_refused_by_name(
    api: RunningApi, parameters: dict[str, str], status: int, named: str | None
) -> None:
    holder = api.person()
    path = f"/v1/accounts/{api.account(holder)}/balance"

    answer = holder.get(path, **parameters)

    assert answer.status_code == status
    pointers = [error["pointer"] for error in answer.json().get("errors", [])]
    assert pointers == ([named] if named else [])
    if status == 422:
        assert answer.json()["code"] == "unanswerable-moment"
