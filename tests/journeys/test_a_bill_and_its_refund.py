"""A customer and his bills over HTTP, each request sent twice under its key: it is all done once."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from application import clock
from tests.running_api import Person, RunningApi, running_api

TODAY = clock.now().date()
pytestmark = pytest.mark.usefixtures("one_day")


@pytest.fixture
def api(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(database, tmp_path_factory.mktemp("api")) as running:
        yield running


def twice(person: Person, path: str, body: Any, key: str) -> Any:
    first, second = (person.post(path, body, key=key) for _ in range(2))
    assert first.status_code in (200, 201), first.text
    assert first.content == second.content
    return first.json()


def balances(auditor: Person, writer: Person) -> dict[int, float]:
    known = writer.get("/v1/bills/services").headers["daybook-position"]
    answer = auditor.get("/v1/ledger/trial-balance", known_at=known).json()
    (total,) = answer["totals"]
    assert total["debits"] == total["credits"]
    return {line["ledger_account"]: line["balance"] for line in answer["lines"]}


def test_the_worked_day_of_bills_and_what_comes_after_it(api: RunningApi) -> None:
    alice, teller, auditor = api.person(), api.person("teller"), api.person("auditor")
    account_id = api.account(alice, 5000)
    biller_id = twice(
        teller,
        "/v1/billers",
        {"name": "UtilityCo", "category": "utilities/power", "fee": 0.5, "fee_returned": True},
        "biller",
    )["biller_id"]
    assert alice.get("/v1/bills/services").json() == ["UtilityCo"]

    # The bill comes, and is seen where bills are seen.
    due = TODAY + dt.timedelta(days=14)
    body = {
        "biller_id": biller_id,
        "user_id": alice.user_id,
        "amount": 84.37,
        "due_date": str(due),
        "external_id": "INV-1",
        "recurrence": {"months": 1, "day": 31},
    }
    bill_id = twice(teller, "/v1/bills", body, "bill")["bill_id"]
    real, *estimates = alice.get(f"/v1/bills/upcoming/{alice.user_id}", days=70).json()
    assert (real["bill_id"], real["amount"], real["estimate"]) == (bill_id, 84.37, False)
    assert estimates
    assert all(each["estimate"] and each["bill_id"] is None for each in estimates)
    summary = alice.get(f"/v1/accounts/{account_id}/summary").json()
    assert summary["upcoming_bills"][0]["bill_id"] == bill_id

    # It is paid, once, with the bank's fee.
    paying = {"user_id": alice.user_id, "bill_id": bill_id, "amount": 84.37}
    paid = twice(alice, "/v1/bills/pay", paying, "pay")
    assert (paid["status"], paid["fee"], paid["account_id"]) == ("success", 0.5, account_id)
    twice(teller, f"/v1/billers/{biller_id}/settle", {}, "settle")
    lines = balances(auditor, teller)
    assert lines[1010] == 5000
    assert lines[2110] == 4915.13
    assert lines[1120] == -84.37
    assert lines[4210] == 0.5
    assert lines[2410] == 0

    # The statement names the biller; what was paid is in its category.
    statement = alice.get(
        f"/v1/accounts/{account_id}/statement", **{"from": str(TODAY), "to": str(TODAY)}
    ).json()
    stated = [(entry["kind"], entry["counterparty"]) for entry in statement["entries"]]
    assert stated == [("deposit", None), ("bill_payment", "UtilityCo"), ("fee", None)]
    spent = alice.get("/v1/reports/spending").json()["categories"]
    assert {row["category"]: row["spent"] for row in spent} == {
        "utilities/power": 84.37,
        "fees": 0.5,
    }

    # The biller was wrong: the bank gives it back, and has it back from the biller.
    path = f"/v1/bills/payments/{paid['payment_id']}"
    refund = twice(teller, f"{path}/refund", {"reason": "billed twice"}, "refund")
    assert (refund["status"], refund["refund_due"]) == ("refunded", 84.37)
    twice(teller, f"{path}/refund-received", {"amount": 84.37}, "received")
    lines = balances(auditor, teller)
    assert (lines[2110], lines[1120], lines[1510], lines[4210]) == (5000, 0, 0, 0)
    assert alice.get(f"/v1/bills/{bill_id}").json()["open_amount"] == 84.37
    history = alice.get(f"/v1/bills/history/{alice.user_id}").json()
    assert [(each["payment_id"], each["status"]) for each in history] == [
        (paid["payment_id"], "refunded")
    ]
    known = paid["position"]
    then = alice.get("/v1/bills/history", known_at=known).json()
    assert [each["status"] for each in then] == ["success"]
