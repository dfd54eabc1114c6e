"""Loans at the end of a day: what is due is collected from the account, and then each has its day.

Collections come first, because a borrower whose money is there is not late.
"""

from collections.abc import AsyncIterator
from typing import Final

from application.books import Command
from application.loan_days import collect_due, end_loan_day
from daybook.end_of_day.steps import Day, Step

COLLECTABLE: Final = """
    SELECT loan_id, account_id FROM readmodels.loans
     WHERE loan_id > %(after)s AND status = 'active' AND account_id IS NOT NULL
       AND (past_due_since IS NOT NULL OR %(date)s = ANY(due_dates))
     ORDER BY loan_id LIMIT %(limit)s
"""
LIVING: Final = """
    SELECT loan_id FROM readmodels.loans
     WHERE loan_id > %(after)s
       AND (status = 'active' OR (status = 'approved' AND approved_until < %(date)s))
     ORDER BY loan_id LIMIT %(limit)s
"""
COUNT: Final = "SELECT count(*) FROM readmodels.loans WHERE status = 'active'"


async def collectable(day: Day) -> AsyncIterator[Command]:
    async for loan_id, account_id in day.rows(COLLECTABLE):
        yield collect_due(day.ask(f"loan-{loan_id}"), loan_id, account_id, day.details)


async def living(day: Day) -> AsyncIterator[Command]:
    async for (loan_id,) in day.rows(LIVING):
        yield end_loan_day(day.ask(f"loan-{loan_id}"), loan_id, day.details)


async def count(day: Day) -> int:
    row = await (await day.connection.execute(COUNT)).fetchone()
    assert row is not None, "a count has a row"
    return int(row[0])


COLLECTIONS: Final = Step(name="loan-collections", due=collectable)
DAYS: Final = Step(name="loans", due=living, count=count)
