"""The gateway over HTTP: payments are made and inquired after, refunds made, settlement files fetched.

Every request and every callback is signed (see `signatures`). Answers are JSON.
"""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.params import FromPath
from litestar.types import ASGIApp

from daybook.gateway_simulator.books import Books, NotRefundable, Order, OtherPayment
from daybook.gateway_simulator.callbacks import Callbacks
from daybook.gateway_simulator.faults import Faults
from daybook.gateway_simulator.settlement import settlement_file
from daybook.gateway_simulator.signatures import is_genuine

BODY_BYTES_MAX: Final = 16 * 1024
KEY_LENGTH_MAX: Final = 128

Call = Request[Any, Any, Any]


class Simulator:
    """The gateway's parts, shared by its handlers."""

    def __init__(self, books: Books, faults: Faults, secret: bytes) -> None:
        self.books = books
        self.faults = faults
        self.secret = secret


class Refunding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    amount: int


@post("/payments")
async def pay(request: Call) -> Response[Any]:
    """Make the payment of `Idempotency-Key`; the same key again answers the same payment."""
    simulator, body = await _genuine(request)
    key = request.headers.get("idempotency-key", "")
    if not 0 < len(key) <= KEY_LENGTH_MAX:
        return _error(400, "an Idempotency-Key is needed")
    try:
        order = msgspec.json.decode(body, type=Order)
    except msgspec.MsgspecError as error:
        return _error(400, str(error))
    books, faults = simulator.books, simulator.faults
    fate = faults.fate(key, books.attempt(key))
    if fate == "busy":
        await asyncio.sleep(faults.slow_seconds)
        return _error(503, "busy: nothing was done", headers={"Retry-After": "1"})
    if fate == "lost-before":
        return await _silence(faults)
    if fate == "slow":
        await asyncio.sleep(faults.slow_seconds)
    try:
        payment = books.pay(
            key,
            order,
            declined="refused by the biller" if fate == "declined" else None,
            later="refused by the biller later" if fate == "declined-later" else None,
        )
    except OtherPayment:
        return _error(422, "the key was used for another payment")
    if fate == "lost-after":
        return await _silence(faults)
    return Response(payment.written(), status_code=201)


@get("/payments/{key:str}")
async def inquire(request: Call, key: FromPath[str]) -> Response[Any]:
    simulator, _ = await _genuine(request)
    payment = simulator.books.payment(key)
    return _error(404, "no such payment") if payment is None else Response(payment.written())


@post("/payments/{key:str}/refunds")
async def refund(request: Call, key: FromPath[str]) -> Response[Any]:
    """Give back a captured payment or a part of it, as its biller would ask for."""
    simulator, body = await _genuine(request)
    refund_key = request.headers.get("idempotency-key", "")
    try:
        amount = msgspec.json.decode(body, type=Refunding).amount
        payment = simulator.books.refund(key, refund_key, amount)
    except msgspec.MsgspecError as error:
        return _error(400, str(error))
    except NotRefundable:
        return _error(409, "not so much of a captured payment is left")
    return Response(payment.written(), status_code=201)


@get("/settlement/{date:date}")
async def settlement(request: Call, date: FromPath[dt.date]) -> Response[str]:
    simulator, _ = await _genuine(request)
    text = settlement_file(simulator.books.captured_on(date), simulator.faults)
    return Response(text, media_type="text/csv; charset=utf-8")


@get("/health")
async def health(request: Call) -> dict[str, int]:
    """How many payments are on their way, and how many callbacks were not taken yet."""
    payments, callbacks = request.app.state["simulator"].books.waiting()
    return {"payments_waiting": payments, "callbacks_waiting": callbacks}


def create_simulator(
    books: Books, faults: Faults, secret: bytes, callback_url: str | None
) -> ASGIApp:
    """The application; what is due while it runs moves on, and is told to the bank."""
    simulator = Simulator(books, faults, secret)

    @asynccontextmanager
    async def open_for_business(app: Litestar) -> AsyncIterator[None]:
        app.state["simulator"] = simulator
        async with Callbacks(books, secret, callback_url):
            yield

    return Litestar(
        [pay, inquire, refund, settlement, health],
        lifespan=[open_for_business],
        request_max_body_size=BODY_BYTES_MAX,
        exception_handlers={NotGenuine: lambda request, error: _error(401, "not signed by us")},
        openapi_config=None,
        logging_config=None,
    )


class NotGenuine(Exception):
    """The request does not carry the signature of the bank."""


async def _genuine(request: Call) -> tuple[Simulator, bytes]:
    simulator: Simulator = request.app.state["simulator"]
    body = await request.body()
    headers = {name: request.headers.get(name, "") for name in _SIGNED}
    if not is_genuine(simulator.secret, headers, body):
        raise NotGenuine
    return simulator, body


_SIGNED: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


def _error(status: int, text: str, headers: dict[str, str] | None = None) -> Response[Any]:
    return Response(
        {"error": text}, status_code=status, media_type=MediaType.JSON, headers=headers or {}
    )


async def _silence(faults: Faults) -> Response[Any]:
    """No answer, for longer than anyone waits; then one that says nothing."""
    await asyncio.sleep(faults.silence_seconds)
    return _error(504, "no answer")
