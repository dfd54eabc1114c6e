"""What moves by itself at the gateway: payments are captured in time, and the bank is told of all news."""

import asyncio
import contextlib
from types import TracebackType
from typing import Final, Self

import httpx2

from daybook.gateway_simulator.books import Books, Callback
from daybook.gateway_simulator.signatures import signed

POLL_SECONDS: Final = 0.05
AT_ONCE: Final = 8
TIMEOUT_SECONDS: Final = 5.0


class Callbacks:
    """Runs while the context is open. Without an address nobody is told."""

    def __init__(self, books: Books, secret: bytes, url: str | None) -> None:
        self._books = books
        self._secret = secret
        self._url = url
        self._client = httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="callbacks")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._task is not None, "it was started"
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._client.aclose()

    async def _run(self) -> None:
        while True:
            self._books.move_on()
            due = self._books.due_callbacks(AT_ONCE) if self._url else []
            await asyncio.gather(*map(self._send, due))
            if len(due) < AT_ONCE:
                await asyncio.sleep(POLL_SECONDS)

    async def _send(self, callback: Callback) -> None:
        assert self._url is not None, "only what can be sent is due"
        headers = signed(self._secret, f"callback-{callback.callback_id}", callback.body)
        headers["content-type"] = "application/json"
        try:
            answer = await self._client.post(self._url, content=callback.body, headers=headers)
            delivered = answer.is_success
        except httpx2.HTTPError:
            delivered = False
        self._books.answered(callback, delivered=delivered)
