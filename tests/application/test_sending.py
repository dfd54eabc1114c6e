"""The outbox: what is authorised is sent once it is committed, under one key, until its end is known."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from api import http_gateway
from api.gateway_figures import GatewayFigures
from api.http_gateway import HttpGateway
from application import bill_payments, bill_refunds
from application import sending as sending_module
from application.gateway_news import PaymentNews
from application.gateways import (
    Accepted,
    CallName,
    Captured,
    Declined,
    GatewaySettings,
    NotThere,
    Refunded,
    Unknown,
)
from application.own_payments import own_payments
from application.pools import borrowed, open_pool
from application.presenting import Known
from application.sending import Sender, waiting
from application.transact import Writer
from domain.bills.bill_refusals import PaymentNotFound
from tests.bank import Bank, read_log, told
from tests.bills_due import (
    GATEWAY,
    cents_of,
    in_outbox,
    pay,
    payments,
    presented_anew,
    with_bills,
)
from tests.gateway_process import SECRET, GatewayProcess, free_port


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_gateway, "BREAK_SECONDS", 0.5)
    monkeypatch.setattr(sending_module, "LEASE_MARGIN_SECONDS", 0.2)
    monkeypatch.setattr(sending_module, "UNREACHED_SECONDS", 0.1)


class Counted(GatewayFigures):
    """Figures that can be asked how many calls reached nobody."""

    unreached = 0

    def gateway_called(self, gateway: str, call: CallName, outcome: str, seconds: float) -> None:
        self.unreached += outcome == "unreached"
        super().gateway_called(gateway, call, outcome, seconds)


class Parts:
    """A writer, a sender and what it records, in one event loop."""

    @property
    def unreached(self) -> int:
        return self.figures.unreached

    def __init__(self, writer: Writer, pool: Any, gateway: HttpGateway, figures: Counted) -> None:
        self.figures = figures
        self.news = PaymentNews(writer, pool)
        self.sender = Sender(pool, self.news, {GATEWAY: gateway})
        self.gateway = gateway
        self.pool = pool


@contextlib.asynccontextmanager
async def parts(conninfo: str, url: str) -> AsyncIterator[Parts]:
    settings = GatewaySettings(
        name=GATEWAY, url=url, secret=SECRET, timeout_seconds=0.4, retry_seconds=0.1
    )
    figures = Counted(CollectorRegistry())
    gateway = HttpGateway(settings, figures)
    writer = Writer(conninfo)
    writer.start()
    try:
        async with open_pool(conninfo, name="outbox", size=4) as pool:
            yield Parts(writer, pool, gateway, figures)
    finally:
        await writer.stop()
        await gateway.close()


def sending(conninfo: str, url: str, until: Callable[[Parts], Awaitable[bool]]) -> None:
    """Run a sender until something is so, for a minute at most."""

    async def run() -> None:
        async with parts(conninfo, url) as made:
            made.sender.start()
            try:
                deadline = time.monotonic() + 60
                while not await until(made):
                    assert time.monotonic() < deadline, "it did not come to that in time"
                    await asyncio.sleep(0.05)
            finally:
                await made.sender.stop()

    asyncio.run(run())


async def nothing_is_left(made: Parts) -> bool:
    async with made.pool.connection() as connection:
        return not await waiting(connection)


def given(conninfo: str, *outcomes: Any, payment_id: int = 1) -> list[bool]:
    """Let the ledger learn these outcomes of a payment, one after the other."""

    async def run() -> list[bool]:
        async with parts(conninfo, "http://127.0.0.1:1") as made:
            return [await made.news.learned(GATEWAY, payment_id, each) for each in outcomes]

    return asyncio.run(run())


def held(conninfo: str) -> int:
    """How many holds are active in the newest events of the accounts."""
    log = read_log(conninfo)
    newest = {r.originator_id: r.event.fact for r in log if hasattr(r.event.fact, "holds")}
    return sum(len(fact.holds) for fact in newest.values())


def test_what_is_authorised_is_in_the_outbox_and_a_refused_payment_is_not(database: str) -> None:
    with Bank(database) as bank:
        with_bills(bank, 2)
        first, again = bank.submit(pay(1)), bank.submit(pay(1))
        twice = bank.submit_all([pay(2), pay(2)])

    assert first.status == 201
    assert first.body == again.body
    assert [told(each).refused for each in twice] == [None, None]
    assert in_outbox(database) == 2
    assert {number: p.state for number, p in payments(database).items()} == {1: "held", 2: "held"}


@pytest.mark.parametrize(
    "faults",
    [{}, {"timeout": 0.5, "slow": 0.5, "decline": 0.3, "slow_seconds": 0.1, "silence_seconds": 2}],
)
def test_every_payment_comes_to_its_end_without_a_callback(
    database: str, tmp_path: Path, faults: dict[str, Any]
) -> None:
    count = 24
    with Bank(database) as bank:
        with_bills(bank, count)
        bank.submit_all([pay(number) for number in range(1, count + 1)])
    with GatewayProcess(tmp_path, capture_seconds=0.1, **faults) as gateway:
        sending(database, gateway.url, nothing_is_left)
        there = {
            number: gateway.send("GET", f"/payments/payment-{number}").json()
            for number in range(1, count + 1)
        }

    here = payments(database)
    assert {number: payment.state for number, payment in here.items()} == {
        number: payment["status"] for number, payment in there.items()
    }
    assert all(payment["amount"] == cents_of(number) for number, payment in there.items())
    assert all(
        here[number].gateway_reference == payment["reference"]
        for number, payment in there.items()
        if payment["status"] == "captured"
    )
    assert held(database) == 0


def test_a_gateway_that_is_away_is_waited_for_with_the_hold_in_place(
    database: str, tmp_path: Path
) -> None:
    gateway = GatewayProcess(tmp_path, capture_seconds=0)

    async def until_tried_and_then_paid(made: Parts) -> bool:
        async with made.pool.connection() as connection:
            rows = await (await connection.execute("SELECT attempts FROM outbox")).fetchall()
        if rows and made.unreached >= 2 and gateway.process is None:
            assert rows[0][0] <= 1, "what did not arrive is no attempt"
            assert payments(database)[1].state == "submitted"
            assert held(database) == 1
            gateway.start(wait=False)
        return not rows

    with Bank(database) as bank:
        with_bills(bank, 1)
        bank.submit(pay(1))
    with contextlib.closing(gateway.client):
        sending(database, gateway.url, until_tried_and_then_paid)
        gateway.kill()

    assert payments(database)[1].state == "captured"


def test_news_that_is_old_or_was_told_before_changes_nothing(database: str) -> None:
    with Bank(database) as bank:
        with_bills(bank, 2)
        bank.submit_all([pay(1), pay(2)])
        captured = Captured("GW-1", cents_of(1), "EUR")

        first = given(database, NotThere(), Unknown("silence"), Accepted("GW-1"), captured)
        length = len(bank.log())
        again = given(database, captured, Accepted("GW-1"), Unknown("silence"))
        known = len(bank.log())
        declined = given(
            database, Declined("busy", final=False), Declined("no", final=True), payment_id=2
        )
        after = given(database, Captured("GW-2", cents_of(2), "EUR"), Unknown("x"), payment_id=2)

    assert first == [False, False, False, True]
    assert again == [True, False, False]
    assert declined == [False, True]
    # A capture after a decline is refused, and found by reconciliation; there is nothing more to ask.
    assert after == [True, False]
    here = payments(database)
    assert (here[1].state, here[1].gateway_reference) == ("captured", "GW-1")
    assert (here[2].state, here[2].reason) == ("declined", "no")
    assert held(database) == 0
    events = [r.event.fact.TAG for r in read_log(database) if r.originator_id == "bill-1"]
    assert known == length
    assert len(events) == len(set(events)), "each step of payment 1 was recorded once"


def test_a_gateway_can_say_nothing_of_what_another_carries(database: str) -> None:
    with Bank(database) as bank:
        with_bills(bank, 1)
        bank.submit(pay(1))

    async def run() -> None:
        async with parts(database, "http://127.0.0.1:1") as made:
            await made.news.learned("other", 1, Captured("GW-1", cents_of(1), "EUR"))

    with pytest.raises(PaymentNotFound):
        asyncio.run(run())
    assert payments(database)[1].state == "held"


def test_what_a_killed_process_had_in_hand_is_taken_up_when_its_lease_has_run_out(
    database: str, tmp_path: Path
) -> None:
    with Bank(database) as bank:
        with_bills(bank, 1)
        bank.submit(pay(1))

    async def leased_by_another() -> int:
        async with parts(database, f"http://127.0.0.1:{free_port()}") as made:
            # Taken, and then nothing: as one would who is killed there.
            taken = await made.sender._take(made.gateway)
            for call in made.sender._calls:
                call.cancel()
            return taken

    assert asyncio.run(leased_by_another()) == 1
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT due_at > now() FROM outbox").fetchone()
        assert row == (True,)
    with GatewayProcess(tmp_path, capture_seconds=0) as gateway:
        sending(database, gateway.url, nothing_is_left)
    assert payments(database)[1].state == "captured"


def test_news_follow_a_payment_to_the_bill_that_took_it_over(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bill is presented anew after the payment was looked up, and before the news are decided."""
    with Bank(database) as bank:
        with_bills(bank, 1)
        bank.submit(pay(1))
        for use_case in ("captured", "refunded"):
            _supersede_before(monkeypatch, bank, use_case)

        learned = given(database, Captured("GB", cents_of(1), "EUR"))
        refunded = Refunded("GB", "R-1", 300, "EUR")
        again = given(database, refunded, refunded)

    assert (learned, again) == ([True], [True, True])
    (payment,) = payments(database).values()
    assert (payment.state, payment.refunded) == ("captured", 300)
    newest = [r for r in read_log(database) if r.originator_id.startswith("bill-")][-1]
    assert newest.originator_id == "bill-12"
    assert newest.event.fact.standing.payments == (payment,)


def _supersede_before(monkeypatch: pytest.MonkeyPatch, bank: Bank, use_case: str) -> None:
    """Present the bill anew once, as soon as the news have been made into a command."""
    module = bill_refunds if use_case == "refunded" else bill_payments
    real, number = getattr(module, use_case), {"captured": 11, "refunded": 12}[use_case]
    known = Known({11: 1, 12: 11}[number], number - 10, frozenset({1}))

    def once(*arguments: Any, **more: Any) -> Any:
        monkeypatch.setattr(module, use_case, real)
        command = real(*arguments, **more)
        assert told(bank.submit(presented_anew(number, known))).refused is None
        return command

    monkeypatch.setattr(module, use_case, once)


def test_the_settlement_file_finds_a_payment_with_the_bill_that_took_it_over(
    database: str,
) -> None:
    with Bank(database) as bank:
        with_bills(bank, 2)
        bank.submit_all([pay(1), pay(2)])
        bank.submit(presented_anew(11, Known(1, 1, frozenset({1}))))
        bank.submit(presented_anew(12, Known(11, 2, frozenset({1}))))

    async def run() -> dict[str, tuple[int, int]]:
        async with parts(database, "http://127.0.0.1:1") as made, borrowed(made.pool) as connection:
            found = await own_payments(connection, GATEWAY, [1, 2])
            return {key: (own.bill_id, own.amount) for key, own in found.items()}

    assert asyncio.run(run()) == {"payment-1": (12, cents_of(1)), "payment-2": (2, cents_of(2))}
