"""Holds over HTTP: what is held cannot be spent, and each hold ends once."""

import datetime as dt
import time
from typing import Any

from application import clock
from tests.running_api import Person, RunningApi


def held(person: Person, account_id: int, amount: float, **more: Any) -> int:
    answer = person.post(f"/v1/accounts/{account_id}/holds", {"amount": amount, **more})
    assert answer.status_code == 201, answer.text
    hold_id: int = answer.json()["hold_id"]
    return hold_id


def balance(person: Person, account_id: int, **moment: Any) -> tuple[float, float, float]:
    body = person.get(f"/v1/accounts/{account_id}/balance", **moment).json()
    return body["balance"], body["held"], body["available"]


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_what_is_held_is_not_available_and_is_on_the_balance_still(api: RunningApi) -> None:
    holder = api.person()
    account_id = api.account(holder, 100)

    hold_id = held(holder, account_id, 60, counterparty="QR/1", description="Hotel")

    assert balance(holder, account_id) == (100, 60, 40)
    refused = holder.post(f"/v1/accounts/{account_id}/withdraw", {"amount": 41})
    assert code(refused) == (409, "insufficient-funds")
    (listed,) = holder.get(f"/v1/accounts/{account_id}/holds").json()
    assert listed == holder.get(f"/v1/holds/{hold_id}").json()
    assert (listed["amount"], listed["remaining"], listed["status"]) == (60, 60, "active")


def test_a_hold_settled_in_part_gives_the_rest_back_and_is_over(api: RunningApi) -> None:
    holder = api.person()
    account_id = api.account(holder, 100)
    hold_id = held(holder, account_id, 60)

    settled = holder.post(f"/v1/holds/{hold_id}/settle", {"amount": 45.5}).json()

    assert (settled["amount"], settled["balance"], settled["held_rest"]) == (45.5, 54.5, 0)
    assert balance(holder, account_id) == (54.5, 0, 54.5)
    again = holder.post(f"/v1/holds/{hold_id}/settle")
    assert code(again) == (409, "hold-over")
    assert holder.get(f"/v1/holds/{hold_id}").json()["status"] == "settled"
    assert holder.get(f"/v1/accounts/{account_id}/holds").json() == []


def test_a_hold_settled_in_part_can_keep_the_rest_for_more(api: RunningApi) -> None:
    holder = api.person()
    account_id = api.account(holder, 100)
    hold_id = held(holder, account_id, 60)

    first = holder.post(f"/v1/holds/{hold_id}/settle", {"amount": 20, "keep_rest": True}).json()
    above = holder.post(f"/v1/holds/{hold_id}/settle", {"amount": 41})
    rest = holder.post(f"/v1/holds/{hold_id}/settle").json()

    assert first["held_rest"] == 40
    assert code(above) == (409, "hold-above-limit")
    assert (rest["amount"], rest["balance"]) == (40, 40)


def test_a_released_hold_frees_the_money_and_cannot_be_settled(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    account_id = api.account(holder, 100)
    hold_id = held(holder, account_id, 60)

    by_holder = holder.post(f"/v1/holds/{hold_id}/release")
    released = teller.post(f"/v1/holds/{hold_id}/release")

    assert code(by_holder) == (403, "not-permitted")
    assert (released.status_code, released.json()["status"]) == (200, "released")
    assert balance(holder, account_id) == (100, 0, 100)
    assert code(teller.post(f"/v1/holds/{hold_id}/settle")) == (409, "hold-over")
    assert code(teller.post(f"/v1/holds/{hold_id}/release")) == (409, "hold-over")


def test_a_hold_expires_by_time_without_anybody_doing_anything(api: RunningApi) -> None:
    holder = api.person()
    account_id = api.account(holder, 100)
    end = clock.now() + dt.timedelta(seconds=1.2)
    hold_id = held(holder, account_id, 60, expires_at=end.isoformat())
    assert balance(holder, account_id)[1] == 60

    time.sleep(1.4)

    assert balance(holder, account_id) == (100, 0, 100)
    assert holder.get(f"/v1/holds/{hold_id}").json()["status"] == "expired"
    assert code(holder.post(f"/v1/holds/{hold_id}/settle")) == (409, "hold-over")
    # The transfer is told by its own id and amount, though the expiry is posted in front of it.
    transfer = {
        "source_account_id": account_id,
        "destination_account_id": api.account(holder),
        "amount": 100,
    }
    sent = holder.post("/v1/transactions/create", transfer)
    assert (sent.status_code, sent.json()["amount"]) == (201, 100)
    shown = holder.get(f"/v1/transactions/{sent.json()['transaction_id']}").json()
    assert (shown["amount"], shown["type"]) == (100, "transfer")


def test_a_hold_that_would_be_over_already_is_refused(api: RunningApi) -> None:
    holder = api.person()
    path = f"/v1/accounts/{api.account(holder, 10)}/holds"

    over = holder.post(path, {"amount": 1, "expires_at": "2020-01-01T00:00:00Z"})
    naive = holder.post(path, {"amount": 1, "expires_at": "2099-01-01T00:00:00"})

    assert code(over) == (422, "hold-already-over")
    assert code(naive) == (422, "body-invalid")


def test_the_same_key_places_and_settles_once(api: RunningApi) -> None:
    holder = api.person()
    account_id = api.account(holder, 100)
    path = f"/v1/accounts/{account_id}/holds"

    placed = [holder.post(path, {"amount": 30}, key="hold-once") for _ in range(2)]
    hold_id = placed[0].json()["hold_id"]
    settled = [holder.post(f"/v1/holds/{hold_id}/settle", key="settle-once") for _ in range(2)]

    assert placed[0].content == placed[1].content
    assert settled[0].content == settled[1].content
    assert balance(holder, account_id) == (70, 0, 70)


def test_what_was_held_then_is_told_as_known_then(api: RunningApi) -> None:
    holder = api.person()
    account_id = api.account(holder, 100)
    hold_id = held(holder, account_id, 60)
    before = holder.get(f"/v1/holds/{hold_id}").headers["daybook-position"]
    holder.post(f"/v1/holds/{hold_id}/settle")

    assert balance(holder, account_id) == (40, 0, 40)
    assert balance(holder, account_id, known_at=before) == (100, 60, 40)
