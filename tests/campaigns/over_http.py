"""Somebody who deposits over HTTP, each deposit under a key of its own, and remembers what was said."""

import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import httpx
import msgspec

from ledger.journal import Recorded
from tests.faults.client_processes import PATIENCE_SECONDS, Tally
from tests.running_api import PASSWORD

DEPOSITED: Final = "account.deposited.1"
# What says: not now, and the same key is safe.
NOT_NOW: Final = (429, 503)


class Depositor:
    """An account of a person's own, and deposits of 1 to it. A key is asked until it is answered."""

    def __init__(self, address: str, name: str = "ada", *, careless: bool = False) -> None:
        """`careless` asks again under another key where there was no answer, for the controls."""
        self._careless = careless
        self.client = httpx.Client(base_url=address, timeout=60)
        self._name = {"username": name, "password": PASSWORD}
        self._insist("POST", "/v1/register", {**self._name, "email": f"{name}@example.org"})
        tokens = self._insist("POST", "/v1/login", self._name).json()
        self.client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        user_id = self._insist("GET", "/v1/profile").json()["user_id"]
        body = {"user_id": user_id, "account_type": "checking"}
        opened = self._insist("POST", "/v1/accounts/create", body)
        self.account_id: int = opened.json()["account_id"]
        self._numbers = itertools.count(1)
        # By key: what was last answered; None where the connection was lost.
        self.answers: dict[str, int | None] = {}
        self.faults_told: Counter[str] = Counter()
        self.connections_lost: Counter[str] = Counter()
        # Deposits that were meant, those answered as done, and those answered as they were before.
        self.meant = self.done = self.replayed = 0

    def _insist(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Ask until it is done; a busy machine may say that it cannot now."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (answer := self.client.request(method, path, json=body)).status_code in NOT_NOW:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.1)
        assert answer.is_success, answer.text
        return answer

    def sign_in(self) -> httpx.Response:
        answer = self.client.post("/v1/login", json=self._name)
        if answer.status_code == 200:
            self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return answer

    def ready(self) -> int | None:
        """The status of the readiness, or None where there was no answer."""
        try:
            return self.client.get("/v1/health/ready").status_code
        except httpx.TransportError:
            return None

    def until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.ready() != 200:
            assert time.monotonic() < deadline, "the bank was never ready again"
            time.sleep(0.05)

    def new_key(self) -> str:
        return f"deposit-{next(self._numbers)}"

    def deposit(self, key: str | None = None) -> int | None:
        """Ask once; the status, or None where there was no answer."""
        key = key or self.new_key()
        self.answers.setdefault(key, None)
        try:
            answer = self.client.post(
                f"/v1/accounts/{self.account_id}/deposit",
                json={"amount": 1},
                headers={"Idempotency-Key": key},
            )
        except httpx.TransportError as error:
            self.connections_lost[type(error).__name__] += 1
            return None
        if answer.status_code == 401:
            with contextlib.suppress(httpx.TransportError):
                self.sign_in()
            return None
        self.answers[key] = answer.status_code
        self.done += answer.status_code == 201
        self.replayed += answer.headers.get("Idempotent-Replayed") == "true"
        if answer.status_code != 201:
            self.faults_told[answer.json()["code"]] += 1
        return answer.status_code

    def until_answered(self, key: str | None = None) -> int:
        """Ask under one key until it is said what became of it."""
        self.meant += key is None
        key = key or self.new_key()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (status := self.deposit(key)) is None or status in NOT_NOW:
            assert time.monotonic() < deadline, f"{key} was never answered"
            time.sleep(0.05)
            if self._careless and status is None:
                key = self.new_key()
        return status

    def until_refused(self) -> str:
        """Deposit until the bank says that it cannot; the key of the one that was refused."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            assert time.monotonic() < deadline, "the bank was never out of order"
            key = self.new_key()
            if self.deposit(key) != 201:
                return key

    def finish(self) -> None:
        """Ask about all that is open."""
        for key, status in list(self.answers.items()):
            if status is None or status in NOT_NOW:
                self.until_answered(key)

    def tally(self, log: Sequence[Recorded]) -> Tally:
        stored = Counter(
            r.event.command_id
            for r in log
            if r.event.fact.TAG == DEPOSITED and r.originator_id == f"account-{self.account_id}"
        )
        done = [key for key, status in self.answers.items() if status == 201]
        open_ = [key for key, status in self.answers.items() if status is None or status in NOT_NOW]
        return Tally(
            attempted=len(self.answers),
            acknowledged=len(done),
            refused=len(self.answers) - len(done) - len(open_),
            unknown=len(open_),
            unknown_and_done=sum(key in stored for key in open_),
            lost=sum(key not in stored for key in done),
            duplicated=sum(times > 1 for times in stored.values()),
        )

    def findings(self, log: Sequence[Recorded]) -> list[str]:
        """What the tally does not say: deposits that nobody asked for, and a balance that is not theirs."""
        mine = [r for r in log if r.originator_id == f"account-{self.account_id}"]
        keys = [r.event.command_id for r in mine if r.event.fact.TAG == DEPOSITED]
        said = [f"{key} was never asked for" for key in keys if key not in self.answers]
        if mine[-1].event.fact.balance != 100 * len(keys):
            said.append(f"the balance is {mine[-1].event.fact.balance} after {len(keys)} deposits")
        return said


def added(tallies: Iterable[Tally]) -> Tally:
    """The sum of several clients' counts."""
    rows = [msgspec.structs.astuple(tally) for tally in tallies]
    return Tally(
        **dict(zip(Tally.__struct_fields__, map(sum, zip(*rows, strict=True)), strict=True))
    )
