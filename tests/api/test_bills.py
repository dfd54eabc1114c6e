"""Bills over HTTP: presented, paid, refunded, and told as of any moment."""

import datetime as dt
import itertools
from typing import Any

import pytest

from application import clock
from tests.running_api import Person, RunningApi

TODAY = clock.now().date()
pytestmark = pytest.mark.usefixtures("one_day")
NAMES = itertools.count(1)


def new_biller(teller: Person, **terms: Any) -> int:
    answer = teller.post("/v1/billers", {"name": f"UtilityCo {next(NAMES)}", **terms})
    assert answer.status_code == 201, answer.text
    biller_id: int = answer.json()["biller_id"]
    return biller_id


def bill_of(person: Person, biller_id: int, amount: float = 84.37, **more: Any) -> dict[str, Any]:
    body = {
        "biller_id": biller_id,
        "user_id": person.user_id,
        "amount": amount,
        "due_date": str(TODAY + dt.timedelta(days=14)),
    }
    return body | more


def presented(teller: Person, person: Person, biller_id: int, **more: Any) -> int:
    answer = teller.post("/v1/bills", bill_of(person, biller_id, **more))
    assert answer.status_code == 201, answer.text
    bill_id: int = answer.json()["bill_id"]
    return bill_id


def pay(person: Person, bill_id: int, amount: float, **more: Any) -> Any:
    body = {"user_id": person.user_id, "bill_id": bill_id, "amount": amount, **more}
    return person.post("/v1/bills/pay", body)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_bill_is_paid_in_full_and_is_in_every_list(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    account_id = api.account(holder, 100)
    biller_id = new_biller(teller, fee=0.5, category="utilities/power")
    name = teller.get(f"/v1/billers/{biller_id}").json()["name"]
    bill_id = presented(teller, holder, biller_id, external_id="2026-11")

    (upcoming,) = holder.get(f"/v1/bills/upcoming/{holder.user_id}").json()
    assert {k: upcoming[k] for k in ("bill_id", "service_provider", "amount", "due_date")} == {
        "bill_id": bill_id,
        "service_provider": name,
        "amount": 84.37,
        "due_date": str(TODAY + dt.timedelta(days=14)),
    }
    summary = holder.get(f"/v1/accounts/{account_id}/summary").json()
    assert summary["upcoming_bills"] == [upcoming]
    paid = pay(holder, bill_id, 84.37)

    assert paid.status_code == 201, paid.text
    body = paid.json()
    assert (body["bill_id"], body["amount"], body["status"]) == (bill_id, 84.37, "success")
    assert holder.get(f"/v1/accounts/{account_id}/balance").json()["balance"] == 15.13
    (listed,) = holder.get("/v1/bills/history").json()
    assert listed == holder.get(f"/v1/bills/history/{holder.user_id}").json()[0]
    assert {k: listed[k] for k in ("payment_id", "bill_id", "amount", "timestamp", "status")} == {
        k: body[k] for k in ("payment_id", "bill_id", "amount", "timestamp", "status")
    }
    assert holder.get(f"/v1/bills/upcoming/{holder.user_id}").json() == []
    assert holder.get(f"/v1/bills/{bill_id}").json()["status"] == "paid"
    lines = holder.get(f"/v1/accounts/{account_id}/history").json()
    assert [(line["kind"], line["amount"], line["category"]) for line in lines[:2]] == [
        ("fee", -0.5, "fees"),
        ("bill_payment", -84.37, "utilities/power"),
    ]
    assert lines[1]["counterparty"] == name
    assert name in holder.get("/v1/bills/services").json()


def test_a_bill_is_paid_in_part_from_a_named_account_and_never_above_what_is_owed(
    api: RunningApi,
) -> None:
    holder, teller = api.person(), api.person("teller")
    empty, full = api.account(holder), api.account(holder, 100)
    bill_id = presented(teller, holder, new_biller(teller), amount=50)

    refused = pay(holder, bill_id, 20)
    part = pay(holder, bill_id, 20, account_id=full)
    above = pay(holder, bill_id, 30.01, account_id=full)

    assert code(refused) == (409, "insufficient-funds")
    assert (part.json()["account_id"], part.json()["status"]) == (full, "success")
    assert code(above) == (409, "overpayment-not-accepted")
    bill = holder.get(f"/v1/bills/{bill_id}").json()
    assert (bill["status"], bill["open_amount"], bill["paid"]) == ("partially_paid", 30, 20)
    assert [payment["amount"] for payment in bill["payments"]] == [20]
    assert holder.get(f"/v1/accounts/{empty}/balance").json()["balance"] == 0


def test_the_same_key_pays_once(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    api.account(holder, 100)
    bill_id = presented(teller, holder, new_biller(teller), amount=50)
    body = {"user_id": holder.user_id, "bill_id": bill_id, "amount": 10}

    first, second = (holder.post("/v1/bills/pay", body, key="pay-once") for _ in range(2))

    assert first.content == second.content
    assert holder.get(f"/v1/bills/{bill_id}").json()["paid"] == 10


def test_a_payment_through_a_gateway_is_pending_and_held(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    account_id = api.account(holder, 100)
    bill_id = presented(teller, holder, new_biller(teller, gateway="girobank"), amount=50)

    paid = pay(holder, bill_id, 50)

    assert (paid.status_code, paid.json()["status"]) == (201, "pending")
    balance = holder.get(f"/v1/accounts/{account_id}/balance").json()
    assert (balance["balance"], balance["held"], balance["available"]) == (100, 50, 50)
    payment = holder.get(f"/v1/bills/payments/{paid.json()['payment_id']}").json()
    assert (payment["state"], payment["gateway"]) == ("held", "girobank")
    assert code(pay(holder, bill_id, 1)) == (409, "bill-not-payable")
    (hold,) = holder.get(f"/v1/accounts/{account_id}/holds").json()
    settled = holder.post(f"/v1/holds/{hold['hold_id']}/settle")
    assert code(settled) == (409, "hold-of-payment")


def test_a_bill_presented_twice_is_one_and_another_under_its_number_is_refused_by_field(
    api: RunningApi,
) -> None:
    holder, teller = api.person(), api.person("teller")
    biller_id = new_biller(teller)
    body = bill_of(holder, biller_id, external_id="A/1")

    first, again = (teller.post("/v1/bills", body) for _ in range(2))
    other = teller.post("/v1/bills", body | {"amount": 90})
    anew = teller.post("/v1/bills", body | {"amount": 90, "supersede": True})
    anew_again = teller.post("/v1/bills", body | {"amount": 90, "supersede": True})

    assert first.json()["bill_id"] == again.json()["bill_id"]
    assert code(other) == (409, "bill-differs")
    assert other.json()["figures"]["field"] == "amount_due"
    assert anew.status_code == 201, anew.text
    assert anew_again.json()["bill_id"] == anew.json()["bill_id"]
    old = holder.get(f"/v1/bills/{first.json()['bill_id']}").json()
    assert (old["status"], old["superseded_by"]) == ("superseded", anew.json()["bill_id"])
    (upcoming,) = holder.get(f"/v1/bills/upcoming/{holder.user_id}").json()
    assert (upcoming["bill_id"], upcoming["amount"]) == (anew.json()["bill_id"], 90)


def test_a_holder_enters_and_cancels_a_bill_of_his_own_and_not_what_a_biller_presented(
    api: RunningApi,
) -> None:
    holder, teller = api.person(), api.person("teller")
    api.account(holder, 10)
    biller_id = new_biller(teller)

    entered = holder.post("/v1/bills", bill_of(holder, biller_id))
    cancelled = holder.post(f"/v1/bills/{entered.json()['bill_id']}/cancel")
    bill_id = presented(teller, holder, biller_id, external_id="A")
    refused = holder.post(f"/v1/bills/{bill_id}/cancel")

    assert cancelled.json()["status"] == "cancelled"
    assert code(refused) == (403, "not-permitted")
    assert code(pay(holder, entered.json()["bill_id"], 1)) == (409, "bill-not-payable")


def test_a_recurrent_bill_is_foretold_as_an_estimate_on_its_anchor_day(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    biller_id = new_biller(teller)
    for number, amount in enumerate((90, 100, 111)):
        presented(
            teller,
            holder,
            biller_id,
            amount=amount,
            due_date=str(TODAY + dt.timedelta(days=number)),
            recurrence={"months": 1, "day": 31},
        )

    upcoming = holder.get(f"/v1/bills/upcoming/{holder.user_id}", days=100).json()

    real = [bill for bill in upcoming if not bill["estimate"]]
    estimates = [bill for bill in upcoming if bill["estimate"]]
    assert [bill["amount"] for bill in real] == [90, 100, 111]
    assert len(estimates) in (2, 3)
    assert {bill["amount"] for bill in estimates} == {100.33}
    assert {bill["bill_id"] for bill in estimates} == {None}
    for bill in estimates:
        due = dt.date.fromisoformat(bill["due_date"])
        assert (due + dt.timedelta(days=1)).day == 1 or due.day == 31
    assert len(holder.get(f"/v1/bills/upcoming/{holder.user_id}", days=1).json()) == 2


def test_an_overdue_bill_is_found_as_such(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    biller_id = new_biller(teller)
    yesterday = str(TODAY - dt.timedelta(days=1))
    late = presented(teller, holder, biller_id, due_date=yesterday, issued_on=yesterday)
    presented(teller, holder, biller_id, due_date=str(TODAY))

    (found,) = holder.get("/v1/bills", status="overdue").json()

    assert (found["bill_id"], found["overdue"], found["status"]) == (late, True, "presented")
    assert holder.get("/v1/bills", status="overdue", as_of=yesterday).json() == []
    assert holder.get("/v1/bills", status="late").status_code == 400


def test_a_bill_is_told_as_known_then(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    api.account(holder, 100)
    bill_id = presented(teller, holder, new_biller(teller), amount=50)
    before = holder.get(f"/v1/bills/{bill_id}").headers["daybook-position"]
    upcoming = f"/v1/bills/upcoming/{holder.user_id}"
    pay(holder, bill_id, 50)

    assert holder.get(f"/v1/bills/{bill_id}", known_at=before).json()["paid"] == 0
    assert holder.get(f"/v1/bills/{bill_id}").json()["paid"] == 50
    assert [bill["amount"] for bill in holder.get(upcoming, known_at=before).json()] == [50]
    assert holder.get("/v1/bills/history", known_at=before).json() == []
    yesterday = str(TODAY - dt.timedelta(days=1))
    assert code(holder.get(f"/v1/bills/{bill_id}", as_of=yesterday)) == (404, "bill-not-found")


def test_a_payment_is_refunded_before_and_after_settlement(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    account_id = api.account(holder, 100)
    biller_id = new_biller(teller)
    bill_id = presented(teller, holder, biller_id, amount=50)
    payment_id = pay(holder, bill_id, 50).json()["payment_id"]
    path = f"/v1/bills/payments/{payment_id}"

    first = teller.post(f"{path}/refund", {"amount": 20, "reason": "wrong house"})
    settled = teller.post(f"/v1/billers/{biller_id}/settle")
    again = teller.post(f"/v1/billers/{biller_id}/settle")
    second = teller.post(f"{path}/refund", {"reason": "the rest"})
    received = teller.post(f"{path}/refund-received", {"amount": 30})

    assert (first.json()["state"], first.json()["refunded"]) == ("captured", 20)
    (one,) = settled.json()["settlements"]
    assert (one["payments"], one["amount"]) == (1, 30)
    assert again.json()["status"] == "nothing_due"
    assert (second.json()["status"], second.json()["refund_due"]) == ("refunded", 30)
    assert received.json()["refund_due"] == 0
    assert holder.get(f"/v1/accounts/{account_id}/balance").json()["balance"] == 100
    assert holder.get("/v1/bills/history").json()[0]["status"] == "refunded"
    assert code(teller.post(f"{path}/refund", {"reason": "more"})) == (
        409,
        "payment-not-refundable",
    )


def test_a_bill_payment_cannot_be_reversed_as_a_transaction(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    account_id = api.account(holder, 100)
    pay(holder, presented(teller, holder, new_biller(teller), amount=50), 50)
    line = holder.get(f"/v1/accounts/{account_id}/history").json()[0]

    path = f"/v1/transactions/{line['transaction_id']}/reverse"
    assert code(teller.post(path, {"reason": "no"})) == (409, "payment-not-reversible")


def test_spending_has_a_bill_in_its_category_and_its_refund_taken_off(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    api.account(holder, 200)
    bill_id = presented(teller, holder, new_biller(teller, category="utilities/power"), amount=84)
    payment_id = pay(holder, bill_id, 84).json()["payment_id"]
    path = f"/v1/bills/payments/{payment_id}/refund"
    assert teller.post(path, {"amount": 4, "reason": "too much"}).status_code == 200

    report = holder.get("/v1/reports/spending").json()

    rows = {row["category"]: row["spent"] for row in report["categories"]}
    assert rows["utilities/power"] == 80


def test_a_disputed_bill_waits_for_its_decision(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    api.account(holder, 100)
    bill_id = presented(teller, holder, new_biller(teller), amount=50)

    disputed = holder.post(f"/v1/bills/{bill_id}/dispute", {"reason": "never had it"})
    refused = pay(holder, bill_id, 50)
    by_holder = holder.post(f"/v1/bills/{bill_id}/end-dispute", {"upheld": True, "reason": "mine"})
    ended = teller.post(f"/v1/bills/{bill_id}/end-dispute", {"upheld": False, "reason": "had it"})

    assert disputed.json()["status"] == "disputed"
    assert code(refused) == (409, "bill-not-payable")
    assert code(by_holder) == (403, "not-permitted")
    assert ended.json()["status"] == "presented"
    assert pay(holder, bill_id, 50).status_code == 201


def test_autopay_is_set_up_seen_and_stopped(api: RunningApi) -> None:
    holder, other, teller = api.person(), api.person(), api.person("teller")
    account_id, biller_id = api.account(holder, 100), new_biller(teller)
    body = {
        "user_id": holder.user_id,
        "biller_id": biller_id,
        "account_id": account_id,
        "cap": 80,
        "lead_days": 2,
        "retry_days": [1, 3],
    }

    made = holder.post("/v1/bills/autopay", body)
    wrong = holder.post("/v1/bills/autopay", body | {"mode": "fixed"})
    foreign = other.post("/v1/bills/autopay", body | {"user_id": other.user_id})

    assert made.status_code == 201, made.text
    path = f"/v1/bills/autopay/{made.json()['autopay_id']}"
    assert code(wrong) == (422, "terms-contradictory")
    assert code(foreign) == (404, "account-not-found")
    assert holder.get("/v1/bills/autopay").json() == [holder.get(path).json()]
    assert code(other.get(path)) == (404, "autopay-not-found")
    assert other.get("/v1/bills/autopay").json() == []
    stopped = holder.client.delete(path)
    assert (stopped.status_code, stopped.json()["status"]) == (200, "ended")
    assert holder.client.delete(path).json()["status"] == "ended"
    assert code(holder.post(f"{path}/resume")) == (409, "autopay-ended")


def test_the_terms_of_a_biller_are_checked_and_changed(api: RunningApi) -> None:
    teller, holder = api.person("teller"), api.person()
    biller_id = new_biller(teller, reference={"length_min": 8, "check": "luhn"})
    terms = teller.get(f"/v1/billers/{biller_id}").json()

    taken = teller.post("/v1/billers", {"name": terms["name"].upper()})
    wild = teller.post("/v1/billers", {"name": "Wild", "reference": {"pattern": "(a+)+$"}})
    no_currency = teller.post("/v1/billers", {"name": "None", "currencies": ["XXX"]})
    wrong = teller.post("/v1/bills", bill_of(holder, biller_id, reference="12345675"))
    right = teller.post("/v1/bills", bill_of(holder, biller_id, reference="12345674"))
    changed = teller.put(f"/v1/billers/{biller_id}", {"name": terms["name"], "active": False})

    assert code(taken) == (409, "biller-name-taken")
    assert code(wild) == (422, "terms-contradictory")
    assert code(no_currency) == (422, "unknown-currency")
    assert code(wrong) == (422, "reference-not-accepted")
    assert right.status_code == 201
    assert (changed.status_code, changed.json()["active"]) == (200, False)
    assert terms["name"] not in teller.get("/v1/bills/services").json()
    assert code(teller.post("/v1/bills", bill_of(holder, biller_id))) == (409, "biller-inactive")


def test_a_stranger_finds_nothing_of_anothers_bills(api: RunningApi) -> None:
    holder, other, teller = api.person(), api.person(), api.person("teller")
    api.account(holder, 100)
    api.account(other, 100)
    bill_id = presented(teller, holder, new_biller(teller), amount=50)
    payment_id = pay(holder, bill_id, 50).json()["payment_id"]

    assert code(other.get(f"/v1/bills/{bill_id}")) == (404, "bill-not-found")
    assert code(pay(other, bill_id, 1)) == (404, "bill-not-found")
    assert code(other.get(f"/v1/bills/payments/{payment_id}")) == (404, "payment-not-found")
    assert code(other.get("/v1/bills", user_id=holder.user_id)) == (404, "customer-not-found")
    upcoming = other.get(f"/v1/bills/upcoming/{holder.user_id}")
    assert code(upcoming) == (404, "customer-not-found")
    assert other.get("/v1/bills").json() == other.get("/v1/bills/history").json() == []


def test_lists_are_paged_as_known_at_their_first_page(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    api.account(holder, 100)
    biller_id = new_biller(teller)
    bills = [presented(teller, holder, biller_id, amount=10 + n) for n in range(3)]
    paid = [pay(holder, bill_id, 1).json()["payment_id"] for bill_id in bills]

    page = holder.get("/v1/bills", limit=2)
    pay(holder, bills[2], 1)
    rest = holder.client.get(page.links["next"]["url"])

    assert [bill["bill_id"] for bill in page.json()] == bills[:2]
    assert [(bill["bill_id"], bill["paid"]) for bill in rest.json()] == [(bills[2], 1)]
    newest = holder.get("/v1/bills/history", limit=2)
    assert len(newest.json()) == 2
    older = holder.client.get(newest.links["next"]["url"])
    assert [payment["payment_id"] for payment in older.json()] == paid[1::-1]
