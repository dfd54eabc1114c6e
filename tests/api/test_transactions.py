"""Transfers, batches and reversals over HTTP, and what can be asked of them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.running_api import Person, RunningApi


@pytest.fixture
def holder(api: RunningApi) -> Person:
    return api.person()


def transfer(source: int, destination: int, amount: Any, **more: Any) -> dict[str, Any]:
    return {
        "source_account_id": source,
        "destination_account_id": destination,
        "amount": amount,
        **more,
    }


def balance(person: Person, account_id: int) -> Any:
    return person.get(f"/accounts/{account_id}/balance").json()["balance"]


def test_a_transfer_answers_the_contract_and_moves_both_balances(
    api: RunningApi, holder: Person
) -> None:
    source, destination = api.account(holder, 100), api.account(api.person())

    answer = holder.post("/transactions/create", transfer(source, destination, 30.25))

    body = answer.json()
    assert answer.status_code == 201
    assert b'"amount":30.25' in answer.content
    assert body == {
        "transaction_id": body["transaction_id"],
        "source_account_id": source,
        "destination_account_id": destination,
        "amount": 30.25,
        "timestamp": body["timestamp"],
        "status": "completed",
        "position": int(answer.headers["daybook-position"]),
    }
    assert balance(holder, source) == 69.75
    listed = holder.get(f"/transactions/{body['transaction_id']}").json()
    assert listed["timestamp"] == body["timestamp"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"destination_account_id": "same"}, 422, "same-account"),
        ({"amount": 1000}, 409, "insufficient-funds"),
        ({"destination_account_id": 987_654_321}, 404, "account-not-found"),
        ({"source_account_id": 987_654_321}, 404, "account-not-found"),
        ({"booking_date": "2026-01-01", "reason": "late"}, 403, "not-permitted"),
        ({"value_date": "1066-10-14"}, 422, "date-out-of-range"),
        ({"amount": "1e3"}, 422, "body-invalid"),
        ({"amount": None}, 422, "body-invalid"),
        ({"memo": "there is no such field"}, 422, "body-invalid"),
    ],
)
def test_a_transfer_that_cannot_be_is_refused_by_name(
    api: RunningApi, holder: Person, change: dict[str, Any], status: int, code: str
) -> None:
    source, destination = api.account(holder, 100), api.account(holder)
    change = {name: source if value == "same" else value for name, value in change.items()}

    answer = holder.post("/transactions/create", {**transfer(source, destination, 1), **change})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert balance(holder, source) == 100


def test_currencies_do_not_mix(api: RunningApi, holder: Person) -> None:
    euros, yen = api.account(holder, 100), api.account(holder, currency="JPY")

    answer = holder.post("/transactions/create", transfer(euros, yen, 1))

    assert (answer.status_code, answer.json()["code"]) == (409, "currency-mismatch")


def test_the_same_key_and_body_is_the_same_bytes_and_one_transfer(
    api: RunningApi, holder: Person
) -> None:
    source, destination = api.account(holder, 100), api.account(holder)
    first = holder.post("/transactions/create", transfer(source, destination, 10), key="k-1")

    # Other zeros, another spelling of the key, the other address: it is the same intent.
    again = holder.post("/transactions/create", transfer(source, destination, "10.00"), key='"k-1"')
    aliased = holder.post("/v1/transactions/create", transfer(source, destination, 10), key="k-1")

    assert first.status_code == again.status_code == aliased.status_code == 201
    assert first.content == again.content == aliased.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["daybook-position"] == first.headers["daybook-position"]
    assert balance(holder, source) == 90


def test_a_refusal_is_told_again_even_when_it_would_pass_by_now(
    api: RunningApi, holder: Person
) -> None:
    source, destination = api.account(holder), api.account(holder)
    body = transfer(source, destination, 10)

    refused = holder.post("/transactions/create", body, key="too-early")
    holder.post(f"/accounts/{source}/deposit", {"amount": 10})
    again = holder.post("/transactions/create", body, key="too-early")
    anew = holder.post("/transactions/create", body, key="now")

    assert refused.status_code == again.status_code == 409
    assert refused.content == again.content
    assert anew.status_code == 201


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"amount": 11}, "amount"),
        ({"destination_account_id": "other"}, "destination_account_id"),
        ({"description": "lunch"}, "description"),
    ],
)
def test_a_key_that_comes_with_another_body_names_the_field(
    api: RunningApi, holder: Person, change: dict[str, Any], field: str
) -> None:
    source, destination, other = api.account(holder, 100), api.account(holder), api.account(holder)
    change = {name: other if value == "other" else value for name, value in change.items()}
    body = transfer(source, destination, 10)
    holder.post("/transactions/create", body, key=f"reused-{field}")

    answer = holder.post("/transactions/create", {**body, **change}, key=f"reused-{field}")

    assert (answer.status_code, answer.json()["code"]) == (422, "key-reused")
    assert answer.json()["figures"] == {"field": field}
    assert balance(holder, source) == 90


def test_fifty_at_once_under_one_key_are_one_transfer(api: RunningApi, holder: Person) -> None:
    source, destination = api.account(holder, 100), api.account(holder)
    body = transfer(source, destination, 1)

    with ThreadPoolExecutor(50) as threads:
        answers = list(
            threads.map(lambda _: holder.post("/transactions/create", body, key="fifty"), range(50))
        )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert balance(holder, source) == 99


def test_two_callers_keys_are_their_own(api: RunningApi, holder: Person) -> None:
    other = api.person()
    mine, theirs = api.account(holder, 5), api.account(other, 5)

    one = holder.post(f"/accounts/{mine}/withdraw", {"amount": 1}, key="ours")
    two = other.post(f"/accounts/{theirs}/withdraw", {"amount": 1}, key="ours")

    assert one.status_code == two.status_code == 201
    assert "idempotent-replayed" not in two.headers


@pytest.mark.parametrize("key", ['""', "a" * 256, "a b", ""])
def test_a_key_that_is_none_is_refused(api: RunningApi, holder: Person, key: str) -> None:
    account_id = api.account(holder)

    answer = holder.post(f"/accounts/{account_id}/deposit", {"amount": 1}, key=key)

    assert (answer.status_code, answer.json()["code"]) == (400, "parameter-refused")
    assert balance(holder, account_id) == 0


def test_a_batch_does_each_for_itself_in_order(api: RunningApi, holder: Person) -> None:
    source, destination = api.account(holder, 10), api.account(holder)
    items = [
        transfer(source, destination, 6, idempotency_key="b-1"),
        transfer(source, destination, 6, idempotency_key="b-2"),
        transfer(destination, source, 1, idempotency_key="b-3"),
    ]

    first = holder.post("/transactions/batch", {"transfers": items}).json()
    second = holder.post("/transactions/batch", {"transfers": items}).json()

    assert [result["status"] for result in first["results"]] == [201, 409, 201]
    assert (first["applied"], first["refused"]) == (2, 1)
    assert [result["body"] for result in second["results"]] == [
        result["body"] for result in first["results"]
    ]
    assert all(result["replayed"] for result in second["results"])
    assert (balance(holder, source), balance(holder, destination)) == (5, 5)


def test_an_atomic_batch_is_all_or_nothing(api: RunningApi, holder: Person) -> None:
    source, destination = api.account(holder, 10), api.account(holder)
    items = [transfer(source, destination, 6), transfer(source, destination, 6)]

    answer = holder.post("/transactions/batch", {"transfers": items, "atomic": True}).json()

    assert [result["body"]["code"] for result in answer["results"]] == [
        "not-applied",
        "insufficient-funds",
    ]
    assert answer["position"] is None
    assert balance(holder, source) == 10


def test_a_batch_of_a_thousand_is_taken_and_one_more_is_not(
    api: RunningApi, holder: Person
) -> None:
    source, destination = api.account(holder, 1000), api.account(holder)
    items = [transfer(source, destination, 1)] * 1000

    done = holder.post("/transactions/batch", {"transfers": items})
    refused = holder.post("/transactions/batch", {"transfers": [*items, items[0]]})

    assert (done.status_code, done.json()["applied"]) == (200, 1000)
    assert refused.status_code == 422
    assert balance(holder, source) == 0


def test_a_reversal_restores_both_balances_once(api: RunningApi, holder: Person) -> None:
    teller = api.person("teller")
    source, destination = api.account(holder, 100), api.account(holder)
    original = holder.post("/transactions/create", transfer(source, destination, 40)).json()
    path = f"/transactions/{original['transaction_id']}"

    undone = teller.post(f"{path}/reverse", {"reason": "paid twice"}, key="undo")
    again = teller.post(f"{path}/reverse", {"reason": "paid twice"}, key="undo")
    second = teller.post(f"{path}/reverse", {"reason": "paid twice"})

    assert undone.status_code == 201
    assert undone.content == again.content
    body = undone.json()
    assert (body["reverses"], body["amount"]) == (original["transaction_id"], 40)
    assert (body["source_account_id"], body["destination_account_id"]) == (destination, source)
    assert (second.status_code, second.json()["code"]) == (409, "transaction-already-reversed")
    assert (balance(holder, source), balance(holder, destination)) == (100, 0)
    assert teller.get(path).json()["status"] == "reversed"
    before = teller.get(path, known_at=body["position"] - 2).json()
    assert before["status"] == "completed"


def test_a_history_lists_what_is_asked_for(api: RunningApi, holder: Person) -> None:
    source, destination = api.account(holder, 100), api.account(holder)
    holder.post(
        "/transactions/create",
        transfer(source, destination, 7, category="rent", tags=["home"], description="July rent"),
    )
    holder.post(f"/accounts/{source}/withdraw", {"amount": 3})

    def amounts(**filters: Any) -> list[float]:
        return [row["amount"] for row in holder.get("/transactions/history", **filters).json()]

    assert amounts() == [3, 7, 100]
    assert amounts(type="transfer") == amounts(category="rent") == amounts(tag="home") == [7]
    assert amounts(text="july") == [7]
    assert amounts(amount_min="3.5", amount_max=50) == [7]
    assert amounts(account_id=destination) == [7]
    assert amounts(status="reversed") == []
    newest, _, oldest = holder.get("/transactions/history").json()
    assert (newest["source_account_id"], newest["destination_account_id"]) == (source, None)
    assert (oldest["source_account_id"], oldest["destination_account_id"]) == (None, source)
    assert holder.get(f"/transactions/history/{holder.user_id}").json()[0] == newest


def test_amounts_are_compared_in_the_currency_of_each_transaction(
    api: RunningApi, holder: Person
) -> None:
    for currency, amount in (
        ("EUR", "9.99"),
        ("JPY", "1000"),
        ("KWD", "12.345"),
        ("CLF", "0.0001"),
    ):
        api.account(holder, amount, currency=currency)

    def currencies(**filters: Any) -> set[str]:
        rows = holder.get("/transactions/history", **filters).json()
        return {row["currency"] for row in rows}

    assert currencies(amount_max="12.3449") == {"EUR", "CLF"}
    assert currencies(amount_min="12.345") == {"JPY", "KWD"}
    assert currencies(amount_min=0, amount_max="0.0001") == {"CLF"}
    assert holder.get("/transactions/history", amount_min=-1).status_code == 400


def test_a_history_is_paged_to_its_end(api: RunningApi, holder: Person) -> None:
    account_id = api.account(holder)
    for number in range(1, 8):
        holder.post(f"/accounts/{account_id}/deposit", {"amount": number})

    seen, address = [], "/transactions/history?limit=3"
    while address:
        page = holder.client.get(address)
        seen += [row["amount"] for row in page.json()]
        address = page.links.get("next", {}).get("url", "")

    assert seen == [7, 6, 5, 4, 3, 2, 1]
