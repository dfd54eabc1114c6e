"""Examples of whole requests and answers, as a running bank was asked and answered them.

`examples.json` is written by `nox -s examples`, by a journey over every call (tests/examples), and a test
makes the journey again and compares. Nothing in it is written by hand.
"""

from importlib.resources import files
from typing import Any, Final

import msgspec

from api.policy import VERSIONED

DONE: Final = "done"
EVERY_CALL: Final = "every call"


class Exchange(msgspec.Struct, omit_defaults=True):
    """A call as it is asked, and what it answered: by status, and by `done` or the code of the problem."""

    request: Any = msgspec.UNSET
    answers: dict[str, dict[str, Any]] = {}


class _Verbatim(msgspec.Struct):
    """The same, with every digit as it stands in the file."""

    request: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    answers: dict[str, dict[str, msgspec.Raw]] = {}


def with_examples(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document, with the examples in their places."""
    exchanges = msgspec.json.decode(
        (files("api") / "examples.json").read_bytes(), type=dict[str, _Verbatim]
    )
    of_every_call = exchanges[EVERY_CALL].answers if EVERY_CALL in exchanges else {}
    document["components"]["examples"] = {
        code: {"value": value} for each in of_every_call.values() for code, value in each.items()
    }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            call = f"{method.upper()} {path.removeprefix(VERSIONED)}"
            exchange = exchanges.get(call, _Verbatim())
            if exchange.request is not msgspec.UNSET:
                (body,) = operation["requestBody"]["content"].values()
                body["examples"] = {DONE: {"value": exchange.request}}
            for status, response in operation["responses"].items():
                own = exchange.answers.get(status, {})
                examples: dict[str, Any] = {n: {"value": value} for n, value in own.items()} or {
                    code: {"$ref": f"#/components/examples/{code}"}
                    for code in of_every_call.get(status, {})
                }
                if examples:
                    next(iter(response["content"].values()))["examples"] = examples
    return document
