"""A month at the bank: what comes late, what is held, who closes the books, and what was said of it."""

import hashlib
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.running_api import Person, RunningApi, running_api

MARCH = {"from": "2026-03-01", "to": "2026-03-31"}


@pytest.fixture(scope="module")
def api(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(module_database, tmp_path_factory.mktemp("api")) as running:
        yield running


def done(answer: Any, status: int = 201) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


def booked(teller: Person, account_id: int, amount: float, day: str, **more: Any) -> dict[str, Any]:
    late = {"amount": amount, "booking_date": day, "reason": "from the counter", **more}
    return done(teller.post(f"/v1/accounts/{account_id}/deposit", late))


def test_a_month_is_kept_closed_stated_corrected_and_explained(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    first, second = api.person("compliance"), api.person("compliance")
    account_id = api.account(holder)
    account = f"/v1/accounts/{account_id}"

    # The month: money comes in, some of it a day late.
    booked(teller, account_id, 1000, "2026-03-02", category="salary")
    wrong = booked(teller, account_id, 250, "2026-03-20")
    late = booked(teller, account_id, 40, "2026-03-12", value_date="2026-03-11")
    assert late["balance"] == 1290

    # A hotel holds 300 and takes 180 of it, in the books of the month.
    held = done(holder.post(f"{account}/holds", {"amount": 300, "counterparty": "Hotel"}))
    settling = {"amount": 180, "booking_date": "2026-03-30", "reason": "came by post"}
    settled = done(teller.post(f"/v1/holds/{held['hold_id']}/settle", settling))
    assert (settled["balance"], settled["held_rest"]) == (1110, 0)

    # Two people close it; what comes after that is refused, and booked on the first open day.
    path = "/v1/ledger/periods/2026-03/close"
    done(first.post(path), 202)
    closed = done(second.post(path), 200)
    seal = closed["seal"]
    assert hashlib.sha256(seal["canonical"].encode()).hexdigest() == seal["sha256"]
    forgotten = {"amount": 15, "booking_date": "2026-03-15", "reason": "an envelope was found"}
    refused = done(teller.post(f"{account}/deposit", forgotten), 409)
    assert refused["code"] == "period-closed"
    day = refused["figures"]["first_open_day"]
    assert day == "2026-04-01"
    booked(teller, account_id, 15, day, value_date="2026-03-15")
    by_value = holder.get(f"{account}/balance", as_of="2026-03-31", basis="value").json()
    by_booking = holder.get(f"{account}/balance", as_of="2026-03-31").json()
    assert (by_value["balance"], by_booking["balance"]) == (1125, 1110)

    # The statement is issued.
    issued = done(holder.post(f"{account}/statements", MARCH))
    statement = f"/v1/statements/{issued['statement_id']}"
    said = holder.get(statement)
    assert hashlib.sha256(said.content).hexdigest() == issued["sha256"]
    assert [entry["amount"] for entry in said.json()["entries"]] == [1000, 40, 250, 180]
    assert said.json()["closing_balance"] == 1110

    # It turns out that 250 was 205: the period is opened again for the 45, and closed.
    undo = {"reason": "a slip of the pen", "amount": 45, "booking_date": "2026-03-20"}
    reversal = f"/v1/transactions/{wrong['transaction_id']}/reverse"
    assert done(teller.post(reversal, undo), 409)["code"] == "period-closed"
    done(first.post("/v1/ledger/periods/2026-03/reopen", {"reason": "a slip of the pen"}), 200)
    undone = done(teller.post(reversal, undo))
    done(second.post(path), 202)
    again = done(first.post(path), 200)
    assert again["seal"]["sha256"] != seal["sha256"]

    # What was said stays what was said; what would be said now is explained to the cent.
    assert holder.get(statement).content == said.content
    restated = done(holder.get(f"{statement}/restatement"), 200)
    assert restated["then"]["closing_balance"] == 1110
    assert restated["now"]["closing_balance"] == 1065
    assert [(event["position"], event["amount"]) for event in restated["events"]] == [
        (undone["position"], -45)
    ]
    assert restated["difference"]["closing_balance"] == -45
    now = holder.get(f"{account}/statement", **MARCH).json()
    assert [entry["amount"] for entry in now["entries"]] == [1000, 40, 250, 45, 180]


def test_every_month_of_a_random_year_begins_where_the_one_before_it_ended(api: RunningApi) -> None:
    teller, account_id = api.person("teller"), api.account(api.person())
    for number in range(40):
        month, day = number * 7 % 12 + 1, number * 11 % 28 + 1
        booked(teller, account_id, number + 1, f"2025-{month:02}-{day:02}")

    months = [
        teller.get(
            f"/v1/accounts/{account_id}/statement",
            **{"from": f"2025-{month:02}-01", "to": f"2025-{month:02}-28"},
        ).json()
        for month in range(1, 13)
    ]

    assert months[0]["opening_balance"] == 0
    assert months[-1]["closing_balance"] == sum(range(1, 41))
    for before, after in pairwise(months):
        assert after["opening_balance"] == before["closing_balance"]
