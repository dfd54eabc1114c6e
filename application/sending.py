"""Sending what is in the outbox: rows that are due are leased, the gateway is called, its word recorded.

A payment is recorded as submitted before it goes out, and goes out under one key for ever. After the
first attempt the gateway is asked what it knows before anything is sent again. So a process that is
killed at any moment has done at most a call that can be repeated, and silence is never taken for a no.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from application.gateway_news import PaymentNews
from application.gateways import Declined, Gateway, NotThere, Outcome, Unknown, Unreached
from application.outbox import PaymentOrder
from application.pools import Pool, borrowed
from application.transact import OutcomeUnknown, Unavailable

CALLS_AT_ONCE: Final = 16
POLL_SECONDS: Final = 0.2
LEASE_MARGIN_SECONDS: Final = 1.0
RETRY_SECONDS_MAX: Final = 300.0
# What did not arrive is no attempt, and a gateway that is back is soon found again.
UNREACHED_SECONDS: Final = 5.0
# A gateway that says so often that it did nothing has declined, unless some attempt is in doubt.
BUSY_MAX: Final = 20

LEASE: Final = """
    UPDATE outbox o
       SET due_at = clock_timestamp() + %(lease)s * interval '1 second', attempts = attempts + 1
     WHERE payment_id IN (
           SELECT payment_id FROM outbox
            WHERE gateway = %(gateway)s AND due_at <= clock_timestamp()
            ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
    RETURNING message, attempts, in_doubt
"""
AGAIN: Final = """
    UPDATE outbox
       SET due_at = clock_timestamp() + %(wait)s * interval '1 second',
           in_doubt = in_doubt OR %(in_doubt)s,
           attempts = attempts - %(uncounted)s
     WHERE payment_id = %(payment_id)s
"""
DONE: Final = "DELETE FROM outbox WHERE payment_id = %s"
WAITING: Final = """
    SELECT gateway, count(*), count(*) FILTER (WHERE in_doubt),
           extract(epoch FROM clock_timestamp() - min(created_at))::float8
      FROM outbox GROUP BY gateway
"""

log = logging.getLogger(__name__)


class Waiting(msgspec.Struct, frozen=True):
    """What is in the outbox for one gateway."""

    gateway: str
    payments: int
    in_doubt: int
    oldest_seconds: float


async def waiting(connection: Any) -> list[Waiting]:
    found = await connection.execute(WAITING)
    return [Waiting(*row) for row in await found.fetchall()]


async def done(pool: Pool, payment_id: int) -> None:
    """The outcome is final: nothing is to be sent or asked any more."""
    async with borrowed(pool) as connection:
        await connection.execute(DONE, (payment_id,))


class Sender:
    """The sender of one process; of several, each takes rows that no other has."""

    def __init__(
        self,
        pool: Pool,
        news: PaymentNews,
        gateways: Mapping[str, Gateway],
    ) -> None:
        self._pool = pool
        self._news = news
        self._gateways = gateways
        self._stopping = False
        self._wake = asyncio.Event()
        self._calls: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send, in the running event loop."""
        self._task = asyncio.create_task(self._run(), name="outbox")

    async def stop(self) -> None:
        """Take nothing more up, and finish the calls that are out; they are bounded in time."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
        if self._calls:
            await asyncio.wait(self._calls)

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                taken = sum([await self._take(each) for each in self._gateways.values()])
            except Unavailable as error:
                log.warning("the outbox cannot be read: %s", error)
                taken = 0
            if not taken:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)

    async def _take(self, gateway: Gateway) -> int:
        """Lease rows that are due, as many as calls are free, and begin to work on them."""
        free = CALLS_AT_ONCE - len(self._calls)
        if free <= 0:
            return 0
        parameters = {
            "gateway": gateway.name,
            "limit": free,
            # A row is asked after, and perhaps sent: two calls.
            "lease": 2 * gateway.call_seconds_max + LEASE_MARGIN_SECONDS,
        }
        async with borrowed(self._pool) as connection:
            rows = await (await connection.execute(LEASE, parameters)).fetchall()
        for message, attempts, in_doubt in rows:
            order = msgspec.json.decode(message, type=PaymentOrder)
            call = asyncio.create_task(self._handle(gateway, order, attempts, in_doubt))
            self._calls.add(call)
            call.add_done_callback(self._ended)
        return len(rows)

    def _ended(self, call: asyncio.Task[None]) -> None:
        if len(self._calls) == CALLS_AT_ONCE:
            # What is due may have waited for a free call.
            self._wake.set()
        self._calls.discard(call)

    async def _handle(
        self, gateway: Gateway, order: PaymentOrder, attempts: int, in_doubt: bool
    ) -> None:
        """One row, once. Whatever goes wrong here, the row is due again when its lease runs out."""
        try:
            outcome = await self._call(gateway, order, first=attempts == 1)
            if outcome is None:
                await done(self._pool, order.payment_id)
                return
            if _is_given_up(outcome, attempts, in_doubt):
                outcome = Declined("the gateway was busy for too long", final=True)
            if await self._news.learned(gateway.name, order.payment_id, outcome):
                await done(self._pool, order.payment_id)
            else:
                await self._again(gateway, order, attempts, outcome)
        except (Unavailable, OutcomeUnknown) as error:
            log.warning("payment %d is taken up again later: %s", order.payment_id, error)
        except Exception:
            log.exception("payment %d could not be handled", order.payment_id)

    async def _call(self, gateway: Gateway, order: PaymentOrder, *, first: bool) -> Outcome | None:
        """What the gateway says; None where the outcome is known here already."""
        if not first:
            known = await gateway.inquire(order.key)
            if not isinstance(known, NotThere):
                return known
        if not await self._news.submitting(order):
            return None
        return await gateway.submit(order)

    async def _again(
        self, gateway: Gateway, order: PaymentOrder, attempts: int, outcome: Outcome
    ) -> None:
        """Ask again later: ever later, and not all at the same moment."""
        unreached = isinstance(outcome, Unreached)
        wait = min(RETRY_SECONDS_MAX, gateway.retry_seconds * 2.0 ** min(attempts - 1, 20))
        if unreached:
            wait = UNREACHED_SECONDS
        parameters = {
            "uncounted": int(unreached),
            "payment_id": order.payment_id,
            "wait": wait * random.uniform(0.75, 1.25),
            "in_doubt": isinstance(outcome, Unknown),
        }
        async with borrowed(self._pool) as connection:
            await connection.execute(AGAIN, parameters)


def _is_given_up(outcome: Outcome, attempts: int, in_doubt: bool) -> bool:
    is_busy = isinstance(outcome, Declined) and not outcome.final
    return is_busy and attempts >= BUSY_MAX and not in_doubt
