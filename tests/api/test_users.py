"""Registration, sign-in and the session that follows, over HTTP."""

import time

import psycopg
import pytest

from tests.running_api import PASSWORD, RunningApi


def registration(name: str, **more: str) -> dict[str, str]:
    return {"username": name, "email": f"{name}@example.org", "password": PASSWORD, **more}


def test_a_registered_user_has_the_role_user_and_a_number(api: RunningApi) -> None:
    answer = api.anyone.post("/register", json=registration("grace"))

    assert answer.status_code == 201
    body = answer.json()
    assert list(body) == ["user_id", "username", "email", "role"]
    assert isinstance(body.pop("user_id"), int)
    assert body == {"username": "grace", "email": "grace@example.org", "role": "user"}
    assert int(answer.headers["daybook-position"]) > 0


def test_the_same_registration_under_one_key_is_the_same_bytes_and_one_user(
    api: RunningApi,
) -> None:
    headers = {"Idempotency-Key": "register-once"}

    answers = [
        api.anyone.post("/v1/register", json=registration("once"), headers=headers)
        for _ in range(3)
    ]

    assert {answer.content for answer in answers} == {answers[0].content}
    assert [answer.headers.get("idempotent-replayed") for answer in answers] == [
        None,
        "true",
        "true",
    ]
    other = api.anyone.post(
        "/v1/register", json=registration("once", email="o@example.org"), headers=headers
    )
    assert other.status_code == 422
    assert other.json()["figures"] == {"field": "email"}


@pytest.mark.parametrize(
    ("name", "email", "code"),
    [
        ("Taken", "other@example.org", "username-taken"),
        ("ｔaken", "other@example.org", "username-taken"),
        ("another", "TAKEN@example.org", "email-taken"),
    ],
)
def test_names_that_look_alike_are_one(api: RunningApi, name: str, email: str, code: str) -> None:
    api.anyone.post("/register", json=registration("taken"))

    answer = api.anyone.post("/register", json=registration(name, email=email))

    assert answer.status_code == 409
    assert answer.json()["code"] == code


@pytest.mark.parametrize(
    ("field", "text"),
    [("username", "a b"), ("username", "-"), ("email", "nowhere"), ("email", "a b@c.d")],
)
def test_a_name_that_is_none_is_refused_by_field(api: RunningApi, field: str, text: str) -> None:
    answer = api.anyone.post("/register", json=registration("proper", **{field: text + "   "}))

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{field}"]


def test_neither_the_log_nor_the_commands_hold_what_identifies_a_person(api: RunningApi) -> None:
    api.anyone.post(
        "/register", json=registration("secretive"), headers={"Idempotency-Key": "private"}
    )

    with psycopg.connect(api.conninfo) as connection:
        rows = connection.execute("""
            SELECT convert_from(state, 'UTF8') FROM daybook_events
             UNION ALL SELECT convert_from(request, 'UTF8') FROM commands
             UNION ALL SELECT convert_from(answer, 'UTF8') FROM commands
             UNION ALL SELECT name || holder FROM claims
        """).fetchall()

    assert rows
    assert not [text for (text,) in rows if "secretive" in text or PASSWORD in text]


def test_login_gives_a_token_that_opens_the_profile(api: RunningApi) -> None:
    person = api.person()

    profile = person.get("/profile")

    assert list(person.tokens) == ["access_token", "token_type", "expires_in", "refresh_token"]
    assert person.tokens["token_type"] == "Bearer"
    assert person.tokens["expires_in"] == 600
    assert profile.json() == {
        "user_id": person.user_id,
        "username": person.username,
        "email": f"{person.username}@example.org",
        "role": "user",
    }
    assert profile.headers["cache-control"] == "no-store"


def test_login_does_not_say_whether_the_user_exists(api: RunningApi) -> None:
    api.anyone.post("/register", json=registration("exists"))

    wrong, unknown = (
        api.anyone.post("/login", json={"username": name, "password": "not the password"})
        for name in ("exists", "does-not-exist")
    )

    assert wrong.status_code == unknown.status_code == 401
    for answer in (wrong, unknown):
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert {**wrong.json(), "instance": ""} == {**unknown.json(), "instance": ""}


def test_a_refresh_token_is_used_once_and_a_late_second_use_ends_the_session(
    api: RunningApi,
) -> None:
    person = api.person()
    first = person.tokens["refresh_token"]

    second = api.anyone.post("/refresh", json={"refresh_token": first}).json()["refresh_token"]
    third = api.anyone.post("/refresh", json={"refresh_token": second}).json()["refresh_token"]
    stolen = api.anyone.post("/refresh", json={"refresh_token": first})

    assert len({first, second, third}) == 3
    assert stolen.status_code == 401
    assert api.anyone.post("/refresh", json={"refresh_token": third}).status_code == 401


def test_logout_ends_the_session_at_once(api: RunningApi) -> None:
    person = api.person()

    assert person.post("/logout").status_code == 200

    assert person.get("/profile").status_code == 401
    refresh = {"refresh_token": person.tokens["refresh_token"]}
    assert api.anyone.post("/refresh", json=refresh).status_code == 401


def test_a_token_of_another_audience_or_time_opens_nothing(api: RunningApi) -> None:
    person = api.person()
    sid = "00000000-0000-4000-8000-000000000000"
    now = time.time()
    bad = [
        api.tokens("another-api").issue(user_id=person.user_id, role="user", sid=sid, now=now),
        api.tokens().issue(user_id=person.user_id, role="user", sid=sid, now=now - 3600),
        api.tokens().issue(user_id=person.user_id, role="user", sid=sid, now=now + 3600),
        person.tokens["access_token"][:-3] + "AAA",
        "x",
    ]

    answers = [
        api.anyone.get("/profile", headers={"Authorization": f"Bearer {token}"}) for token in bad
    ]

    assert [answer.status_code for answer in answers] == [401] * len(bad)
    assert {answer.json()["code"] for answer in answers} == {"token-refused"}
