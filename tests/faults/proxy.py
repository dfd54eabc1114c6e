"""A proxy in front of Postgres that can lose a COMMIT, the answer to one, or that a client has left.

It reads the messages of the server well enough to see that a commit was answered, and those of the
client well enough to see one asked for; it changes no byte.
"""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

Cut = Literal["answer", "request"]


class Proxy:
    """Listens on a Unix socket and forwards to the server. `cut` says what happens to a commit.

    It is asked with the number of the commit seen, from 1, and answers "answer" (the server commits,
    and the connection ends before the client is told), "request" (the connection ends before the server
    is asked) or None. `commits`, `answers_lost` and `requests_lost` count.

    With `lingering` the server is not told when a client leaves: its side of each connection, with all
    that the session holds, stays until the proxy is closed.
    """

    def __init__(
        self,
        conninfo: str,
        folder: Path,
        cut: Callable[[int], Cut | None] = lambda _: None,
        *,
        lingering: bool = False,
    ) -> None:
        parts = conninfo_to_dict(conninfo)
        self._server = f"{parts['host']}/.s.PGSQL.{parts.get('port', 5432)}"
        self._socket = folder / ".s.PGSQL.5432"
        self.conninfo = make_conninfo(conninfo, host=str(folder), port=5432)
        self._cut = cut
        self._lingering = lingering
        self.commits = self.answers_lost = self.requests_lost = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        listening = asyncio.start_unix_server(self._serve, self._socket)
        self._listener = asyncio.run_coroutine_threadsafe(listening, self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        self._listener.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_unix_connection(self._server)
        connection = _Connection(self)
        pumps = [
            asyncio.create_task(_pump(client, to_server, connection.asked)),
            asyncio.create_task(_pump(server, to_client, connection.answered)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            if self._lingering:
                await pumps[1]
        except asyncio.CancelledError:
            return  # The proxy is being closed.
        finally:
            for end in (to_client, to_server):
                end.close()
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)


class _Connection:
    """What one connection is doing: which prepared statement is COMMIT, and whether it is cut."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._from_client = b""
        self._from_server = b""
        self._started = False
        self._commits: set[bytes] = set()
        self.cut: Cut | None = None

    def asked(self, data: bytes) -> bool:
        """Look at what the client sends. False: it is to be lost."""
        self._from_client += data
        if not self._started:
            # The first message has no type; nothing of interest stands before the second.
            length = int.from_bytes(self._from_client[:4], "big")
            if len(self._from_client) < length:
                return True
            self._from_client, self._started = self._from_client[length:], True
        kept = True
        for kind, body in self._messages("_from_client"):
            if kind == b"P":
                name, text, _ = body.split(b"\0", 2)
                if text.strip().upper() == b"COMMIT":
                    self._commits.add(name)
            elif kind == b"B":
                _, name, _ = body.split(b"\0", 2)
                if name in self._commits:
                    kept = self._commit() and kept
            elif kind == b"X" and self._proxy._lingering:
                kept = False
            elif kind == b"Q" and body.rstrip(b"\0").strip().upper() == b"COMMIT":
                kept = self._commit() and kept
        return kept

    def _commit(self) -> bool:
        self._proxy.commits += 1
        self.cut = self._proxy._cut(self._proxy.commits)
        if self.cut == "request":
            self._proxy.requests_lost += 1
            return False
        return True

    def answered(self, data: bytes) -> bool:
        """Look at what the server answers. False: it is to be lost."""
        self._from_server += data
        for kind, body in self._messages("_from_server"):
            if kind == b"C" and body == b"COMMIT\0" and self.cut == "answer":
                self._proxy.answers_lost += 1
                return False
        return True

    def _messages(self, buffer: str) -> list[tuple[bytes, bytes]]:
        data: bytes = getattr(self, buffer)
        found = []
        while len(data) >= 5:
            end = 1 + int.from_bytes(data[1:5], "big")
            if len(data) < end:
                break
            found.append((data[:1], data[5:end]))
            data = data[end:]
        setattr(self, buffer, data)
        return found


async def _pump(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, look: Callable[[bytes], bool]
) -> Any:
    """Forward until the end, or until what was looked at is to be lost."""
    try:
        while data := await source.read(1 << 16):
            if not look(data):
                return
            sink.write(data)
            await sink.drain()
    except ConnectionError:
        return
