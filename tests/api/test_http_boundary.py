"""The pieces together in a small Litestar app: bodies, answers, problems and the OpenAPI page."""

import gzip
import logging
import re
from collections.abc import Iterator
from decimal import Decimal
from importlib.resources import files
from typing import Annotated, Any

import msgspec
import pytest
from litestar import Litestar, get, post
from litestar.exceptions import ImproperlyConfiguredException, NotAuthorizedException
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.testing import TestClient
from msgspec import Meta

from api.json_bodies import REQUEST_BYTES_MAX, StrictJson
from api.openapi_pages import CONTENT_SECURITY_POLICY, openapi_config
from api.problems import (
    EXCEPTION_HANDLERS,
    MEDIA_TYPE,
    PROBLEMS,
    catalogue,
    problem_specs,
)
from api.rate_limits import TooManyRequests
from api.strict_json import Amount, Rate
from application.passwords import PasswordNotAccepted
from domain import refusals
from domain.refusals import AccountNotFound, InsufficientFunds, Refused, code_of

Id = Annotated[int, Meta(gt=0, le=999_999_999_999_999)]


class Transfer(msgspec.Struct, forbid_unknown_fields=True):
    source_account_id: Id
    amount: Amount
    rate: Rate | None = None


class Transfers(msgspec.Struct, forbid_unknown_fields=True):
    transfers: Annotated[list[Transfer], Meta(max_length=5_000)]


class Moved(msgspec.Struct):
    source_account_id: int
    amount: Decimal


@post("/transfers", responses=problem_specs(409, 422))
async def transfer(data: JSONBody[Transfer]) -> Moved:
    return Moved(data.source_account_id, data.amount)


@post("/large", request_max_body_size=200_000)
async def large(data: JSONBody[Transfers]) -> int:
    return len(data.transfers)


@get("/fail/{name:str}", sync_to_thread=False)
def fail(name: FromPath[str]) -> None:
    raise {
        "funds": InsufficientFunds(account_id=7, available=Decimal("1.50"), requested="2.00"),
        "none": AccountNotFound(account_id=7),
        "often": TooManyRequests(17),
        "password": PasswordNotAccepted("A password has at least 8 characters."),
        "anonymous": NotAuthorizedException("a secret reason"),
        "ours": RuntimeError("password=hunter2 in /srv/bank.py"),
        "framework": ValueError("SELECT * FROM users"),
    }[name]


@get("/list", sync_to_thread=False)
def listing(limit: Annotated[int, QueryParameter(gt=0, le=200)] = 50) -> int:
    return limit


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    app = Litestar(
        [transfer, large, fail, listing],
        plugins=[StrictJson()],
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=openapi_config(title="Daybook <&>", version="1", description="A bank."),
        request_max_body_size=REQUEST_BYTES_MAX,
        logging_config=None,
    )
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


JSON = {"content-type": "application/json"}


def test_an_amount_goes_through_with_all_of_its_digits(client: TestClient[Litestar]) -> None:
    answer = client.post(
        "/transfers", content=b'{"source_account_id":7,"amount":100.00}', headers=JSON
    )

    assert answer.status_code == 201
    assert answer.content == b'{"source_account_id":7,"amount":100.00}'
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"source_account_id":"7","amount":1}', 422, "body-invalid"),
        (b'{"source_account_id":7.0,"amount":1}', 422, "body-invalid"),
        (b'{"source_account_id":7,"amount":1,"x":1}', 422, "body-invalid"),
        (b'{"source_account_id":7,"amount":1,"amount":2}', 400, "body-malformed"),
        (b'{"source_account_id":7,"amount":1e2}', 400, "body-malformed"),
        (b'{"source_account_id":7,"amount":NaN}', 400, "body-malformed"),
        (b"\xff", 400, "body-malformed"),
        (b"", 400, "bad-request"),
        (b" " * (REQUEST_BYTES_MAX + 1), 413, "body-too-large"),
    ],
)
def test_a_lax_body_is_answered_with_a_problem(
    client: TestClient[Litestar], body: bytes, status: int, code: str
) -> None:
    answer = client.post("/transfers", content=body, headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == MEDIA_TYPE


def test_the_wrong_fields_of_a_body_are_listed(client: TestClient[Litestar]) -> None:
    answer = client.post("/transfers", json={"source_account_id": 0, "rate": "x"})

    pointers = [error["pointer"] for error in answer.json()["errors"]]
    assert pointers == ["/amount", "/rate", "/source_account_id"]


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("application/json; charset=utf-8", 201),
        ("application/merge-patch+json", 201),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
    ],
)
def test_only_json_is_read(client: TestClient[Litestar], media_type: str, status: int) -> None:
    answer = client.post(
        "/transfers",
        content=b'{"source_account_id":7,"amount":1}',
        headers={"content-type": media_type},
    )

    assert answer.status_code == status


def test_a_compressed_body_is_not_read(client: TestClient[Litestar]) -> None:
    body = gzip.compress(b'{"source_account_id":7,"amount":1}')

    answer = client.post("/transfers", content=body, headers={**JSON, "content-encoding": "gzip"})

    assert (answer.status_code, answer.json()["code"]) == (415, "body-not-json")
    assert "compressed" in answer.json()["detail"]


def test_a_handler_may_take_a_larger_body(client: TestClient[Litestar]) -> None:
    items = b",".join([b'{"source_account_id":7,"amount":1.00}'] * 3_000)

    answer = client.post("/large", content=b'{"transfers":[' + items + b"]}", headers=JSON)

    assert (answer.status_code, answer.json()) == (201, 3_000)


def test_a_type_that_would_be_read_laxly_stops_the_start() -> None:
    class Lax(msgspec.Struct):
        amount: Decimal

    @post("/lax")
    async def lax(data: JSONBody[Lax]) -> None: ...

    with pytest.raises(TypeError, match="forbid unknown fields"):
        Litestar(
            [lax],
            plugins=[StrictJson()],
            signature_namespace={"Lax": Lax},
            request_max_body_size=REQUEST_BYTES_MAX,
        )


def test_an_app_without_a_bound_for_bodies_does_not_start() -> None:
    with pytest.raises(ImproperlyConfiguredException, match="request_max_body_size"):
        Litestar([], plugins=[StrictJson()])


def refusals_of(kind: type[Refused]) -> Iterator[type[Refused]]:
    for refusal in kind.__subclasses__():
        if refusal.__module__ == refusals.__name__ and not refusal.__subclasses__():
            yield refusal
        yield from refusals_of(refusal)


def test_every_refusal_has_a_row() -> None:
    every = set(refusals_of(Refused))

    assert len(every) >= 30
    assert {kind.__name__ for kind in every - set(PROBLEMS)} == set()


def test_every_type_of_problem_is_one_problem_with_a_title() -> None:
    types = [row["type"] for row in catalogue()]

    assert len(types) == len(set(types)) >= len(PROBLEMS)
    assert len({code_of(kind) for kind in PROBLEMS}) == len(PROBLEMS)
    assert all(re.fullmatch(r"/problems/[a-z][a-z-]+[a-z]", kind) for kind in types)
    assert all(row["title"] and 400 <= row["status"] <= 503 for row in catalogue())


def test_a_refusal_carries_its_figures(client: TestClient[Litestar]) -> None:
    answer = client.get("/fail/funds")

    assert answer.status_code == 409
    problem = answer.json()
    assert re.fullmatch("urn:daybook:request:[0-9a-f]{32}", problem.pop("instance"))
    assert problem == {
        "type": "/problems/insufficient-funds",
        "title": "Insufficient funds",
        "status": 409,
        "detail": "Account 7 has 1.50 available; 2.00 was asked for.",
        "code": "insufficient-funds",
        "figures": {"account_id": 7, "available": 1.5, "requested": "2.00"},
    }
    assert b'"available":1.50' in answer.content
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("name", "status", "code", "detail"),
    [
        ("none", 404, "account-not-found", "There is no account 7."),
        ("password", 422, "password-not-accepted", "A password has at least 8 characters."),
        ("often", 429, "too-many-requests", "Try again in 17 seconds."),
        ("anonymous", 401, "not-signed-in", "Not signed in."),
    ],
)
def test_each_error_has_its_problem(
    client: TestClient[Litestar], name: str, status: int, code: str, detail: str
) -> None:
    answer = client.get(f"/fail/{name}")

    problem = answer.json()
    assert (problem["status"], problem["code"], problem["detail"]) == (status, code, detail)
    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE


def test_the_headers_say_what_to_do_next(client: TestClient[Litestar]) -> None:
    assert client.get("/fail/often").headers["retry-after"] == "17"
    assert client.get("/fail/anonymous").headers["www-authenticate"] == 'Bearer realm="daybook"'
    assert client.get("/fail/anonymous", headers={"Authorization": "Bearer x"}).headers[
        "www-authenticate"
    ] == ('Bearer realm="daybook", error="invalid_token"')
    assert "GET" in client.put("/list").headers["allow"]


@pytest.mark.parametrize("name", ["ours", "framework"])
def test_a_mistake_of_ours_says_nothing_and_logs_everything(
    client: TestClient[Litestar], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = client.get(f"/fail/{name}")

    assert answer.status_code == 500
    assert not re.search(r"hunter2|bank\.py|SELECT|Error|Traceback", answer.text)
    assert re.search(r"hunter2|SELECT", caplog.text)
    assert answer.json()["instance"].rpartition(":")[2] in caplog.text


def test_a_wrong_parameter_is_named_and_no_address_shown(client: TestClient[Litestar]) -> None:
    answer = client.get("/list?limit=1000")

    assert answer.status_code == 400
    assert answer.json()["errors"] == [{"pointer": "/query/limit", "detail": "Expected int <= 200"}]
    assert "testserver" not in answer.text


@pytest.mark.parametrize("path", ["/nothing", "/schema/assets/nothing", "/schema/assets/..%2fx"])
def test_what_is_not_there_is_a_problem_too(client: TestClient[Litestar], path: str) -> None:
    answer = client.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (404, MEDIA_TYPE)


def schema_of(client: TestClient[Litestar], name: str) -> dict[str, Any]:
    document = client.get("/schema/openapi.json").json()
    found: dict[str, Any] = document["components"]["schemas"][name]
    return found


def test_the_document_shows_bodies_amounts_and_problems(client: TestClient[Litestar]) -> None:
    document = client.get("/schema/openapi.json").json()
    operation = document["paths"]["/transfers"]["post"]
    name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].split("/")[-1]
    answer = operation["responses"]["201"]["content"]["application/json"]["schema"]["$ref"]

    schema = schema_of(client, name)
    amount = schema["properties"]["amount"]
    assert document["openapi"].startswith("3.1")
    assert schema["required"] == ["amount", "source_account_id"]
    assert [one["type"] for one in amount["oneOf"]] == ["number", "string"]
    assert schema_of(client, answer.split("/")[-1])["properties"]["amount"]["type"] == "number"
    assert "application/problem+json" in operation["responses"]["409"]["content"]


def test_the_page_and_all_it_loads_come_from_here(client: TestClient[Litestar]) -> None:
    page = client.get("/schema")
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)

    assert page.status_code == 200
    assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "Daybook &lt;&amp;&gt;" in page.text
    assert len(loaded) == 5
    for address in loaded:
        answer = client.get(address)
        assert address.startswith("/schema/assets/")
        assert (answer.status_code, bool(answer.content)) == (200, True)
        again = client.get(address, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert not re.search(r"https?://", page.text)
    assert "sourceMappingURL" not in client.get("/schema/assets/start.js").text


def test_the_licence_stands_beside_what_is_vendored() -> None:
    folder = files("api") / "pages" / "swagger"

    assert "Apache License" in (folder / "LICENSE").read_text()
