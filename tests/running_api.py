"""The real API on a real socket: the server in a thread of this process, the projector in another."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import uvicorn

from api.app import AUDIENCE, ISSUER, Configuration, create_app
from api.signing_keys import SigningKeys
from api.tokens import AccessTokens
from daybook.evidence.checkpoint_keys import CheckpointKeys
from daybook.evidence.sealer import Sealer
from daybook.one_write import OneWriteProtocol
from readmodels.projector import Projector

PASSWORD: Final = "correct horse battery staple"


class Person:
    """A signed-in user with a client of his own."""

    def __init__(self, address: str, user_id: int, username: str, tokens: dict[str, Any]) -> None:
        self.user_id = user_id
        self.username = username
        self.tokens = tokens
        self.client = httpx.Client(
            base_url=address,
            timeout=20,
            headers={"Authorization": f"Bearer {tokens['access_token']}"},
        )

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.client.get(path, params=params)

    def post(self, path: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.client.post(path, json={} if body is None else body, headers=headers)

    def put(self, path: str, body: Any) -> httpx.Response:
        return self.client.put(path, json=body)


class RunningApi:
    def __init__(self, address: str, conninfo: str, keys: Path) -> None:
        self.address = address
        self.conninfo = conninfo
        self.keys = keys
        self.anyone = httpx.Client(base_url=address, timeout=20)
        self._people = 0
        self._clients = [self.anyone]

    def person(self, role: str = "user") -> Person:
        """Somebody new. Staff are given their role in the table, past the log, which is quick.

        A bank that is audited has its staff from `test_staff.member`.
        """
        self._people += 1
        name = f"{role}{self._people}"
        body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        registered = self.anyone.post("/v1/register", json=body)
        assert registered.status_code == 201, registered.text
        user_id = registered.json()["user_id"]
        if role != "user":
            with psycopg.connect(self.conninfo) as connection:
                connection.execute("UPDATE users SET role = %s WHERE user_id = %s", [role, user_id])
        return self.signed_in(user_id, name)

    def signed_in(self, user_id: int, username: str) -> Person:
        body = {"username": username, "password": PASSWORD}
        answer = self.anyone.post("/v1/login", json=body)
        assert answer.status_code == 200, answer.text
        person = Person(self.address, user_id, username, answer.json())
        self._clients.append(person.client)
        return person

    def account(self, owner: Person, deposit: float | str = 0, **more: Any) -> int:
        """A new checking account of the person, with that much on it."""
        body = {"user_id": owner.user_id, "account_type": "checking", **more}
        opened = owner.post("/v1/accounts/create", body)
        assert opened.status_code == 201, opened.text
        account_id: int = opened.json()["account_id"]
        if deposit:
            put = owner.post(f"/v1/accounts/{account_id}/deposit", {"amount": deposit})
            assert put.status_code == 201, put.text
        return account_id

    def tokens(self, audience: str = AUDIENCE) -> AccessTokens:
        """An issuer with the server's own keys, for tokens that the server would not issue."""
        keys = SigningKeys(self.keys, now=time.time())
        return AccessTokens(keys, issuer=ISSUER, audience=audience)

    def close(self) -> None:
        for client in self._clients:
            client.close()


@contextmanager
def running_api(conninfo: str, folder: Path, **configuration: Any) -> Iterator[RunningApi]:
    keys = folder / "signing-keys.json"
    app = create_app(
        Configuration(
            conninfo=conninfo,
            environment="test",
            secret_key="s" * 40,
            keys=keys,
            data=folder,
            **configuration,
        )
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            port=0,
            http=OneWriteProtocol,
            log_config=None,
            ws="none",
            lifespan="on",
            access_log=False,
        )
    )
    serving = threading.Thread(target=server.run, daemon=True)
    serving.start()
    stop = threading.Event()
    projecting = threading.Thread(target=_project, args=(conninfo, stop), daemon=True)
    projecting.start()
    sealing = threading.Thread(target=_seal, args=(conninfo, folder, stop), daemon=True)
    sealing.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert serving.is_alive(), "the server did not start"
        assert time.monotonic() < deadline, "the server did not start in time"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    api = RunningApi(f"http://127.0.0.1:{port}", conninfo, keys)
    try:
        yield api
    finally:
        api.close()
        server.should_exit = True
        serving.join(20)
        stop.set()
        projecting.join(20)
        sealing.join(20)
        assert not serving.is_alive(), "the server did not stop"
        assert not projecting.is_alive(), "the projector did not stop"
        assert not sealing.is_alive(), "the sealer did not stop"


def _project(conninfo: str, stop: threading.Event) -> None:
    with Projector(conninfo) as projector:
        projector.run(stop)


def _seal(conninfo: str, folder: Path, stop: threading.Event) -> None:
    keys = CheckpointKeys(folder / "keys", origin="bank.example/ledger", now=time.time())

    async def run() -> None:
        sealing = asyncio.ensure_future(Sealer(conninfo, keys, pace_seconds=0.1).run())
        while not stop.is_set() and not sealing.done():
            await asyncio.sleep(0.05)
        sealing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sealing

    asyncio.run(run())
