"""What products may have besides: business days, fees of instalments. Each day is ended by the bank."""

import datetime as dt
from typing import Any

import pytest

from application.commands import Details
from application.loan_days import collect_due, end_loan_day
from daybook.loading import bring_views_up
from domain.amortisation.due_dates import add_months
from tests.api.test_loans import DAY, QUOTED, TODAY, applied, code, done, lent
from tests.bank import Bank, ask
from tests.running_api import Person, RunningApi


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


def tell(admin: Person, index: str, on: dt.date, value: str) -> dict[str, Any]:
    return done(admin.post("/v1/rate-indexes", {"index": index, "on": str(on), "value": value}))


def test_a_rate_follows_its_index_from_each_reset_date_on(api: RunningApi) -> None:
    borrower, officer, admin = api.person(), api.person("loan_officer"), api.person("admin")
    account_id = api.account(borrower, 5_000)
    began = TODAY - 100 * DAY
    first = {"on": "2020-01-01", "value": "2"}
    tell(admin, "EURIBOR3M", dt.date(2020, 1, 1), "2")
    asked = {"product": "variable", "amount": 90_000, "instalments": 120, "income": 100_000}
    loan_id = lent(borrower, officer, account_id, began, collateral=200_000, **asked)
    path = f"/v1/loans/{loan_id}"
    agreed = borrower.get(path).json()
    before = agreed["position"]
    assert agreed["annual_rate"] == "3.25", "the index, and a margin of 1.25"
    assert rows_of(borrower, path) == quoted(borrower, began, [first])

    higher = {"on": str(began + 70 * DAY), "value": "4"}
    tell(admin, "EURIBOR3M", began + 70 * DAY, "4")
    live(api, loan_id, account_id, began, TODAY)

    reset = add_months(began, 3)
    assert borrower.get(path, as_of=str(reset - DAY)).json()["annual_rate"] == "3.25"
    assert borrower.get(path, as_of=str(reset)).json()["annual_rate"] == "5.25"
    assert rows_of(borrower, path) == quoted(borrower, began, [first, higher])
    assert rows_of(borrower, path, known_at=before) == quoted(borrower, began, [first])
    assert borrower.get(f"{path}/schedule").json()["schedule_number"] == 2


def rows_of(reader: Person, path: str, **moment: Any) -> list[list[Any]]:
    rows = reader.get(f"{path}/schedule", **moment).json()["instalments"]
    return [[row[column] for column in COLUMNS] for row in rows]


COLUMNS = ("until", "due", "principal", "interest", "fee", "payment", "balance")


def quoted(reader: Person, began: dt.date, values: list[dict[str, str]]) -> list[list[Any]]:
    (agreed,) = (p for p in reader.get("/v1/loans/products").json() if p["product"] == "variable")
    follows = {name: agreed["follows"][name] for name in ("margin", "reset_months", "cap", "floor")}
    body = {name: agreed[name] for name in QUOTED if name != "annual_rate"}
    body |= {"principal": 90_000, "instalments": 120, "disbursed_on": str(began)}
    body |= {"rounding": "half_up", "follows": follows | {"values": values}}
    rows = reader.post("/v1/loans/quote", body).json()["instalments"]
    return [[row[column] for column in COLUMNS] for row in rows]


def test_a_rate_that_follows_an_index_is_not_set_and_needs_a_value(api: RunningApi) -> None:
    borrower, officer, admin = api.person(), api.person("loan_officer"), api.person("admin")
    account_id = api.account(borrower)
    asked = {"product": "variable", "instalments": 120, "income": 100_000, "collateral": 200_000}
    tell(admin, "EURIBOR3M", dt.date(2020, 1, 1), "2")
    loan_id = applied(borrower, 50_000, account_id=account_id, **asked)

    assert code(officer.post(f"/v1/loans/{loan_id}/approve", {"annual_rate": 1})) == (
        409,
        "rate-follows-index",
    )
    done(officer.post(f"/v1/loans/{loan_id}/approve"))
    done(borrower.post(f"/v1/loans/{loan_id}/accept"))
    early = {"booking_date": "2019-06-01", "reason": "told late"}
    assert code(officer.post(f"/v1/loans/{loan_id}/disburse", early)) == (
        409,
        "index-value-missing",
    )


def test_values_of_an_index_are_read_as_they_held_and_as_they_were_known(api: RunningApi) -> None:
    admin, anyone = api.person("admin"), api.person()
    tell(admin, "EURIBOR12M", dt.date(2026, 1, 1), "2.5")
    known = tell(admin, "EURIBOR12M", dt.date(2026, 7, 1), "-0.125")["position"]
    tell(admin, "EURIBOR12M", dt.date(2026, 7, 1), "0.25")
    assert bring_views_up(api.conninfo)

    def seen(**moment: Any) -> Any:
        (index,) = (
            each
            for each in anyone.get("/v1/rate-indexes", **moment).json()
            if each["index"] == "EURIBOR12M"
        )
        return index["value"]

    assert seen(as_of="2026-06-30") == "2.5"
    assert seen(as_of="2026-07-01") == "0.25"
    assert seen(as_of="2026-07-01", known_at=known) == "-0.125"
    assert seen(as_of="2025-12-31") is None
    body = {"index": "LIBOR", "on": "2026-01-01", "value": "1"}
    assert code(admin.post("/v1/rate-indexes", body)) == (422, "index-not-found")
    too_far = body | {"index": "EURIBOR3M", "on": "2999-01-01"}
    assert code(admin.post("/v1/rate-indexes", too_far)) == (422, "date-out-of-range")
    assert anyone.post("/v1/rate-indexes", body).status_code == 403
