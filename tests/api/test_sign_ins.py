"""Who came in, who was turned away and who went, as the audit trail has it; and without it nobody does."""

import time
from typing import Any, Final, LiteralString

import psycopg
import pytest

from api.rate_limits import ATTEMPTS_FREE
from application.key_encryption import WrappedKey
from application.keyring import PersonKey, open_keyring
from application.sealing import Place, Unreadable, unseal
from application.sessions import RETRY_SECONDS
from domain.access import (
    STREAM,
    AccessFact,
    RefreshRefused,
    RefreshReused,
    SignedIn,
    SignedOut,
    SignInFailed,
)
from ledger.journal import Recorded
from tests.api.test_looks import head, nothing_can_be_written
from tests.bank import read_log
from tests.running_api import PASSWORD, Person, RunningApi


def trail_since(api: RunningApi, after: int) -> list[Recorded]:
    log = read_log(api.conninfo, after=after)
    return [recorded for recorded in log if isinstance(recorded.event.fact, AccessFact)]


def login(api: RunningApi, username: str, password: str = PASSWORD) -> Any:
    return api.anyone.post("/v1/login", json={"username": username, "password": password})


def address_in(api: RunningApi, recorded: Recorded, person: Person) -> str:
    keyring = open_keyring(api.conninfo, None, api.keys.parent)
    with psycopg.connect(api.conninfo) as connection:
        row: Any = connection.execute(
            "SELECT key_id, kek, wrapped FROM person_keys WHERE user_id = %s", [person.user_id]
        ).fetchone()
    key = keyring.opened(person.user_id, PersonKey(row[0], WrappedKey(*row[1:])))
    place = Place(STREAM, recorded.originator_version, "address")
    return unseal(key, place, recorded.event.fact.address)


def test_a_sign_in_is_recorded_with_its_address_sealed_for_the_person(api: RunningApi) -> None:
    person, other = api.person(), api.person()
    before = head(api)

    api.signed_in(person.user_id, person.username)

    (signed_in,) = trail_since(api, before)
    fact = signed_in.event.fact
    assert isinstance(fact, SignedIn)
    assert (fact.user_id, signed_in.event.actor) == (person.user_id, f"user-{person.user_id}")
    assert address_in(api, signed_in, person) == "127.0.0.1"
    assert "127.0.0.1" not in str(fact)
    with pytest.raises(Unreadable):
        address_in(api, signed_in, other)


def test_a_failure_tells_whose_name_it_was_and_never_the_name(api: RunningApi) -> None:
    person, before = api.person(), head(api)

    wrong = login(api, person.username, "not the password at all")
    unknown = login(api, "nobody-of-that-name")

    first, second = (recorded.event.fact for recorded in trail_since(api, before))
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.json()["code"] == unknown.json()["code"]
    assert isinstance(first, SignInFailed)
    assert (first.reason, first.user_id) == ("wrong-password", person.user_id)
    assert (second.reason, second.user_id) == ("unknown-name", None)
    assert first.origin == second.origin
    for fact in (first, second):
        assert person.username not in str(fact)
        assert "nobody-of-that-name" not in str(fact)
        assert "127.0.0.1" not in str(fact)


def test_the_last_try_before_a_wait_says_so_and_those_in_the_wait_are_not_recorded(
    api: RunningApi,
) -> None:
    person, before = api.person(), head(api)

    tries = [login(api, person.username, "wrong again") for _ in range(ATTEMPTS_FREE + 7)]

    failed = [recorded.event.fact for recorded in trail_since(api, before)]
    assert [t.status_code for t in tries] == [401] * ATTEMPTS_FREE + [429] * 7
    assert [f.locked_out for f in failed] == [False] * (ATTEMPTS_FREE - 1) + [True]


@pytest.mark.parametrize("password", [PASSWORD, "wrong once more"])
def test_the_first_try_after_a_lock_out_tells_how_many_it_turned_away(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setattr("api.rate_limits.FIRST_WAIT_SECONDS", 1)
    person, auditor = api.person(), api.person("auditor")
    for _ in range(ATTEMPTS_FREE + 4):
        login(api, person.username, "wrong again")
    before = head(api)
    time.sleep(1.1)

    login(api, person.username, password)
    login(api, person.username, password)

    (after, *_) = (recorded.event.fact for recorded in trail_since(api, before))
    assert isinstance(after, SignedIn if password == PASSWORD else SignInFailed)
    assert after.turned_away == 4
    told = auditor.get("/audit/accesses", user_id=person.user_id, **{"from": "2026-01-01"}).json()
    assert [each["detail"].get("turned_away", 0) for each in told].count(4) == 1


def test_a_token_that_was_used_before_and_a_sign_out_are_recorded_with_their_session(
    api: RunningApi,
) -> None:
    person = api.person()
    first = {"refresh_token": person.tokens["refresh_token"]}
    second = {"refresh_token": api.anyone.post("/v1/refresh", json=first).json()["refresh_token"]}
    with psycopg.connect(api.conninfo) as connection:
        connection.execute(
            "UPDATE refresh_tokens SET used_at = used_at - make_interval(secs => %s)"
            " WHERE used_at IS NOT NULL",
            [RETRY_SECONDS + 1],
        )
    before = head(api)

    reused = api.anyone.post("/v1/refresh", json=first)
    again = api.signed_in(person.user_id, person.username)
    gone = again.post("/v1/logout")

    reuse, signed_in, signed_out = (recorded.event.fact for recorded in trail_since(api, before))
    assert (reused.status_code, gone.status_code) == (401, 200)
    assert api.anyone.post("/v1/refresh", json=second).status_code == 401
    assert isinstance(reuse, RefreshReused)
    assert isinstance(signed_out, SignedOut)
    assert (reuse.user_id, signed_out.user_id) == (person.user_id, person.user_id)
    assert signed_out.session == signed_in.session != reuse.session


def test_a_session_is_signed_out_of_in_the_commit_that_says_so(api: RunningApi) -> None:
    person, before = api.person(), head(api)

    assert person.post("/v1/logout").status_code == 200

    *_, signed_out = trail_since(api, before)
    assert isinstance(signed_out.event.fact, SignedOut)
    with psycopg.connect(api.conninfo) as connection:
        one_commit = connection.execute(
            "SELECT s.revoked_xid::xid = e.xmin FROM sessions s, daybook_events e"
            " WHERE s.sid = %s AND e.notification_id = %s",
            [signed_out.event.fact.session, signed_out.position],
        ).fetchone()
    assert one_commit == (True,)


AGED: Final[LiteralString] = """
    UPDATE refresh_tokens SET issued_at = now() - interval '3 hours'
     WHERE sid = (SELECT sid FROM sessions WHERE user_id = %s)
"""


def refresh(api: RunningApi, tokens: dict[str, Any]) -> Any:
    return api.anyone.post("/v1/refresh", json={"refresh_token": tokens["refresh_token"]})


def test_a_session_that_ends_since_its_token_came_again_never_ends_without_a_record(
    api: RunningApi,
) -> None:
    person = api.person()
    # The successor was used, so that the first was copied, whenever it comes.
    refresh(api, refresh(api, person.tokens).json())
    before = head(api)

    with nothing_can_be_written(api):
        unrecorded = refresh(api, person.tokens)
    alive = person.get("/v1/profile")
    nothing = trail_since(api, before)
    reused = refresh(api, person.tokens)

    (reuse,) = trail_since(api, before)
    assert (unrecorded.status_code, unrecorded.json()["code"]) == (503, "unavailable")
    assert (alive.status_code, nothing) == (200, [])
    assert (reused.status_code, reused.json()["code"]) == (401, "refresh-refused")
    fact = reuse.event.fact
    assert isinstance(fact, RefreshReused)
    assert (fact.user_id, len(fact.origin)) == (person.user_id, 16)
    # At once: who was let in by the copy is out.
    assert person.get("/v1/profile").status_code == 401


@pytest.mark.parametrize(
    ("reason", "statement"),
    [
        ("session-ended", "UPDATE users SET role = 'teller' WHERE user_id = %s"),
        ("session-ended", "UPDATE users SET disabled_at = now() WHERE user_id = %s"),
        ("session-expired", "UPDATE sessions SET expires_at = now() WHERE user_id = %s"),
        ("token-expired", AGED),
    ],
)
def test_the_first_token_of_a_session_that_comes_too_late_is_recorded_and_no_more(
    api: RunningApi, reason: str, statement: LiteralString
) -> None:
    person = api.person()
    with psycopg.connect(api.conninfo) as connection:
        connection.execute(statement, [person.user_id])
    before = head(api)

    with nothing_can_be_written(api):
        unrecorded = refresh(api, person.tokens)
    tries = [refresh(api, person.tokens) for _ in range(3)]

    (recorded,) = trail_since(api, before)
    fact = recorded.event.fact
    assert unrecorded.status_code == 503
    assert [t.json()["code"] for t in tries] == ["refresh-refused"] * 3
    assert isinstance(fact, RefreshRefused)
    assert (fact.reason, fact.user_id) == (reason, person.user_id)
    assert (len(fact.session), len(fact.origin)) == (36, 16)


def test_what_anybody_can_send_is_refused_and_never_recorded(api: RunningApi) -> None:
    before = head(api)

    answers = [
        refresh(api, {"refresh_token": "A" * 43}),
        refresh(api, {"refresh_token": "x"}),
        api.anyone.get("/v1/profile"),
        api.anyone.get("/v1/profile", headers={"Authorization": "Bearer a.b.c"}),
    ]

    assert [answer.status_code for answer in answers] == [401] * 4
    assert head(api) == before


def test_nobody_is_let_in_or_out_without_a_record(api: RunningApi) -> None:
    person = api.person()
    before = head(api)

    with nothing_can_be_written(api):
        let_in = login(api, person.username)
        wrong = login(api, person.username, "not the password at all")
        gone = person.post("/v1/logout")

    assert [a.status_code for a in (let_in, wrong, gone)] == [503] * 3
    assert b"token" not in let_in.content
    assert head(api) == before
    # The session lives, so that whoever wants to end it can ask again.
    assert person.get("/v1/profile").status_code == 200
    assert person.post("/v1/logout").status_code == 200
    assert person.get("/v1/profile").status_code == 401


def test_a_failure_asks_the_same_of_the_store_whether_somebody_has_the_name_or_not(
    api: RunningApi,
) -> None:
    """Else the time would tell who is registered. While the keys are locked, who looked would get 503."""
    person = api.person()
    with psycopg.connect(api.conninfo, autocommit=True) as connection:
        connection.execute("BEGIN; LOCK person_keys IN ACCESS EXCLUSIVE MODE")
        answers = [login(api, name, "wrong").status_code for name in (person.username, "nobody-x")]
        connection.execute("ROLLBACK")

    assert answers == [401, 401]
