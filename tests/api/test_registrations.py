"""Registrations over HTTP: made, listed, changed, ended, and what bills and payments make of them."""

from typing import Any

from tests.api.test_bills import bill_of, code, new_biller, pay
from tests.running_api import Person, RunningApi

PATH = "/v1/bills/registrations"
LUHN = {"reference": {"length_min": 8, "length_max": 8, "check": "luhn"}}


def registered(person: Person, biller_id: int, **more: Any) -> Any:
    body = {"user_id": person.user_id, "biller_id": biller_id, "reference": "12345674", **more}
    return person.post(PATH, body)


def test_a_registration_lives_and_is_told_as_known_then(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    account_id = api.account(holder, 100)
    biller_id = new_biller(teller, **LUHN)

    made = registered(holder, biller_id, nickname="The flat", tags=["home"])

    assert made.status_code == 201, made.text
    body = made.json()
    path = f"{PATH}/{body['registration_id']}"
    changed = holder.put(path, {"account_id": account_id})
    assert (changed.json()["nickname"], changed.json()["account_id"]) == (None, account_id)
    then = {"known_at": body["position"]}
    assert holder.get(path, **then).json()["nickname"] == "The flat"
    assert [each["nickname"] for each in holder.get(PATH, **then).json()] == ["The flat"]
    ended = holder.client.delete(path)
    assert ended.json()["status"] == "ended"
    assert holder.client.delete(path).json()["position"] is None
    (listed,) = teller.get(PATH, user_id=holder.user_id).json()
    assert (listed["status"], listed["reference"]) == ("ended", "12345674")
    export = holder.get(f"/v1/users/{holder.user_id}/export").json()
    assert export["registrations"] == [listed]
    again = registered(holder, biller_id)
    assert again.status_code == 201, again.text
    assert code(registered(api.person(), biller_id)) == (409, "reference-registered")


def test_a_bill_presented_by_reference_finds_the_customer(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    biller_id = new_biller(teller, **LUHN)
    body = bill_of(holder, biller_id, reference="12345674")
    del body["user_id"]

    before = teller.post("/v1/bills", body)
    number = registered(holder, biller_id).json()["registration_id"]
    found = teller.post("/v1/bills", body)
    holder.client.delete(f"{PATH}/{number}")
    after = teller.post("/v1/bills", body)

    assert code(before) == code(after) == (404, "reference-not-registered")
    assert found.json()["user_id"] == holder.user_id
    (upcoming,) = holder.get(f"/v1/bills/upcoming/{holder.user_id}").json()
    assert upcoming["bill_id"] == found.json()["bill_id"]


def test_the_default_account_pays_bills_and_rules_where_none_is_named(api: RunningApi) -> None:
    holder, teller = api.person(), api.person("teller")
    oldest, default = api.account(holder, 100), api.account(holder, 100)
    biller_id = new_biller(teller, **LUHN)
    rule = {"user_id": holder.user_id, "biller_id": biller_id, "reference": "12345674"}
    assert code(holder.post("/v1/bills/autopay", rule)) == (409, "no-default-account")
    registered(holder, biller_id, account_id=default)
    bill = bill_of(holder, biller_id, 50, reference="12345674")
    bill_id = teller.post("/v1/bills", bill).json()["bill_id"]

    first = pay(holder, bill_id, 10)
    named = pay(holder, bill_id, 10, account_id=oldest)
    autopay = holder.post("/v1/bills/autopay", rule)

    assert (first.json()["account_id"], named.json()["account_id"]) == (default, oldest)
    assert autopay.json()["account_id"] == default
    unregistered = bill_of(holder, new_biller(teller), 50)
    other_id = teller.post("/v1/bills", unregistered).json()["bill_id"]
    assert pay(holder, other_id, 10).json()["account_id"] == oldest


def test_a_strangers_registration_does_not_exist(api: RunningApi) -> None:
    holder, teller, other = api.person(), api.person("teller"), api.person()
    biller_id = new_biller(teller, **LUHN)
    number = registered(holder, biller_id).json()["registration_id"]

    assert code(other.get(f"{PATH}/{number}")) == (404, "registration-not-found")
    assert code(other.put(f"{PATH}/{number}", {})) == (404, "registration-not-found")
    assert code(other.get(PATH, user_id=holder.user_id)) == (404, "customer-not-found")
    assert other.get(PATH).json() == []
