"""Bills paid through a hostile gateway while both sides are killed: none twice, none lost.

The full run is a thousand payments: `nox -s gateway`, or DAYBOOK_TEST_PAYMENTS=1000.
"""

import contextlib
import datetime as dt
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import pytest

from api.http_gateway import HttpGateway
from application.gateways import NotThere, Outcome
from application.outbox import PaymentOrder
from daybook.gateway_simulator.faults import Faults
from daybook.gateway_simulator.settlement import planted
from ledger.chart_of_accounts import BILLERS_PAYABLE, GATEWAY_NOSTRO, REFUNDS_RECEIVABLE
from migrations.runner import migrate
from tests.application import test_sending
from tests.bank import CUSTOMER, Bank, read_log
from tests.bills_due import GATEWAY, account_of, cents_of, in_outbox, pay, payments, with_bills
from tests.durable_postgres import DurablePostgres
from tests.faults.gateway_books import findings
from tests.gateway_process import SECRET, GatewayProcess, free_port

PAYMENTS: Final = int(os.environ.get("DAYBOOK_TEST_PAYMENTS", "60"))
SEED: Final = int(os.environ.get("DAYBOOK_TEST_SEED", "7"))
PASSWORD: Final = "correct horse battery staple"
CLIENTS: Final = 6
# A real run takes minutes; the machine may be busy besides.
SECONDS_MAX: Final = 3600
HOSTILE: Final[dict[str, float]] = {
    "seed": SEED,
    "decline": 0.1,
    "slow": 0.2,
    "timeout": 0.3,
    "duplicate": 0.4,
    "reorder": 0.3,
    "difference": 0.1,
    "slow_seconds": 0.3,
    "silence_seconds": 3,
    "capture_seconds": 1,
}


class ServedBank:
    """`daybook serve` as a process, which can be killed and started again at the same address."""

    def __init__(self, conninfo: str, folder: Path, port: int, gateway_url: str) -> None:
        self.address = f"http://127.0.0.1:{port}"
        prefix = f"DAYBOOK_GATEWAY_{GATEWAY.upper()}"
        self._environ = {
            **os.environ,
            "DAYBOOK_DATABASE_URL": conninfo,
            "DAYBOOK_DATA": str(folder),
            f"{prefix}_URL": gateway_url,
            f"{prefix}_SECRET": SECRET.decode(),
            f"{prefix}_TIMEOUT": "1",
            f"{prefix}_RETRY": "0.05",
        }
        self._command = [sys.executable, "-m", "daybook", "serve", "--port", str(port)]
        self._log = folder / "serve.log"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environ, stdout=log, stderr=log
            )

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def until_ready(self) -> None:
        until(self._is_ready, 120)

    def _is_ready(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.address}/health/ready", timeout=5).status_code == 200
        return False


class Teller:
    """Somebody who pays bills for the customer, and does not give up."""

    def __init__(self, bank: ServedBank, conninfo: str, role: str = "teller") -> None:
        self._client = httpx.Client(base_url=bank.address, timeout=10)
        self._name = {"username": role, "password": PASSWORD}
        body = {**self._name, "email": f"{role}@example.org"}
        registered = self._client.post("/v1/register", json=body)
        assert registered.status_code == 201, registered.text
        with psycopg.connect(conninfo) as connection:
            user_id = registered.json()["user_id"]
            connection.execute("UPDATE users SET role = %s WHERE user_id = %s", [role, user_id])
        self._sign_in()

    def _sign_in(self) -> None:
        tokens = self._client.post("/v1/login", json=self._name).json()
        self._client.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def until_answered(self, path: str, body: dict[str, Any], key: str) -> httpx.Response:
        """Ask under the same key until the bank says yes or no."""
        deadline = time.monotonic() + 600
        while True:
            assert time.monotonic() < deadline, f"{path} was never answered"
            with contextlib.suppress(httpx.HTTPError):
                headers = {"Idempotency-Key": key}
                answer = self._client.post(path, json=body, headers=headers)
                if answer.status_code == 401:
                    self._sign_in()
                elif answer.status_code not in (429, 503):
                    return answer
            time.sleep(0.1)

    def asked(self, path: str) -> httpx.Response:
        self._sign_in()
        answer = self._client.get(path)
        assert answer.status_code == 200, answer.text
        return answer

    def pay(self, bill_id: int) -> None:
        """Pay a bill in whole; now and then twice, as a client does that is in doubt itself."""
        body = {
            "user_id": CUSTOMER,
            "bill_id": bill_id,
            "amount": cents_of(bill_id) / 100,
            "account_id": account_of(bill_id),
        }
        answers = [
            self.until_answered("/v1/bills/pay", body, f"pay-{bill_id}")
            for _ in range(2 if bill_id % 5 == 0 else 1)
        ]
        assert {answer.status_code for answer in answers} == {201}, answers[0].text
        assert len({answer.content for answer in answers}) == 1


class Nemesis(threading.Thread):
    """Kills the bank and the gateway at random moments, and starts them again, until it is stopped."""

    def __init__(self, bank: ServedBank, gateway: GatewayProcess, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self._bank, self._gateway, self._chance = bank, gateway, chance
        self._stop_it = threading.Event()
        self.kills = {"bank": 0, "gateway": 0}

    def run(self) -> None:
        while not self._stop_it.wait(self._chance.uniform(1, 8)):
            victims = self._chance.choice([("bank",), ("gateway",), ("bank", "gateway")])
            for victim in victims:
                self.kills[victim] += 1
                getattr(self, f"_{victim}").kill()
            self._stop_it.wait(self._chance.uniform(0, 1))
            if "bank" in victims:
                self._bank.start()
                self._bank.until_ready()
            if "gateway" in victims:
                self._gateway.start(wait=False)

    def stop(self) -> None:
        self._stop_it.set()
        self.join()


def until(condition: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.2)


@pytest.fixture
def sides(
    durable_postgres: DurablePostgres, tmp_path: Path
) -> Iterator[tuple[ServedBank, GatewayProcess]]:
    conninfo = durable_postgres.conninfo
    migrate(conninfo)
    with Bank(conninfo) as bank:
        with_bills(bank, PAYMENTS)
    with psycopg.connect(conninfo) as connection:
        # Numbers up to here are the customer's and the bills'.
        connection.execute("SELECT setval('user_ids', 100)")
    port = free_port()
    address = f"http://127.0.0.1:{port}/v1/gateways/{GATEWAY}/callbacks"
    gateway = GatewayProcess(tmp_path / "gateway", callback_url=address, **HOSTILE)
    served = ServedBank(conninfo, tmp_path / "bank", port, gateway.url)
    with gateway:
        served.start()
        try:
            served.until_ready()
            yield served, gateway
        finally:
            served.kill()


@pytest.mark.timeout(SECONDS_MAX)
def test_of_payments_through_a_hostile_gateway_none_is_made_twice_or_lost(
    sides: tuple[ServedBank, GatewayProcess], durable_postgres: DurablePostgres
) -> None:
    (served, gateway), conninfo = sides, durable_postgres.conninfo
    teller = Teller(served, conninfo)
    compliance = Teller(served, conninfo, "compliance")
    nemesis = Nemesis(served, gateway, random.Random(SEED))
    started = time.monotonic()
    nemesis.start()
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(teller.pay, range(1, PAYMENTS + 1)))
    until(lambda: in_outbox(conninfo) < PAYMENTS / 4 and min(nemesis.kills.values()) >= 2, 1800)
    nemesis.stop()
    until(gateway.is_up, 60)
    until(lambda: in_outbox(conninfo) == 0 and gateway.waiting() == (0, 0), 900)

    assert findings(conninfo, gateway.folder, range(1, PAYMENTS + 1)) == []
    states = [payment.state for payment in payments(conninfo).values()]
    figures = {state: states.count(state) for state in sorted(set(states))}
    print(
        f"\n{PAYMENTS} payments in {time.monotonic() - started:.0f} s, {nemesis.kills=}, {figures}"
    )

    _reconciled(compliance, gateway, conninfo)


def _reconciled(compliance: Teller, gateway: GatewayProcess, conninfo: str) -> None:
    """Every cent in clearing is that of a difference which was planted, and each is in its place."""
    today = dt.datetime.now(dt.UTC).date()  # noqa: TID251 - the gateway's own day
    path = f"/v1/gateways/{GATEWAY}/reconciliations"
    made = [
        compliance.until_answered(path, {"date": str(date)}, f"reconcile-{date}").json()
        for date in (today - dt.timedelta(days=1), today)
    ]
    kinds: dict[str | None, list[int]] = {}
    for payment in payments(conninfo).values():
        if payment.captured_on is not None:
            kind = planted(f"payment-{payment.payment_id}", Faults(**HOSTILE))  # type: ignore[arg-type]
            kinds.setdefault(kind, []).append(payment.amount)
    unsettled = sum(kinds.get("missing", []) + kinds.get("different", []))
    owed_back = sum(kinds.get("extra", []) + kinds.get("duplicate", []))
    settled = sum(map(sum, kinds.values())) - unsettled

    assert _balance(conninfo, BILLERS_PAYABLE) == -unsettled
    assert _balance(conninfo, REFUNDS_RECEIVABLE) == owed_back
    assert _balance(conninfo, GATEWAY_NOSTRO) == -settled - owed_back
    assert sum(each["opened"] for each in made) == sum(map(len, kinds.values())) - len(
        kinds.get(None, [])
    )
    told = compliance.asked("/v1/ledger/clearing").json()
    assert {each["unexplained"] for each in told} == {0}
    assert [round(each["balance"] * 100) for each in told] == [
        _balance(conninfo, each["ledger_account"]) for each in told
    ]
    print(f"clearing: owed {unsettled}, receivable {owed_back}, paid {settled} (cents)")


def _balance(conninfo: str, ledger_account: int) -> int:
    """Debits less credits."""
    return sum(
        posting.amount if posting.side == "D" else -posting.amount
        for recorded in read_log(conninfo)
        for posting in recorded.event.entry
        if posting.ledger_account == ledger_account
    )


class _Careless(HttpGateway):
    """What must not be: each attempt goes out under a key of its own, and nobody asks first."""

    attempts = 0

    async def submit(self, order: PaymentOrder) -> Outcome:
        _Careless.attempts += 1
        body = b'{"bill":"bill-%d","biller":"W","reference":"r","amount":%d,"currency":"EUR"}' % (
            order.bill_id,
            order.amount,
        )
        key = f"attempt-{_Careless.attempts}"
        return await self._outcome("submit", key, "POST", "/payments", body)

    async def inquire(self, key: str) -> Outcome:
        return NotThere()


def test_a_gateway_client_that_sends_again_under_a_new_key_is_found_out(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def often_enough(_: object) -> bool:
        return _Careless.attempts >= 36

    monkeypatch.setattr(test_sending, "HttpGateway", _Careless)
    with Bank(database) as bank:
        with_bills(bank, 12)
        bank.submit_all([pay(number) for number in range(1, 13)])
    with GatewayProcess(tmp_path, timeout=0.6, silence_seconds=1, capture_seconds=0) as gateway:
        test_sending.sending(database, gateway.url, often_enough)
        until(lambda: gateway.waiting()[0] == 0, 30)

    found = findings(database, tmp_path, range(1, 13))

    assert any("times" in each for each in found), "a bill was paid twice, and it was not seen"
