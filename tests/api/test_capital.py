"""Capital paid in over HTTP: with its entry, in the books of its day, and by those who may."""

import datetime as dt
from typing import Any

import pytest

from application import clock
from tests.running_api import Person, RunningApi

TODAY = clock.now().date()
pytestmark = pytest.mark.usefixtures("one_day")


def balances(person: Person, **asked: Any) -> dict[int, float]:
    lines = person.get("/v1/ledger/trial-balance", **asked).json()["lines"]
    return {line["ledger_account"]: line["balance"] for line in lines if line["currency"] == "EUR"}


def test_capital_is_money_of_the_banks_own_from_its_day_on(api: RunningApi) -> None:
    compliance = api.person("compliance")
    first = str(TODAY - dt.timedelta(days=3))
    body = {"amount": 500_000, "reason": "foundation", "booking_date": first}

    paid = compliance.post("/v1/ledger/capital", body | {"paid_into": "vault"}, key="capital")
    again = compliance.post("/v1/ledger/capital", body | {"paid_into": "vault"}, key="capital")
    more = compliance.post("/v1/ledger/capital", {"amount": 1, "reason": "a euro more"})

    assert paid.status_code == 201, paid.text
    assert (paid.json()["total"], paid.json()["paid_into"]) == (500_000, "vault")
    assert again.content == paid.content
    assert (more.json()["total"], more.json()["paid_into"]) == (500_001, "central_bank")
    then = balances(compliance, as_of=first)
    assert (then[1010], then[3010]) == (500_000, 500_000)
    now = balances(compliance)
    assert (now[1010], now[1110], now[3010]) == (500_000, 1, 500_001)


def test_what_is_no_amount_is_refused_by_name(api: RunningApi) -> None:
    compliance = api.person("compliance")

    def code(**body: Any) -> tuple[int, str]:
        answer = compliance.post("/v1/ledger/capital", {"reason": "why", **body})
        return answer.status_code, answer.json()["code"]

    assert code(amount=0) == (422, "amount-not-positive")
    assert code(amount=0.001) == (422, "too-many-decimals")
    assert code(amount=1, currency="XXX") == (422, "unknown-currency")
    assert code(amount=999_999_999_999_999) == (422, "amount-too-large")
    assert code(amount=1, booking_date="2999-01-01") == (422, "booking-date-in-future")
