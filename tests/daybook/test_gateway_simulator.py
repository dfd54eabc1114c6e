"""The gateway simulator: its promises, which it keeps, and its faults, which are the same every time."""

import datetime as dt
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.signed_messages import check_signed
from daybook.gateway_simulator.faults import Faults
from daybook.gateway_simulator.settlement import planted
from tests.gateway_process import SECRET, GatewayProcess

ORDER = {
    "bill": "bill-1",
    "biller": "Water",
    "reference": "77",
    "amount": 1999,
    "currency": "EUR",
}
BODY = json.dumps(ORDER).encode()


class Listener:
    """The bank's end of the callbacks: takes every third try only, and notes what it took."""

    def __init__(self, refusals: int) -> None:
        self.taken: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.refused = 0
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): text for name, text in self.headers.items()}
                check_signed(SECRET, headers, body, now=time.time())
                if listener.refused < refusals:
                    listener.refused += 1
                    self.send_response(503)
                else:
                    listener.taken.append(json.loads(body))
                    listener.ids.append(headers["webhook-id"])
                    self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/callbacks"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def until(self, count: int) -> list[dict[str, Any]]:
        deadline = time.monotonic() + 60
        while len(self.taken) < count:
            assert time.monotonic() < deadline, f"only {self.taken} came"
            time.sleep(0.02)
        return self.taken


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener(refusals=2)
    yield made
    made.close()


def pay(gateway: GatewayProcess, key: str, body: bytes = BODY) -> httpx.Response:
    return gateway.send("POST", "/payments", body, key=key)


def until_captured(gateway: GatewayProcess, key: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        payment: dict[str, Any] = gateway.send("GET", f"/payments/{key}").json()
        if payment.get("status") == "captured":
            return payment
        time.sleep(0.02)
    raise AssertionError(f"{key} was not captured in time")


def test_the_same_key_makes_one_payment_also_after_the_process_was_killed(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, capture_seconds=0.1) as gateway:
        first = pay(gateway, "one")
        gateway.kill()
        gateway.start()
        again = pay(gateway, "one")
        other = pay(gateway, "one", BODY.replace(b"1999", b"2000"))
        captured = until_captured(gateway, "one")
        today = dt.datetime.now(dt.UTC).date()  # noqa: TID251 - the simulator's own day
        lines = gateway.send("GET", f"/settlement/{today}").text.splitlines()

    assert first.status_code == again.status_code == 201
    assert first.json()["reference"] == again.json()["reference"] == captured["reference"]
    assert other.status_code == 422
    assert lines[0] == "key,reference,amount,currency,status,captured_at"
    assert len(lines) == 2
    assert lines[1].startswith(f"one,{captured['reference']},1999,EUR,captured,")


def test_what_is_not_signed_is_not_done(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway:
        unsigned = gateway.client.post(
            "/payments", content=BODY, headers={"Idempotency-Key": "one"}
        )
        forged = gateway.send("POST", "/payments", BODY, key="one", **{"webhook-signature": "v1,x"})
        there = gateway.send("GET", "/payments/one")

    assert (unsigned.status_code, forged.status_code, there.status_code) == (401, 401, 404)


def test_of_the_requests_without_an_answer_some_were_payments_that_happened(tmp_path: Path) -> None:
    keys = [f"key-{number}" for number in range(8)]
    with GatewayProcess(tmp_path, timeout=1, silence_seconds=0.05) as gateway:
        answers = [pay(gateway, key).status_code for key in keys]
        there = {key: gateway.send("GET", f"/payments/{key}").status_code == 200 for key in keys}

    faults = Faults(timeout=1)
    assert set(answers) == {504}
    assert there == {key: faults.fate(key, 1) == "lost-after" for key in keys}
    assert set(there.values()) == {True, False}


def test_news_is_told_until_it_is_taken_and_some_of_it_twice(
    tmp_path: Path, listener: Listener
) -> None:
    with GatewayProcess(
        tmp_path, callback_url=listener.url, duplicate=1, capture_seconds=0.05
    ) as gateway:
        key = next(f"k{n}" for n in range(99) if Faults().chance("at-once", f"k{n}") >= 0.3)
        pay(gateway, key)
        until_captured(gateway, key)
        refunded = gateway.send(
            "POST", f"/payments/{key}/refunds", b'{"amount": 500}', key="refund-1"
        )
        too_much = gateway.send(
            "POST", f"/payments/{key}/refunds", b'{"amount": 1500}', key="refund-2"
        )
        taken = listener.until(6)

    assert (refunded.status_code, too_much.status_code) == (201, 409)
    statuses = [each["status"] for each in taken]
    assert all(statuses.count(status) >= 2 for status in ("accepted", "captured", "refunded"))
    assert listener.refused == 2
    assert {each["refunded"] for each in taken if each["status"] == "refunded"} == {500}


def test_the_same_seed_and_key_meet_the_same_fate() -> None:
    keys = [f"payment-{number}" for number in range(1, 2001)]
    one = Faults(seed=7, decline=0.1, timeout=0.2, slow=0.2, difference=0.1)
    same = Faults(seed=7, decline=0.1, timeout=0.2, slow=0.2, difference=0.1)
    other = Faults(seed=8, decline=0.1, timeout=0.2, slow=0.2, difference=0.1)

    fates = [one.fate(key, 1) for key in keys]

    assert fates == [same.fate(key, 1) for key in keys]
    assert fates != [other.fate(key, 1) for key in keys]
    assert 150 < sum(fate.startswith("declined") for fate in fates) < 250
    assert 300 < sum(fate.startswith("lost") for fate in fates) < 420
    assert {planted(key, one) for key in keys} == {
        *(None, "missing", "extra", "different", "duplicate")
    }
