"""Who writes down what was asked and answered, once for each kind of answer that a call has."""

import re
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import httpx
import msgspec
from jsonschema import Draft202012Validator

from api.examples import DONE, EVERY_CALL, Exchange
from api.policy import POLICY, VERSIONED
from tests.running_api import Person, RunningApi

# Of a list, so many stand in an example.
SHOWN: Final = 2
TEXT_SHOWN: Final = 400
NOWHERE: Final = 999_999
_decode: Final = msgspec.json.Decoder(float_hook=Decimal).decode
_PARAMETER: Final = re.compile(r"\{(\w+)\}")


class Scribe:
    """Makes calls on a running bank, holds each answer against the document, and keeps it."""

    def __init__(self, api: RunningApi, document: Mapping[str, Any]) -> None:
        self.api = api
        self.exchanges: dict[str, Exchange] = {}
        self._document = document
        # With what each call was made when it did what it says.
        self._made: dict[str, tuple[Person | None, Any, dict[str, Any]]] = {}

    def done(self, who: Person | None, call: str, body: Any = None, **named: Any) -> Any:
        """The answer to a call that does what it says."""
        answer = self._asked(who, call, body, named)
        assert answer.status_code < 300, f"{call}: {answer.text}"
        self._made.setdefault(call, (who, body, named))
        return self.kept(call, answer, DONE, body)

    def refused(
        self, who: Person | None, call: str, code: str, body: Any = None, /, **named: Any
    ) -> None:
        answer = self._asked(who, call, body, named)
        assert answer.status_code >= 400, f"{call}: {answer.text}"
        assert answer.json()["code"] == code, f"{call}: {answer.text}"
        self.kept(call, answer, code, None)

    def refused_to_the_wrong(self, staff: Mapping[str, Person], customer: Person) -> None:
        """What every call answers whose caller has not the role, who names what is not there, or whose
        body is none of its own."""
        for (method, route), rule in POLICY.items():
            call = f"{method} {route}"
            if call not in self._made or "anonymous" in rule.roles:
                continue
            who, body, named = self._made[call]
            for role, person in {**staff, "user": customer}.items():
                if role not in rule.roles:
                    self.refused(person, call, "not-permitted", body, **named)
                    break
            ids = {name: NOWHERE for name in _PARAMETER.findall(route) if name.endswith("_id")}
            if ids and "404" in self._operation(call)["responses"]:
                self._refused_if(404, who, call, body, named | ids)
            if "406" in self._operation(call)["responses"]:
                html = {"Accept": "text/html"}
                self._refused_if(406, who, call, body, named, html)
            if body is not None and "422" not in self._exchange(call).answers:
                self.refused(who, call, "body-invalid", {"surprise": True}, **named)

    def _refused_if(
        self,
        status: int,
        who: Person | None,
        call: str,
        body: Any,
        named: dict[str, Any],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        answer = self._asked(who, call, body, named, headers)
        if answer.status_code == status:
            self.kept(call, answer, answer.json()["code"], None)

    def of_every_call(self, answer: httpx.Response) -> None:
        """A problem that any call may be answered with."""
        code, shown = answer.json()["code"], _shown(_decode(answer.content))
        self._exchange(EVERY_CALL).answers.setdefault(str(answer.status_code), {})[code] = shown

    def _asked(
        self,
        who: Person | None,
        call: str,
        body: Any,
        named: dict[str, Any],
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        method, route = call.split(" ")
        if method == "GET":
            self._await_views()
        in_path = _PARAMETER.findall(route)
        path = route.format(**{name: named[name] for name in in_path})
        query = {name: value for name, value in named.items() if name not in in_path}
        client = self.api.anyone if who is None else who.client
        return client.request(
            method, f"{VERSIONED}{path}", params=query, json=body, headers=headers
        )

    def _await_views(self) -> None:
        """What others have written, too, is read by whoever asks next."""
        deadline = time.monotonic() + 20
        while self.api.anyone.get("/health/ready").json().get("projection_lag_events"):
            assert time.monotonic() < deadline, "the projector does not come up"
            time.sleep(0.01)

    def _operation(self, call: str) -> Any:
        method, route = call.split(" ")
        return self._document["paths"][f"{VERSIONED}{route}"][method.lower()]

    def _exchange(self, call: str) -> Exchange:
        return self.exchanges.setdefault(call, Exchange())

    def kept(self, call: str, answer: httpx.Response, name: str, body: Any) -> Any:
        operation, status = self._operation(call), str(answer.status_code)
        media_type = answer.headers["content-type"].partition(";")[0]
        schema = operation["responses"][status]["content"][media_type]["schema"]
        if media_type == "text/plain":
            told: Any = answer.text
            shown: Any = answer.text[:TEXT_SHOWN].rpartition("\n")[0]
        else:
            told = answer.json()
            shown = _shown(_decode(answer.content))
        self._check(told, schema, f"{call} {status}")
        exchange = self._exchange(call)
        exchange.answers.setdefault(status, {}).setdefault(name, shown)
        if body is not None and exchange.request is msgspec.UNSET:
            (asked,) = operation["requestBody"]["content"].values()
            self._check(body, asked["schema"], f"{call} as it is asked")
            exchange.request = _decode(msgspec.json.encode(body))
        return told

    def _check(self, value: Any, schema: Any, what: str) -> None:
        whole = {**schema, "components": self._document["components"]}
        wrong = next(Draft202012Validator(whole).iter_errors(value), None)
        assert wrong is None, f"{what}: {wrong.json_path}: {wrong.message}"


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        return [_shown(each) for each in value[:SHOWN]]
    if isinstance(value, dict):
        return {name: _shown(each) for name, each in value.items()}
    return value
