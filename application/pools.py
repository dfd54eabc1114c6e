"""Connections to Postgres for everything that is not the writer: bounded in number, in wait and in time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, TypeAlias

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from application.append import TAKE_ROLE
from application.transact import Unavailable

Pool: TypeAlias = AsyncConnectionPool[AsyncConnection[Any]]
# The sequences of the store, by the things that they number.
Numbers: TypeAlias = Literal[
    "user_ids",
    "account_ids",
    "hold_ids",
    "standing_order_ids",
    "statement_ids",
    "loan_ids",
    "biller_ids",
    "bill_ids",
    "payment_ids",
    "autopay_ids",
    "registration_ids",
    "work_item_ids",
    "reconciliation_ids",
]

BORROW_SECONDS_MAX: Final = 2.0
WAITING_MAX: Final = 500
_OPTIONS: Final = (
    "-c statement_timeout=5s -c lock_timeout=2s -c idle_in_transaction_session_timeout=10s"
)
# A page of an account is read in the order of an index. The planner knows how many lines an account has
# on average, and where that is few it would read all of them and sort; on a hot account that is a
# thousand times the work. So it is told that the index is cheap and the other way is not open; nor is
# that of parallel workers, who take longer to start than such a read takes.
READ_OPTIONS: Final = (
    "-c default_transaction_read_only=on -c random_page_cost=1.1 -c enable_bitmapscan=off"
    " -c max_parallel_workers_per_gather=0"
)


@asynccontextmanager
async def open_pool(
    conninfo: str, *, name: str, size: int, role: str | None = None, read_only: bool = False
) -> AsyncIterator[Pool]:
    """A pool of up to `size` autocommit connections, with the rights of `role`; closed at the end.

    Nothing is connected before it is needed, so that a database that is away for a moment at the
    start is found again later.
    """

    async def configure(connection: AsyncConnection[Any]) -> None:
        if role is not None:
            await connection.execute(TAKE_ROLE, [role])

    pool: Pool = AsyncConnectionPool(
        conninfo,
        kwargs={
            "autocommit": True,
            "connect_timeout": 5,
            "options": f"{_OPTIONS} {READ_OPTIONS}" if read_only else _OPTIONS,
            "application_name": f"daybook {name}",
        },
        min_size=1,
        max_size=size,
        timeout=BORROW_SECONDS_MAX,
        max_waiting=WAITING_MAX,
        name=name,
        configure=configure,
        open=False,
    )
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def borrowed(pool: Pool) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection for a few reads. A store that cannot be asked, or not in time, is `Unavailable`."""
    try:
        async with pool.connection() as connection:
            yield connection
    except (PoolTimeout, TooManyRequests, PoolClosed, psycopg.OperationalError) as error:
        raise Unavailable(f"the store could not be read ({type(error).__name__})") from error


async def next_number(pool: Pool, of: Numbers) -> int:
    """A number that nothing else of its kind has or will have."""
    async with borrowed(pool) as connection:
        row = await (await connection.execute("SELECT nextval(%s)", (of,))).fetchone()
    assert row is not None, "a sequence has a next value"
    return int(row[0])
