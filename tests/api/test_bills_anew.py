"""A bill presented anew over HTTP: its payments are found with it, and where they were before."""

from typing import Any

from tests.api.test_bills import bill_of, code, new_biller, pay, presented
from tests.running_api import Person, RunningApi


def anew(teller: Person, person: Person, biller_id: int, amount: float, **more: Any) -> Any:
    body = bill_of(person, biller_id, amount, external_id="A-1", supersede=True, **more)
    return teller.post("/v1/bills", body)


def test_a_bill_that_was_paid_in_part_is_superseded_with_its_payment(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    account_id = api.account(holder, 100)
    biller_id = new_biller(teller)
    old = presented(teller, holder, biller_id, amount=50, external_id="A-1")
    paid = pay(holder, old, 20).json()

    answer = anew(teller, holder, biller_id, 45)

    assert answer.status_code == 201, answer.text
    new = answer.json()
    assert (new["supersedes"], new["paid"], new["open_amount"]) == (old, 20, 25)
    (listed,) = holder.get("/v1/bills/history").json()
    assert (listed["payment_id"], listed["bill_id"]) == (paid["payment_id"], new["bill_id"])
    before = {"known_at": paid["position"]}
    (then,) = holder.get("/v1/bills/history", **before).json()
    assert then["bill_id"] == old
    assert holder.get(f"/v1/bills/{old}", **before).json()["paid"] == 20
    gone = holder.get(f"/v1/bills/{old}").json()
    assert (gone["status"], gone["superseded_by"]) == ("superseded", new["bill_id"])
    assert (gone["paid"], gone["payments"]) == (0, [])
    path = f"/v1/bills/payments/{paid['payment_id']}"
    refunded = teller.post(f"{path}/refund", {"amount": 5, "reason": "no"}).json()
    assert (refunded["bill_id"], refunded["refunded"]) == (new["bill_id"], 5)
    assert holder.get(f"/v1/accounts/{account_id}/balance").json()["balance"] == 85


def test_what_was_paid_too_much_is_on_the_account_again(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    account_id = api.account(holder, 100)
    biller_id = new_biller(teller)
    old = presented(teller, holder, biller_id, amount=50, external_id="A-1")
    pay(holder, old, 50)

    new = anew(teller, holder, biller_id, 45).json()

    assert (new["status"], new["paid"], new["credit"]) == ("paid", 45, 0)
    assert holder.get(f"/v1/accounts/{account_id}/balance").json()["balance"] == 55


def test_a_customer_supersedes_no_bill_of_a_biller(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    biller_id = new_biller(teller)
    presented(teller, holder, biller_id, amount=50, external_id="A-1")

    assert code(anew(holder, holder, biller_id, 1)) == (403, "not-permitted")


def test_a_refund_to_a_closed_account_waits_and_is_claimed_at_the_counter(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    account_id = api.account(holder, 50)
    bill_id = presented(teller, holder, new_biller(teller), amount=50)
    payment_id = pay(holder, bill_id, 50).json()["payment_id"]
    assert holder.post(f"/v1/accounts/{account_id}/close", {"reason": "moved"}).status_code == 200
    path = f"/v1/bills/payments/{payment_id}"

    refunded = teller.post(f"{path}/refund", {"amount": 20, "reason": "no"})
    mine = holder.post(f"{path}/claim", {"reason": "mine"})
    clearing = teller.get("/v1/ledger/clearing").json()
    claimed = teller.post(f"{path}/claim", {"reason": "came in"})

    assert (refunded.json()["refunded"], refunded.json()["unclaimed"]) == (20, 20)
    assert code(mine) == (403, "not-permitted")
    (suspense,) = [each for each in clearing if each["ledger_account"] == 2910]
    assert suspense["unexplained"] == 0
    assert (f"payment-{payment_id}", -20) in [(i["item"], i["amount"]) for i in suspense["items"]]
    assert claimed.json()["unclaimed"] == 0
    assert holder.get(path).json()["unclaimed"] == 0
    assert code(teller.post(f"{path}/claim", {"reason": "again"})) == (409, "refund-not-due")
