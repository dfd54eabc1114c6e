"""Accounts over HTTP: the fields of the contract, and the rules of an account as a client meets them."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.running_api import Person, RunningApi


@pytest.fixture
def holder(api: RunningApi) -> Person:
    return api.person()


def exact(answer: Any) -> Any:
    """The body with its numbers as the digits that were sent."""
    return json.loads(answer.content, parse_float=Decimal)


def test_opening_an_account_answers_the_contract(api: RunningApi, holder: Person) -> None:
    answer = holder.post("/accounts/create", {"user_id": holder.user_id, "account_type": "savings"})

    assert answer.status_code == 201
    body = exact(answer)
    assert body == {
        "account_id": body["account_id"],
        "user_id": holder.user_id,
        "account_type": "savings",
        "currency": "EUR",
        "balance": Decimal("0.00"),
        "reference": None,
        "position": int(answer.headers["daybook-position"]),
    }
    assert b'"balance":0.00' in answer.content


def test_a_reference_is_unique_and_finds_the_account(api: RunningApi, holder: Person) -> None:
    account_id = api.account(holder, reference="berka-576")
    second = {"user_id": holder.user_id, "account_type": "checking", "reference": "berka-576"}

    refused = holder.post("/accounts/create", second)
    found = holder.get("/accounts", reference="berka-576")

    assert refused.status_code == 409
    assert refused.json()["code"] == "reference-taken"
    assert [account["account_id"] for account in found.json()] == [account_id]
    assert holder.get("/accounts", reference="berka-577").json() == []


def test_a_holder_opens_no_account_for_another_and_a_teller_does(
    api: RunningApi, holder: Person
) -> None:
    other, teller = api.person(), api.person("teller")
    body = {"user_id": other.user_id, "account_type": "checking", "currency": "JPY"}

    refused = holder.post("/accounts/create", body)
    opened = teller.post("/accounts/create", body)

    assert (refused.status_code, refused.json()["code"]) == (404, "customer-not-found")
    assert opened.status_code == 201
    assert b'"balance":0,' in opened.content
    assert teller.get(f"/accounts/{opened.json()['account_id']}").json()["user_id"] == other.user_id


def test_deposit_and_withdrawal_answer_the_contract(api: RunningApi, holder: Person) -> None:
    account_id = api.account(holder)

    deposit = holder.post(f"/accounts/{account_id}/deposit", {"amount": 100.10})
    withdrawal = holder.post(f"/v1/accounts/{account_id}/withdraw", {"amount": "30.05"})

    for answer, amount, balance in (
        (deposit, "100.10", "100.10"),
        (withdrawal, "30.05", "70.05"),
    ):
        body = exact(answer)
        assert answer.status_code == 201
        assert body["account_id"] == account_id
        assert (body["amount"], body["balance"]) == (Decimal(amount), Decimal(balance))
        assert body["transaction_id"] <= body["position"]
        assert answer.headers["daybook-position"] == str(body["position"])


def test_a_balance_right_after_a_write_has_seen_it(api: RunningApi, holder: Person) -> None:
    account_id = api.account(holder)

    for number in range(1, 26):
        holder.post(f"/accounts/{account_id}/deposit", {"amount": 1})
        answer = holder.get(f"/accounts/{account_id}/balance")

        assert exact(answer)["balance"] == number


def test_a_summary_answers_the_contract(api: RunningApi, holder: Person) -> None:
    account_id = api.account(holder, 100)
    holder.post(f"/accounts/{account_id}/withdraw", {"amount": 1, "description": "lunch"})

    body = exact(holder.get(f"/accounts/{account_id}/summary"))

    assert (body["account_id"], body["account_type"]) == (account_id, "checking")
    assert body["balance"] == 99
    assert body["upcoming_bills"] == []
    newest, oldest = body["transaction_history"]
    assert (newest["amount"], newest["type"], newest["description"]) == (-1, "debit", "lunch")
    assert (oldest["amount"], oldest["type"]) == (100, "credit")
    assert newest["timestamp"].endswith("Z")
    assert newest["transaction_id"] > oldest["transaction_id"]


@pytest.mark.parametrize(
    ("amount", "status", "code"),
    [
        ("0", 422, "amount-not-positive"),
        ("-1", 422, "amount-not-positive"),
        ("0.001", 422, "too-many-decimals"),
        ("999999999999999", 422, "amount-too-large"),
    ],
)
def test_an_amount_that_cannot_be_posted_is_refused_by_name(
    api: RunningApi, holder: Person, amount: str, status: int, code: str
) -> None:
    account_id = api.account(holder)

    answer = holder.post(f"/accounts/{account_id}/deposit", {"amount": amount})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_withdrawal_above_the_available_balance_says_what_is_there(
    api: RunningApi, holder: Person
) -> None:
    account_id = api.account(holder, "10.00")

    answer = holder.post(f"/accounts/{account_id}/withdraw", {"amount": "10.01"})

    assert answer.status_code == 409
    assert answer.json()["figures"] == {
        "account_id": account_id,
        "available": "10.00 EUR",
        "requested": "10.01 EUR",
    }


def test_a_freeze_stops_debits_until_compliance_lifts_it(api: RunningApi, holder: Person) -> None:
    teller, compliance = api.person("teller"), api.person("compliance")
    account_id = api.account(holder, 10)
    freeze = {"restriction": "debit", "reason": "order 12/2026", "authority": "district court"}

    frozen = teller.post(f"/accounts/{account_id}/freeze", freeze)
    refused = holder.post(f"/accounts/{account_id}/withdraw", {"amount": 1})
    credited = holder.post(f"/accounts/{account_id}/deposit", {"amount": 1})
    kept = teller.post(f"/accounts/{account_id}/unfreeze", {"reason": "asked nicely"})
    lifted = compliance.post(f"/accounts/{account_id}/unfreeze", {"reason": "order lifted"})
    paid = holder.post(f"/accounts/{account_id}/withdraw", {"amount": 11})

    assert (frozen.status_code, frozen.json()["status"]) == (200, "frozen")
    assert (refused.status_code, refused.json()["code"]) == (409, "account-frozen")
    assert credited.status_code == 201
    assert kept.status_code == 403
    assert lifted.json()["restriction"] == "none"
    assert paid.status_code == 201


def test_an_overdraft_limit_makes_more_available_than_there_is(
    api: RunningApi, holder: Person
) -> None:
    officer = api.person("loan_officer")
    account_id = api.account(holder, 10)

    changed = officer.put(f"/accounts/{account_id}/overdraft-limit", {"overdraft_limit": "5.50"})
    holder.post(f"/accounts/{account_id}/withdraw", {"amount": 12})
    again = officer.put(f"/accounts/{account_id}/overdraft-limit", {"overdraft_limit": "5.50"})
    body = exact(holder.get(f"/accounts/{account_id}/balance"))

    assert exact(changed)["overdraft_limit"] == Decimal("5.50")
    assert again.json()["changed"] is False
    assert (body["balance"], body["available"], body["held"]) == (-2, Decimal("3.50"), 0)


def test_a_dormant_account_wakes_and_an_empty_one_closes_for_good(
    api: RunningApi, holder: Person
) -> None:
    teller = api.person("teller")
    account_id = api.account(holder, 5)

    asleep = teller.post(f"/accounts/{account_id}/dormant", {"reason": "no contact for years"})
    refused = holder.post(f"/accounts/{account_id}/withdraw", {"amount": 1})
    awake = teller.post(f"/accounts/{account_id}/reactivate", {"reason": "passport seen"})
    full = holder.post(f"/accounts/{account_id}/close")
    holder.post(f"/accounts/{account_id}/withdraw", {"amount": 5})
    closed = holder.post(f"/accounts/{account_id}/close", {"reason": "moving away"})
    after = holder.post(f"/accounts/{account_id}/deposit", {"amount": 1})

    assert asleep.json()["status"] == "dormant"
    assert refused.json()["code"] == "account-dormant"
    assert awake.json()["status"] == "active"
    assert full.json()["code"] == "balance-not-zero"
    assert closed.json()["status"] == "closed"
    assert after.json()["code"] == "account-closed"


def test_a_list_of_accounts_is_paged_by_its_link(api: RunningApi) -> None:
    holder = api.person()
    mine = [api.account(holder) for _ in range(5)]

    seen, address, pages = [], "/v1/accounts?limit=2", 0
    while address:
        page = holder.client.get(address)
        seen += [account["account_id"] for account in page.json()]
        address = page.links.get("next", {}).get("url", "")
        pages += 1

    assert seen == mine
    assert pages == 3


def test_history_carries_the_balance_after_each_line_and_stands_still_while_paged(
    api: RunningApi, holder: Person
) -> None:
    account_id = api.account(holder)
    for number in range(1, 6):
        body = {"amount": number, "description": f"number {number}", "category": "pay"}
        holder.post(f"/accounts/{account_id}/deposit", body)

    first = holder.get(f"/accounts/{account_id}/history", limit=3)
    holder.post(f"/accounts/{account_id}/deposit", {"amount": 100})
    second = holder.client.get(first.links["next"]["url"])

    lines = exact(first) + exact(second)
    assert [line["amount"] for line in lines] == [5, 4, 3, 2, 1]
    assert [line["balance"] for line in lines] == [15, 10, 6, 3, 1]
    assert "next" not in second.links
    filtered = exact(holder.get(f"/accounts/{account_id}/history", text="number 4"))
    assert [line["amount"] for line in filtered] == [4]
    dear = exact(holder.get(f"/accounts/{account_id}/history", amount_min="4.50", category="pay"))
    assert [line["amount"] for line in dear] == [5]


def test_struct_of_a_problem_is_that_of_rfc_9457(api: RunningApi, holder: Person) -> None:
    answer = holder.get("/accounts/999999/balance")

    problem = msgspec.json.decode(answer.content, type=dict[str, Any])
    assert problem["type"] == "/problems/account-not-found"
    assert problem["status"] == 404
    assert problem["title"]
    assert answer.headers["x-request-id"] in problem["instance"]
