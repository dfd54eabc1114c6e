"""The view of accounts: their terms, their holders, and where they stand now."""

import datetime as dt
from typing import Any, Final

import msgspec

from readmodels.reading import Connection, page_size

# What is held is of the holds that have not ended and have time left.
COLUMNS: Final = """
    a.account_id, a.account_type, a.currency, a.status, a.restriction, a.overdraft_limit,
    a.reference, a.opened_on, a.balance,
    (SELECT coalesce(sum(h.amount - coalesce(
                (SELECT sum(s.amount) FROM readmodels.hold_settlements s
                  WHERE s.hold_id = h.hold_id), 0)), 0)::bigint
       FROM readmodels.holds h
      WHERE h.account_id = a.account_id AND h.outcome IS NULL
        AND (h.expires_at IS NULL OR h.expires_at > coalesce(%(now)s, now()))),
    a.version, a.position
"""
ACCOUNT: Final = f"SELECT {COLUMNS} FROM readmodels.accounts a WHERE a.account_id = %(account_id)s"
HOLDERS: Final = """
    SELECT user_id, holder_right FROM readmodels.account_holders
     WHERE account_id = %s ORDER BY user_id
"""
CAN_SEE: Final = """
    SELECT EXISTS (SELECT FROM readmodels.account_holders WHERE user_id = %s AND account_id = %s)
"""


class AccountRow(msgspec.Struct, frozen=True):
    """An account as it stands now. Amounts are minor units, seen by the holder."""

    account_id: int
    account_type: str
    currency: str
    status: str
    restriction: str
    overdraft_limit: int
    reference: str | None
    opened_on: dt.date
    balance: int
    held: int
    version: int
    position: int

    @property
    def available(self) -> int:
        return self.balance - self.held + self.overdraft_limit


class HolderRow(msgspec.Struct, frozen=True):
    """A customer and what the customer is to the account: `owner` or `authorised`."""

    user_id: int
    right: str


async def account(
    connection: Connection, account_id: int, *, now: dt.datetime | None = None
) -> AccountRow | None:
    """The account; what is held is held at the instant `now`, that of the store unless given."""
    parameters = {"account_id": account_id, "now": now}
    row = await (await connection.execute(ACCOUNT, parameters)).fetchone()
    return None if row is None else AccountRow(*row)


async def holders(connection: Connection, account_id: int) -> list[HolderRow]:
    found = await connection.execute(HOLDERS, (account_id,))
    return [HolderRow(*row) for row in await found.fetchall()]


async def can_see(connection: Connection, user_id: int, account_id: int) -> bool:
    """Whether the user is a holder of the account, as owner or authorised."""
    row = await (await connection.execute(CAN_SEE, (user_id, account_id))).fetchone()
    return row is not None and bool(row[0])


async def accounts_of(
    connection: Connection,
    *,
    user_id: int | None = None,
    reference: str | None = None,
    status: str | None = None,
    limit: int,
    after: int = 0,
    now: dt.datetime | None = None,
) -> list[AccountRow]:
    """Accounts by rising id, from the one after `after`: a customer's, or all; by reference; by status.

    What is held is held at the instant `now`, that of the store unless given.
    """
    source, conditions = "readmodels.accounts a", ["a.account_id > %(after)s"]
    parameters: dict[str, Any] = {"after": after, "limit": page_size(limit), "now": now}
    if user_id is not None:
        source = "readmodels.account_holders h JOIN readmodels.accounts a USING (account_id)"
        conditions = ["h.user_id = %(user_id)s", "h.account_id > %(after)s"]
        parameters["user_id"] = user_id
    if reference is not None:
        conditions.append("a.reference = %(reference)s")
        parameters["reference"] = reference
    if status is not None:
        conditions.append("a.status = %(status)s")
        parameters["status"] = status
    found = await connection.execute(
        f"""SELECT {COLUMNS} FROM {source} WHERE {" AND ".join(conditions)}
             ORDER BY {"a" if user_id is None else "h"}.account_id LIMIT %(limit)s""",
        parameters,
    )
    return [AccountRow(*row) for row in await found.fetchall()]
