"""Rates that a body brings stand in the log as they were sent, wherever a call takes one."""

from typing import Any

import pytest

from tests.running_api import Person, RunningApi


@pytest.fixture
def officer(api: RunningApi) -> Person:
    return api.person("loan_officer")


def applied(borrower: Person) -> int:
    asked = {"product": "personal", "amount": 12_000, "instalments": 12, "income": 10_000}
    answer = borrower.post("/v1/loans/apply", asked)
    assert answer.status_code == 201, answer.text
    loan_id: int = answer.json()["loan_id"]
    return loan_id


@pytest.mark.parametrize("rate", [7.25, "7.25"], ids=["number", "text"])
def test_a_loan_is_approved_at_another_rate_than_its_products(
    api: RunningApi, officer: Person, rate: Any
) -> None:
    loan_id = applied(api.person())

    approved = officer.post(f"/v1/loans/{loan_id}/approve", {"annual_rate": rate})

    assert approved.status_code == 201, approved.text
    assert officer.get(f"/v1/loans/{loan_id}").json()["annual_rate"] == "7.25"


def test_a_loan_is_rescheduled_at_another_rate(api: RunningApi, officer: Person) -> None:
    borrower = api.person()
    loan_id, account_id = applied(borrower), api.account(borrower)
    officer.post(f"/v1/loans/{loan_id}/approve")
    borrower.post(f"/v1/loans/{loan_id}/accept", {"account_id": account_id})
    officer.post(f"/v1/loans/{loan_id}/disburse")

    changed = officer.post(f"/v1/loans/{loan_id}/reschedule", {"annual_rate": 5.5, "reason": "x"})

    assert changed.status_code == 201, changed.text
    assert officer.get(f"/v1/loans/{loan_id}").json()["annual_rate"] == "5.5"


def test_the_rates_of_a_biller_are_kept_as_they_were_sent(api: RunningApi) -> None:
    teller = api.person("teller")
    terms = {"name": "Riverside Water", "late_fee_rate": "1.5", "commission_rate": 0.25}

    made = teller.post("/v1/billers", terms)

    assert made.status_code == 201, made.text
    kept = teller.get(f"/v1/billers/{made.json()['biller_id']}").json()
    assert (kept["late_fee_rate"], kept["commission_rate"]) == (1.5, 0.25)
