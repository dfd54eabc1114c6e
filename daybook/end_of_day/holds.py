"""Holds whose time has passed expire, on whatever account: open, frozen or closed."""

from collections.abc import AsyncIterator
from typing import Final

from application.books import Command
from application.holds import expire_holds
from daybook.end_of_day.steps import Day, Step

DUE: Final = """
    SELECT DISTINCT account_id FROM readmodels.holds
     WHERE account_id > %(after)s AND outcome IS NULL AND expires_at <= %(instant)s
     ORDER BY account_id LIMIT %(limit)s
"""


async def due(day: Day) -> AsyncIterator[Command]:
    async for (account_id,) in day.rows(DUE):
        yield expire_holds(day.ask(f"account-{account_id}"), account_id, day.details)


STEP: Final = Step(name="holds", due=due)
