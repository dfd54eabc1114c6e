"""Reconciling a settlement file: what agrees is settled, what differs becomes a work item.

Every step can be repeated: a payment is settled once, a difference has one item whenever it is found,
and what is news to the bank is learned like any other. So a run that was ended is simply run again.
"""

import datetime as dt
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from api.gateway_problems import ReconciliationFailed
from application.billers import SETTLED_AT_ONCE_MAX, PaymentPlace, settle
from application.books import Answer, Command, Posted
from application.commands import Actor, Ask
from application.gateway_news import PaymentNews
from application.gateways import Captured
from application.own_payments import own_payments
from application.pools import Pool, borrowed, next_number
from application.reconciliation import (
    open_work_item,
    record_reconciliation,
    resolve_work_item,
)
from application.sending import done
from application.settlement_files import read_settlement_file
from application.transact import Writer
from domain.bills.bill_facts import STATUS_OF
from domain.reconciliation import (
    Comparison,
    OwnPayment,
    ReconciliationMade,
    SettlementLine,
    compare,
)
from domain.refusals import Refused
from domain.work_items import Difference
from readmodels.clearing import unsettled
from readmodels.work_items import open_items_of

AT_ONCE: Final = 500
_KEY: Final = re.compile(r"payment-([1-9][0-9]{0,15})", re.ASCII)


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """How a file came out. `settled` payments were settled by this run, `opened` items are new with it,
    `resolved` ones are over because their payments were found."""

    made: ReconciliationMade
    opened: int
    resolved: int


class Reconciler:
    """Reconciles on behalf of one person, through the writer of this process.

    The views must have read what the bank has captured by the day of the file.
    """

    def __init__(
        self, writer: Writer, pool: Pool, actor: Actor, written: Callable[[int], None]
    ) -> None:
        self._writer = writer
        self._pool = pool
        self._actor = actor
        self._written = written

    async def reconcile(
        self, gateway: str, date: dt.date, content: bytes, recording: Callable[[Reconciled], Ask]
    ) -> Answer:
        """Compare the file of a day with the log. Raises `SettlementFileRefused`.

        How it came out is recorded last, and answered by what `recording` asks with.
        """
        lines = read_settlement_file(content)
        own = await self._known(gateway, lines)
        async with borrowed(self._pool) as connection:
            captured = await unsettled(connection)
            # The view may be behind; what it names is looked up in the log.
            later = await own_payments(
                connection,
                gateway,
                [
                    payment.payment_id
                    for _, _, payment in captured
                    if payment.captured_on is not None and payment.captured_on <= date
                ],
            )
        owed = [payment for payment in later.values() if payment.state == "captured"]
        comparison = compare(gateway, date, lines, own, owed)
        settled = await self._settle(comparison.matched)
        opened = await self._open(comparison.differences)
        resolved = await self._resolve(comparison, date)
        made = ReconciliationMade(
            gateway=gateway,
            settlement_date=date,
            sha256=hashlib.sha256(content).hexdigest(),
            lines=len(lines),
            matched=len(comparison.matched),
            settled=settled,
            differences=dict(Counter(each.kind for each in comparison.differences)),
        )
        ask = recording(Reconciled(made=made, opened=opened, resolved=resolved))
        number = await next_number(self._pool, "reconciliation_ids")
        return await self._writer.submit(record_reconciliation(ask, number, made))

    async def _known(self, gateway: str, lines: Sequence[SettlementLine]) -> dict[str, OwnPayment]:
        """The payments that the file names; those it says were captured are, from now on."""
        numbers = {int(key[1]) for line in lines if (key := _KEY.fullmatch(line.key))}
        async with borrowed(self._pool) as connection:
            own = await own_payments(connection, gateway, numbers)
        news = PaymentNews(self._writer, self._pool)
        late = set()
        for line in lines:
            payment = own.get(line.key)
            if payment is None or payment.payment_id in late:
                continue
            if STATUS_OF[payment.state] == "pending":
                late.add(payment.payment_id)
                outcome = Captured(line.reference, line.amount, line.currency)
                if await news.learned(gateway, payment.payment_id, outcome):
                    await done(self._pool, payment.payment_id)
        if late:
            async with borrowed(self._pool) as connection:
                own |= await own_payments(connection, gateway, late)
        return own

    async def _settle(self, matched: Sequence[OwnPayment]) -> int:
        """Pay the billers of what matched and is not settled yet; how many payments that were."""
        by_biller: dict[int, list[PaymentPlace]] = {}
        for payment in matched:
            if payment.state == "captured":
                place = PaymentPlace(payment.bill_id, payment.payment_id)
                by_biller.setdefault(payment.biller_id, []).append(place)
        commands = [
            settle(self._ask(), biller_id, places[start : start + SETTLED_AT_ONCE_MAX])
            for biller_id, places in sorted(by_biller.items())
            for start in range(0, len(places), SETTLED_AT_ONCE_MAX)
        ]
        await self._submit(commands)
        return sum(map(len, by_biller.values()))

    async def _open(self, differences: Sequence[Difference]) -> int:
        commands = [
            open_work_item(self._ask(), await next_number(self._pool, "work_item_ids"), each)
            for each in differences
        ]
        return await self._submit(commands)

    async def _resolve(self, comparison: Comparison, date: dt.date) -> int:
        """Items of payments that were missing or different, and are in this file as they should be."""
        numbers = [payment.payment_id for payment in comparison.matched]
        async with borrowed(self._pool) as connection:
            items = await open_items_of(connection, numbers)
        reason = f"found in the settlement file of {date}"
        return await self._submit(
            [
                resolve_work_item(self._ask(), item.work_item_id, "explained", reason)
                for item in items
            ]
        )

    async def _submit(self, commands: Sequence[Command]) -> int:
        """Have them all committed; how many of them wrote something."""
        wrote = 0
        for start in range(0, len(commands), AT_ONCE):
            answers = await self._writer.submit_all(commands[start : start + AT_ONCE])
            for answer in answers:
                if answer.status != 200:
                    raise ReconciliationFailed(answer.body.decode())
                if answer.position is not None:
                    wrote += 1
                    self._written(answer.position)
        return wrote

    def _ask(self) -> Ask:
        return Ask(self._actor, _answer, _refuse)


def _answer(posted: list[Posted]) -> Answer:
    return Answer(200, b"{}", posted[-1].position if posted else None)


def _refuse(refusal: Refused) -> Answer:
    return Answer(409, str(refusal).encode())
