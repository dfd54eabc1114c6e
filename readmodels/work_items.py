"""The view of work items and of reconciliations: differences with gateways, open and resolved."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

import msgspec

from domain.work_items import DifferenceKind, Resolution
from readmodels.reading import Connection, page_size

COLUMNS: Final = """
    work_item_id, kind, gateway, settlement_date, key, payment_id, ours, theirs, receivable, currency,
    detail, opened_on, recorded_at, opened_by, resolution, reason, resolved_on, resolved_by, position
"""
ITEM: Final = f"SELECT {COLUMNS} FROM readmodels.work_items WHERE work_item_id = %s"
ITEMS: Final = f"""
    SELECT {COLUMNS} FROM readmodels.work_items
     WHERE work_item_id > %(after)s
       AND (%(gateway)s::text IS NULL OR gateway = %(gateway)s)
       AND (%(open)s::boolean IS NULL OR (resolution IS NULL) = %(open)s)
     ORDER BY work_item_id LIMIT %(limit)s
"""
OPEN_OF_PAYMENTS: Final = f"""
    SELECT {COLUMNS} FROM readmodels.work_items
     WHERE payment_id = ANY(%s) AND resolution IS NULL AND kind IN ('missing_there', 'different')
"""
RECONCILIATIONS: Final = """
    SELECT reconciliation_id, gateway, settlement_date, sha256, lines, matched, settled, missing_here,
           missing_there, different, duplicate, position, recorded_at, made_by
      FROM readmodels.reconciliations
     WHERE reconciliation_id < %(before)s AND gateway = %(gateway)s
     ORDER BY reconciliation_id DESC LIMIT %(limit)s
"""


class WorkItemRow(msgspec.Struct, frozen=True):
    """A difference in minor units; `receivable` is what of it the gateway owes back."""

    work_item_id: int
    kind: DifferenceKind
    gateway: str
    settlement_date: dt.date
    key: str
    payment_id: int | None
    ours: int | None
    theirs: int | None
    receivable: int
    currency: str
    detail: str
    opened_on: dt.date
    recorded_at: dt.datetime
    opened_by: str
    resolution: Resolution | None
    reason: str | None
    resolved_on: dt.date | None
    resolved_by: str | None
    position: int


class ReconciliationRow(msgspec.Struct, frozen=True):
    reconciliation_id: int
    gateway: str
    settlement_date: dt.date
    sha256: str
    lines: int
    matched: int
    settled: int
    missing_here: int
    missing_there: int
    different: int
    duplicate: int
    position: int
    recorded_at: dt.datetime
    made_by: str


async def work_item(connection: Connection, work_item_id: int) -> WorkItemRow | None:
    row = await (await connection.execute(ITEM, (work_item_id,))).fetchone()
    return None if row is None else WorkItemRow(*row)


async def work_items(
    connection: Connection, *, gateway: str | None, is_open: bool | None, after: int, limit: int
) -> list[WorkItemRow]:
    """A page of items in the order in which they were opened, after the one of that number."""
    parameters = {
        "gateway": gateway,
        "open": is_open,
        "after": after,
        "limit": page_size(limit),
    }
    found = await connection.execute(ITEMS, parameters)
    return [WorkItemRow(*row) for row in await found.fetchall()]


async def open_items_of(connection: Connection, payment_ids: Sequence[int]) -> list[WorkItemRow]:
    """The open items that are over once the payment is found in a file."""
    found = await connection.execute(OPEN_OF_PAYMENTS, (list(payment_ids),))
    return [WorkItemRow(*row) for row in await found.fetchall()]


async def reconciliations(
    connection: Connection, gateway: str, *, before: int, limit: int
) -> list[ReconciliationRow]:
    """A page of reconciliations, newest first, before the one of that number."""
    parameters = {"gateway": gateway, "before": before, "limit": page_size(limit)}
    found = await connection.execute(RECONCILIATIONS, parameters)
    return [ReconciliationRow(*row) for row in await found.fetchall()]
