"""Redis is killed, stopped, emptied and slow: money does not notice, and limits go on in each process."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from redis import Redis

from api import redis_rate_limits
from application import clock
from migrations.runner import migrate
from tests.bank import read_log
from tests.campaigns.outcome import Asked, Control, Outcome
from tests.campaigns.over_http import Depositor
from tests.durable_postgres import DurablePostgres
from tests.faults.client_processes import PATIENCE_SECONDS
from tests.gateway_process import free_port
from tests.running_api import running_api

DEPOSITS: Final = 15
# So many wrong passwords for one name from one client are heard; api/rate_limits.py.
GUESSES: Final = 12


def why_not() -> str | None:
    """Why there is no Redis here, in words; None where there is."""
    return None if shutil.which("redis-server") else "there is no redis-server on the PATH"


class RedisServer:
    """A real server that keeps nothing on the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = ["redis-server", "--port", str(self._port), "--bind", "127.0.0.1"]
        program += ["--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        self._process = subprocess.Popen(program, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            with contextlib.suppress(Exception), Redis.from_url(self.url) as redis:
                redis.ping()
                return
            assert time.monotonic() < deadline, "redis-server did not start"
            time.sleep(0.05)

    def send(self, number: int) -> None:
        assert self._process is not None, "it was started"
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        assert self._process is not None, "it was started"
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.send(signal.SIGCONT)
            self.kill()

    def keys(self) -> int:
        with Redis.from_url(self.url) as redis:
            return int(redis.dbsize())

    def flush(self) -> None:
        with Redis.from_url(self.url) as redis:
            redis.flushall()


def lose_redis(asked: Asked, folder: Path) -> Outcome:
    """Each fault in turn, under a served bank with deposits, wrong passwords and a session that is ended."""
    outcome = Outcome(campaign="redis", seed=asked.seed, began_at=clock.now())
    with _served(folder) as (redis, address, conninfo):
        client = Depositor(address)
        faults: list[tuple[str, Callable[[], object], Callable[[], object]]] = [
            ("emptied", redis.flush, lambda: None),
            ("killed", redis.kill, redis.start),
            (
                "stopped: it answers nobody",
                lambda: redis.send(signal.SIGSTOP),
                lambda: redis.send(signal.SIGCONT),
            ),
        ]
        for number in asked.rounds():
            name, strike, mend = faults[number % len(faults)]
            _work(outcome, client, f"asked-{number}")
            _until_counted_in(redis, address)
            outcome.situation("counted in Redis before the fault", 1)
            strike()
            outcome.fault(f"Redis {name}")
            _work(outcome, client, f"guessed-{number}")
            _end_a_session(outcome, address, number)
            mend()
        outcome.tally = client.tally(read_log(conninfo))
        outcome.findings += client.findings(read_log(conninfo))
        outcome.findings += [
            f"{times} deposits were answered {code}" for code, times in client.faults_told.items()
        ]
        outcome.figures["connections lost"] = sum(client.connections_lost.values())
    with _without_the_twin(), _served(folder / "control") as (redis, address, _):
        client = Depositor(address)
        redis.kill()
        noticed = sum(client.sign_in().status_code != 200 for _ in range(3))
        outcome.controls.append(Control("sign-ins without the twin in the process", noticed))
    return outcome


@contextmanager
def _served(folder: Path) -> Iterator[tuple[RedisServer, str, str]]:
    folder.mkdir(parents=True, exist_ok=True)
    redis = RedisServer(folder)
    redis.start()
    postgres = DurablePostgres(folder / "durable")
    try:
        postgres.start()
        migrate(postgres.conninfo)
        with running_api(postgres.conninfo, folder, redis_url=redis.url) as api:
            yield redis, api.address, postgres.conninfo
    finally:
        postgres.stop()
        redis.stop()


def _until_counted_in(redis: RedisServer, address: str) -> None:
    """A process that could not ask Redis leaves it in peace for some seconds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    number = 0
    redis.flush()
    while not redis.keys():
        assert time.monotonic() < deadline, "Redis is not asked any more"
        number += 1
        body = {"username": f"nobody{number}", "password": "x" * 12}
        httpx.post(f"{address}/v1/login", json=body, timeout=60)
        time.sleep(0.1)


def _work(outcome: Outcome, client: Depositor, name: str) -> None:
    """Deposits, each answered as ever; and guesses at a password, of which a few are heard."""
    for _ in range(DEPOSITS):
        if client.deposit() != 201:
            outcome.findings.append("a deposit was not made while Redis was away")
    heard = 0
    for _ in range(GUESSES):
        answer = client.client.post("/v1/login", json={"username": name, "password": "x" * 12})
        heard += answer.status_code == 401
    outcome.situation("guesses at a password stopped", heard < GUESSES)
    if heard == GUESSES:
        outcome.findings.append(f"{heard} guesses at a password were all heard")


def _end_a_session(outcome: Outcome, address: str, number: int) -> None:
    """A token whose session was ended is refused, with Redis or without."""
    person = Depositor(address, f"leaver{number}")
    assert person.client.post("/v1/logout").status_code == 200
    after = person.client.get("/v1/profile")
    outcome.situation("a session ended while Redis was away", 1)
    if after.status_code != 401:
        outcome.findings.append(f"an ended session was answered {after.status_code}")


@contextmanager
def _without_the_twin() -> Iterator[None]:
    """Limits that ask Redis alone, as somebody might have built them."""
    with_fallback = redis_rate_limits.RateLimitsWithFallback

    def alone(first: Any, second: Any) -> Any:
        return first

    redis_rate_limits.RateLimitsWithFallback = alone  # type: ignore[assignment, misc]
    try:
        yield
    finally:
        redis_rate_limits.RateLimitsWithFallback = with_fallback  # type: ignore[misc]
