"""The trial balance, from sums over runs of positions and the lines of the unfinished run."""

import datetime as dt
from typing import Final

import msgspec

from ledger.trial_balance import TrialBalanceLine
from readmodels.moments import Moment
from readmodels.reading import Connection

# A run of the lowest level is 2 ** RUN_BITS positions, `position >> RUN_BITS`; one of each next level is
# 2 ** LEVEL_BITS runs of the level below.
RUN_BITS: Final = 10
LEVEL_BITS: Final = 4
LEVELS: Final = 6


def bits_of(level: int) -> int:
    """A run of the level is two to the power of so many positions."""
    return RUN_BITS + LEVEL_BITS * level


def _whole_runs(columns: str) -> str:
    """The totals of the fewest whole runs before `known_at`: the longest first, then what they leave."""
    selects = []
    for level in reversed(range(LEVELS)):
        above = level + 1 < LEVELS
        left = f"run >= %(known_at)s::bigint >> {bits_of(level + 1)} << {LEVEL_BITS} AND "
        selects.append(
            f"SELECT {columns} FROM readmodels.ledger_totals"
            f" WHERE level = {level} AND {left if above else ''}"
            f"run < %(known_at)s::bigint >> {bits_of(level)} AND booking_date <= %(as_of)s"
        )
    return " UNION ALL ".join(selects)


TRIAL_BALANCE: Final = f"""
    SELECT ledger_account, currency, sum(debits)::bigint, sum(credits)::bigint
      FROM ({_whole_runs("ledger_account, currency, debits, credits")}
             UNION ALL
            SELECT ledger_account, currency, debit, credit FROM readmodels.journal_lines
             WHERE position >= %(known_at)s::bigint >> {RUN_BITS} << {RUN_BITS}
               AND position <= %(known_at)s AND booking_date <= %(as_of)s) AS parts
     GROUP BY ledger_account, currency ORDER BY ledger_account, currency
"""

TOTALS: Final = f"""
    SELECT ledger_account, currency, kind, booking_date < %(booked_from)s AS earlier,
           sum(debits)::bigint, sum(credits)::bigint
      FROM ({_whole_runs("ledger_account, currency, kind, booking_date, debits, credits")}
             UNION ALL
            SELECT l.ledger_account, l.currency, t.kind, l.booking_date, l.debit, l.credit
              FROM readmodels.journal_lines l
              JOIN readmodels.transactions t ON t.transaction_id = l.transaction_id
             WHERE l.position >= %(known_at)s::bigint >> {RUN_BITS} << {RUN_BITS}
               AND l.position <= %(known_at)s AND l.booking_date <= %(as_of)s) AS parts
     GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""


class LedgerTotal(msgspec.Struct, frozen=True):
    """What transactions of a kind moved on a ledger account, in minor units.

    `earlier` is whether it was booked before the period asked about.
    """

    ledger_account: int
    currency: str
    kind: str
    earlier: bool
    debits: int
    credits: int


async def trial_balance(connection: Connection, moment: Moment) -> list[TrialBalanceLine]:
    """Debits and credits of every ledger account, in the order of the chart; both sums are equal."""
    found = await connection.execute(
        TRIAL_BALANCE, {"known_at": moment.known_at, "as_of": moment.as_of}
    )
    return [TrialBalanceLine(*row) for row in await found.fetchall()]


async def ledger_totals(
    connection: Connection, moment: Moment, booked_from: dt.date
) -> list[LedgerTotal]:
    """Debits and credits of every ledger account by kind, in the period that ends with the moment.

    What was booked before `booked_from` is summed apart.
    """
    found = await connection.execute(
        TOTALS, {"known_at": moment.known_at, "as_of": moment.as_of, "booked_from": booked_from}
    )
    return [LedgerTotal(*row) for row in await found.fetchall()]
