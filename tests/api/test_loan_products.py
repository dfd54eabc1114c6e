"""What products may have besides: business days, fees of instalments. Each day is ended by the bank."""

import datetime as dt
from typing import Any

import pytest

from application.commands import Details
from application.loan_days import collect_due, end_loan_day
from daybook.loading import bring_views_up
from tests.api.test_loans import DAY, TODAY, applied, done, lent
from tests.bank import Bank, ask
from tests.running_api import RunningApi


def live(api: RunningApi, loan_id: int, account_id: int, first: dt.date, last: dt.date) -> None:
    """The days of one loan, as the end of each day has them: what is due is collected, then the night."""
    with Bank(api.conninfo) as bank:
        for n in range((last - first).days + 1):
            told = Details(booking_date=first + n * DAY, reason="end of day")
            key = f"{loan_id}/{first + n * DAY}"
            collected = collect_due(ask(f"{key}/due"), loan_id, account_id, told)
            for command in (collected, end_loan_day(ask(key), loan_id, told)):
                answer = bank.submit(command)
                assert answer.status == 201, answer.body
    assert bring_views_up(api.conninfo)


def test_an_instalment_is_due_on_a_business_day_and_its_fee_with_it(api: RunningApi) -> None:
    borrower, officer = api.person(), api.person("loan_officer")
    account_id = api.account(borrower)
    began = TODAY - 40 * DAY
    loan_id = lent(borrower, officer, account_id, began, product="store", amount=1_200)
    first, second, *_ = borrower.get(f"/v1/loans/{loan_id}/schedule").json()["instalments"]
    due = dt.date.fromisoformat(first["due"])
    assert due.weekday() < 5
    assert first["fee"] == pytest.approx(
        1.5 + 0.005 * (first["principal"] + first["interest"]), 0.01
    )

    live(api, loan_id, account_id, began, TODAY)

    def seen(on: dt.date) -> dict[str, Any]:
        body: dict[str, Any] = borrower.get(f"/v1/loans/{loan_id}", as_of=str(on)).json()
        return body

    paid = borrower.get(f"/v1/loans/{loan_id}/schedule").json()["instalments"][0]
    assert (paid["paid"], paid["status"]) == (first["payment"], "paid")
    assert seen(due)["fees"] == 0
    assert seen(due)["principal"] == first["balance"]
    kinds = [
        (line["kind"], line["fees"], line["value_date"])
        for line in borrower.get(f"/v1/loans/{loan_id}/statement").json()["lines"]
        if line["fees"]
    ]
    assert kinds == [
        ("loan_fee", first["fee"], str(due)),
        ("loan_repayment", -first["fee"], str(due)),
    ]
    ends = borrower.get(f"/v1/loans/{loan_id}/payoff").json()
    assert ends["fees"] == 0, "what is not due has no fee"
    assert second["fee"] > 0


def test_a_rate_is_changed_by_the_approval_and_by_a_new_schedule(api: RunningApi) -> None:
    borrower, officer = api.person(), api.person("loan_officer")
    account_id = api.account(borrower)
    loan_id = applied(borrower, account_id=account_id)

    approved = done(officer.post(f"/v1/loans/{loan_id}/approve", {"annual_rate": "19.5"}))
    done(borrower.post(f"/v1/loans/{loan_id}/accept"))
    done(officer.post(f"/v1/loans/{loan_id}/disburse"))
    rescheduled = done(officer.post(f"/v1/loans/{loan_id}/reschedule", {"annual_rate": 0}))

    assert (approved["annual_rate"], rescheduled["annual_rate"]) == ("19.5", "0")
    schedule = borrower.get(f"/v1/loans/{loan_id}/schedule").json()
    assert [row["payment"] for row in schedule["instalments"]] == [3000] * 4
