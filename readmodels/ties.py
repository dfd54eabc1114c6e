"""What binds a person to the bank: from the views, as they stand now."""

import datetime as dt
from typing import Final

from domain.customer import Ties
from domain.retention import retained_until
from readmodels.reading import Connection

# Whether it is over, and the day on which it ended.
ACCOUNTS: Final = """
    SELECT a.account_id, a.status = 'closed',
           (SELECT max(t.booking_date) FROM readmodels.account_terms t
             WHERE t.account_id = a.account_id AND t.status = 'closed')
      FROM readmodels.account_holders h JOIN readmodels.accounts a USING (account_id)
     WHERE h.user_id = %s ORDER BY a.account_id
"""
# What was written off is owed still, and what was paid too much is the borrower's.
LOANS: Final = """
    SELECT l.loan_id,
           l.status IN ('closed', 'declined', 'withdrawn', 'expired', 'written_off')
           AND l.off_balance = 0 AND l.overpaid = 0,
           (SELECT max(s.booking_date) FROM readmodels.loan_standings s
             WHERE s.loan_id = l.loan_id)
      FROM readmodels.loans l WHERE l.borrower = %s ORDER BY l.loan_id
"""

# A bill that was paid is over once its biller has the money, and its customer what was given back.
BILLS: Final = """
    SELECT f.bill_id
      FROM readmodels.bills f
     CROSS JOIN LATERAL (
           SELECT b.status FROM readmodels.bills b
            WHERE b.bill_id = f.bill_id ORDER BY b.version DESC LIMIT 1) AS newest
      LEFT JOIN readmodels.bill_dues d ON d.bill_id = f.bill_id
     WHERE f.user_id = %s AND f.version = 1
       AND (newest.status NOT IN ('paid', 'cancelled', 'superseded') OR d.settles_on IS NOT NULL
            OR d.unclaimed > 0)
     ORDER BY f.bill_id
"""


async def ties_of(connection: Connection, user_id: int, *, retention_years: int) -> Ties:
    """The person's, as owner, authorised holder or borrower. Zero years keep nothing past the end."""
    accounts = await _of(connection, ACCOUNTS, user_id)
    loans = await _of(connection, LOANS, user_id)
    bills = await (await connection.execute(BILLS, (user_id,))).fetchall()
    ends = [ended_on for _, _, ended_on in (*accounts, *loans) if ended_on is not None]
    return Ties(
        accounts=tuple(number for number, over, _ in accounts if not over),
        loans=tuple(number for number, over, _ in loans if not over),
        bills=tuple(number for (number,) in bills),
        retained_until=retained_until(max(ends), retention_years)
        if ends and retention_years
        else None,
    )


async def _of(
    connection: Connection, query: str, user_id: int
) -> list[tuple[int, bool, dt.date | None]]:
    return [
        (n, over, on)
        for n, over, on in await (await connection.execute(query, (user_id,))).fetchall()
    ]
