"""The one pass that every request makes, in and out, around the framework.

In: the id of the request and the few headers that matter are read from one loop over the headers. Out:
the headers that every answer carries, the time it took, and a line in the log if it went wrong.
"""

import itertools
import os
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import msgspec
import structlog
from litestar.types import ASGIApp, Message, Receive, Send

from api.metrics import Metrics

SLOW_SECONDS: Final = 1.0
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_NO_FRAMING: Final = b"default-src 'none'; frame-ancestors 'none'"
_OURS: Final = (b"cache-control",)  # a problem may bring it along
_PAGES: Final = "/schema"

_log = structlog.get_logger("daybook.http")


class Arrival(msgspec.Struct):
    """What a request brought along, beside its path and body. A header that came twice is `TWICE`.

    `named` is what the caller calls the request, where that is plain.
    """

    named: str | None = None
    authorization: bytes | None = None
    idempotency_key: bytes | None = None


TWICE: Final = b"\x00"
FORBIDDEN: Final = 403
Recorded: TypeAlias = Callable[[Any, int], Awaitable[ASGIApp | None]]


class Gate:
    """Wraps the framework's application. It holds nothing of a request, and knows no rules."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, recorded: Recorded, *, secure_transport: bool
    ) -> None:
        """`recorded` is `looks.recorded`: it records a look, or tells what is answered in its place."""
        self._app = app
        self._recorded = recorded
        self._metrics = metrics
        self._prefix = f"{secrets.token_hex(4)}-{os.getpid():x}"
        self._numbers = itertools.count(1)
        self._always = [(b"x-content-type-options", b"nosniff")]
        if secure_transport:
            self._always.append((b"strict-transport-security", b"max-age=31536000"))
        self._data = [
            *self._always,
            (b"cache-control", b"no-store"),
            (b"content-security-policy", _NO_FRAMING),
        ]

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        arrival = _arrival(scope)
        # In the log, in problems and in evidence the id is ours, and no two calls have the same. What the
        # caller named it, which may be what another did, stands behind a slash, of which neither has one.
        ours = f"{self._prefix}-{next(self._numbers):x}"
        request_id = ours if arrival.named is None else f"{ours}/{arrival.named}"
        echoed = (b"x-request-id", (arrival.named or ours).encode())
        if scope["method"] == "HEAD":
            # Answered as the reading that it is, look and all; the server leaves the body out. The server's
            # own scope, by which it knows that, stays as it is.
            scope = {**scope, "method": "GET"}
        scope["state"] = {"request_id": request_id, "arrival": arrival}
        status, withheld = 500, False

        async def send_marked(message: Message) -> None:
            nonlocal status, withheld
            if message["type"] == "http.response.start":
                status = message["status"]
                if "look" in scope["state"] or status == FORBIDDEN:
                    # What cannot be recorded is not shown: of that answer not a byte goes out.
                    instead = await self._recorded(scope, status)
                    if instead is not None:
                        await instead(scope, receive, send_marked)
                        withheld = True
                        return
                # The pages bring their own policy and may be cached; everything else is data.
                page = str(scope.get("path_template", "")).startswith(_PAGES)
                own = message["headers"]
                if status >= 400:
                    own = [(name, value) for name, value in own if name not in _OURS]
                message["headers"] = [
                    *own,
                    echoed,
                    *(self._always if page else self._data),
                ]
            if not withheld:
                await send(message)

        try:
            await self._app(scope, receive, send_marked)
        finally:
            seconds = time.perf_counter() - started
            template = scope.get("path_template") or "(none)"
            self._metrics.answered(scope["method"], str(template), status, seconds)
            if status >= 500 or seconds > SLOW_SECONDS:
                _log.warning(
                    "request",
                    request_id=request_id,
                    method=scope["method"],
                    route=template,
                    status=status,
                    seconds=round(seconds, 4),
                )


def _arrival(scope: Any) -> Arrival:
    named = authorization = key = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization = value if authorization is None else TWICE
        elif name == b"idempotency-key":
            key = value if key is None else TWICE
        elif name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            named = value.decode()
    return Arrival(named, authorization, key)
