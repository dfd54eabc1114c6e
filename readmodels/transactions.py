"""The view of transactions: what stands under one transaction id, one row each.

The transactions of an account are found through its lines. With an `as_of` or a range of booking dates
they are the lines up to the last one that is not late and was booked by then, and the late ones
after it (see `balances`).
"""

import datetime as dt
from typing import Any, Final

import msgspec

from readmodels.moments import Moment
from readmodels.reading import Connection, page_size
from readmodels.transaction_filters import (
    CATEGORY,
    NO_FILTERS,
    TAGS,
    Filters,
    Status,
    conditions,
)

COLUMNS: Final = f"""
    t.transaction_id, t.kind, t.source_account_id, t.destination_account_id, t.amount, t.currency,
    t.recorded_at, t.booking_date, t.value_date, {CATEGORY}, {TAGS}, t.description, t.reason,
    t.counterparty, t.actor, t.reverses,
    CASE WHEN t.reversed_by <= %(known_at)s THEN t.reversed_by END,
    CASE WHEN t.reversed_by <= %(known_at)s THEN t.reversed_amount END
"""
TRANSACTION: Final = f"""
    SELECT {COLUMNS} FROM readmodels.transactions t
     WHERE t.transaction_id = %(transaction_id)s AND t.position <= %(known_at)s
       AND t.booking_date <= %(as_of)s
"""
ALL: Final = f"""
    SELECT {COLUMNS} FROM readmodels.transactions t
     WHERE t.transaction_id < %(before)s AND t.position < %(before)s
       AND t.booking_date <= %(as_of)s {{wanted}}
     ORDER BY t.transaction_id DESC LIMIT %(limit)s
"""
# A transaction is found by its first line on the account, so that it is found once. (Said as NOT
# EXISTS, the planner would join every line of the account to every other.)
FIRST_LINE: Final = """
    l.position = (SELECT min(e.position) FROM readmodels.journal_lines e
                   WHERE e.account_id = l.account_id AND e.position >= l.transaction_id)
"""
# The late lines are put in order after they are found, or the planner would look for them in order,
# among all lines of the account.
OF_ACCOUNTS: Final = f"""
    SELECT {COLUMNS}
      FROM (SELECT DISTINCT found.transaction_id
              FROM {{accounts}}
              LEFT JOIN LATERAL (
                   SELECT l.position, l.booking_date FROM readmodels.journal_lines l
                    WHERE l.account_id = a.account_id AND NOT l.late
                      AND l.booking_date <= %(as_of)s
                    ORDER BY l.booking_date DESC, l.position DESC LIMIT 1) AS anchor ON true
              {{floor}}
             CROSS JOIN LATERAL (
                   (SELECT l.transaction_id
                      FROM readmodels.journal_lines l
                      JOIN readmodels.transactions t ON t.transaction_id = l.transaction_id
                     WHERE l.account_id = a.account_id
                       AND l.position <= least(anchor.position, %(before)s - 1)
                       AND anchor.position IS NOT NULL
                       {{above_floor}} AND {FIRST_LINE} {{wanted}}
                     ORDER BY l.position DESC LIMIT %(limit)s)
                     UNION ALL
                   (SELECT l.transaction_id
                      FROM readmodels.journal_lines l
                      JOIN readmodels.transactions t ON t.transaction_id = l.transaction_id
                     WHERE l.account_id = a.account_id AND l.late
                       AND l.booking_date <= %(as_of)s
                       AND l.booking_date
                           >= coalesce(anchor.booking_date - a.lateness_max, '-infinity')
                       AND l.position > coalesce(anchor.position, 0) AND l.position < %(before)s
                       AND {FIRST_LINE} {{wanted}}
                     ORDER BY l.transaction_id DESC LIMIT %(limit)s)) AS found
             ORDER BY found.transaction_id DESC LIMIT %(limit)s) AS page
      JOIN readmodels.transactions t ON t.transaction_id = page.transaction_id
     ORDER BY t.transaction_id DESC
"""
# No line booked from a date on comes before the first that is not late and was.
FLOOR: Final = """
             CROSS JOIN LATERAL (
                   SELECT l.position FROM readmodels.journal_lines l
                    WHERE l.account_id = a.account_id AND NOT l.late
                      AND l.booking_date >= %(booked_from)s
                    ORDER BY l.booking_date, l.position LIMIT 1) AS floor
"""
ONE_ACCOUNT: Final = """
    (SELECT a.account_id, a.lateness_max FROM readmodels.accounts a
      WHERE a.account_id = %(account_id)s) AS a
"""
ACCOUNTS_OF_USER: Final = """
    (SELECT a.account_id, a.lateness_max
       FROM readmodels.account_holders h JOIN readmodels.accounts a USING (account_id)
      WHERE h.user_id = %(user_id)s {condition}) AS a
"""


class TransactionRow(msgspec.Struct, frozen=True):
    """A transaction as known at the moment asked about. Amounts are minor units, above zero.

    It is reversed once, in whole or in part: `reversed_amount` was taken back by `reversed_by`.
    """

    transaction_id: int
    kind: str
    source_account_id: int | None
    destination_account_id: int | None
    amount: int
    currency: str
    recorded_at: dt.datetime
    booking_date: dt.date
    value_date: dt.date
    category: str | None
    tags: list[str]
    description: str | None
    reason: str | None
    counterparty: str | None
    actor: str
    reverses: int | None
    reversed_by: int | None
    reversed_amount: int | None

    @property
    def status(self) -> Status:
        """Of what was reversed in part, the rest goes on being so."""
        return "reversed" if (self.reversed_amount or 0) >= self.amount else "completed"


async def transaction(
    connection: Connection, transaction_id: int, moment: Moment
) -> TransactionRow | None:
    """The transaction; None where it was not known at the moment, booked later, or moved no money."""
    found = await connection.execute(
        TRANSACTION,
        {
            "transaction_id": transaction_id,
            "known_at": moment.known_at,
            "as_of": moment.as_of,
        },
    )
    row = await found.fetchone()
    return None if row is None else TransactionRow(*row)


async def history(
    connection: Connection,
    *,
    user_id: int | None = None,
    filters: Filters = NO_FILTERS,
    moment: Moment,
    limit: int,
    before: int | None = None,
) -> list[TransactionRow]:
    """Transactions that touch a customer's accounts (all, where `user_id` is None), newest first.

    `before` is the transaction id that the page before ended with.
    """
    known_below = moment.known_at + 1
    parameters: dict[str, Any] = {
        "limit": page_size(limit),
        "known_at": moment.known_at,
        "before": known_below if before is None else min(before, known_below),
        "as_of": min(moment.as_of, filters.booked_to or moment.as_of),
    }
    wanted = conditions(filters, parameters)
    if user_id is None and filters.account_id is None:
        query = ALL.format(wanted=wanted)
    else:
        bounded = filters.booked_from is not None
        query = OF_ACCOUNTS.format(
            accounts=_accounts(user_id, filters.account_id, parameters),
            floor=FLOOR if bounded else "",
            above_floor="AND l.position >= floor.position" if bounded else "",
            wanted=wanted,
        )
    found = await connection.execute(query, parameters)
    return [TransactionRow(*row) for row in await found.fetchall()]


def _accounts(user_id: int | None, account_id: int | None, parameters: dict[str, Any]) -> str:
    if account_id is not None:
        parameters["account_id"] = account_id
    if user_id is None:
        return ONE_ACCOUNT
    parameters["user_id"] = user_id
    of_one = "" if account_id is None else "AND h.account_id = %(account_id)s"
    return ACCOUNTS_OF_USER.format(condition=of_one)
