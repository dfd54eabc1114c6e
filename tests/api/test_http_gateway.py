"""The HTTP adapter against a real gateway process, and against a peer that behaves badly."""

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from api import http_gateway
from api.http_gateway import HttpGateway
from application.gateways import (
    Accepted,
    BreakerState,
    CallName,
    Captured,
    Declined,
    GatewaySettings,
    NotThere,
    Outcome,
    SettlementUnavailable,
    Unknown,
    Unreached,
)
from application.outbox import PaymentOrder
from tests.gateway_process import SECRET, GatewayProcess, free_port


class Watched:
    """A `Watch` that keeps what it was told."""

    def __init__(self) -> None:
        self.calls: list[tuple[CallName, str]] = []
        self.retries = 0
        self.states: list[BreakerState] = []

    def gateway_called(self, gateway: str, call: CallName, outcome: str, seconds: float) -> None:
        self.calls.append((call, outcome))

    def gateway_retried(self, gateway: str) -> None:
        self.retries += 1

    def gateway_breaker(self, gateway: str, state: BreakerState) -> None:
        self.states.append(state)


def order(payment_id: int, amount: int = 1999) -> PaymentOrder:
    return PaymentOrder(
        payment_id=payment_id,
        bill_id=1,
        gateway="city",
        amount=amount,
        currency="EUR",
        biller="Water",
        reference="77",
    )


@contextlib.asynccontextmanager
async def adapter(url: str, watch: Watched, seconds: float = 1.0) -> AsyncIterator[HttpGateway]:
    settings = GatewaySettings(name="city", url=url, secret=SECRET, timeout_seconds=seconds)
    gateway = HttpGateway(settings, watch)
    try:
        yield gateway
    finally:
        await gateway.close()


@contextlib.asynccontextmanager
async def rude_server(answer: bytes, *, after: float = 0) -> AsyncIterator[str]:
    """A server that says the same bytes to every connection, after a while, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(after)
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def http(status: str, body: bytes, length: int | None = None) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if length is None else length}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body


def asked(call: Callable[[], Any]) -> Any:
    return asyncio.run(call())


async def submitted(url: str, seconds: float = 1.0) -> Outcome:
    async with adapter(url, Watched(), seconds) as gateway:
        return await gateway.submit(order(1))


def test_a_payment_is_made_once_and_inquired_after(tmp_path: Path) -> None:
    async def run() -> list[Any]:
        async with adapter(gateway.url, Watched()) as bank:
            before = await bank.inquire("payment-1")
            first = await bank.submit(order(1))
            again = await bank.submit(order(1))
            other = await bank.submit(order(1, amount=5))
            known = await bank.inquire("payment-1")
            today = dt.datetime.now(dt.UTC).date()  # noqa: TID251 - the gateway's own day
            file = await bank.settlement_file(today)
            return [before, first, again, other, known, file]

    with GatewayProcess(tmp_path, capture_seconds=0) as gateway:
        before, first, again, other, known, file = asked(run)

    assert before == NotThere()
    assert isinstance(first, Accepted | Captured)
    assert first.reference == again.reference == known.reference
    assert isinstance(other, Unknown), "the key was used for another amount: nothing is known of it"
    assert file.startswith(b"key,reference,amount,currency,status,captured_at\n")


@pytest.mark.parametrize(
    ("faults", "kind"),
    [
        ({"timeout": 1, "silence_seconds": 5}, Unknown),
        ({"timeout": 1, "silence_seconds": 0}, Unknown),
        ({"slow": 1, "seed": 3, "slow_seconds": 0.1}, Accepted | Captured | Declined),
    ],
)
def test_what_a_hostile_gateway_does_has_its_own_outcome(
    tmp_path: Path, faults: dict[str, Any], kind: Any
) -> None:
    with GatewayProcess(tmp_path, **faults) as gateway:
        outcome = asyncio.run(submitted(gateway.url, 0.3))

    assert isinstance(outcome, kind)


def test_a_decline_is_final_and_a_busy_gateway_is_not(tmp_path: Path) -> None:
    async def run() -> Outcome:
        async with rude_server(http("503 Busy", b"")) as url:
            return await submitted(url)

    with GatewayProcess(tmp_path, decline=1, capture_seconds=0) as gateway:
        outcome = asyncio.run(submitted(gateway.url))

    assert isinstance(outcome, Accepted) or outcome == Declined("refused by the biller", final=True)
    assert asked(run) == Declined("the gateway is busy", final=False)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"not HTTP at all\r\n\r\n",
        http("500 Broken", b"{}"),
        http("302 Elsewhere", b"{}"),
        http("200 OK", b"{}"),
        http("200 OK", b"<html>"),
        http("200 OK", b'{"key": "payment-1"', length=500),
        http("200 OK", b'{"key":"payment-2","reference":"r","amount":1,"currency":"EUR","status":"captured"}'),
        http("200 OK", b'{"key":"payment-1","reference":"r","amount":1,"currency":"EUR","status":"lost"}'),
        http("200 OK", b" " * (http_gateway.ANSWER_BYTES_MAX + 1)),
    ],
)  # fmt: skip
def test_an_answer_that_says_nothing_leaves_the_payment_unknown(answer: bytes) -> None:
    async def run() -> Outcome:
        async with rude_server(answer) as url:
            return await submitted(url)

    assert isinstance(asked(run), Unknown)


def test_nobody_there_is_tried_again_a_few_times_and_then_known_not_to_have_arrived() -> None:
    watch = Watched()

    async def run() -> Outcome:
        async with adapter(f"http://127.0.0.1:{free_port()}", watch) as gateway:
            return await gateway.submit(order(1))

    assert isinstance(asked(run), Unreached)
    assert watch.retries == http_gateway.ATTEMPTS - 1
    assert watch.calls == [("submit", "unreached")]


def test_a_call_ends_within_the_time_that_it_says_it_takes() -> None:
    async def run() -> tuple[Outcome, float, float]:
        async with (
            rude_server(http("200 OK", b""), after=60) as url,
            adapter(url, Watched(), 0.2) as gateway,
        ):
            started = time.monotonic()
            outcome = await gateway.submit(order(1))
            return outcome, time.monotonic() - started, gateway.call_seconds_max

    outcome, seconds, most = asked(run)

    assert isinstance(outcome, Unknown)
    assert seconds < most


def test_the_breaker_opens_after_failures_in_a_row_and_closes_once_an_answer_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_gateway, "BREAK_SECONDS", 0.5)
    watch = Watched()

    async def run() -> list[Outcome]:
        async with adapter(gateway.url, watch, 0.5) as bank:
            outcomes = [await bank.inquire(f"payment-{n}") for n in range(2)]
            while watch.states[-1] == "opened":
                outcomes.append(await bank.inquire("payment-1"))
                if len(outcomes) == 4:
                    gateway.start()
                    await asyncio.sleep(0.6)
            return outcomes

    gateway = GatewayProcess(tmp_path)
    with contextlib.closing(gateway.client):
        outcomes = asked(run)
        gateway.kill()

    assert [type(each) for each in outcomes] == [Unreached] * 4 + [NotThere]
    assert watch.states == ["closed", "opened", "half-opened", "closed"]


def test_a_settlement_file_that_does_not_come_is_said_to_be_unavailable() -> None:
    async def run() -> None:
        async with (
            rude_server(http("200 OK", b"key,ref", length=50)) as url,
            adapter(url, Watched()) as gateway,
        ):
            await gateway.settlement_file(dt.date(2026, 3, 31))

    with pytest.raises(SettlementUnavailable):
        asked(run)
