"""Traps that others have fallen into: each is a request that must not do what it does elsewhere."""

import re
import socket
from typing import Any

import pytest

from api.pages import cursor_for
from api.policy import POLICY
from tests.running_api import Person, RunningApi


@pytest.fixture
def holder(api: RunningApi) -> Person:
    return api.person()


def posted(holder: Person, path: str, content: bytes, **headers: str) -> Any:
    return holder.client.post(
        path, content=content, headers={"Content-Type": "application/json", **headers}
    )


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b'{"amount":15,"amount":99}', 400, "body-malformed"),
        (b'{"amount":NaN}', 400, "body-malformed"),
        (b'{"amount":Infinity}', 400, "body-malformed"),
        (b'{"amount":1e2}', 400, "body-malformed"),
        (b'{"amount":1,"description":"a\\u0000b"}', 400, "body-malformed"),
        (b'{"amount":1,"description":"\xff"}', 400, "body-malformed"),
        (b'{"amount":1', 400, "body-malformed"),
        (b"", 400, "bad-request"),
        (b"[]", 422, "body-invalid"),
        (b'{"amount":"1_000"}', 422, "body-invalid"),
        ('{"amount":"１５"}'.encode(), 422, "body-invalid"),
        (b'{"amount":"NaN"}', 422, "body-invalid"),
        (b'{"amount":true}', 422, "body-invalid"),
        (b'{"amount":1,"surprise":1}', 422, "body-invalid"),
        (b'{"amount":1,"tags":"rent"}', 422, "body-invalid"),
        (b'{"amount":1,"description":"' + b"x" * 70_000 + b'"}', 413, "body-too-large"),
    ],
)
def test_a_body_that_two_readers_could_read_differently_moves_no_money(
    api: RunningApi, holder: Person, content: bytes, status: int, code: str
) -> None:
    account_id = api.account(holder)

    answer = posted(holder, f"/accounts/{account_id}/deposit", content)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert holder.get(f"/accounts/{account_id}/balance").json()["balance"] == 0


@pytest.mark.parametrize("currency", ["", "eur", "XXX", "EURO"])
def test_a_currency_that_is_none_is_not_taken_for_the_banks_own(
    holder: Person, currency: str
) -> None:
    body = {"user_id": holder.user_id, "account_type": "checking", "currency": currency}

    assert holder.post("/accounts/create", body).status_code == 422


@pytest.mark.parametrize("number", [b'"%d"', b"%d.0", b"0%d"])
def test_an_account_number_is_a_whole_number_and_nothing_like_it(
    api: RunningApi, holder: Person, number: bytes
) -> None:
    account_id = api.account(holder, 10)
    source = number % account_id
    body = b'{"source_account_id":%s,"destination_account_id":1,"amount":1}' % source

    assert posted(holder, "/transactions/create", body).status_code in (400, 422)


def test_a_currency_with_a_line_feed_is_none(holder: Person) -> None:
    body = {"user_id": holder.user_id, "account_type": "checking", "currency": "EUR\n"}

    assert holder.post("/accounts/create", body).status_code in (400, 422)


def test_a_form_is_no_json(api: RunningApi, holder: Person) -> None:
    account_id = api.account(holder)

    answer = posted(
        holder,
        f"/accounts/{account_id}/deposit",
        b'{"amount":1}',
        **{"Content-Type": "text/plain"},
    )

    assert (answer.status_code, answer.json()["code"]) == (415, "body-not-json")


@pytest.mark.parametrize("spelling", ["{0}_0", "+{0}", "0{0}", "%20{0}", "-{0}", "{0}.0", "1e0"])
def test_an_account_has_one_address(api: RunningApi, holder: Person, spelling: str) -> None:
    account_id = api.account(holder)

    answer = holder.get(f"/accounts/{spelling.format(account_id)}/balance")

    assert answer.status_code == 404


@pytest.mark.parametrize("number", [0, 2**53, 2**63, 10**40])
def test_a_number_beyond_all_accounts_is_no_account(holder: Person, number: int) -> None:
    assert holder.get(f"/accounts/{number}/balance").status_code == 404
    assert holder.get(f"/transactions/{number}").status_code == 404
    assert holder.get(f"/transactions/history/{number}").status_code == 404


def test_no_answer_is_kept_and_told_to_somebody_else(api: RunningApi) -> None:
    alice, bob = api.person(), api.person()
    api.account(alice, 5)

    mine = [alice.get("/accounts").json(), alice.get("/profile").json()]
    theirs = [bob.get("/accounts").json(), bob.get("/profile").json()]

    assert mine[0]
    assert theirs[0] == []
    assert mine[1]["user_id"] != theirs[1]["user_id"]


@pytest.mark.parametrize("path", ["/schema-secrets", "/v1/schema", "/v1/health/livelier"])
def test_an_address_that_only_begins_like_an_open_one_is_not_open(
    api: RunningApi, path: str
) -> None:
    assert api.anyone.get(path).status_code == 404


@pytest.mark.parametrize("header", ["Bearer", "Basic YTpi", "bearer", "Bearer a b", "Token x"])
def test_no_other_authorization_is_one(api: RunningApi, header: str) -> None:
    answer = api.anyone.get("/profile", headers={"Authorization": header})

    assert answer.status_code == 401


def test_two_tokens_in_one_request_are_none(api: RunningApi, holder: Person) -> None:
    token = holder.tokens["access_token"]

    answer = api.anyone.get(
        "/profile",
        headers=[("Authorization", f"Bearer {token}"), ("Authorization", "Bearer other")],
    )

    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        ("/transactions/history", "limit=0", "limit"),
        ("/transactions/history", "limit=201", "limit"),
        ("/transactions/history", "limit=1_0", "limit"),
        ("/transactions/history", "limit=10&limit=20", "limit"),
        ("/transactions/history", "status=maybe", "status"),
        ("/transactions/history", "amount_min=1e5", "amount_min"),
        ("/transactions/history", "text=%00", "text"),
        ("/transactions/history", "cursor=nonsense", "cursor"),
        ("/transactions/history", "cursor=" + cursor_for("'; DROP TABLE users"), "cursor"),
        ("/accounts", "cursor=" + cursor_for([1, 2]), "cursor"),
        ("/accounts", "status=melted", "status"),
        ("/accounts", "account_id=1", "account_id"),
    ],
)
def test_a_parameter_that_is_none_is_refused_by_name(
    holder: Person, path: str, query: str, name: str
) -> None:
    answer = holder.client.get(f"{path}?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "parameter-refused")
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/query/{name}"]


def test_an_address_tells_every_method_it_takes(api: RunningApi) -> None:
    taken: dict[str, set[str]] = {}
    for method, template in POLICY:
        address = re.sub("{[^}]*}", "1", template)
        taken.setdefault(address, set()).add(method)

    taken = {
        address: methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
        for address, methods in taken.items()
    }

    asked = {address: api.anyone.options(address) for address in taken}
    refused = {address: api.anyone.patch(address) for address in taken}

    assert {address: allow_of(answer) for address, answer in asked.items()} == taken
    assert {address: allow_of(answer) for address, answer in refused.items()} == taken
    assert {answer.json()["code"] for answer in refused.values()} == {"method-not-allowed"}


def allow_of(answer: Any) -> set[str]:
    return set(answer.headers["allow"].split(", "))


def test_head_is_answered_as_get_is_without_the_body(api: RunningApi, holder: Person) -> None:
    balance = f"/v1/accounts/{api.account(holder, 10)}/balance"

    for client, path in [
        (api.anyone, "/health/live"),
        (api.anyone, "/schema/openapi.json"),
        (api.anyone, balance),  # 401
        (holder.client, balance),
        (holder.client, "/v1/accounts/999/balance"),
        (holder.client, "/v1/bills/pay"),  # 405: it is written to alone
        (holder.client, f"/v1/users/{holder.user_id}/export"),  # it has no length
    ]:
        full, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (full.status_code, b""), path
        told = {"content-type", "content-length", "allow", "www-authenticate", "daybook-position"}
        shown = {n: v for n, v in full.headers.items() if n in told}
        assert shown == {n: v for n, v in head.headers.items() if n in told}, path


def test_nothing_internal_leaks_from_an_answer(api: RunningApi, holder: Person) -> None:
    answers = [
        holder.client.get("/accounts?reference=%00"),
        holder.client.get("/accounts/999999999999999999999999/balance"),
        holder.client.request("PATCH", "/profile"),
        posted(holder, "/accounts/create", b'{"user_id":9007199254740991,"account_type":"x"}'),
    ]

    for answer in answers:
        assert 400 <= answer.status_code < 500, answer.text
        assert not any(word in answer.text for word in ("Traceback", "psycopg", "SELECT", ".py"))


@pytest.mark.parametrize("odd", ["", "a b", "x" * 65, "a\u00e9", '"><script>', "a/b"])
def test_what_a_client_calls_its_request_is_told_back_if_it_is_plain(
    api: RunningApi, odd: str
) -> None:
    named = api.anyone.get("/health/live", headers={"X-Request-Id": "abc-1.2_3"})
    ours = api.anyone.get("/health/live", headers={b"X-Request-Id": odd.encode()})

    assert named.headers["x-request-id"] == "abc-1.2_3"
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]+-[0-9a-f]+", ours.headers["x-request-id"])


def test_the_id_of_a_request_is_ours_whatever_its_client_calls_it(
    api: RunningApi, holder: Person
) -> None:
    ours = holder.get("/accounts/999999/balance").headers["x-request-id"]
    named = [
        holder.client.get("/accounts/999999/balance", headers={"X-Request-Id": ours}).json()
        for _ in range(2)
    ]

    ids = [problem["instance"].removeprefix("urn:daybook:request:") for problem in named]
    first, second = (each.split("/") for each in ids)
    assert [first[1:], second[1:]] == [[ours], [ours]]
    assert len({ours, first[0], second[0]}) == 3


def test_a_client_that_hangs_up_while_it_pays_leaves_one_payment(
    api: RunningApi, holder: Person
) -> None:
    account_id = api.account(holder, 10)
    body = b'{"amount":1}'
    port = int(api.address.rpartition(":")[2])
    request = (
        f"POST /accounts/{account_id}/withdraw HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {holder.tokens['access_token']}\r\nIdempotency-Key: hung-up\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body

    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
    again = holder.post(f"/accounts/{account_id}/withdraw", {"amount": 1}, key="hung-up")

    assert again.status_code == 201
    assert holder.get(f"/accounts/{account_id}/balance").json()["balance"] == 9


def test_an_answer_comes_in_one_piece_also_when_requests_come_together(api: RunningApi) -> None:
    request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    port = int(api.address.rpartition(":")[2])

    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        alone = connection.recv(65_536)
        connection.sendall(request * 3)
        together = b""
        while together.count(b'{"status":"live"}') < 3:
            together += connection.recv(65_536)

    assert alone.startswith(b"HTTP/1.1 200 OK")
    assert alone.endswith(b'{"status":"live"}')
    assert together.count(b"HTTP/1.1 200 OK") == 3


def test_figures_tell_of_routes_and_never_of_accounts(api: RunningApi, holder: Person) -> None:
    account_id = api.account(holder, 10)
    holder.get(f"/accounts/{account_id}/balance")

    text = api.anyone.get("/metrics").text

    assert 'route="/accounts/{account_id}/balance"' in text
    for name in (
        "daybook_request_seconds_bucket",
        "daybook_writer_queue",
        "daybook_projection_lag_events",
        "daybook_projection_lag_seconds",
        "daybook_resident_bytes",
    ):
        assert f"\n{name}" in text
    assert f"/accounts/{account_id}" not in text
