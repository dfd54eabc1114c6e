"""Standing orders over HTTP, and what the end of a day makes of them."""

import asyncio
import datetime as dt
from typing import Any

import httpx
import pytest

from application import clock
from daybook.end_of_day.run import Bank, end_days
from daybook.end_of_day.standing_orders import STEP
from domain.banking_calendar import WEEKENDS
from tests.bank import read_log
from tests.running_api import Person, RunningApi

TODAY = clock.now().date()
pytestmark = pytest.mark.usefixtures("one_day")
ONE = dt.timedelta(days=1)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def order(account_id: int, **more: Any) -> dict[str, Any]:
    return {
        "account_id": account_id,
        "amount": 30,
        "frequency": "monthly",
        "first_due": str(TODAY),
        # So that a weekend's due date is tried today, whatever day that is.
        "day_rule": "preceding",
        **({} if "to_account_id" in more else {"counterparty": "YZ/87144583"}),
        **more,
    }


def created(person: Person, account_id: int, **more: Any) -> int:
    answer = person.post("/v1/standing-orders", order(account_id, **more))
    assert answer.status_code == 201, answer.text
    order_id: int = answer.json()["standing_order_id"]
    return order_id


def run_step(api: RunningApi) -> None:
    asyncio.run(end_days(Bank(conninfo=api.conninfo, steps=(STEP,)), [TODAY]))


def history(person: Person, order_id: int) -> list[tuple[str, str | None]]:
    answer = person.get(f"/v1/standing-orders/{order_id}")
    assert answer.status_code == 200, answer.text
    return [(each["outcome"], each["reason"]) for each in answer.json()["history"]]


def test_the_end_of_a_day_pays_what_is_due_and_notes_what_cannot_be(api: RunningApi) -> None:
    holder, other = api.person(), api.person()
    rich, poor = api.account(holder, 100), api.account(holder, 10)
    payee = api.account(other)
    inside = created(holder, rich, to_account_id=payee, description="Rent")
    outside = created(holder, rich, amount="12.50")
    lacking = created(holder, poor)
    impatient = created(holder, poor, retry_days=0)
    later = created(holder, rich, first_due=str(TODAY + 40 * ONE))
    paused = created(holder, rich)
    assert holder.post(f"/v1/standing-orders/{paused}/pause").status_code == 200
    to_closed = created(holder, rich, to_account_id=api.account(other))
    closed_id = holder.get(f"/v1/standing-orders/{to_closed}").json()["to_account_id"]
    assert other.post(f"/v1/accounts/{closed_id}/close").status_code == 200

    run_step(api)
    events = len(read_log(api.conninfo))
    run_step(api)

    assert len(read_log(api.conninfo)) == events
    assert history(holder, inside) == history(holder, outside) == [("executed", None)]
    lack = f"Account {poor} has 10.00 EUR available; 30.00 EUR was asked for."
    assert history(holder, lacking) == [("failed", lack)]
    assert history(holder, impatient) == [("skipped", lack)]
    assert history(holder, later) == history(holder, paused) == []
    assert holder.get(f"/v1/accounts/{rich}/balance").json()["balance"] == 57.5
    assert other.get(f"/v1/accounts/{payee}/balance").json()["balance"] == 30
    stopped = holder.get(f"/v1/standing-orders/{to_closed}").json()
    assert (stopped["status"], stopped["next_due"]) == ("cancelled", None)
    again = holder.get(f"/v1/standing-orders/{lacking}").json()
    assert again["next_due"] == str(TODAY)
    assert again["next_attempt"] == str(WEEKENDS.following(TODAY + ONE))
    assert again["tries"] == 1
    # The payment is a transaction like any other, in the books of the day.
    transaction_id = holder.get(f"/v1/standing-orders/{inside}").json()["history"][0][
        "transaction_id"
    ]
    paid = holder.get(f"/v1/transactions/{transaction_id}").json()
    assert (paid["amount"], paid["description"]) == (30, "Rent")
    assert (paid["source_account_id"], paid["destination_account_id"]) == (rich, payee)


def test_an_order_is_told_whole_and_listed_to_its_holder(api: RunningApi) -> None:
    holder = api.person()
    account_id = api.account(holder)

    first = holder.post(
        "/v1/standing-orders", order(account_id, count=12, description="Gym"), key="gym"
    )
    again = holder.post(
        "/v1/standing-orders", order(account_id, count=12, description="Gym"), key="gym"
    )
    second = created(holder, account_id, frequency="weekly")

    told = first.json()
    assert again.content == first.content
    assert told == {
        "standing_order_id": told["standing_order_id"],
        "account_id": account_id,
        "to_account_id": None,
        "counterparty": "YZ/87144583",
        "amount": 30.0,
        "currency": "EUR",
        "description": "Gym",
        "frequency": "monthly",
        "day_rule": "preceding",
        "first_due": str(TODAY),
        "last_due": None,
        "count": 12,
        "retry_days": 3,
        "catch_up": False,
        "status": "active",
        "next_due": str(TODAY),
        "next_attempt": str(WEEKENDS.preceding(TODAY)),
        "tries": 0,
        "position": told["position"],
    }
    listed = holder.get("/v1/standing-orders").json()
    assert [each["standing_order_id"] for each in listed] == [second, told["standing_order_id"]]
    page = holder.get("/v1/standing-orders", limit=1)
    assert [each["standing_order_id"] for each in page.json()] == [second]
    rest = holder.client.get(page.headers["Link"].partition(">")[0][1:])
    assert [each["standing_order_id"] for each in rest.json()] == [told["standing_order_id"]]
    staff = api.person("auditor").get("/v1/standing-orders", account_id=account_id).json()
    assert staff == listed


def test_an_order_is_changed_paused_resumed_and_cancelled(api: RunningApi) -> None:
    holder = api.person()
    path = f"/v1/standing-orders/{created(holder, api.account(holder))}"

    changed = holder.put(path, {"amount": 45.5, "description": "More"})
    same = holder.put(path, {"amount": 45.5})
    paused = holder.post(f"{path}/pause")
    resumed = holder.post(f"{path}/resume")
    cancelled = holder.client.delete(path)
    over = holder.post(f"{path}/pause")

    assert (changed.json()["amount"], changed.json()["description"]) == (45.5, "More")
    assert (same.status_code, same.json()["position"]) == (200, None)
    assert [a.json()["status"] for a in (paused, resumed, cancelled)] == [
        "paused",
        "active",
        "cancelled",
    ]
    assert code(over) == (409, "standing-order-over")


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"amount": 0}, (422, "amount-not-positive")),
        ({"amount": "0.001"}, (422, "too-many-decimals")),
        ({"first_due": str(TODAY - ONE)}, (422, "date-out-of-range")),
        ({"first_due": "2999-01-01"}, (422, "date-out-of-range")),
        ({"last_due": str(TODAY - ONE)}, (422, "date-out-of-range")),
        ({"frequency": "daily"}, (422, "body-invalid")),
        ({"count": 0}, (422, "body-invalid")),
        ({"retry_days": 11}, (422, "body-invalid")),
        ({"to_account_id": 1, "counterparty": "both"}, (422, "body-invalid")),
        ({"to_account_id": 999_999}, (404, "account-not-found")),
    ],
)
def test_what_cannot_be_agreed_is_refused_by_name(
    api: RunningApi, more: dict[str, Any], problem: tuple[int, str]
) -> None:
    holder = api.person()

    assert code(holder.post("/v1/standing-orders", order(api.account(holder), **more))) == problem


def test_an_order_is_between_accounts_that_can(api: RunningApi) -> None:
    holder = api.person()
    account_id, other = api.account(holder), api.account(holder, currency="CHF")

    itself = holder.post("/v1/standing-orders", order(account_id, to_account_id=account_id))
    foreign = holder.post("/v1/standing-orders", order(account_id, to_account_id=other))

    assert code(itself) == (422, "same-account")
    assert code(foreign) == (409, "currency-mismatch")


def test_to_a_stranger_there_is_no_such_order(api: RunningApi) -> None:
    holder, stranger = api.person(), api.person()
    account_id = api.account(holder)
    path = f"/v1/standing-orders/{created(holder, account_id)}"

    assert code(stranger.get(path)) == (404, "standing-order-not-found")
    assert code(stranger.client.delete(path)) == (404, "standing-order-not-found")
    assert code(stranger.post("/v1/standing-orders", order(account_id))) == (
        404,
        "account-not-found",
    )
    assert stranger.get("/v1/standing-orders").json() == []


def test_an_account_with_standing_orders_is_not_closed(api: RunningApi) -> None:
    holder = api.person()
    account_id = api.account(holder)
    order_id = created(holder, account_id)

    refused = holder.post(f"/v1/accounts/{account_id}/close")
    holder.client.delete(f"/v1/standing-orders/{order_id}")
    closed = holder.post(f"/v1/accounts/{account_id}/close")

    assert code(refused) == (409, "standing-order-active")
    assert closed.status_code == 200
