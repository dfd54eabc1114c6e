"""The view of standing orders, and of what became of each of their due dates."""

import datetime as dt
from typing import Final

import msgspec

from domain.standing_orders import Order
from readmodels.reading import Connection, page_size

ORDERS: Final = """
    SELECT o.order_id, o.terms, o.position FROM readmodels.standing_orders o
     WHERE o.order_id < %(before)s
       AND (%(account_id)s::bigint IS NULL OR o.account_id = %(account_id)s)
       AND (%(user_id)s::bigint IS NULL OR o.account_id IN
            (SELECT h.account_id FROM readmodels.account_holders h WHERE h.user_id = %(user_id)s))
     ORDER BY o.order_id DESC LIMIT %(limit)s
"""
ONE: Final = "SELECT order_id, terms, position FROM readmodels.standing_orders WHERE order_id = %s"
NOT_OVER: Final = """
    SELECT order_id FROM readmodels.standing_orders
     WHERE account_id = %(account_id)s AND status IN ('active', 'paused') ORDER BY order_id LIMIT 1000
"""
OUTCOMES: Final = """
    SELECT due, booking_date, outcome, why, transaction_id, recorded_at
      FROM readmodels.standing_order_outcomes WHERE order_id = %s
     ORDER BY position DESC LIMIT %s
"""
# What is to be tried by a day.
DUE: Final = """
    SELECT order_id, account_id, to_account FROM readmodels.standing_orders
     WHERE order_id > %(after)s AND status = 'active' AND attempt_on <= %(date)s
     ORDER BY order_id LIMIT %(limit)s
"""
ID_MAX: Final = 2**53


class OrderRow(msgspec.Struct, frozen=True):
    """An order as its newest event, at `position`, says."""

    order_id: int
    order: Order
    position: int


class OutcomeRow(msgspec.Struct, frozen=True):
    """What became of a due date on a booking day: executed, failed (and tried again), or skipped."""

    due: dt.date
    booking_date: dt.date
    outcome: str
    why: str | None
    transaction_id: int | None
    recorded_at: dt.datetime


async def standing_orders(
    connection: Connection,
    *,
    account_id: int | None = None,
    user_id: int | None = None,
    limit: int,
    before: int = ID_MAX,
) -> list[OrderRow]:
    """The newest first: of an account, of all accounts that a user holds, or of everybody."""
    found = await connection.execute(
        ORDERS,
        {
            "account_id": account_id,
            "user_id": user_id,
            "before": before,
            "limit": page_size(limit),
        },
    )
    return [_row(*row) for row in await found.fetchall()]


async def standing_order(connection: Connection, order_id: int) -> OrderRow | None:
    row = await (await connection.execute(ONE, (order_id,))).fetchone()
    return None if row is None else _row(*row)


async def orders_not_over(connection: Connection, account_id: int) -> list[int]:
    """The standing orders that pay from an account and are not over."""
    found = await connection.execute(NOT_OVER, {"account_id": account_id})
    return [order_id for (order_id,) in await found.fetchall()]


async def outcomes(connection: Connection, order_id: int, *, limit: int) -> list[OutcomeRow]:
    """What became of an order's due dates, the newest first."""
    found = await connection.execute(OUTCOMES, (order_id, page_size(limit)))
    return [OutcomeRow(*row) for row in await found.fetchall()]


def _row(order_id: int, terms: str, position: int) -> OrderRow:
    return OrderRow(order_id, msgspec.json.decode(terms, type=Order), position)
