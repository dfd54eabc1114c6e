"""The standing orders of the Berka bank: due on the first of each month, from the next one on.

The files say nothing of dates. An order is known again by the key it was agreed under, so a later import,
which would begin with another month, leaves it as it is.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg

from application.books import Command
from application.commands import SYSTEM
from application.standing_orders import Agreed, create
from application.transact import Writer
from daybook.berka_files import (
    Advance,
    Fault,
    Fields,
    Place,
    amount_in,
    number_in,
    parsed,
    text_in,
)
from daybook.loading import answered, ask, fresh_ids, told
from domain.banking_calendar import WEEKENDS

KNOWN_ORDERS: Final = """
    SELECT substr(key, 13)::bigint FROM commands
     WHERE principal = %s AND key ~ '^berka-order-[0-9]{1,15}$' AND status < 400
"""


class StandingOrderRow(msgspec.Struct, frozen=True):
    """What is paid each month, and to whom."""

    place: Place
    order_id: int
    account_id: int
    amount: Decimal
    counterparty: str
    category: str | None


# What is told of a row: the row, why it was refused, and whether it was there before.
Told = Callable[[StandingOrderRow, str | None, bool], None]


async def import_orders(
    writer: Writer,
    connection: psycopg.AsyncConnection[Any],
    rows: Iterable[StandingOrderRow],
    opened: dict[int, int],
    today: dt.date,
    tell: Told,
) -> None:
    """Agree the orders that are not known yet; `opened` has our account of each of theirs."""
    found = await connection.execute(KNOWN_ORDERS, (SYSTEM.name,))
    known = {number for (number,) in await found.fetchall()}
    fresh: list[StandingOrderRow] = []
    for row in rows:
        if row.account_id not in opened:
            tell(row, f"account {row.account_id} was not opened", False)
        elif row.order_id in known:
            tell(row, None, True)
        else:
            fresh.append(row)
    ids = await fresh_ids(connection, "standing_order_ids", len(fresh))
    first_due = (today.replace(day=1) + dt.timedelta(days=31)).replace(day=1)

    def asked() -> Iterator[tuple[StandingOrderRow, Command]]:
        for order_id, row in zip(ids, fresh, strict=True):
            agreed = Agreed(
                account_id=opened[row.account_id],
                amount=row.amount,
                frequency="monthly",
                first_due=first_due,
                counterparty=row.counterparty,
                description=row.category,
            )
            yield row, create(ask(f"berka-order-{row.order_id}"), order_id, agreed, WEEKENDS)

    async for row, answer in answered(writer, asked()):
        tell(row, told(answer).refused, answer.replayed)


def standing_orders(path: Path, advance: Advance) -> Iterator[StandingOrderRow | Fault]:
    return parsed(path, advance, _standing_order)


def _standing_order(place: Place, row: Fields) -> StandingOrderRow:
    numbers = (number_in(row, "order_id"), number_in(row, "account_id"))
    payee = f"{text_in(row, 'bank_to')} {text_in(row, 'account_to')}".strip()
    symbol = text_in(row, "k_symbol").strip() or None
    return StandingOrderRow(place, *numbers, amount_in(row, "amount"), payee, symbol)
