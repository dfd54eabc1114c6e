"""One payment over several bills of one biller: the oldest first, all of it or nothing."""

import datetime as dt
from typing import Any

from tests.api.test_bills import TODAY, code, new_biller, presented
from tests.running_api import Person, RunningApi


def due_in(days: int) -> str:
    return str(TODAY + dt.timedelta(days=days))


def together(
    person: Person, biller_id: int, amount: float, *, key: str | None = None, **more: Any
) -> Any:
    body = {"user_id": person.user_id, "biller_id": biller_id, "amount": amount, **more}
    return person.post("/v1/bills/pay-together", body, key=key)


def open_amounts(person: Person, *bill_ids: int) -> list[float]:
    return [person.get(f"/v1/bills/{bill_id}").json()["open_amount"] for bill_id in bill_ids]


def test_the_oldest_bill_is_paid_first_and_the_last_in_part(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    account_id = api.account(holder, 100)
    biller_id = new_biller(teller, fee=0.5)
    newest = presented(teller, holder, biller_id, amount=30, due_date=due_in(9))
    oldest = presented(teller, holder, biller_id, amount=20, due_date=due_in(1))
    middle = presented(teller, holder, biller_id, amount=10, due_date=due_in(5))
    other = presented(teller, holder, new_biller(teller), amount=5, due_date=due_in(0))

    paid = together(holder, biller_id, 35)

    assert paid.status_code == 201, paid.text
    body = paid.json()
    assert body["amount"] == 35
    payments = [(p["bill_id"], p["amount"], p["status"]) for p in body["payments"]]
    assert payments == [(oldest, 20, "success"), (middle, 10, "success"), (newest, 5, "success")]
    assert open_amounts(holder, oldest, middle, newest, other) == [0, 0, 25, 5]
    assert holder.get(f"/v1/accounts/{account_id}/balance").json()["balance"] == 63.5
    assert len(holder.get("/v1/bills/history").json()) == 3


def test_asked_again_under_its_key_it_is_answered_as_it_was(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    account_id = api.account(holder, 100)
    biller_id = new_biller(teller)
    bill_ids = [presented(teller, holder, biller_id, amount=20) for _ in range(2)]

    first = together(holder, biller_id, 40, key="both-of-them")
    again = together(holder, biller_id, 40, key="both-of-them")

    assert first.status_code == 201, first.text
    assert (again.status_code, again.content) == (201, first.content)
    assert open_amounts(holder, *bill_ids) == [0, 0]
    assert holder.get(f"/v1/accounts/{account_id}/balance").json()["balance"] == 60
    assert code(together(holder, biller_id, 40)) == (409, "nothing-owed")


def test_all_of_it_is_paid_or_nothing_is_done(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    account_id = api.account(holder, 25)
    biller_id = new_biller(teller)
    bill_ids = [presented(teller, holder, biller_id, amount=20) for _ in range(2)]

    poor = together(holder, biller_id, 30)
    much = together(holder, biller_id, 40.01)
    part = together(holder, new_biller(teller), 1)

    assert code(poor) == (409, "insufficient-funds")
    assert code(much)[0] == 409
    assert code(part) == (409, "nothing-owed")
    assert open_amounts(holder, *bill_ids) == [20, 20]
    assert holder.get(f"/v1/accounts/{account_id}/balance").json()["balance"] == 25
    assert holder.get(f"/v1/accounts/{account_id}/holds").json() == []


def test_what_is_too_much_is_the_billers_to_refuse_or_to_keep(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    api.account(holder, 200)
    refuses, keeps = new_biller(teller), new_biller(teller, overpayment="credit")
    for biller_id in (refuses, keeps):
        presented(teller, holder, biller_id, amount=20, due_date=due_in(3))
    last = presented(teller, holder, keeps, amount=10, due_date=due_in(4))

    assert code(together(holder, refuses, 21)) == (409, "overpayment-not-accepted")
    assert together(holder, keeps, 35).status_code == 201
    assert holder.get(f"/v1/bills/{last}").json()["credit"] == 5


def test_a_biller_that_takes_no_part_payments_gets_whole_bills(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    api.account(holder, 100)
    biller_id = new_biller(teller, partial=False)
    bill_ids = [presented(teller, holder, biller_id, amount=20) for _ in range(2)]

    assert code(together(holder, biller_id, 30)) == (409, "partial-payment-not-accepted")
    assert together(holder, biller_id, 20).status_code == 201
    assert open_amounts(holder, *bill_ids) == [0, 20]
    assert code(together(api.person(), biller_id, 20, user_id=holder.user_id)) == (
        404,
        "customer-not-found",
    )
