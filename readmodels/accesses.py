"""The view of the audit trail: who looked at what, who was refused what, who came in."""

import datetime as dt
from typing import Any, Final

import msgspec

from readmodels.reading import Connection, page_size

# All that belongs to a user, or to an account: whoever looked at any of it looked at theirs.
THEIRS: Final = """
    accounts AS (
        SELECT account_id FROM readmodels.account_holders WHERE user_id = %(user_id)s
         UNION SELECT %(account_id)s::bigint WHERE %(account_id)s::bigint IS NOT NULL
    ), things AS (
        SELECT 'account' AS kind, account_id AS number FROM accounts
         UNION ALL SELECT 'hold', hold_id FROM readmodels.holds JOIN accounts USING (account_id)
         UNION ALL SELECT 'standing_order', order_id
          FROM readmodels.standing_orders JOIN accounts USING (account_id)
         UNION ALL SELECT 'user', %(user_id)s::bigint WHERE %(user_id)s::bigint IS NOT NULL
         UNION ALL SELECT 'loan', loan_id FROM readmodels.loans WHERE borrower = %(user_id)s
         UNION ALL SELECT 'bill', bill_id FROM readmodels.bills
          WHERE user_id = %(user_id)s AND version = 1
         UNION ALL SELECT 'payment', payment_id FROM readmodels.bill_payments
          WHERE user_id = %(user_id)s AND first
         UNION ALL SELECT 'autopay', autopay_id FROM readmodels.autopay_rules
          WHERE user_id = %(user_id)s AND version = 1
         UNION ALL SELECT 'registration', registration_id FROM readmodels.registrations
          WHERE user_id = %(user_id)s AND version = 1
    ), theirs AS (
        SELECT kind || '-' || number AS name FROM things
        -- Many are the transactions of an account, and few are ever asked for by number.
         UNION SELECT 'transaction-' || s.number
          FROM readmodels.access_subjects s
          JOIN readmodels.transactions t ON t.transaction_id = s.number
         WHERE s.subject = 'transaction'
           AND (t.source_account_id IN (SELECT account_id FROM accounts)
                OR t.destination_account_id IN (SELECT account_id FROM accounts))
         UNION SELECT 'statement-' || s.number
          FROM readmodels.access_subjects s
          JOIN claims c ON c.name = 'statement/' || s.number
         WHERE s.subject = 'statement'
           AND split_part(split_part(c.holder, '/', 1), '-', 2)::bigint
               IN (SELECT account_id FROM accounts)
    )
"""
PAGE: Final = """
    SELECT position, version, recorded_at, kind, actor, call, outcome, session, request_id, origin,
           address, subjects, detail, {shown}
      FROM readmodels.accesses
     WHERE position < %(before)s
       AND (%(actor)s::text IS NULL OR actor = %(actor)s)
       AND (%(kind)s::text IS NULL OR kind = %(kind)s)
       AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
       AND (%(first)s::date IS NULL OR recorded_on >= %(first)s)
       AND (%(last)s::date IS NULL OR recorded_on <= %(last)s)
       {narrowed}
     ORDER BY position DESC LIMIT %(limit)s
"""
ACCESSES: Final = PAGE.format(shown="ARRAY[]::text[]", narrowed="")
NAMED: Final = "(SELECT array_agg(name) FROM theirs)"
# What is theirs is picked from a page of rows, and not from all that there are.
ACCESSES_TO: Final = f"""
    WITH {THEIRS}, page AS (
        {PAGE.format(shown="shown", narrowed=f"AND (subjects && {NAMED} OR shown && {NAMED})")}
    )
    SELECT position, version, recorded_at, kind, actor, call, outcome, session, request_id, origin,
           address, subjects, detail,
           ARRAY(SELECT unnest(subjects || shown) INTERSECT SELECT name FROM theirs ORDER BY 1)
      FROM page ORDER BY position DESC
"""


class AccessRow(msgspec.Struct, frozen=True):
    """`version` is that in the audit trail. `address` is ciphertext of the person who signed in.

    `theirs` is what it was about, or showed, of the user or the account that was asked for.
    """

    position: int
    version: int
    recorded_at: dt.datetime
    kind: str
    actor: str
    call: str
    outcome: str
    session: str | None
    request_id: str | None
    origin: str | None
    address: str | None
    subjects: list[str]
    detail: str
    theirs: list[str]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which accesses: None is any. Those `of` a user or an account are those to what belongs to it."""

    user_id: int | None = None
    account_id: int | None = None
    actor: str | None = None
    kind: str | None = None
    outcome: str | None = None
    first: dt.date | None = None
    last: dt.date | None = None


async def accesses(
    connection: Connection, wanted: Wanted, *, before: int, limit: int
) -> list[AccessRow]:
    """A page of them, newest first, before the position that the page before ended with."""
    narrow = wanted.user_id is not None or wanted.account_id is not None
    parameters: dict[str, Any] = {
        **msgspec.structs.asdict(wanted),
        "before": before,
        "limit": page_size(limit),
    }
    found = await connection.execute(ACCESSES_TO if narrow else ACCESSES, parameters)
    return [AccessRow(*row) for row in await found.fetchall()]
