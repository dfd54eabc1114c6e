"""The published contract: it is committed, it is what the program says, and it tells the truth."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from api.app import openapi_document
from api.policy import POLICY, VERSIONED
from tests.running_api import RunningApi

COMMITTED: Final = Path(__file__).parents[2] / "http" / "openapi.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(openapi_document())
    return read


def test_the_committed_document_is_what_the_program_says() -> None:
    assert COMMITTED.read_bytes() == openapi_document(), (
        "http/openapi.json has drifted: write it again with `python -m api.app > http/openapi.json`"
    )


def test_it_tells_of_every_call_once_and_under_its_version(document: dict[str, Any]) -> None:
    told = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
    }

    assert told == {(method, VERSIONED + route) for method, route in POLICY}


def test_every_call_says_what_it_is_for_and_how_it_fails(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"]
            assert operation["summary"][0].isupper(), (method, path)
            assert not operation["summary"].endswith("."), (method, path)
            # The docstring of its handler, which is not left to guesswork.
            assert operation.get("description", "").endswith("."), (method, path)
            assert len(operation["tags"]) == 1, (method, path)
            assert any(status < "300" for status in responses), (method, path)
            open_to_anyone = "anonymous" in POLICY[method.upper(), path.removeprefix("/v1")].roles
            assert (operation.get("security") == [{}]) is open_to_anyone, (method, path)
            needed = {"400", "500"} | (set() if open_to_anyone else {"401", "429", "503"})
            if "requestBody" in operation and path != "/v1/gateways/{name}/callbacks":
                needed |= {"408", "413", "415", "422"}
            assert needed <= responses.keys(), (method, path)
            for status, response in responses.items():
                assert response["description"], (method, path, status)
                if status >= "400":
                    assert list(response["content"]) == ["application/problem+json"]


def test_every_call_that_writes_takes_an_idempotency_key(document: dict[str, Any]) -> None:
    without = {"/v1/login", "/v1/refresh", "/v1/logout", "/v1/transactions/batch"}
    # Nothing may be told from its record, and sent again it finds the session ended.
    without.add("/v1/profile/password")
    without |= {"/v1/loans/quote", "/v1/loans/apr", "/v1/loans/day-count"}  # they write nothing
    # The news that a gateway brings is its own name.
    without.add("/v1/gateways/{name}/callbacks")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            names = [parameter["name"] for parameter in operation.get("parameters", [])]
            writes = method in ("post", "put", "delete") and path not in without
            assert ("Idempotency-Key" in names) is writes, (method, path)


def test_what_a_parameter_takes_is_told(document: dict[str, Any]) -> None:
    """A query is text to the framework; without `schema_extra` the document would say no more than that."""
    free = {
        "reference",
        "cursor",
        "type",
        "category",
        "tag",
        "text",
        "status",
        "gateway",
        "code",
        "name",
        "period",
    }
    free |= {"known_at", "webhook-id", "webhook-timestamp", "webhook-signature"}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", []):
                schema, name = parameter["schema"], parameter["name"]
                assert "null" not in str(schema), (method, path, name)
                told = {"minimum", "minLength", "format", "pattern", "enum"} & schema.keys()
                assert told or name in free, (method, path, name)


def test_a_call_that_asks_who_is_there_or_writes_can_be_answered_503(
    document: dict[str, Any],
) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parameters = {each["name"] for each in operation.get("parameters", [])}
            if operation.get("security") != [{}] or "Idempotency-Key" in parameters:
                assert "503" in operation["responses"], (method, path)


def test_the_document_that_is_served_is_the_committed_one(api: RunningApi) -> None:
    assert api.anyone.get("/schema/openapi.json").json() == json.loads(COMMITTED.read_bytes())
