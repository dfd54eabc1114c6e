"""Callbacks of a gateway over HTTP: signed, in time, idempotent, and ordered by what is known."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.signed_messages import signed_headers
from application.gateways import GatewaySettings
from tests.bank import Bank, read_log
from tests.bills_due import GATEWAY, cents_of, in_outbox, pay, payments, with_bills
from tests.gateway_process import SECRET, free_port
from tests.running_api import RunningApi, running_api


@pytest.fixture
def api(database: str, tmp_path: Path) -> Iterator[RunningApi]:
    """A bank with three payments under way at a gateway that cannot be reached."""
    with Bank(database) as bank:
        with_bills(bank, 3)
        bank.submit_all([pay(number) for number in (1, 2, 3)])
    gateways = (
        GatewaySettings(
            name=GATEWAY, url=f"http://127.0.0.1:{free_port()}", secret=SECRET, retry_seconds=60
        ),
        GatewaySettings(name="other", url="http://127.0.0.1:1", secret=b"another secret of theirs"),
    )
    with running_api(database, tmp_path, gateways=gateways) as running:
        deadline = time.monotonic() + 60
        while any(payment.state == "held" for payment in payments(database).values()):
            assert time.monotonic() < deadline, "nothing is submitted"
            time.sleep(0.05)
        yield running


def news(payment_id: int, status: str, **more: Any) -> bytes:
    said = {
        "key": f"payment-{payment_id}",
        "reference": f"GW-{payment_id}",
        "amount": cents_of(payment_id),
        "currency": "EUR",
        "status": status,
    }
    return json.dumps({**said, **more}).encode()


def call(
    api: RunningApi,
    body: bytes,
    *,
    gateway: str = GATEWAY,
    secret: bytes = SECRET,
    age: float = 0,
) -> httpx.Response:
    signed = signed_headers(secret, "message-1", body, now=time.time() - age)
    path = f"/v1/gateways/{gateway}/callbacks"
    return api.anyone.post(path, content=body, headers=signed)


def test_news_is_taken_once_whatever_its_order(api: RunningApi) -> None:
    statuses = ["captured", "accepted", "captured", "declined", "accepted"]

    answers = [call(api, news(1, status)) for status in statuses]

    assert [answer.status_code for answer in answers] == [200] * 5
    assert payments(api.conninfo)[1].state == "captured"
    tags = [r.event.fact.TAG for r in read_log(api.conninfo) if r.originator_id == "bill-1"]
    assert tags == [
        "bill.presented.1",
        "bill.payment-held.1",
        "bill.payment-submitted.1",
        "bill.payment-captured.1",
    ]
    assert in_outbox(api.conninfo) == 2


def test_a_declined_payment_gives_the_hold_back(api: RunningApi) -> None:
    before = [call(api, news(2, "accepted")), call(api, news(2, "declined", reason="closed"))]

    assert [answer.status_code for answer in before] == [200, 200]
    payment = payments(api.conninfo)[2]
    assert (payment.state, payment.reason) == ("declined", "closed")
    assert in_outbox(api.conninfo) == 2


def test_a_refund_is_given_once_and_tells_of_the_capture_that_was_missed(api: RunningApi) -> None:
    body = news(3, "refunded", refund="refund-1", refunded=300)

    answers = [call(api, body), call(api, body)]

    assert [answer.status_code for answer in answers] == [200, 200]
    payment = payments(api.conninfo)[3]
    assert (payment.state, payment.refunded, payment.paid) == ("captured", 300, cents_of(3) - 300)


def test_what_is_not_signed_by_this_gateway_now_is_refused_and_changes_nothing(
    api: RunningApi,
) -> None:
    body = news(1, "captured")
    forged = signed_headers(SECRET, "message-1", news(1, "declined"), now=time.time())
    length = len(read_log(api.conninfo))
    refused = [
        api.anyone.post(f"/v1/gateways/{GATEWAY}/callbacks", content=body),
        call(api, body, secret=b"some other secret"),
        call(api, body, age=301),
        call(api, body, age=-302),
        api.anyone.post(f"/v1/gateways/{GATEWAY}/callbacks", content=body, headers=forged),
        call(api, body, gateway="other"),
    ]

    assert [answer.status_code for answer in refused] == [401] * 6
    assert {answer.json()["code"] for answer in refused} == {"callback-refused"}
    assert len(read_log(api.conninfo)) == length


def test_what_says_nothing_of_a_payment_of_ours_is_refused_by_name(api: RunningApi) -> None:
    other = b"another secret of theirs"
    cases = [
        (call(api, news(99, "captured")), 404, "payment-not-found"),
        (call(api, news(1, "captured", key="payment-x")), 404, "payment-not-found"),
        (call(api, news(1, "captured"), gateway="other", secret=other), 404, "payment-not-found"),
        (call(api, news(1, "captured"), gateway="nobody"), 404, "gateway-not-found"),
        (call(api, b"{"), 400, "body-malformed"),
        (call(api, b"{}"), 422, "body-invalid"),
        (call(api, news(1, "gone")), 422, "body-invalid"),
        (call(api, news(1, "captured", amount=-1)), 422, "body-invalid"),
        (call(api, b" " * 20_000), 413, "body-too-large"),
    ]

    assert [(a.status_code, a.json()["code"]) for a, _, _ in cases] == [(s, c) for _, s, c in cases]
    assert payments(api.conninfo)[1].state == "submitted"


def test_the_figures_tell_of_calls_callbacks_the_breaker_and_the_outbox(api: RunningApi) -> None:
    call(api, news(1, "captured"))
    call(api, news(1, "captured"), secret=b"some other secret")

    deadline = time.monotonic() + 60
    # A call is counted when it has ended, with its retries.
    while 'outcome="unreached"' not in (text := api.anyone.get("/metrics").text):
        assert time.monotonic() < deadline, text
        time.sleep(0.05)

    assert f'daybook_gateway_callbacks_total{{gateway="{GATEWAY}",outcome="taken"}} 1.0' in text
    assert f'daybook_gateway_callbacks_total{{gateway="{GATEWAY}",outcome="forged"}} 1.0' in text
    assert f'daybook_outbox_payments{{gateway="{GATEWAY}"}} 2.0' in text
    assert 'daybook_outbox_payments{gateway="other"} 0.0' in text
    assert f'daybook_gateway_breaker{{gateway="{GATEWAY}"}}' in text
    assert f'daybook_gateway_retries_total{{gateway="{GATEWAY}"}}' in text
    assert "secret" not in text
