"""A payment gateway over HTTP: bounded in time and in retries, behind a circuit breaker.

Only what surely did not arrive is tried again at once, a few times, with jitter, and always under the
key of the payment. After several calls in a row without an answer the breaker opens: for a while no call is
made, and each is `Unreached` at once. What is not answered is `Unknown`, and never a failure.
"""

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import httpx2
import msgspec
import stamina
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from api.gateway_wire import GatewayPayment, outcome_of
from api.signed_messages import signed_headers
from application import clock
from application.gateways import (
    CallName,
    Declined,
    GatewaySettings,
    NotThere,
    Outcome,
    SettlementUnavailable,
    Unknown,
    Unreached,
    Watch,
)
from application.outbox import PaymentOrder

ANSWER_BYTES_MAX: Final = 64 * 1024
SETTLEMENT_BYTES_MAX: Final = 64 * 1024 * 1024
SETTLEMENT_SECONDS: Final = 60.0
ATTEMPTS: Final = 3
RETRY_SECONDS_MAX: Final = 0.5
FAILURES_MAX: Final = 5
BREAK_SECONDS: Final = 5.0
CONNECTIONS_MAX: Final = 32


class _NoAnswer(Exception):
    """The request may have arrived."""


class _Busy(Exception):
    """The gateway says that it did nothing, and may do it later."""


class HttpGateway:
    """A gateway, by its settings; `close` it when done."""

    def __init__(self, settings: GatewaySettings, watch: Watch) -> None:
        self.name = settings.name
        self.retry_seconds = settings.retry_seconds
        # All attempts but the last found nobody; the last connects and is answered.
        timeout = settings.timeout_seconds
        self.call_seconds_max = (ATTEMPTS - 1) * (timeout + RETRY_SECONDS_MAX) + 2 * timeout
        self._settings = settings
        self._watch = watch
        self._client = httpx2.AsyncClient(
            base_url=settings.url,
            timeout=timeout,
            limits=httpx2.Limits(max_connections=CONNECTIONS_MAX),
            follow_redirects=False,
            # A proxy of the environment is not asked for what is signed and goes to one address.
            trust_env=False,
        )
        self._breakers = AsyncCircuitBreakerFactory(FAILURES_MAX, BREAK_SECONDS)
        self._breakers.add_listener(self._breaker_changed)
        watch.gateway_breaker(self.name, "closed")

    async def close(self) -> None:
        await self._client.aclose()

    async def submit(self, order: PaymentOrder) -> Outcome:
        body = msgspec.json.encode(
            {
                "bill": f"bill-{order.bill_id}",
                "biller": order.biller,
                "reference": order.reference,
                "amount": order.amount,
                "currency": order.currency,
            }
        )
        return await self._outcome("submit", order.key, "POST", "/payments", body)

    async def inquire(self, key: str) -> Outcome:
        return await self._outcome("inquire", key, "GET", f"/payments/{key}", b"")

    async def settlement_file(self, date: dt.date) -> bytes:
        started = time.perf_counter()
        outcome = "unavailable"
        try:
            answer = await self._guarded(
                lambda: self._sent(
                    "GET",
                    f"/settlement/{date}",
                    f"settlement-{date}",
                    b"",
                    bytes_max=SETTLEMENT_BYTES_MAX,
                    seconds=SETTLEMENT_SECONDS,
                )
            )
            if answer.status_code != 200:
                raise SettlementUnavailable(f"the gateway answered {answer.status_code}")
            outcome = "fetched"
            return answer.content
        except (OpenedState, _Busy, _NoAnswer, httpx2.HTTPError) as error:
            raise SettlementUnavailable(_why(error)) from None
        finally:
            seconds = time.perf_counter() - started
            self._watch.gateway_called(self.name, "settlement", outcome, seconds)

    async def _outcome(
        self, call: CallName, key: str, method: str, path: str, body: bytes
    ) -> Outcome:
        started = time.perf_counter()
        outcome: Outcome = Unknown("the call did not end")
        try:
            outcome = _read(key, await self._tried(method, path, key, body))
        except (OpenedState, httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            outcome = Unreached(_why(error))
        except _Busy:
            outcome = Declined("the gateway is busy", final=False)
        except (_NoAnswer, httpx2.HTTPError) as error:
            outcome = Unknown(_why(error))
        finally:
            name = type(outcome).__name__.lower()
            self._watch.gateway_called(self.name, call, name, time.perf_counter() - started)
        return outcome

    async def _tried(self, method: str, path: str, key: str, body: bytes) -> httpx2.Response:
        """Sent, and sent again where nobody was there to take it: a few times, with jitter."""
        async for attempt in stamina.retry_context(
            on=(httpx2.ConnectError, httpx2.ConnectTimeout),
            attempts=ATTEMPTS,
            timeout=None,
            wait_initial=0.05,
            wait_max=RETRY_SECONDS_MAX,
            wait_jitter=0.1,
        ):
            if attempt.num > 1:
                self._watch.gateway_retried(self.name)
            with attempt:
                return await self._guarded(lambda: self._sent(method, path, key, body))
        raise AssertionError("the last attempt answers or raises")

    async def _guarded(self, call: Callable[[], Awaitable[httpx2.Response]]) -> httpx2.Response:
        """Through the breaker. It counts what was not answered, and what was answered 5xx."""
        try:
            async with await self._breakers.get_breaker(self.name):
                answer = await call()
                if answer.status_code == 503:
                    raise _Busy("answered 503")
                if answer.status_code >= 500:
                    raise _NoAnswer(f"answered {answer.status_code}")
                return answer
        except OpenedState as opened:
            # The library raises one object again and again, and each time it grows by a traceback.
            raise opened.with_traceback(None) from None

    async def _sent(
        self,
        method: str,
        path: str,
        key: str,
        body: bytes,
        *,
        bytes_max: int = ANSWER_BYTES_MAX,
        seconds: float | None = None,
    ) -> httpx2.Response:
        headers = signed_headers(self._settings.secret, key, body, now=clock.now().timestamp())
        if method == "POST":
            headers |= {"Idempotency-Key": key, "Content-Type": "application/json"}
        try:
            # The client's own timeout is for each step; this one is for all of them.
            async with asyncio.timeout(seconds or 2 * self._settings.timeout_seconds):
                request = self._client.build_request(method, path, content=body, headers=headers)
                answer = await self._client.send(request, stream=True)
                try:
                    content = b""
                    async for part in answer.aiter_bytes():
                        content += part
                        if len(content) > bytes_max:
                            raise _NoAnswer(f"an answer of more than {bytes_max} bytes")
                finally:
                    await answer.aclose()
        except TimeoutError:
            raise _NoAnswer("the answer did not end in time") from None
        return httpx2.Response(answer.status_code, content=content)

    def _breaker_changed(self, _: str, event: str, message: Any) -> None:
        if event == "state_changed":
            self._watch.gateway_breaker(self.name, message.state)


def _read(key: str, answer: httpx2.Response) -> Outcome:
    """What an answer says. Whatever is not understood says nothing, and so is `Unknown`."""
    status = answer.status_code
    if status == 404:
        return NotThere()
    if status not in (200, 201, 202):
        return Unknown(f"answered {status}")
    try:
        payment = msgspec.json.decode(answer.content, type=GatewayPayment)
    except msgspec.MsgspecError as error:
        return Unknown(f"answered what cannot be read: {error}")
    if payment.key != key:
        return Unknown(f"answered about {payment.key!r}")
    return outcome_of(payment)


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
