"""Standing orders that are due are paid; what cannot be is noted, and tried again or skipped."""

from collections.abc import AsyncIterator
from typing import Final

from application.books import Command
from application.standing_orders import execute
from daybook.end_of_day.steps import Day, Step
from readmodels.standing_orders import DUE


async def due(day: Day) -> AsyncIterator[Command]:
    async for order_id, account_id, to_account in day.rows(DUE):
        ask = day.ask(f"standing-order-{order_id}")
        yield execute(ask, order_id, account_id, to_account, day.date, day.details, day.calendar)


STEP: Final = Step(name="standing-orders", due=due)
