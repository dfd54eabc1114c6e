"""A real `daybook serve` to measure: a process of its own, on a socket of this machine."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from daybook.bench.processes import BenchError, import_path
from daybook.bench.workload import HOLDERS, token_fields
from daybook.postgres_programs import ends_with_us

HOST: Final = "127.0.0.1"
READY_SECONDS_MAX: Final = 120.0
STOP_SECONDS_MAX: Final = 30.0
POLL_SECONDS: Final = 0.1


class Resident(NamedTuple):
    """Bytes of a process: the most that were resident so far, and those that others have mapped, too."""

    peak: int
    shared: int


class Server:
    """A server that is ready, and the sixteen customers signed in to it."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self.port = port
        self.tokens: list[str] = []

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=30)
        headers = {"Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        if answer.status not in (200, 201):
            raise BenchError(f"{path} answered {answer.status}: {said.decode()}")
        told: dict[str, Any] = json.loads(said)
        return told

    def is_ready(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def resident(self) -> list[Resident]:
        """Of each process of the server, this one first; of Linux, elsewhere nothing."""
        return [_resident(pid) for pid in _with_children(self.pid)]


@contextmanager
def serving(conninfo: str, data: Path, *, workers: int = 1) -> Iterator[Server]:
    """Start `daybook serve` on the database, sign in, and stop it at the end."""
    data.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    command = [*ends_with_us(), sys.executable, "-m", "daybook", "serve"]
    command += ["--host", HOST, "--port", str(port), "--data", str(data)]
    command += ["--workers", str(workers)] if workers > 1 else []
    log = data / "serve.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=import_path() | {"DAYBOOK_DATABASE_URL": conninfo},
        )
    try:
        server = Server(process.pid, port)
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not server.is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace").strip()
                raise BenchError(f"`daybook serve` is not ready: {said[-1000:]}")
            time.sleep(POLL_SECONDS)
        for holder in range(1, HOLDERS + 1):
            server.tokens.append(server.post("/v1/login", token_fields(holder))["access_token"])
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(STOP_SECONDS_MAX)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
        return port


def _with_children(pid: int) -> list[int]:
    """The process and all that it has started, of Linux; elsewhere nothing."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines())
        except (OSError, ValueError):
            continue
        parents[int(fields["Pid"])] = int(fields["PPid"])
    family = [pid] if pid in parents else []
    for each in family:
        family.extend(child for child, parent in parents.items() if parent == each)
    return family


def _resident(pid: int) -> Resident:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        mapped = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return Resident(0, 0)
    shared = _bytes_of(mapped, "Shared_Clean") + _bytes_of(mapped, "Shared_Dirty")
    return Resident(_bytes_of(status, "VmHWM"), shared)


def _bytes_of(told: str, name: str) -> int:
    """A figure that the kernel tells in kilobytes, a line each."""
    lines = (line.split() for line in told.splitlines())
    return next((int(words[1]) * 1024 for words in lines if words[:1] == [f"{name}:"]), 0)
