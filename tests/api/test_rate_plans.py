"""Rates of interest over HTTP, and the interest of an account as its holder sees it."""

import asyncio
import datetime as dt
from typing import Any

import pytest

from application import clock
from daybook.end_of_day.interest import ACCRUAL
from daybook.end_of_day.run import Bank, end_days
from tests.running_api import RunningApi

TODAY = clock.now().date()
pytestmark = pytest.mark.usefixtures("one_day")
RATES = {
    "account_type": "savings",
    "currency": "EUR",
    "first_day": "2024-01-01",
    "tiers": [{"rate": "3.65"}, {"above": 10000, "rate": 4}],
    "withholding_rate": 15,
}


def test_an_admin_sets_rates_and_an_account_earns_by_them(api: RunningApi) -> None:
    holder, admin = api.person(), api.person("admin")
    set_once = admin.post("/v1/rate-plans", RATES, key="rates")
    again = admin.post("/v1/rate-plans", RATES, key="rates")
    account_id = api.account(holder, 1000, account_type="savings")

    asyncio.run(end_days(Bank(conninfo=api.conninfo, steps=(ACCRUAL,)), [TODAY]))
    seen = holder.get(f"/v1/accounts/{account_id}/interest")

    rates = {
        "first_day": "2024-01-01",
        "tiers": [{"above": 0.0, "rate": "3.65"}, {"above": 10000.0, "rate": "4"}],
        "method": "whole",
        "basis": "ACT/365F",
        "overdraft_rate": "0",
        "excess_rate": None,
        "posting": "monthly",
        "withholding_rate": "15",
        "rounding": "half_even",
    }
    assert set_once.status_code == 201, set_once.text
    assert set_once.json()["rates"] == [rates]
    assert again.content == set_once.content
    assert holder.get("/v1/rate-plans").json() == [
        {"account_type": "savings", "currency": "EUR", "rates": [rates]}
    ]
    assert seen.status_code == 200, seen.text
    assert {**seen.json(), "position": 0} == {
        "account_id": account_id,
        "currency": "EUR",
        "through": str(TODAY),
        "accrued": 0.1,
        "owed": 0.0,
        "paid": 0.0,
        "taken": 0.0,
        "rates": rates,
        "position": 0,
    }
    assert api.person().get(f"/v1/accounts/{account_id}/interest").status_code == 404


@pytest.mark.parametrize(
    ("changed", "status", "problem"),
    [
        ({"currency": "XXX"}, 422, "unknown-currency"),
        ({"account_type": "term"}, 422, "body-invalid"),
        ({"tiers": [{"above": 5, "rate": 1}]}, 422, "tiers-out-of-order"),
        ({"tiers": [{"rate": -1}]}, 422, "rate-out-of-range"),
        ({"tiers": [{"rate": 1}] * 21}, 422, "body-invalid"),
        ({"excess_rate": "1e3"}, 422, "body-invalid"),
        ({"first_day": "2024-02-30"}, 422, "body-invalid"),
    ],
)
def test_rates_that_make_no_sense_are_refused_by_name(
    api: RunningApi, changed: dict[str, Any], status: int, problem: str
) -> None:
    answer = api.person("admin").post("/v1/rate-plans", {**RATES, **changed})

    assert (answer.status_code, answer.json()["code"]) == (status, problem)


def test_only_an_admin_sets_rates(api: RunningApi) -> None:
    for role in ("user", "teller", "auditor"):
        assert api.person(role).post("/v1/rate-plans", RATES).status_code == 403


def test_an_account_that_earned_nothing_says_so(api: RunningApi) -> None:
    holder = api.person()
    account_id = api.account(holder, currency="CHF")

    seen = holder.get(f"/v1/accounts/{account_id}/interest").json()

    assert (seen["through"], seen["accrued"], seen["rates"]) == (None, 0.0, None)


def test_a_first_day_may_be_to_come(api: RunningApi) -> None:
    later = {**RATES, "currency": "CZK", "first_day": str(TODAY + dt.timedelta(days=9))}

    assert api.person("admin").post("/v1/rate-plans", later).status_code == 201
