"""What stands in the accounts between the bank, billers and gateways, item by item, now.

What is owed to billers (2410) is told from the payments that were captured and not settled, and not from
its lines, so that the sum of the items is a second reckoning of the balance. What is owed to the bank
(1510) is an item for each payment and each work item, and so is what waits to be claimed (2910). What the bank has with gateways (1120) never
returns to zero by itself: it is told by day and by what moved it.
"""

import datetime as dt
from typing import Final, NamedTuple

import msgspec

from domain.bills.bill_facts import Payment, Standing
from ledger.chart_of_accounts import (
    BILLERS_PAYABLE,
    GATEWAY_NOSTRO,
    REFUNDS_RECEIVABLE,
    SUSPENSE,
)
from readmodels.moments import resolve
from readmodels.reading import Connection
from readmodels.trial_balance import trial_balance

UNSETTLED: Final = """
    SELECT d.bill_id, b.standing
      FROM readmodels.bill_dues d
     CROSS JOIN LATERAL (
           SELECT v.standing FROM readmodels.bills v WHERE v.bill_id = d.bill_id
            ORDER BY v.version DESC LIMIT 1) AS b
     WHERE d.settles_on IS NOT NULL ORDER BY d.bill_id
"""
# Of each line the event says which payment it is of; one without is of its own stream.
RECEIVABLE: Final = """
    SELECT coalesce('payment-' || (convert_from(e.state, 'UTF8')::json #>> '{fact,payment_id}'),
                    e.originator_id) AS item,
           l.currency, sum(l.debit - l.credit)::bigint, min(l.booking_date)
      FROM readmodels.journal_lines l
      JOIN daybook_events e ON e.notification_id = l.position
     WHERE l.ledger_account = %s
     GROUP BY 1, 2 HAVING sum(l.debit - l.credit) <> 0 ORDER BY 4, 1
"""
NOSTRO: Final = """
    SELECT l.booking_date || ' ' || regexp_replace(e.topic, '[.][0-9]+$', '') AS item,
           l.currency, sum(l.debit - l.credit)::bigint, l.booking_date
      FROM readmodels.journal_lines l
      JOIN daybook_events e ON e.notification_id = l.position
     WHERE l.ledger_account = %s
     GROUP BY 1, 2, 4 HAVING sum(l.debit - l.credit) <> 0 ORDER BY 4, 1
"""
OPEN_ITEMS: Final = """
    SELECT payment_id, min(work_item_id) FROM readmodels.work_items
     WHERE resolution IS NULL AND payment_id IS NOT NULL
       AND kind IN ('missing_there', 'different')
     GROUP BY payment_id
"""

_STANDINGS: Final = msgspec.json.Decoder(Standing)


class Unsettled(NamedTuple):
    """A captured payment whose biller was not paid yet."""

    bill_id: int
    standing: Standing
    payment: Payment


class ClearingItem(msgspec.Struct, frozen=True):
    """`amount` is debits less credits, in minor units, since the booking date `since`.

    `work_item_id` is that of an open difference that keeps the item from being settled.
    """

    ledger_account: int
    item: str
    currency: str
    amount: int
    since: dt.date
    work_item_id: int | None = None


class ClearingBalance(msgspec.Struct, frozen=True):
    """`balance` is the ledger's, debits less credits; `unexplained` what its items do not come to."""

    ledger_account: int
    currency: str
    balance: int
    unexplained: int


class Clearing(msgspec.Struct, frozen=True):
    position: int
    balances: list[ClearingBalance]
    items: list[ClearingItem]


async def unsettled(connection: Connection) -> list[Unsettled]:
    """Every payment that was captured and not settled, of any gateway or none, by bill."""
    found = await connection.execute(UNSETTLED)
    return [
        Unsettled(bill_id, standing, payment)
        for bill_id, text in await found.fetchall()
        for standing in (_STANDINGS.decode(text),)
        for payment in standing.payments
        if payment.state == "captured"
    ]


async def clearing(connection: Connection, today: dt.date, now: dt.datetime) -> Clearing:
    """The items of each account and what they come to, all of one moment."""
    async with connection.transaction():
        # What is projected meanwhile is in none of the parts.
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        moment = await resolve(connection, as_of=None, known_at=None, today=today, now=now)
        items = [
            *await _owed(connection),
            *await _grouped(connection, RECEIVABLE, REFUNDS_RECEIVABLE),
            *await _grouped(connection, RECEIVABLE, SUSPENSE),
            *await _grouped(connection, NOSTRO, GATEWAY_NOSTRO),
        ]
        lines = await trial_balance(connection, moment)
    sums: dict[tuple[int, str], int] = {}
    for item in items:
        key = (item.ledger_account, item.currency)
        sums[key] = sums.get(key, 0) + item.amount
    balances = {
        (line.ledger_account, line.currency): line.debits - line.credits
        for line in lines
        if line.ledger_account in (BILLERS_PAYABLE, REFUNDS_RECEIVABLE, SUSPENSE, GATEWAY_NOSTRO)
    }
    return Clearing(
        moment.known_at,
        [
            ClearingBalance(*key, balances.get(key, 0), balances.get(key, 0) - sums.get(key, 0))
            for key in sorted({*balances, *sums})
        ],
        items,
    )


async def _owed(connection: Connection) -> list[ClearingItem]:
    found = await connection.execute(OPEN_ITEMS)
    work_items: dict[int, int] = dict(await found.fetchall())
    owed = []
    for _, standing, payment in await unsettled(connection):
        assert payment.captured_on is not None, "what is captured was captured on a day"
        owed.append(
            ClearingItem(
                BILLERS_PAYABLE,
                f"payment-{payment.payment_id}",
                standing.currency,
                -payment.paid,
                payment.captured_on,
                work_items.get(payment.payment_id),
            )
        )
    return [item for item in owed if item.amount]


async def _grouped(
    connection: Connection, statement: str, ledger_account: int
) -> list[ClearingItem]:
    found = await connection.execute(statement, (ledger_account,))
    items = []
    for item, currency, amount, since in await found.fetchall():
        number = item.removeprefix("work-item-")
        work_item_id = int(number) if number != item else None
        items.append(ClearingItem(ledger_account, item, currency, amount, since, work_item_id))
    return items
