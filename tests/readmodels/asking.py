"""Reading what was projected: a question on a connection of its own, and whole tables."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeVar

import psycopg

from application import accounts, clock
from application.books import Command
from application.commands import Details
from readmodels.balances import balance
from readmodels.moments import Moment
from readmodels.projector import Projector
from readmodels.reading import Connection
from readmodels.view_tables import VIEWS
from tests.bank import ask

Answer = TypeVar("Answer")

TABLES = [table for tables in VIEWS.values() for table in tables]


def read(conninfo: str, question: Callable[[Connection], Awaitable[Answer]]) -> Answer:
    async def asked() -> Answer:
        async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
            return await question(connection)

    return asyncio.run(asked())


def project(conninfo: str, **options: Any) -> int:
    with Projector(conninfo, **options) as projector:
        events = 0
        while new := projector.catch_up():
            events += new
        return events


def moment(known_at: int, as_of: dt.date | None = None) -> Moment:
    return Moment(as_of or clock.now().date(), known_at, known_at)


def balance_of(conninfo: str, account_id: int, at: Moment) -> int | None:
    row = read(conninfo, lambda c: balance(c, account_id, at))
    return None if row is None else row.balance


def booked(account_id: int, amount: int, days_ago: int, **more: Any) -> Command:
    """Cash in (or, below zero, out) of so many euros, booked on an earlier day."""
    move = accounts.deposit if amount > 0 else accounts.withdraw
    return move(ask(), account_id, Decimal(abs(amount)), details(days_ago, **more))


def details(days_ago: int, **more: Any) -> Details:
    day = clock.now().date() - dt.timedelta(days_ago)
    return Details(booking_date=day, reason="found in a drawer", **more)


def dump(conninfo: str) -> dict[str, list[Any]]:
    """Every row of every view, in an order that does not depend on where it lies."""
    with psycopg.connect(conninfo) as connection:
        rows = {
            table: sorted(
                connection.execute(f"SELECT * FROM readmodels.{table}").fetchall(), key=repr
            )
            for table in TABLES
        }
        rows["projection"] = connection.execute(
            "SELECT position, recorded_at FROM readmodels.projection"
        ).fetchall()
        return rows
