"""The gateway simulator as a process of its own, which can be killed and started again where it was."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final, Self

import httpx

from api.signed_messages import signed_headers

SECRET: Final = b"a secret that both sides know"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


class GatewayProcess:
    """`faults` are the options of the command line without their dashes."""

    def __init__(self, folder: Path, *, callback_url: str | None = None, **faults: float) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "daybook", "gateway-simulator"]
        command += ["--port", str(self.port), "--data", str(folder)]
        if callback_url is not None:
            command += ["--callback-url", callback_url]
        for name, value in faults.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        self.command = command
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(base_url=self.url, timeout=10, trust_env=False)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.client.close()

    def start(self, *, wait: bool = True) -> None:
        environ = {**os.environ, "DAYBOOK_GATEWAY_SIMULATOR_SECRET": SECRET.decode()}
        self.process = subprocess.Popen(
            self.command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 60
        while wait and not self.is_up():
            assert self.process.poll() is None, "the simulator did not start"
            assert time.monotonic() < deadline, "the simulator did not start in time"
            time.sleep(0.02)

    def is_up(self) -> bool:
        try:
            return self.client.get("/health").status_code == 200
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def waiting(self) -> tuple[int, int]:
        """Payments that are on their way, and callbacks that were not taken."""
        found = self.client.get("/health").json()
        return found["payments_waiting"], found["callbacks_waiting"]

    def send(
        self, method: str, path: str, body: bytes = b"", *, key: str = "a key", **headers: str
    ) -> httpx.Response:
        """A request signed as the bank signs its own."""
        signed = signed_headers(SECRET, key, body, now=time.time())
        given: dict[str, Any] = {**signed, "Idempotency-Key": key, **headers}
        return self.client.request(method, path, content=body, headers=given)
