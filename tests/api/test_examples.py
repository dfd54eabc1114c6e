"""The examples of the OpenAPI document are what a running bank is asked, and what it answers."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from api.app import openapi_document
from api.examples import DONE, EVERY_CALL
from api.policy import VERSIONED
from tests.examples.journey import exchanges
from tests.examples.recorded import alike, kept_where_alike, recorded, written

ANEW: Final = "write them again: `nox -s examples openapi`"
# Refusals that take a race, hundreds of steps, or a fault of somebody else's to come about.
NOT_SHOWN: Final = {
    ("PUT /profile/password", "409"),
    ("POST /rate-plans", "409"),
    ("POST /accounts/{account_id}/statements", "409"),
    ("DELETE /standing-orders/{standing_order_id}", "409"),
    ("POST /billers/{biller_id}/settle", "409"),
    ("POST /gateways/{name}/reconciliations", "409"),
    # A customer's is a list of the customer's own.
    ("GET /bills/history", "404"),
}


DOCUMENT: Final[dict[str, Any]] = json.loads(openapi_document())
OPERATIONS: Final[dict[str, Any]] = {
    f"{method.upper()} {path.removeprefix(VERSIONED)}": operation
    for path, of_path in DOCUMENT["paths"].items()
    for method, operation in of_path.items()
}


def test_each_example_is_what_the_bank_answers(database: str, tmp_path: Path) -> None:
    known, told = recorded(), exchanges(database, tmp_path)

    assert told.keys() == known.keys(), ANEW
    differing = [
        f"{call} {status} {name}"
        for call, exchange in told.items()
        for status in exchange.answers.keys() | known[call].answers.keys()
        for name in exchange.answers.get(status, {}).keys() | known[call].answers.get(status, {})
        if not alike(
            known[call].answers.get(status, {}).get(name),
            exchange.answers.get(status, {}).get(name),
        )
    ]
    differing += [
        call for call, exchange in told.items() if not alike(known[call].request, exchange.request)
    ]
    assert differing == [], ANEW
    assert written(kept_where_alike(known, told)) == written(known), ANEW


@pytest.mark.parametrize("call", OPERATIONS)
def test_every_call_shows_what_it_takes_what_it_answers_and_how_it_refuses(call: str) -> None:
    operation = OPERATIONS[call]
    shown = {
        status
        for status, response in operation["responses"].items()
        for content in response.get("content", {}).values()
        if content.get("examples")
    }

    good = {status for status in operation["responses"] if status < "300"}
    refusing = {"400", "401", "403", "404", "406", "409", "413", "415", "422", "429"}
    missing = (good | refusing) & operation["responses"].keys() - shown
    # Nothing to be wrong about in a body: there is none, or all are the same.
    assert {(call, status) for status in missing} - NOT_SHOWN <= {(call, "422")}
    if "requestBody" in operation:
        (body,) = operation["requestBody"]["content"].values()
        assert DONE in body["examples"]
        assert "422" not in missing or call == "POST /gateways/{name}/callbacks"


def test_every_reference_to_an_example_leads_to_one() -> None:
    shared = {code for each in recorded()[EVERY_CALL].answers.values() for code in each}

    assert DOCUMENT["components"]["examples"].keys() == shared
    assert {each.rpartition("/")[2] for each in references(DOCUMENT["paths"])} & shared == shared


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {value["$ref"]} if "$ref" in value else set().union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"account_id": 1, "amount": 5}, {"account_id": 7, "amount": 5}, True),
        ({"account_id": 1, "amount": 5}, {"account_id": 1, "amount": 6}, False),
        ({"due": "2026-03-16"}, {"due": "2026-03-17"}, False),
        ({"at": "2026-03-16T09:30:00.000001Z"}, {"at": "2026-03-16T09:30:01Z"}, True),
        ({"status": "open"}, {"status": "closed"}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": [1]}, {"a": [1, 1]}, False),
        ({"detail": "Account 3 is closed."}, {"detail": "Account 12 is closed."}, True),
        ({"detail": "Account 3 is closed."}, {"detail": "Account 3 is frozen."}, False),
    ],
)
def test_what_is_compared_is_all_but_ids_times_and_chance(
    one: Any, other: Any, *, same: bool
) -> None:
    assert alike(one, other) is same
