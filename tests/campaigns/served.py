"""kill -9 of the whole program: `daybook serve`, its workers and its Postgres, under clients over HTTP."""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import httpx

from application import clock
from daybook.embedded_postgres import embedded_postgres
from ledger.journal import Recorded
from tests.bank import read_log
from tests.campaigns.outcome import Asked, Outcome
from tests.campaigns.over_http import DEPOSITED, Depositor, added
from tests.campaigns.under_clients import control
from tests.faults.client_processes import PATIENCE_SECONDS
from tests.gateway_process import free_port

CLIENTS: Final = 8
ROOT: Final = Path(__file__).parents[2]


class ServedBank:
    """`daybook serve` with a Postgres of its own, which can be killed and started again where it was."""

    def __init__(self, data: Path) -> None:
        port = free_port()
        self.data = data
        self.address = f"http://127.0.0.1:{port}"
        self._command = [sys.executable, "-m", "daybook", "serve", "--port", str(port)]
        kept = {k: v for k, v in os.environ.items() if k != "DAYBOOK_DATABASE_URL"}
        self._environ = {
            **kept,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'http'}",
            "DAYBOOK_ENV": "test",
            "DAYBOOK_DATA": str(data),
        }
        data.mkdir(parents=True)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.data / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environ, stdout=log, stderr=log, cwd=ROOT
            )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._is_ready():
            assert self._process.poll() is None, (self.data / "serve.log").read_text()[-2000:]
            assert time.monotonic() < deadline, "the bank does not come back"
            time.sleep(0.05)

    def kill(self) -> None:
        assert self._process is not None, "it runs"
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_SECONDS)

    def log(self) -> list[Recorded]:
        """What it has written; it must be stopped."""
        with embedded_postgres(self.data) as conninfo:
            return read_log(conninfo)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.address}/health/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def clients_of(bank: ServedBank, careless: bool) -> Iterator[list[Depositor]]:
    """Depositors, each in a thread of its own, until the block ends; then they ask about what is open."""
    clients = [Depositor(bank.address, f"ada{n}", careless=careless) for n in range(CLIENTS)]
    stop = threading.Event()

    def work(client: Depositor) -> None:
        while not stop.is_set():
            client.until_answered()

    threads = [threading.Thread(target=work, args=[client], daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    try:
        yield clients
    finally:
        stop.set()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)


def kill_server(asked: Asked, folder: Path) -> Outcome:
    """Killed at random moments, and started again at once, while the old Postgres may still be ending."""
    outcome = Outcome(campaign="kill-server", seed=asked.seed, began_at=clock.now())
    clients, log = _kill_server(asked, outcome, ServedBank(folder / "bank"), careless=False)
    outcome.tally = added([client.tally(log) for client in clients])
    outcome.findings += [finding for client in clients for finding in client.findings(log)]
    lost = sum(sum(client.connections_lost.values()) for client in clients)
    outcome.situation("a connection lost with a request in flight", lost)
    replayed = sum(client.replayed for client in clients)
    outcome.situation("asked again, and answered what had been done before the kill", replayed)
    control(outcome, "clients that ask again under a fresh key", partial(_careless, folder))
    return outcome


def _kill_server(
    asked: Asked, outcome: Outcome, bank: ServedBank, *, careless: bool
) -> tuple[list[Depositor], list[Recorded]]:
    chance = random.Random(asked.seed)
    bank.start()
    try:
        with clients_of(bank, careless) as clients:
            for _ in asked.rounds():
                _wait_for_deposits(clients)
                time.sleep(chance.uniform(0, 0.1))
                outcome.fault("kill -9 of daybook serve")
                began = time.monotonic()
                bank.kill()
                bank.start()
                outcome.recovery_seconds.append(round(time.monotonic() - began, 3))
            _wait_for_deposits(clients)
        bank.stop()
        return clients, bank.log()
    finally:
        bank.stop()


def _wait_for_deposits(clients: list[Depositor], number: int = 20) -> None:
    before = sum(client.done for client in clients)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while sum(client.done for client in clients) < before + number:
        assert time.monotonic() < deadline, "the clients have come to a halt"
        time.sleep(0.02)


def _careless(folder: Path, number: int) -> list[str]:
    """What is stored beyond what was meant, where who is not answered asks anew."""
    unused = Outcome(campaign="", seed=number, began_at=clock.now())
    bank = ServedBank(folder / f"careless-{number}")
    clients, log = _kill_server(Asked(times=3, seed=number), unused, bank, careless=True)
    meant = sum(client.meant for client in clients)
    stored = sum(r.event.fact.TAG == DEPOSITED for r in log)
    return [f"one deposit too many, of {stored}"] * (stored - meant)
