"""Erasure over HTTP: two people have a person forgotten, and nobody before law and balance allow it."""

import base64
import datetime as dt
import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from daybook.postgres_programs import find_programs
from domain.customer import Erased, Registered
from ledger.log_tree import canonical_event, extended, leaf_hash
from tests.bank import read_log
from tests.running_api import PASSWORD, Person, RunningApi, running_api

CANARY = "canary-of-the-mine"
# From where every test calls.
HERE = "127.0.0.1"
LOAN = {"product": "instalment", "amount": 12_000, "instalments": 4, "income": 10_000}
REASON = {"reason": "asked for in writing"}


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@pytest.fixture(scope="module")
def free(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    """A bank that keeps nobody's data past the end."""
    folder = tmp_path_factory.mktemp("free")
    with running_api(module_database, folder, retention_years=0) as running:
        yield running


@pytest.fixture
def two(free: RunningApi) -> tuple[Person, Person]:
    return free.person("compliance"), free.person("compliance")


def path_of(person: Person, *more: str) -> str:
    return "/".join((f"/v1/users/{person.user_id}", *more))


def erase(two: tuple[Person, Person], person: Person) -> Any:
    asked = two[0].post(path_of(person, "erasure"), REASON)
    assert asked.status_code == 202, asked.text
    erased = two[1].post(path_of(person, "erasure"), REASON)
    assert erased.status_code == 200, erased.text
    return erased.json()


def named(api: RunningApi, name: str) -> Person:
    body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
    registered = api.anyone.post("/v1/register", json=body)
    assert registered.status_code == 201, registered.text
    return api.signed_in(registered.json()["user_id"], name)


def test_two_people_erase_one_who_can_do_nothing_any_more(
    free: RunningApi, two: tuple[Person, Person]
) -> None:
    person = named(free, "walter")
    path = path_of(person, "erasure")

    asked, same = two[0].post(path, REASON), two[0].post(path, REASON)
    erased = two[1].post(path, REASON, key="erase-him")
    replayed = two[1].post(path, REASON, key="erase-him")

    assert (asked.status_code, asked.json()["maker"]) == (202, f"compliance-{two[0].user_id}")
    assert code(same) == (409, "same-person")
    assert erased.status_code == 200, erased.text
    assert (replayed.content, replayed.headers["idempotent-replayed"]) == (erased.content, "true")
    (event,) = (r for r in read_log(free.conninfo) if r.position == erased.json()["position"])
    assert isinstance(event.event.fact, Erased)
    assert event.event.fact.key_id == erased.json()["key_id"]
    assert person.get("/v1/profile").status_code == 401
    refresh = {"refresh_token": person.tokens["refresh_token"]}
    assert free.anyone.post("/v1/refresh", json=refresh).status_code == 401
    login = {"username": "walter", "password": PASSWORD}
    assert free.anyone.post("/v1/login", json=login).status_code == 401
    assert code(two[0].post(path, REASON)) == (409, "customer-erased")
    assert two[0].get(path).json()["status"] == "erased"


def test_the_name_and_the_address_are_free_again(
    free: RunningApi, two: tuple[Person, Person]
) -> None:
    before = named(free, "phoenix")
    erase(two, before)

    after = named(free, "phoenix")

    assert after.user_id != before.user_id
    assert after.get("/v1/profile").json()["email"] == "phoenix@example.org"
    body = {"username": "phoenix", "email": "other@example.org", "password": PASSWORD}
    assert code(free.anyone.post("/v1/register", json=body)) == (409, "username-taken")


def test_nobody_is_erased_while_an_account_is_open_and_none_is_opened_once_it_is_asked_for(
    free: RunningApi, two: tuple[Person, Person]
) -> None:
    person, path = named(free, "keeper"), ""
    path = path_of(person, "erasure")
    account_id = free.account(person, 5)

    held_by_account = two[0].post(path, REASON)
    person.post(f"/v1/accounts/{account_id}/withdraw", {"amount": 5})
    person.post(f"/v1/accounts/{account_id}/close")
    asked = two[0].post(path, REASON)
    opening = person.post(
        "/v1/accounts/create", {"user_id": person.user_id, "account_type": "checking"}
    )
    applying = person.post("/v1/loans/apply", LOAN)

    assert code(held_by_account) == (409, "accounts-open")
    assert held_by_account.json()["figures"]["accounts"] == str(account_id)
    assert asked.status_code == 202, asked.text
    assert code(opening) == (409, "erasure-asked")
    assert code(applying) == (409, "erasure-asked")
    withdrawn = two[1].post(f"{path}/withdraw", REASON)
    assert (withdrawn.status_code, withdrawn.json()["status"]) == (200, "none")
    assert code(two[1].post(f"{path}/withdraw", REASON)) == (409, "erasure-not-asked")
    assert free.account(person) > account_id


def test_nobody_is_erased_while_a_loan_is_open(
    free: RunningApi, two: tuple[Person, Person]
) -> None:
    person = free.person()
    loan_id = person.post("/v1/loans/apply", LOAN).json()["loan_id"]

    refused = two[0].post(path_of(person, "erasure"), REASON)
    withdrawn = person.post(f"/v1/loans/{loan_id}/withdraw")

    assert code(refused) == (409, "loans-open")
    assert refused.json()["figures"]["loans"] == str(loan_id)
    assert withdrawn.status_code in (200, 201), withdrawn.text
    assert erase(two, person)["status"] == "erased"


def test_the_years_of_the_law_are_waited_for(database: str, tmp_path: Path) -> None:
    with running_api(database, tmp_path) as api:
        person, compliance = api.person(), api.person("compliance")
        account_id = api.account(person)
        assert person.post(f"/v1/accounts/{account_id}/close").status_code == 200

        refused = compliance.post(path_of(person, "erasure"), REASON)
        until = compliance.get(path_of(person, "erasure")).json()["retained_until"]

    assert code(refused) == (409, "retention-runs")
    assert refused.json()["figures"] == {"user_id": person.user_id, "until": until}
    assert dt.date.fromisoformat(until).year == dt.datetime.now(dt.UTC).year + 5  # noqa: TID251


def test_a_legal_hold_keeps_a_person_until_it_is_lifted(
    free: RunningApi, two: tuple[Person, Person]
) -> None:
    person = free.person()
    hold = path_of(person, "legal-hold")

    placed, again = two[0].post(hold, REASON), two[0].post(hold, REASON)
    refused = two[0].post(path_of(person, "erasure"), REASON)
    lifted = two[1].post(f"{hold}/lift", REASON)

    assert (placed.json()["legal_hold"], again.json()["position"]) == (True, None)
    assert code(refused) == (409, "legal-hold-stands")
    assert lifted.json()["legal_hold"] is False
    assert erase(two, person)["status"] == "erased"


def test_nobody_erases_themselves_and_nobody_who_is_not_there_is_erased(
    free: RunningApi, two: tuple[Person, Person]
) -> None:
    assert code(two[0].post(path_of(two[0], "erasure"))) == (403, "not-permitted")
    assert code(two[0].post("/v1/users/9007199254740991/erasure")) == (404, "customer-not-found")


# --- What is left of a person


def spellings(text: str) -> set[bytes]:
    """How a text could stand in a dump or a file: as it is, in hexadecimal, in base64, hashed."""
    raw = text.encode()
    found = {raw, raw.hex().encode(), raw.hex().upper().encode()}
    for skipped in range(3):
        # The letters of base64 that depend on the text alone, wherever in a stream it begins.
        encoded = base64.b64encode(b"\0" * skipped + raw)
        found.add(encoded[-(-skipped * 8 // 6) : (skipped + len(raw)) * 8 // 6])
    found.add(hashlib.sha256(raw).hexdigest().encode())
    return found


def dump(conninfo: str, *options: str) -> bytes:
    program = find_programs() / "pg_dump"
    done = subprocess.run([program, *options, conninfo], capture_output=True, check=True)
    return done.stdout


def found_in(content: bytes, *texts: str) -> set[bytes]:
    return {each for text in texts for each in spellings(text) if each in content}


def peaks_of_the_log(conninfo: str) -> tuple[bytes, bytes]:
    """The peaks of the tree as the newest commit has them, and as they follow from the events."""
    with psycopg.connect(conninfo) as connection:
        events = connection.execute(
            "SELECT notification_id, originator_id, originator_version, topic, state"
            " FROM daybook_events ORDER BY 1"
        ).fetchall()
        row = connection.execute(
            "SELECT peaks FROM commits ORDER BY last_position DESC LIMIT 1"
        ).fetchone()
    assert row is not None
    leaves = [
        leaf_hash(canonical_event(position, stream.encode(), version, tag.encode(), state))
        for position, stream, version, tag, state in events
    ]
    return bytes(row[0]), extended(b"", 0, leaves)


def test_a_dump_can_be_searched_for_what_is_in_it(free: RunningApi) -> None:
    """The control of the tests below: the scan finds what a table holds, as text and as bytes."""
    person = free.person()
    account_id = free.account(person)
    person.post(f"/v1/accounts/{account_id}/deposit", {"amount": 1, "description": "said aloud"})

    # The view has it once its own writer reads it.
    (shown,) = person.get("/v1/transactions/history").json()
    assert shown["description"] == "said aloud"
    assert found_in(dump(free.conninfo), "said aloud") == {
        b"said aloud",
        b"said aloud".hex().encode(),
    }


def test_nothing_of_the_person_is_in_the_database_the_data_folder_or_the_log_of_the_program(
    free: RunningApi, two: tuple[Person, Person], caplog: pytest.LogCaptureFixture
) -> None:
    person = named(free, CANARY)
    texts = (CANARY, f"{CANARY}@example.org")
    changed = person.put("/v1/profile", {"email": f"new-{CANARY}@example.org"})
    assert changed.json()["email"] == f"new-{CANARY}@example.org"
    free.anyone.post(
        "/v1/register",
        json={"username": CANARY, "email": "x@example.org", "password": PASSWORD},
        headers={"Idempotency-Key": "taken"},
    )
    for tried in (CANARY, f"{CANARY}-of-nobody"):
        wrong = {"username": tried, "password": "not his password"}
        assert free.anyone.post("/v1/login", json=wrong).status_code == 401
    assert two[0].get("/v1/transactions/history", text=CANARY).status_code == 200
    assert two[0].get("/v1/accounts", reference=CANARY).status_code == 200
    assert two[0].get(path_of(person, "export")).json()["coming_in"][0]["address"] == HERE
    before = dump(free.conninfo)

    erase(two, person)

    assert found_in(before, *texts) == set(), "not even while he was a customer"
    assert found_in(before, HERE) == set(), "nor from where he came"
    assert found_in(dump(free.conninfo), *texts) == set()
    for file in Path(free.keys).parent.rglob("*"):
        assert file.is_dir() or found_in(file.read_bytes(), *texts) == set(), file
    assert CANARY not in caplog.text
    came_in = two[0].get(path_of(person, "export")).json()["coming_in"]
    assert [(each["kind"], each["address"]) for each in came_in] == [
        ("signed-in", None),
        ("sign-in-failed", None),
    ]
    kept = [r.event.fact for r in read_log(free.conninfo) if isinstance(r.event.fact, Registered)]
    assert all(fact.details for fact in kept), "the ciphertext stays"
    exported = two[0].get(path_of(person, "export")).json()
    assert (exported["erased"], exported["details"]) == (True, [])


def test_the_log_and_every_hash_of_it_are_what_they_were(
    free: RunningApi, two: tuple[Person, Person]
) -> None:
    person = free.person()
    before = read_log(free.conninfo)

    erase(two, person)

    after = read_log(free.conninfo)
    assert after[: len(before)] == before
    assert [r.event.fact.TAG for r in after[len(before) :]][-2:] == [
        "customer.erasure-asked.1",
        "customer.erased.1",
    ]
    said, reckoned = peaks_of_the_log(free.conninfo)
    assert said == reckoned


def test_issued_statements_are_the_same_bytes_after_the_holder_was_erased(
    free: RunningApi, two: tuple[Person, Person]
) -> None:
    person = free.person()
    account_id = free.account(person, 5)
    today = dt.datetime.now(dt.UTC).date().isoformat()  # noqa: TID251
    period = {"from": today, "to": today}
    issued = person.post(f"/v1/accounts/{account_id}/statements", period).json()
    path = f"/v1/statements/{issued['statement_id']}"
    before = {form: person.get(path, format=form).content for form in ("json", "camt053", "pdf")}
    person.post(f"/v1/accounts/{account_id}/withdraw", {"amount": 5})
    person.post(f"/v1/accounts/{account_id}/close")

    erase(two, person)

    after = {form: two[0].get(path, format=form).content for form in before}
    assert after == before
    assert hashlib.sha256(after["json"]).hexdigest() == issued["sha256"]


def test_the_database_forgets_nobody_whom_the_log_does_not_call_erased(free: RunningApi) -> None:
    person = free.person()

    with (
        psycopg.connect(free.conninfo) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="was not erased"),
    ):
        connection.execute("SELECT forget_person(%s)", [person.user_id])


# --- What a person is given


def test_a_person_is_given_everything_as_one_document(free: RunningApi) -> None:
    person, other = named(free, "everything"), free.person()
    account_id, others = free.account(person, 100), free.account(other, 7)
    person.put("/v1/profile", {"email": "second@example.org"})
    sent = {"source_account_id": account_id, "destination_account_id": others, "amount": 30}
    person.post("/v1/transactions/create", {**sent, "description": "rent"})
    person.post(f"/v1/accounts/{account_id}/holds", {"amount": 4, "description": "deposit"})
    today = dt.datetime.now(dt.UTC).date().isoformat()  # noqa: TID251
    person.post(f"/v1/accounts/{account_id}/statements", {"from": today, "to": today})

    answer = person.get(path_of(person, "export"))

    told = answer.json()
    assert list(told) == [
        *("user_id", "role", "erased", "exported_at", "known_at", "details", "events"),
        *("sign_ins", "accounts", "transactions", "holds", "statements", "loans", "bills"),
        *("bill_payments", "registrations", "autopay", "standing_orders", "looks", "coming_in"),
        "complete",
    ]
    assert [(d["username"], d["email"]) for d in told["details"]] == [
        ("everything", "everything@example.org"),
        ("everything", "second@example.org"),
    ]
    assert [e["type"] for e in told["events"]] == [
        "customer.registered",
        "customer.details-changed",
    ]
    assert [(a["account_id"], a["balance"]) for a in told["accounts"]] == [(account_id, 70)]
    assert [(t["type"], t["amount"], t["description"]) for t in told["transactions"]] == [
        ("transfer", 30, "rent"),
        ("deposit", 100, None),
    ]
    assert [(h["amount"], h["description"], h["outcome"]) for h in told["holds"]] == [
        (4, "deposit", None)
    ]
    assert [s["number"] for s in told["statements"]] == [1]
    assert len(told["sign_ins"]) == 1
    assert told["complete"] is True
    assert answer.headers["daybook-position"] == str(told["known_at"])
    assert code(other.get(path_of(person, "export"))) == (404, "customer-not-found")


def test_a_person_of_many_transactions_is_given_each_once(
    free: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.person_export.PAGE_MAX", 3)
    person = free.person()
    accounts = [free.account(person) for _ in range(4)]
    made = [
        person.post(f"/v1/accounts/{account_id}/deposit", {"amount": 1}).json()["transaction_id"]
        for account_id in accounts
        for _ in range(4)
    ]

    told = person.get(path_of(person, "export")).json()

    assert [t["transaction_id"] for t in told["transactions"]] == sorted(made, reverse=True)
    assert [a["account_id"] for a in told["accounts"]] == accounts


# --- The address of a person


def test_an_address_is_changed_and_was_ones_own(free: RunningApi) -> None:
    person, other = named(free, "mover"), named(free, "stayer")

    taken = person.put("/v1/profile", {"email": "Stayer@example.org"})
    same = person.put("/v1/profile", {"email": "mover@example.org"})
    spelled = person.put("/v1/profile", {"email": "Mover@example.org"})
    moved = person.put("/v1/profile", {"email": "moved@example.org"})
    wrong = person.put("/v1/profile", {"email": "nowhere at all"})

    assert code(taken) == (409, "email-taken")
    assert [answer.status_code for answer in (same, spelled, moved)] == [200, 200, 200]
    assert "daybook-position" not in same.headers
    assert person.get("/v1/profile").json()["email"] == "moved@example.org"
    assert other.put("/v1/profile", {"email": "mover@example.org"}).status_code == 200
    assert wrong.json()["errors"][0]["pointer"] == "/email"


def test_a_ciphertext_that_was_moved_to_another_person_opens_for_nobody(free: RunningApi) -> None:
    """Whoever can write to the database and has no key can swap nothing."""
    one, other = named(free, "swapped-one"), named(free, "swapped-other")
    keys = "SELECT key_id, kek, wrapped FROM person_keys WHERE user_id = %s"
    with psycopg.connect(free.conninfo) as connection:
        theirs = connection.execute(keys, [other.user_id]).fetchone()
        mine = connection.execute(keys, [one.user_id]).fetchone()
        assert theirs is not None
        assert mine is not None
        connection.execute("DELETE FROM person_keys WHERE user_id = %s", [other.user_id])
        connection.execute(
            "UPDATE person_keys SET key_id = %s, kek = %s, wrapped = %s WHERE user_id = %s",
            [*theirs, one.user_id],
        )

    assert one.get("/v1/profile").status_code == 500
