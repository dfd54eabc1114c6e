"""A running `daybook serve`, as tests see it."""

import contextlib
import re
import signal
import subprocess
from collections.abc import Callable
from typing import Final

import httpx
import psutil

PASSWORD: Final = "correct horse battery staple"

Command = Callable[..., "subprocess.Popen[str]"]


class Server:
    """A running `daybook serve` and where it is."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, (line, process.communicate(timeout=30))
        self.address = found[0]

    def children(self) -> list[psutil.Process]:
        children: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return children

    def child(self, *words: str) -> psutil.Process:
        for child in self.children():
            with contextlib.suppress(psutil.Error):
                if all(word in child.cmdline() for word in words):
                    return child
        raise LookupError(words)

    def signed_in(self, name: str = "ada") -> httpx.Client:
        client = httpx.Client(base_url=self.address, timeout=20)
        body = {"username": name, "email": f"{name}@example.org", "password": PASSWORD}
        client.post("/register", json=body)
        tokens = client.post("/login", json={"username": name, "password": PASSWORD}).json()
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        return client

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """The status and what was said on standard error."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said
