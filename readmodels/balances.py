"""The balance of an account as of any day, as known at any position.

Of the lines of an account, those that are not late have booking dates and positions that grow
together, so "booked by then and known by then" is a prefix of them, and its last line carries their sum
and that of the late lines before it. What remains are late lines that came after that line and
belong before the day: none or few, and within a window as wide as the latest of them was late.

By value date it is the booked balance, less what was booked by then and counts later, and what was
booked later and counts by then: the lines of two windows as wide as the two dates were ever apart.
"""

from typing import Final, Literal, TypeAlias

import msgspec

from readmodels.holds import HELD
from readmodels.moments import Moment
from readmodels.reading import Connection

Basis: TypeAlias = Literal["booked", "value"]

# The balance of the account `a` at the moment. The outer joins make an account without terms on that
# day one without an overdraft, and one without lines one at zero.
BOOKED: Final = """
    CASE WHEN newest.booked_through <= %(as_of)s THEN newest.balance
         ELSE coalesce(anchor.balance, 0)
              + (SELECT coalesce(sum(late.credit - late.debit), 0)::bigint
                   FROM readmodels.journal_lines late
                  WHERE late.account_id = a.account_id
                    AND late.late
                    AND late.booking_date <= %(as_of)s
                    AND late.booking_date
                        >= coalesce(anchor.booking_date - a.lateness_max, '-infinity')
                    AND late.position > coalesce(anchor.position, 0)
                    AND late.position <= %(known_at)s)
    END
"""
ANCHORED: Final = """
      LEFT JOIN LATERAL (
           SELECT l.booked_through, l.balance FROM readmodels.journal_lines l
            WHERE l.account_id = a.account_id AND l.position <= %(known_at)s
            ORDER BY l.position DESC LIMIT 1) AS newest ON true
      LEFT JOIN LATERAL (
           SELECT l.booking_date, l.position, l.balance FROM readmodels.journal_lines l
            WHERE l.account_id = a.account_id AND NOT l.late
              AND l.booking_date <= %(as_of)s AND newest.booked_through > %(as_of)s
            ORDER BY l.booking_date DESC, l.position DESC LIMIT 1) AS anchor ON true
"""
BALANCE: Final = f"""
    SELECT a.currency, {HELD}, coalesce(terms.overdraft_limit, 0), {BOOKED}
      FROM readmodels.accounts a
      LEFT JOIN LATERAL (
           SELECT t.overdraft_limit FROM readmodels.account_terms t
            WHERE t.account_id = a.account_id AND t.position <= %(known_at)s
              AND t.booking_date <= %(as_of)s
            ORDER BY t.position DESC LIMIT 1) AS terms ON true
      {ANCHORED}
     WHERE a.account_id = %(account_id)s AND a.opened_position <= %(known_at)s
"""
# What the value-dated balance has more than the booked one.
BY_VALUE: Final = """
    SELECT (SELECT coalesce(sum(l.credit - l.debit), 0)::bigint FROM readmodels.journal_lines l
             WHERE l.account_id = a.account_id AND l.value_date <> l.booking_date
               AND l.value_date <= %(as_of)s AND l.value_date >= %(as_of)s::date - a.drift_max
               AND l.booking_date > %(as_of)s AND l.position <= %(known_at)s)
         - (SELECT coalesce(sum(l.credit - l.debit), 0)::bigint FROM readmodels.journal_lines l
             WHERE l.account_id = a.account_id AND l.value_date <> l.booking_date
               AND l.value_date > %(as_of)s AND l.value_date <= %(as_of)s::date + a.drift_max
               AND l.booking_date <= %(as_of)s AND l.position <= %(known_at)s)
      FROM readmodels.accounts a WHERE a.account_id = %(account_id)s
"""


class BalanceRow(msgspec.Struct, frozen=True):
    """Minor units, seen by the holder. `position` is the position as known at."""

    account_id: int
    currency: str
    balance: int
    held: int
    available: int
    position: int


async def balance(
    connection: Connection, account_id: int, moment: Moment, *, basis: Basis = "booked"
) -> BalanceRow | None:
    """The balance at the end of the day `as_of`; None where the account was not known then.

    With the basis `value` it is of what counts for interest by then: all lines known whose value date
    is not after the day. `available` rests on the booked balance whatever the basis, on the overdraft
    limit of that day as it was known, and on what was held then (see `holds`).
    """
    parameters = {
        "account_id": account_id,
        "as_of": moment.as_of,
        "known_at": moment.known_at,
        "instant": moment.instant,
    }
    row = await (await connection.execute(BALANCE, parameters)).fetchone()
    if row is None:
        return None
    currency, held, overdraft_limit, booked = row
    stated = booked
    if basis == "value":
        moved = await (await connection.execute(BY_VALUE, parameters)).fetchone()
        assert moved is not None, "the account is there"
        stated = booked + moved[0]
    available = booked - held + overdraft_limit
    return BalanceRow(account_id, currency, stated, held, available, moment.known_at)
