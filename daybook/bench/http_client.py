"""A client that costs little beside the server it measures: raw HTTP/1.1 over kept-alive connections.

It shares the machine with the server, so what it spends is taken from what is measured: requests are
joined from parts that were made before, and of an answer it reads the status and the length.
"""

import asyncio
import re
import time
from array import array
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgspec

from daybook.bench.processes import BenchError, Pipe, answering, next_message

CONNECT_SECONDS_MAX: Final = 10.0
ANSWER_SECONDS_MAX: Final = 60.0
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

# The bytes of the request of a number, or None where there are no more.
Requests: TypeAlias = Callable[[int], bytes | None]

# What a refusal for lack of funds says of itself.
POOR: Final = b"insufficient-funds"


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to send: `make(*arguments)` answers the requests, in the process of the client.

    Every answer must have `status`, and hold `success`.
    """

    make: Callable[..., Requests]
    arguments: tuple[Any, ...]
    connections: int
    seconds: float
    status: int
    success: bytes = b""


class Sent(msgspec.Struct, kw_only=True):
    """What came of it: `answered` in `seconds`, to the last answer. A wrong answer is shown."""

    seconds: float = 0.0
    answered: int = 0
    # Answers that refused for lack of funds: right, and not counted.
    refused: int = 0
    wrong: Counter[str] = msgspec.field(default_factory=Counter)
    wrong_answer: bytes = b""
    latencies: "array[float]" = msgspec.field(default_factory=lambda: array("d"))


def requesting(pipe: Pipe, host: str, port: int) -> None:
    """A process that sends one load after another."""
    answering(_requesting(pipe, host, port))


async def _requesting(pipe: Pipe, host: str, port: int) -> None:
    while (load := await next_message(pipe)) is not None:
        requests = load.make(*load.arguments)
        pipe.send(await send(load, requests, host, port))


async def send(load: Load, requests: Requests, host: str, port: int) -> Sent:
    """Each connection sends its next request once the last is answered, until the time is over."""
    loop = asyncio.get_running_loop()
    run = _Run(load, requests, loop.create_future())
    connections = []
    for _ in range(load.connections):
        opened = loop.create_connection(lambda: _Connection(run), host, port)
        connections.append((await asyncio.wait_for(opened, CONNECT_SECONDS_MAX))[1])
    run.begin()
    for connection in connections:
        connection.send_next()
    try:
        await asyncio.wait_for(run.finished, load.seconds + ANSWER_SECONDS_MAX)
    except TimeoutError:
        raise BenchError("the server has not answered in time") from None
    finally:
        for connection in connections:
            connection.close()
    return run.sent


class _Run:
    """What the connections of one load share."""

    def __init__(self, load: Load, requests: Requests, finished: asyncio.Future[None]) -> None:
        self.load = load
        self.finished = finished
        self.sent = Sent()
        self._requests = requests
        self._open = load.connections
        self._number = 0
        self._began = 0.0
        self._deadline = 0.0
        self._status = str(load.status).encode()

    def begin(self) -> None:
        self._began = time.monotonic()
        self._deadline = self._began + self.load.seconds

    def next_request(self, now: float) -> bytes | None:
        """None where the connection is to send no more; after the last, the run is finished."""
        request = self._requests(self._number) if now < self._deadline else None
        self._number += 1
        if request is None:
            self._open -= 1
            if self._open == 0 and not self.finished.done():
                self.sent.seconds = now - self._began
                self.finished.set_result(None)
        return request

    def answered(self, seconds: float, answer: bytes) -> None:
        right = answer[9:12] == self._status and self.load.success in answer
        if not right and POOR in answer:
            self.sent.refused += 1
        elif not right:
            self.sent.wrong[answer[9:12].decode()] += 1
            self.sent.wrong_answer = answer[:2000]
        else:
            self.sent.answered += 1
            self.sent.latencies.append(seconds)

    def lost(self, error: Exception | None) -> None:
        if not self.finished.done():
            reason = f"the server has closed a connection ({error})"
            self.finished.set_exception(BenchError(reason))


class _Connection(asyncio.Protocol):
    def __init__(self, run: _Run) -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._length = 0
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def send_next(self) -> None:
        now = time.monotonic()
        request = self._run.next_request(now)
        if request is not None and self._transport is not None:
            self._sent_at = now
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer = buffer = self._buffer + data if self._buffer else data
        if self._length == 0:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            found = _LENGTH.search(buffer, 0, end)
            if found is None:
                self._run.lost(ValueError("an answer without a length"))
                return
            self._length = end + 4 + int(found[1])
        if len(buffer) < self._length:
            return
        now = time.monotonic()
        self._run.answered(now - self._sent_at, buffer)
        self._buffer, self._length = b"", 0
        self.send_next()

    def connection_lost(self, error: Exception | None) -> None:
        self._run.lost(error)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
