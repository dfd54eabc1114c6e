"""On an account with far more lines than others, a question still reads few rows."""

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import psycopg
import pytest

from application import clock
from application.pools import READ_OPTIONS
from readmodels import account_lines, balances, journal, transactions
from readmodels.moments import Moment
from readmodels.transaction_filters import Filters
from tests.bank import Bank, deposit, open_account
from tests.readmodels.asking import booked, project
from tests.readmodels.processes import head

HOT, DAYS, LINES = 1, 300, 6_000
ROWS_MAX = 500


class Explaining:
    """A connection that counts the rows its queries look at."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection
        self.rows = 0
        self.plans: list[dict[str, Any]] = []

    async def execute(self, query: str, parameters: Any, **options: Any) -> Any:
        explained = "EXPLAIN (ANALYZE, FORMAT JSON, TIMING OFF) " + query
        row = await (await self._connection.execute(explained, parameters)).fetchone()
        assert row is not None
        self.plans.append(row[0][0]["Plan"])
        self.rows += rows_of(self.plans[-1])
        return await self._connection.execute(query, parameters, **options)


def rows_of(plan: dict[str, Any]) -> int:
    """What its scans of tables and indexes touched, the rows that they threw away included."""
    own = 0
    if "Relation Name" in plan:
        own = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    below = sum(rows_of(part) for part in plan.get("Plans", []))
    return int(own * plan["Actual Loops"]) + below


@pytest.fixture(scope="module")
def bank(module_database: str) -> str:
    with Bank(module_database) as bank:
        bank.with_accounts({})
        others = range(2, 300)
        bank.submit_all([open_account(number) for number in (HOT, *others)])
        bank.submit_all([deposit(number, 1) for number in others for _ in range(3)])
        today = clock.now().date()
        moves = [
            booked(
                *(HOT, 1, DAYS - DAYS * n // LINES + (n % 20 == 0)),
                category="rent",
                # The value date is two days after the booking date, of every other line.
                value_date=today - dt.timedelta(DAYS - DAYS * n // LINES - 2) if n % 2 else None,
            )
            for n in range(LINES)
        ]
        for begin in range(0, LINES, 500):
            bank.submit_all(moves[begin : begin + 500])
    project(module_database)
    with psycopg.connect(module_database, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return module_database


@pytest.mark.parametrize("days_ago", [0, 1, DAYS // 2])
@pytest.mark.parametrize("known", [1.0, 0.6])
@pytest.mark.parametrize(
    "question",
    [
        lambda c, m: balances.balance(c, HOT, m),
        lambda c, m: balances.balance(c, HOT, m, basis="value"),
        lambda c, m: account_lines.lines(c, HOT, m, limit=20),
        lambda c, m: account_lines.lines(
            c, HOT, m, limit=20, before=(m.as_of - dt.timedelta(20), 10**9)
        ),
        lambda c, m: transactions.history(c, filters=Filters(account_id=HOT), moment=m, limit=20),
        lambda c, m: transactions.history(
            c,
            filters=Filters(
                account_id=HOT,
                booked_from=m.as_of - dt.timedelta(100),
                booked_to=m.as_of - dt.timedelta(99),
                category="rent",
            ),
            moment=m,
            limit=20,
        ),
        lambda c, m: transactions.transaction(c, m.known_at - 1, m),
        lambda c, m: journal.journal(c, moment=m, transaction_id=m.known_at - 1, limit=20),
    ],
    ids=[
        "balance",
        "balance by value date",
        "lines",
        "lines further on",
        "history of the account",
        "history of two days",
        "transaction",
        "journal of a transaction",
    ],
)
def test_a_question_reads_few_rows(
    bank: str,
    question: Callable[[Any, Moment], Awaitable[Any]],
    known: float,
    days_ago: int,
) -> None:
    end = head(bank)
    moment = Moment(clock.now().date() - dt.timedelta(days_ago), int(end * known), end)

    async def explained() -> int:
        async with await psycopg.AsyncConnection.connect(
            bank, autocommit=True, options=READ_OPTIONS
        ) as connection:
            explaining = Explaining(connection)
            await question(explaining, moment)
            return explaining.rows

    rows = asyncio.run(explained())

    assert rows < ROWS_MAX


def test_a_statement_reads_no_page_of_the_lines_that_are_not_late(bank: str) -> None:
    end = head(bank)
    moment = Moment(clock.now().date(), end, end)
    plans: list[dict[str, Any]] = []

    async def explained() -> None:
        async with await psycopg.AsyncConnection.connect(
            bank, autocommit=True, options=READ_OPTIONS
        ) as connection:
            explaining: Any = Explaining(connection)
            await account_lines.lines(explaining, HOT, moment, limit=100)
            plans.extend(explaining.plans)

    asyncio.run(explained())

    # What is not yet vacuumed is looked up in the table all the same.
    found = {
        each["Node Type"]
        for plan in plans
        for each in nodes_of(plan)
        if each.get("Index Name", "").startswith("journal_lines_account")
    }
    assert found == {"Index Only Scan"}


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes_of(part)
