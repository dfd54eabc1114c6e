"""What is kept of a person beside the books: holds on the accounts, and the life of the customer."""

import datetime as dt
from typing import Final

import msgspec

from domain.customer import stream_of
from ledger.journal import Recorded
from readmodels.reading import PAGE_MAX, Connection
from readmodels.stream_history import events

HOLDS: Final = """
    SELECT h.hold_id, h.account_id, a.currency, h.amount, h.counterparty, h.description,
           h.recorded_at, h.expires_at, h.outcome, h.position
      FROM readmodels.holds h JOIN readmodels.accounts a USING (account_id)
     WHERE h.account_id = %s AND h.position > %s AND h.position <= %s
     ORDER BY h.position LIMIT %s
"""


class PastHold(msgspec.Struct, frozen=True):
    """A hold that was ever placed. `outcome` is None while it stands, or ran out of time."""

    hold_id: int
    account_id: int
    currency: str
    amount: int
    counterparty: str | None
    description: str | None
    placed_at: dt.datetime
    expires_at: dt.datetime | None
    outcome: str | None
    position: int


async def every_hold(
    connection: Connection, account_id: int, *, after: int, known_at: int
) -> list[PastHold]:
    """The next of all holds of an account, after the position that the page before ended with."""
    found = await connection.execute(HOLDS, (account_id, after, known_at, PAGE_MAX))
    return [PastHold(*row) for row in await found.fetchall()]


async def customer_events(connection: Connection, user_id: int) -> list[Recorded]:
    """All that happened to the customer as such, oldest first."""
    found: list[Recorded] = []
    while True:
        after = found[-1].originator_version if found else 0
        page = await events(connection, stream_of(user_id), after_version=after, limit=PAGE_MAX)
        found += page
        if len(page) < PAGE_MAX:
            return found
