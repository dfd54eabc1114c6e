"""Corrections over HTTP: nothing is changed, something is added, and both can be seen."""

from typing import Any

from tests.running_api import RunningApi


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_transaction_is_reversed_in_part_and_then_not_again(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    source, destination = api.account(holder, 100), api.account(holder)
    transfer = {"source_account_id": source, "destination_account_id": destination, "amount": 50}
    sent = holder.post("/v1/transactions/create", transfer).json()
    path = f"/v1/transactions/{sent['transaction_id']}/reverse"

    above = teller.post(path, {"reason": "too much", "amount": 51})
    part = teller.post(path, {"reason": "half was wrong", "amount": 20})
    again = teller.post(path, {"reason": "all of it", "amount": 1})

    assert code(above) == (409, "reversal-above-amount")
    assert part.status_code == 201, part.text
    undone = part.json()
    assert (undone["amount"], undone["source_account_id"]) == (20, destination)
    assert code(again) == (409, "transaction-already-reversed")
    assert holder.get(f"/v1/accounts/{source}/balance").json()["balance"] == 70


def test_what_was_reversed_in_part_stays_completed_and_says_how_much_was_taken_back(
    api: RunningApi,
) -> None:
    holder, teller = api.person(), api.person("teller")
    source, destination = api.account(holder, 100), api.account(holder)
    sent = []
    for amount in (50, 30):
        transfer = {"source_account_id": source, "destination_account_id": destination}
        answer = holder.post("/v1/transactions/create", {**transfer, "amount": amount})
        sent.append(answer.json()["transaction_id"])
    part, whole = sent
    for number, said in ((part, {"amount": 20}), (whole, {})):
        undone = teller.post(f"/v1/transactions/{number}/reverse", {"reason": "wrong", **said})
        assert undone.status_code == 201, undone.text

    def told(path: str, **asked: Any) -> list[tuple[Any, ...]]:
        # Who wrote last reads it at once.
        rows = teller.get(path, **asked).json()
        return [
            (row["transaction_id"], row["reversed_amount"])
            for row in rows
            if row["transaction_id"] in sent
        ]

    details = [teller.get(f"/v1/transactions/{number}").json() for number in sent]
    assert [(each["status"], each["reversed_amount"]) for each in details] == [
        ("completed", 20),
        ("reversed", 30),
    ]
    then = teller.get(f"/v1/transactions/{part}", known_at=whole).json()
    assert (then["reversed_by"], then["reversed_amount"]) == (None, None)
    history = "/v1/transactions/history"
    assert told(history, account_id=source, status="reversed") == [(whole, 30)]
    assert told(history, account_id=source, status="completed") == [(part, 20)]
    assert told(f"/v1/accounts/{source}/history") == [(whole, 30), (part, 20)]


def test_an_adjustment_needs_a_side_and_a_reason_and_somebody_of_the_bank(api: RunningApi) -> None:
    holder, compliance = api.person(), api.person("compliance")
    account_id = api.account(holder, 10)
    path = f"/v1/accounts/{account_id}/adjust"

    given = compliance.post(path, {"side": "credit", "amount": 5, "reason": "fee given back"})
    taken = compliance.post(path, {"side": "debit", "amount": 2, "reason": "too much given"})

    assert (given.status_code, given.json()["balance"]) == (201, 15)
    assert (taken.status_code, taken.json()["balance"]) == (201, 13)
    assert code(compliance.post(path, {"side": "credit", "amount": 5})) == (422, "body-invalid")
    assert code(compliance.post(path, {"side": "up", "amount": 5, "reason": "?"}))[0] == 422
    asked = {"side": "credit", "amount": 5, "reason": "please"}
    assert code(holder.post(path, asked)) == (403, "not-permitted")
    kinds = [line["kind"] for line in holder.get(f"/v1/accounts/{account_id}/history").json()]
    assert kinds == ["adjustment_debited", "adjustment_credited", "deposit"]


def test_labels_change_and_the_earlier_ones_stay_visible(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    account_id = api.account(holder)
    body = {"amount": 10, "category": "gifts", "tags": ["aunt"]}
    put = holder.post(f"/v1/accounts/{account_id}/deposit", body).json()
    path = f"/v1/transactions/{put['transaction_id']}"

    first = holder.put(f"{path}/category", {"category": "income"})
    same = holder.put(f"{path}/category", {"category": "income"})
    second = teller.put(f"{path}/tags", {"tags": []})
    third = holder.put(f"{path}/category", {"category": None})

    assert (first.status_code, first.json()["category"], first.json()["tags"]) == (
        200,
        "income",
        ["aunt"],
    )
    assert (same.json()["changed"], same.json()["category"]) == (False, "income")
    assert (second.json()["category"], second.json()["tags"]) == ("income", [])
    assert third.json()["category"] is None
    history = holder.get(f"{path}/labels").json()
    assert [(at["category"], at["tags"], at["actor"]) for at in history] == [
        ("gifts", ["aunt"], "user"),
        ("income", ["aunt"], "user"),
        ("income", [], "teller"),
        (None, [], "user"),
    ]
    now, then = holder.get(path), holder.get(path, known_at=put["position"])
    assert (now.json()["category"], then.json()["category"]) == (None, "gifts")
    found = holder.get("/v1/transactions/history", category="income")
    assert found.json() == []


def test_a_stranger_labels_nothing_and_is_told_nothing(api: RunningApi) -> None:
    holder, stranger = api.person(), api.person()
    account_id = api.account(holder)
    put = holder.post(f"/v1/accounts/{account_id}/deposit", {"amount": 10}).json()
    path = f"/v1/transactions/{put['transaction_id']}"

    assert code(stranger.put(f"{path}/category", {"category": "x"})) == (
        404,
        "transaction-not-found",
    )
    assert code(stranger.get(f"{path}/labels")) == (404, "transaction-not-found")


def test_the_balance_by_value_date_is_another_question(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    account_id = api.account(holder)
    for amount, booked, valued in (
        (10, "2026-01-05", "2026-01-05"),
        (7, "2026-01-09", "2026-01-02"),
    ):
        late = {"booking_date": booked, "value_date": valued, "reason": "found"}
        put = teller.post(f"/v1/accounts/{account_id}/deposit", {"amount": amount, **late})
        assert put.status_code == 201, put.text

    def asked(day: str, **basis: str) -> Any:
        path = f"/v1/accounts/{account_id}/balance"
        return holder.get(path, as_of=day, **basis).json()["balance"]

    assert [asked("2026-01-03"), asked("2026-01-03", basis="value")] == [0, 7]
    assert [asked("2026-01-06"), asked("2026-01-06", basis="value")] == [10, 17]
    assert [asked("2026-01-09"), asked("2026-01-09", basis="value")] == [17, 17]
    wrong = holder.get(f"/v1/accounts/{account_id}/balance", basis="hope")
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (400, "/query/basis")
