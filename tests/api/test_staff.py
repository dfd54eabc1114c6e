"""The life of a member of staff, as the API has it: the next call is refused, and the next sign-in is another."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from api.rate_limits import ATTEMPTS_FREE
from application import staff
from application.books import Answer, Command
from application.staff import Asked
from domain import customer as customers
from domain.access import (
    PasswordChanged,
    RoleChanged,
    SignInFailed,
    StaffEnded,
    StaffReinstated,
)
from ledger.journal import Recorded
from tests.api.test_looks import head, nothing_can_be_written
from tests.api.test_sign_ins import login, trail_since
from tests.bank import Bank, read_log
from tests.running_api import PASSWORD, Person, RunningApi

NEW = "another long and private phrase"
# By the operator, on whichever host; and refused with the refusal's text.
BY_OPERATOR = Asked(lambda _: Answer(200, b""), lambda refusal: Answer(409, str(refusal).encode()))
SECOND = 1.0


def done(api: RunningApi, command: Command) -> Answer:
    """Made by another process than the one that serves."""
    with Bank(api.conninfo) as bank:
        return bank.submit(command)


def member(api: RunningApi, role: Any = "teller") -> Person:
    person = api.person()
    assert done(api, staff.change_role(BY_OPERATOR, person.user_id, role)).status == 200
    return api.signed_in(person.user_id, person.username)


def change(person: Person, current: str = PASSWORD, new: str = NEW) -> Any:
    body = {"current_password": current, "new_password": new}
    return person.put("/v1/profile/password", body)


def refreshed(api: RunningApi, person: Person) -> int:
    body = {"refresh_token": person.tokens["refresh_token"]}
    return api.anyone.post("/v1/refresh", json=body).status_code


def seconds_until_refused(person: Person) -> float:
    started = time.monotonic()
    while person.get("/v1/profile").status_code != 401:
        assert time.monotonic() - started < 5
        time.sleep(0.01)
    return time.monotonic() - started


def stored(api: RunningApi, person: Person) -> tuple[str, bool, int]:
    with psycopg.connect(api.conninfo) as connection:
        row: Any = connection.execute(
            "SELECT role, disabled_at IS NOT NULL, password_changes FROM users WHERE user_id = %s",
            [person.user_id],
        ).fetchone()
    return row  # type: ignore[no-any-return]


def life_of(api: RunningApi, person: Person) -> list[Any]:
    log = read_log(api.conninfo)
    return [r.event.fact for r in log if r.originator_id == f"customer-{person.user_id}"]


CHANGES: list[Callable[[int], Command]] = [
    lambda user_id: staff.change_role(BY_OPERATOR, user_id, "auditor"),
    lambda user_id: staff.end_sign_in(BY_OPERATOR, user_id),
    lambda user_id: staff.change_password(BY_OPERATOR, user_id, "another hash"),
]


@pytest.mark.parametrize("command", CHANGES, ids=["role", "end", "password"])
def test_an_open_session_is_refused_within_a_second(
    api: RunningApi, command: Callable[[int], Command]
) -> None:
    person = member(api)
    other_device = api.signed_in(person.user_id, person.username)
    assert person.get("/v1/profile").status_code == 200

    done(api, command(person.user_id))

    assert seconds_until_refused(person) <= SECOND
    assert other_device.get("/v1/profile").status_code == 401
    assert [refreshed(api, each) for each in (person, other_device)] == [401, 401]


def test_a_new_sign_in_has_the_new_role_and_who_leaves_may_stay_a_customer(
    api: RunningApi,
) -> None:
    person = member(api, "auditor")
    assert person.get("/v1/audit/checkpoints").status_code == 200

    before = head(api)
    done(api, staff.change_role(BY_OPERATOR, person.user_id, "user"))

    again = api.signed_in(person.user_id, person.username)
    assert again.get("/v1/profile").json()["role"] == "user"
    assert again.get("/v1/audit/checkpoints").status_code == 403
    assert api.account(again, 5) > 0
    (changed, *_) = trail_since(api, before)
    assert changed.event.actor == "operator"
    assert changed.event.fact == RoleChanged(user_id=person.user_id, before="auditor", after="user")


def test_one_who_has_ended_does_not_come_in_until_reinstated(api: RunningApi) -> None:
    person, before = member(api), head(api)

    done(api, staff.end_sign_in(BY_OPERATOR, person.user_id))
    turned_away = login(api, person.username)
    nobody = login(api, "nobody-of-that-name")
    done(api, staff.restore_sign_in(BY_OPERATOR, person.user_id))
    back = api.signed_in(person.user_id, person.username)

    assert turned_away.status_code == 401
    assert {**turned_away.json(), "instance": ""} == {**nobody.json(), "instance": ""}
    assert back.get("/v1/profile").json()["role"] == "teller"
    facts = [r.event.fact for r in trail_since(api, before)]
    assert facts[0] == StaffEnded(user_id=person.user_id, role="teller")
    # That he tried is evidence; whether he still knows the password is nobody's business.
    assert [(f.reason, f.user_id) for f in facts[1:3]] == [
        ("ended", person.user_id),
        ("unknown-name", None),
    ]
    assert facts[3] == StaffReinstated(user_id=person.user_id, role="teller")
    assert [type(fact) for fact in life_of(api, person)] == [
        *(customers.Registered, customers.RoleChanged),
        *(customers.SignInEnded, customers.SignInRestored),
    ]


def test_a_password_that_is_changed_while_it_is_checked_opens_nothing_and_that_is_recorded(
    api: RunningApi,
) -> None:
    """The check takes a while, in which the old password may have stopped to be one."""
    person, before = member(api), head(api)

    with psycopg.connect(api.conninfo) as slow:
        # The sign-in waits where the session would start, after the password was found right.
        slow.execute("SELECT FROM users WHERE user_id = %s FOR UPDATE", [person.user_id])
        with ThreadPoolExecutor(1) as pool:
            signing_in = pool.submit(login, api, person.username)
            time.sleep(0.5)
            slow.execute(
                "UPDATE users SET password_changes = 1 WHERE user_id = %s", [person.user_id]
            )
            slow.commit()
            answer = signing_in.result(10)

    assert (answer.status_code, answer.json()["code"]) == (401, "credentials-refused")
    (failed,) = (r.event.fact for r in trail_since(api, before))
    assert (failed.reason, failed.user_id) == ("wrong-password", person.user_id)


def test_what_stands_already_is_nothing_new_and_what_cannot_be_is_refused(api: RunningApi) -> None:
    customer, teller = api.person(), member(api)
    before = head(api)

    again = done(api, staff.change_role(BY_OPERATOR, teller.user_id, "teller"))
    reinstated = done(api, staff.restore_sign_in(BY_OPERATOR, teller.user_id))
    ended = done(api, staff.end_sign_in(BY_OPERATOR, customer.user_id))
    unknown = done(api, staff.change_role(BY_OPERATOR, 999_999, "teller"))

    assert (again.status, again.position) == (200, None)
    assert (reinstated.status, reinstated.position) == (200, None)
    assert (ended.status, b"no member of staff" in ended.body) == (409, True)
    assert unknown.status == 409
    assert head(api) == before
    assert [p.get("/v1/profile").status_code for p in (customer, teller)] == [200, 200]


def test_a_row_that_was_changed_past_the_log_is_mended_by_the_next_change(
    api: RunningApi,
) -> None:
    person = api.person()
    with psycopg.connect(api.conninfo) as connection:
        connection.execute("UPDATE users SET role = 'admin' WHERE user_id = %s", [person.user_id])

    done(api, staff.change_password(BY_OPERATOR, person.user_id, "another hash"))

    assert stored(api, person) == ("user", False, 1)


def test_each_change_and_its_row_are_one_commit(api: RunningApi) -> None:
    person, before = member(api), head(api)

    with nothing_can_be_written(api):
        answer = change(person)

    assert answer.status_code == 503
    assert head(api) == before
    assert stored(api, person) == ("teller", False, 0)
    assert person.get("/v1/profile").status_code == 200


# --- One's own password


def test_everybody_changes_the_own_password_and_every_session_ends_with_it(
    api: RunningApi,
) -> None:
    person = api.person()
    elsewhere, before = api.signed_in(person.user_id, person.username), head(api)

    answer = change(person)

    assert (answer.status_code, answer.json()) == (200, {"signed_out": True})
    # At once: this server lets no other call through before it has looked up who has ended.
    assert [p.get("/v1/profile").status_code for p in (person, elsewhere)] == [401, 401]
    assert [refreshed(api, each) for each in (person, elsewhere)] == [401, 401]
    assert login(api, person.username).status_code == 401
    assert login(api, person.username, NEW).status_code == 200
    changed = trail_since(api, before)[0]
    assert changed.event.actor == f"user-{person.user_id}"
    assert isinstance(changed.event.fact, PasswordChanged)
    assert changed.event.fact.session
    assert changed.event.fact.request_id.startswith(answer.headers["x-request-id"])
    assert stored(api, person) == ("user", False, 1)


def test_a_wrong_password_changes_nothing_and_is_a_failure_as_at_a_sign_in(
    api: RunningApi,
) -> None:
    person, before = api.person(), head(api)

    answer = change(person, current="not the password")

    assert (answer.status_code, answer.json()["code"]) == (422, "current-password-wrong")
    assert answer.json()["errors"][0]["pointer"] == "/current_password"
    (failed,) = trail_since(api, before)
    assert isinstance(failed.event.fact, SignInFailed)
    assert (failed.event.fact.user_id, failed.event.actor) == (
        person.user_id,
        f"user-{person.user_id}",
    )
    assert failed.event.fact.session
    assert person.get("/v1/profile").status_code == 200
    assert login(api, person.username).status_code == 200


def test_tries_of_the_current_password_share_the_lock_out_of_the_sign_in(
    api: RunningApi,
) -> None:
    person = api.person()

    tries = [change(person, current="wrong again").status_code for _ in range(ATTEMPTS_FREE + 2)]
    right = change(person)

    assert tries == [422] * ATTEMPTS_FREE + [429] * 2
    assert right.status_code == 429
    assert login(api, person.username).status_code == 429


@pytest.mark.parametrize(
    ("new", "said"),
    [
        ("short", "at least 8"),
        ("password123", "among the first"),
        ("{username}-me", "a name that others know"),
        (PASSWORD, "the one there is"),
    ],
)
def test_a_new_password_that_will_not_do_is_refused_with_the_reason(
    api: RunningApi, new: str, said: str
) -> None:
    person, before = api.person("compliance"), head(api)

    answer = change(person, new=new.format(username=person.username))

    assert (answer.status_code, answer.json()["code"]) == (422, "password-not-accepted")
    assert said in answer.json()["detail"]
    assert head(api) == before
    assert person.get("/v1/profile").status_code == 200


def test_of_two_changes_at_once_the_one_whose_proof_is_older_is_refused(api: RunningApi) -> None:
    person = api.person()
    by = Asked(BY_OPERATOR.answer, BY_OPERATOR.refuse, f"user-{person.user_id}")

    first = done(api, staff.change_password(by, person.user_id, "first", 0))
    second = done(api, staff.change_password(by, person.user_id, "second", 0))

    assert (first.status, second.status) == (200, 409)
    assert b"changed in the meantime" in second.body
    assert stored(api, person)[2] == 1


def test_nothing_made_from_a_password_is_in_the_log_or_the_records_of_commands(
    api: RunningApi,
) -> None:
    person = api.person()
    assert change(person).status_code == 200

    with psycopg.connect(api.conninfo) as connection:
        kept = connection.execute("""
            SELECT convert_from(state, 'UTF8') FROM daybook_events
             UNION ALL SELECT convert_from(request, 'UTF8') || convert_from(answer, 'UTF8')
              FROM commands
        """).fetchall()
        row: Any = connection.execute(
            "SELECT password_hash FROM users WHERE user_id = %s", [person.user_id]
        ).fetchone()

    assert row[0].startswith("$argon2id$")
    assert not [text for (text,) in kept if "argon2" in text or NEW in text or row[0] in text]


# --- As others see it


def test_the_person_and_the_auditor_are_told(api: RunningApi) -> None:
    person, auditor = member(api), member(api, "auditor")
    done(api, staff.end_sign_in(BY_OPERATOR, person.user_id))
    done(api, staff.change_role(BY_OPERATOR, person.user_id, "user"))
    done(api, staff.restore_sign_in(BY_OPERATOR, person.user_id))
    person = api.signed_in(person.user_id, person.username)
    assert change(person).status_code == 200
    login_with_new = {"username": person.username, "password": NEW}
    tokens = api.anyone.post("/v1/login", json=login_with_new).json()
    person = Person(api.address, person.user_id, person.username, tokens)

    told = person.get(f"/v1/users/{person.user_id}/export").json()
    seen = auditor.get("/v1/audit/accesses", user_id=person.user_id).json()

    assert [(e["type"], e["role"], e["ended"]) for e in told["events"]] == [
        ("customer.registered", "user", False),
        ("customer.role-changed", "teller", False),
        ("customer.sign-in-ended", "teller", True),
        ("customer.role-changed", "user", True),
        ("customer.sign-in-restored", "user", False),
        ("customer.password-changed", "user", False),
    ]
    assert "password-changed" in [each["kind"] for each in told["coming_in"]]
    changes = [
        (each["kind"], each["actor"], each["detail"])
        for each in reversed(seen)
        if each["call"] in ("staff", "password")
    ]
    assert changes == [
        ("role-changed", "operator", {"before": "user", "after": "teller"}),
        ("staff-ended", "operator", {"role": "teller"}),
        ("role-changed", "operator", {"before": "teller", "after": "user"}),
        ("staff-reinstated", "operator", {"role": "user"}),
        ("password-changed", f"user-{person.user_id}", {}),
    ]
    person.client.close()


def test_versions_of_the_trail_are_gapless(api: RunningApi) -> None:
    trail: list[Recorded] = [r for r in read_log(api.conninfo) if r.originator_id == "audit-trail"]

    assert [r.originator_version for r in trail] == list(range(1, len(trail) + 1))
