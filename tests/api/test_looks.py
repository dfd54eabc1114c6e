"""Looks: every reading of what is a customer's by staff is one event, and is not answered without it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import psycopg
import pytest

from api.policy import POLICY
from api.rate_limits import DENIALS_PER_PRINCIPAL, LOOKS_PER_PRINCIPAL, Rate
from domain.access import CallFact, Denied, Looked
from ledger.journal import Recorded
from tests.api.test_policy import SIGNED_IN_ROUTES, STAFF, Cast
from tests.bank import read_log
from tests.running_api import RunningApi

READINGS: Final = [route for method, route in SIGNED_IN_ROUTES if method == "GET"]
OPENAPI: Final = Path(__file__).parents[2] / "http" / "openapi.json"
# Fields of answers that say whose something is.
NAMING: Final = {"account_id", "user_id", "borrower", "loan_id", "bill_id", "payment_id", "hold_id"}
REQUEST: Final = {"X-Request-Id": "a-look"}
LAST: Final = "SELECT coalesce(max(last_position), 0) FROM commits"
# What a full disk says to whoever wants to write, and to nobody who reads.
REFUSE: Final = """
    CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = 'disk_full'; END $$;
    CREATE TRIGGER disk_full BEFORE INSERT ON commits EXECUTE FUNCTION disk_full()
"""
ACCEPT: Final = "DROP FUNCTION disk_full CASCADE"


@pytest.fixture(scope="module")
def cast(api: RunningApi) -> Cast:
    return Cast(api)


def head(api: RunningApi) -> int:
    with psycopg.connect(api.conninfo) as connection:
        row: Any = connection.execute(LAST).fetchone()
    return int(row[0])


def calls_since(api: RunningApi, after: int) -> list[Recorded]:
    log = read_log(api.conninfo, after=after)
    return [recorded for recorded in log if isinstance(recorded.event.fact, CallFact)]


@contextmanager
def nothing_can_be_written(api: RunningApi) -> Iterator[None]:
    with psycopg.connect(api.conninfo, autocommit=True) as connection:
        connection.execute(REFUSE)
        try:
            yield
        finally:
            connection.execute(ACCEPT)


def properties_of(schema: Any, schemas: dict[str, Any], seen: set[str]) -> set[str]:
    """The names of all fields that an answer may hold, as the OpenAPI document says it."""
    if isinstance(schema, list):
        return set().union(*(properties_of(each, schemas, seen) for each in schema))
    if not isinstance(schema, dict):
        return set()
    name = schema.get("$ref", "").rpartition("/")[2]
    if name:
        return set() if name in seen else properties_of(schemas[name], schemas, seen | {name})
    return set(schema.get("properties", {})).union(
        *(properties_of(each, schemas, seen) for each in schema.values())
    )


def reader_of(route: str) -> str:
    return next(role for role in STAFF if role in POLICY["GET", route].roles)


def check_recorded(recorded: Recorded, answer: httpx.Response, actor: str, route: str) -> None:
    event, subject = recorded.event, POLICY["GET", route].subject
    fact = event.fact
    assert isinstance(fact, CallFact)
    assert (recorded.originator_id, event.actor, event.entry) == ("audit-trail", actor, ())
    assert fact.route == f"GET {route}"
    assert re.fullmatch(f"[0-9a-f-]+/{REQUEST['X-Request-Id']}", fact.request_id)
    assert len(fact.session) == 36
    assert len(fact.origin) == 16
    if f"{{{subject}_id}}" in route:
        place = route.split("/").index(f"{{{subject}_id}}")
        assert fact.subjects == (f"{subject}-{answer.url.path.split('/')[place + 1]}",)


@pytest.mark.parametrize("route", READINGS)
def test_what_tells_of_a_customers_account_or_person_is_a_look_by_the_table(route: str) -> None:
    document = msgspec.json.decode(OPENAPI.read_bytes())
    answer = document["paths"][f"/v1{route}"]["get"]["responses"]["200"]["content"]
    told = properties_of(answer, document["components"]["schemas"], set())

    # The profile is the caller's own.
    assert POLICY["GET", route].subject != "nothing" or not told & NAMING or route == "/profile"


def test_what_is_asked_for_without_its_body_is_a_look_too(cast: Cast) -> None:
    api, teller = cast.api, cast.caller("teller")
    path = f"/v1/accounts/{api.account(cast.owner)}/balance"
    before = head(api)

    answer = teller.client.head(path, headers=REQUEST)

    (look,) = calls_since(api, before)
    check_recorded(look, answer, f"teller-{teller.user_id}", "/accounts/{account_id}/balance")


@pytest.mark.parametrize("route", READINGS)
def test_what_staff_read_is_one_look_where_the_table_says_so_and_else_none(
    cast: Cast, route: str
) -> None:
    api, reader = cast.api, cast.caller(reader_of(route)) if _has_reader(route) else None
    if reader is None:
        assert POLICY["GET", route].subject in ("nothing", "user")
        return
    before = head(api)

    answer = cast.call("GET", route, reader.client, **REQUEST)

    looks = calls_since(api, before)
    assert answer.status_code == 200, answer.text
    assert len(looks) == (POLICY["GET", route].subject != "nothing")
    for recorded in looks:
        assert isinstance(recorded.event.fact, Looked)
        assert recorded.event.fact.outcome == "answered"
        check_recorded(recorded, answer, f"{reader_of(route)}-{reader.user_id}", route)


def _has_reader(route: str) -> bool:
    return any(role in POLICY["GET", route].roles for role in STAFF)


@pytest.mark.parametrize(
    ("route", "role"),
    [(r, role) for r in READINGS for role in STAFF if role not in POLICY["GET", r].roles],
)
def test_what_is_not_for_the_role_is_recorded_as_denied(cast: Cast, route: str, role: str) -> None:
    api, before = cast.api, head(cast.api)

    answer = cast.call("GET", route, cast.staff[role].client, **REQUEST)

    (denied,) = calls_since(api, before)
    assert answer.status_code == 403
    assert isinstance(denied.event.fact, Denied)
    assert denied.event.fact.outcome == "not-permitted"
    check_recorded(denied, answer, f"{role}-{cast.staff[role].user_id}", route)


@pytest.mark.parametrize("route", [r for r in READINGS if "user" in POLICY["GET", r].roles])
def test_what_customers_read_of_their_own_is_nobodys_business(cast: Cast, route: str) -> None:
    before = head(cast.api)

    answer = cast.call("GET", route, cast.owner.client)

    assert answer.status_code == 200
    assert calls_since(cast.api, before) == []


def test_a_customer_who_tries_what_is_for_staff_is_recorded_and_a_refused_command_once(
    cast: Cast,
) -> None:
    account_id, before = cast.api.account(cast.owner), head(cast.api)

    tried = cast.owner.post(f"/v1/accounts/{account_id}/unfreeze", {"reason": "mine"})
    late = cast.owner.post(
        f"/v1/accounts/{account_id}/deposit",
        {"amount": 1, "booking_date": "2026-01-01", "reason": "late"},
    )

    log = read_log(cast.api.conninfo, after=before)
    assert (tried.status_code, late.status_code) == (403, 403)
    assert [r.event.fact.TAG for r in log] == ["access.denied.1", "access.command-refused.1"]
    assert log[0].event.fact.route == "POST /accounts/{account_id}/unfreeze"
    assert log[0].event.fact.subjects == (f"account-{account_id}",)


def test_a_look_at_what_is_not_there_is_a_look(cast: Cast) -> None:
    before = head(cast.api)

    cast.staff["teller"].get("/accounts/9007199254740991/balance")

    (look,) = calls_since(cast.api, before)
    assert look.event.fact.outcome == "account-not-found"
    assert look.event.fact.subjects == ("account-9007199254740991",)


def test_filters_are_kept_and_texts_are_not(cast: Cast) -> None:
    account_id = cast.api.account(cast.owner)
    before = head(cast.api)

    answer = cast.staff["teller"].get(
        "/transactions/history",
        account_id=account_id,
        text="Novák",
        status="completed",
        type="deposit",
        amount_min="10.50",
        **{"from": "2026-01-01"},
        limit=7,
    )

    (look,) = calls_since(cast.api, before)
    assert answer.status_code == 200, answer.text
    assert look.event.fact.subjects == (f"account-{account_id}",)
    assert look.event.fact.filters == {
        "amount_min": "10.50",
        "from": "2026-01-01",
        "status": "completed",
        "text": "…",
        "type": "deposit",
    }


@pytest.mark.parametrize(
    "filters",
    [
        {"text": "x" * 30_000},
        {"account_id": "9" * 30_000},
        {"status": "a\nforged: line\x00\x1b[2J"},
        {"as_of": "2026-01-01\r\nforged"},
        {"type": "jana_novakova"},
        {"status": "jana_novakova"},
        {"from": "8551011234"},
        {"amount_min": "1" * 30_000, "amount_max": "\u202e"},
    ],
)
def test_nothing_that_is_sent_comes_into_the_trail_as_it_is(
    cast: Cast, filters: dict[str, str]
) -> None:
    before, teller = head(cast.api), cast.staff["teller"]

    teller.client.get(
        "/transactions/history", params=filters, headers={"X-Request-Id": "forged\tid" * 900}
    )

    (look,) = calls_since(cast.api, before)
    fact = look.event.fact
    assert set(fact.filters.values()) <= {"…"}
    assert fact.subjects == ()
    assert "forged" not in fact.request_id
    assert len(str(fact)) < 600


@pytest.mark.parametrize("role", ["teller", "compliance"])
def test_where_it_cannot_be_recorded_not_a_byte_of_it_is_shown(cast: Cast, role: str) -> None:
    account_id = cast.api.account(cast.owner, "1234.56")
    path = f"/accounts/{account_id}/balance"
    # So that the views have what is asked about.
    assert cast.owner.get(path).json()["balance"] == 1234.56
    before, reader = head(cast.api), cast.staff[role]

    with nothing_can_be_written(cast.api):
        withheld, owner = reader.get(path), cast.owner.get(path)
        exported = cast.staff["compliance"].get(f"/users/{cast.owner.user_id}/export")
        denied = reader.get("/audit/checkpoints" if role == "teller" else "/nothing-here")
        missing = reader.get("/accounts/9007199254740991")

    for answer in (withheld, exported, missing):
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["retry-after"] == "1"
        assert len(answer.headers.get_list("x-request-id")) == 1
        assert answer.headers["content-length"] == str(len(answer.content))
        assert b"1234" not in answer.content
        assert cast.owner.username.encode() not in answer.content
    assert denied.status_code == (503 if role == "teller" else 404)
    assert owner.json()["balance"] == 1234.56
    assert head(cast.api) == before

    assert reader.get(path).json()["balance"] == 1234.56
    (look,) = calls_since(cast.api, before)
    assert look.event.fact.subjects == (f"account-{account_id}",)


def test_who_is_denied_too_often_is_turned_away_and_only_the_first_of_that_is_recorded(
    cast: Cast,
) -> None:
    mallory, before = cast.api.person(), head(cast.api)
    more = 25

    tries = [mallory.get("/audit/accesses") for _ in range(DENIALS_PER_PRINCIPAL.burst + more)]

    denied = [recorded.event.fact for recorded in calls_since(cast.api, before)]
    codes = [answer.json()["code"] for answer in tries]
    let_through = codes.index("too-many-requests")
    # One more may come through in the meantime.
    assert DENIALS_PER_PRINCIPAL.burst <= let_through <= DENIALS_PER_PRINCIPAL.burst + 5
    assert {answer.status_code for answer in tries[let_through:]} <= {429, 403}
    assert codes.count("too-many-requests") >= more - 10
    assert [fact.outcome for fact in denied].count("too-many-requests") == 1
    assert len(denied) == codes.count("not-permitted") + 1
    assert all(isinstance(fact, Denied) for fact in denied)
    refused = tries[let_through]
    assert 0 < int(refused.headers["retry-after"]) <= 6
    assert refused.headers["content-length"] == str(len(refused.content))
    # What is for the role is answered as ever.
    assert mallory.get("/profile").status_code == 200


def test_who_looks_too_often_sees_nothing_more_and_only_the_first_of_that_is_recorded(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.admission.LOOKS_PER_PRINCIPAL", Rate(burst=8, seconds=800))
    account_id = cast.api.account(cast.owner)
    curious, before = cast.api.person("teller"), head(cast.api)

    tries = [curious.get(f"/accounts/{account_id}/balance") for _ in range(20)]

    looks = [recorded.event.fact for recorded in calls_since(cast.api, before)]
    assert [answer.status_code for answer in tries] == [200] * 8 + [429] * 12
    assert [fact.outcome for fact in looks] == ["answered"] * 8 + ["too-many-requests"]
    assert looks[-1].subjects == (f"account-{account_id}",)
    assert cast.owner.get(f"/accounts/{account_id}/balance").status_code == 200
    assert LOOKS_PER_PRINCIPAL.burst >= 500, "no member of staff is slowed"


def test_two_calls_that_their_caller_calls_the_same_are_told_apart_in_the_trail(cast: Cast) -> None:
    account_id, teller, before = cast.api.account(cast.owner), cast.staff["teller"], head(cast.api)
    path = f"/accounts/{account_id}/balance"

    answers = [teller.client.get(path, headers=REQUEST) for _ in range(2)]
    refused = cast.owner.client.post(
        f"/accounts/{account_id}/withdraw", json={"amount": 1000}, headers=REQUEST
    )

    log = read_log(cast.api.conninfo, after=before)
    ids = [recorded.event.fact.request_id.split("/") for recorded in log]
    assert [a.headers["x-request-id"] for a in (*answers, refused)] == ["a-look"] * 3
    assert [theirs for _, theirs in ids] == ["a-look"] * 3
    assert len({ours for ours, _ in ids}) == 3
