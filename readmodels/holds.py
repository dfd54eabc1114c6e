"""The view of holds: what is reserved on an account, as of any day and as known at any position.

A hold counts on a day where it was placed by then and not ended by then, and had time left. What was
settled of it by then is gone from it. Its end by time follows from `expires_at` and not from the event
that says so, which is posted with whatever comes next on the account.
"""

import datetime as dt
from typing import Final, Literal, TypeAlias

import msgspec

from readmodels.moments import Moment
from readmodels.reading import Connection

HoldStatus: TypeAlias = Literal["active", "settled", "released", "expired"]

# What is left of a hold `h` after what was settled of it by the day and position asked about.
REMAINING: Final = """
    h.amount - (SELECT coalesce(sum(s.amount), 0)::bigint FROM readmodels.hold_settlements s
                 WHERE s.hold_id = h.hold_id AND s.position <= %(known_at)s
                   AND s.booking_date <= %(as_of)s)
"""
# Of the holds `h` of an account: those that are active at the moment.
ACTIVE: Final = """
    h.position <= %(known_at)s AND h.booking_date <= %(as_of)s
    AND (h.expires_at IS NULL OR h.expires_at > %(instant)s)
    AND (h.ended_on IS NULL OR h.ended_on > %(as_of)s OR h.ended_position > %(known_at)s)
"""
# What is held on the account `a`.
HELD: Final = f"""
    (SELECT coalesce(sum({REMAINING}), 0)::bigint FROM readmodels.holds h
      WHERE h.account_id = a.account_id AND {ACTIVE})
"""
COLUMNS: Final = """
    h.hold_id, h.account_id, a.currency, h.amount, h.counterparty, h.description, h.recorded_at,
    h.booking_date, h.expires_at, h.position
"""
HOLDS: Final = f"""
    SELECT {COLUMNS}, 'active', {REMAINING}
      FROM readmodels.holds h JOIN readmodels.accounts a USING (account_id)
     WHERE h.account_id = %(account_id)s AND {ACTIVE}
     ORDER BY h.position
"""
HOLD: Final = f"""
    SELECT {COLUMNS}, state.status,
           CASE WHEN state.status = 'active'
                THEN h.amount - (SELECT coalesce(sum(s.amount), 0)::bigint
                                   FROM readmodels.hold_settlements s WHERE s.hold_id = h.hold_id)
                ELSE 0 END
      FROM readmodels.holds h JOIN readmodels.accounts a USING (account_id)
     CROSS JOIN LATERAL (
           SELECT CASE WHEN h.outcome IS NOT NULL THEN h.outcome
                       WHEN h.expires_at <= %(now)s THEN 'expired'
                       ELSE 'active' END AS status) AS state
     WHERE h.hold_id = %(hold_id)s
"""


class HoldRow(msgspec.Struct, frozen=True):
    """Funds reserved, in minor units; `remaining` is what of `amount` is still held.

    `placed_at` is when it was recorded; `position` is that of the event which placed it.
    """

    hold_id: int
    account_id: int
    currency: str
    amount: int
    counterparty: str | None
    description: str | None
    placed_at: dt.datetime
    booking_date: dt.date
    expires_at: dt.datetime | None
    position: int
    status: HoldStatus
    remaining: int


async def holds(connection: Connection, account_id: int, moment: Moment) -> list[HoldRow]:
    """The holds that are active on an account at the moment, oldest first; never more than a page."""
    parameters = {
        "account_id": account_id,
        "as_of": moment.as_of,
        "known_at": moment.known_at,
        "instant": moment.instant,
    }
    found = await connection.execute(HOLDS, parameters)
    return [HoldRow(*row) for row in await found.fetchall()]


async def hold(connection: Connection, hold_id: int, now: dt.datetime) -> HoldRow | None:
    """A hold as it stands at the instant `now`; None where there is no such hold."""
    found = await connection.execute(HOLD, {"hold_id": hold_id, "now": now})
    row = await found.fetchone()
    return None if row is None else HoldRow(*row)
