"""The trial balance, from sums over runs of positions and the lines of the unfinished run.

What is summed is two-dimensional: known by a position, and booked by a day. Positions are parted into
runs, whole ones of a few lengths; within a run that is over, the sums through each day stand ready. So
what is read does not grow with the days, and with the log as its logarithm does.
"""

import datetime as dt
from typing import Any, Final

import msgspec

from ledger.trial_balance import TrialBalanceLine
from readmodels.moments import Moment
from readmodels.reading import Connection

# A run of the lowest level is 2 ** RUN_BITS positions, `position >> RUN_BITS`; one of each next level is
# 2 ** LEVEL_BITS runs of the level below.
RUN_BITS: Final = 10
LEVEL_BITS: Final = 4
LEVELS: Final = 6

# Of each run of a level above the lowest, the sums through the day; of runs of the lowest, which say no
# more than what was booked on each day, and of the lines after them, the sums. `newest` gives the ledger
# accounts and kinds that a run has, and its sums are those of any later day.
PARTS: Final = f"""
    SELECT newest.ledger_account, newest.currency, newest.kind,
           upto.debits_through AS debits, upto.credits_through AS credits
      FROM unnest(%(levels)s::smallint[], %(runs)s::bigint[]) AS whole (level, run)
      JOIN readmodels.ledger_totals newest
        ON newest.level = whole.level AND newest.run = whole.run AND newest.newest
     CROSS JOIN LATERAL (
           SELECT t.debits_through, t.credits_through FROM readmodels.ledger_totals t
            WHERE t.level = newest.level AND t.run = newest.run
              AND t.ledger_account = newest.ledger_account AND t.currency = newest.currency
              AND t.kind = newest.kind AND t.booking_date <= %(as_of)s
            ORDER BY t.booking_date DESC LIMIT 1) AS upto
     UNION ALL
    SELECT ledger_account, currency, kind, debits, credits FROM readmodels.ledger_totals
     WHERE level = 0 AND run >= %(known_at)s::bigint >> {RUN_BITS + LEVEL_BITS} << {LEVEL_BITS}
       AND run < %(known_at)s::bigint >> {RUN_BITS} AND booking_date <= %(as_of)s
     UNION ALL
    SELECT l.ledger_account, l.currency, {{kind}}, l.debit, l.credit
      FROM readmodels.journal_lines l {{transactions}}
     WHERE l.position >= %(known_at)s::bigint >> {RUN_BITS} << {RUN_BITS}
       AND l.position <= %(known_at)s AND l.booking_date <= %(as_of)s
"""
TRIAL_BALANCE: Final = f"""
    SELECT ledger_account, currency, sum(debits)::bigint, sum(credits)::bigint
      FROM ({PARTS.format(kind="NULL", transactions="")}) AS parts
     GROUP BY 1, 2 ORDER BY 1, 2
"""
OF_TRANSACTIONS: Final = "JOIN readmodels.transactions t ON t.transaction_id = l.transaction_id"
TOTALS: Final = f"""
    SELECT ledger_account, currency, kind, sum(debits)::bigint, sum(credits)::bigint
      FROM ({PARTS.format(kind="t.kind", transactions=OF_TRANSACTIONS)}) AS parts
     GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
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


def bits_of(level: int) -> int:
    """A run of the level is two to the power of so many positions."""
    return RUN_BITS + LEVEL_BITS * level


def whole_runs(known_at: int) -> list[tuple[int, int]]:
    """Level and number of the fewest runs above the lowest level that are over before a position.

    The longest come first. What they leave are fewer than 2 ** LEVEL_BITS runs of the lowest level, and
    the run of the position.
    """
    found = []
    for level in reversed(range(1, LEVELS)):
        end = known_at >> bits_of(level)
        begin = 0 if level + 1 == LEVELS else known_at >> bits_of(level + 1) << LEVEL_BITS
        found += [(level, run) for run in range(begin, end)]
    return found


async def trial_balance(connection: Connection, moment: Moment) -> list[TrialBalanceLine]:
    """Debits and credits of every ledger account, in the order of the chart; both sums are equal."""
    found = await connection.execute(TRIAL_BALANCE, _asked(moment.known_at, moment.as_of))
    return [TrialBalanceLine(*row) for row in await found.fetchall()]


async def ledger_totals(
    connection: Connection, moment: Moment, booked_from: dt.date
) -> list[LedgerTotal]:
    """Debits and credits of every ledger account by kind, in the period that ends with the moment.

    What was booked before `booked_from` is summed apart.
    """
    before = {}
    if booked_from > dt.date.min:
        eve = min(booked_from - dt.timedelta(days=1), moment.as_of)
        before = await _totals(connection, moment.known_at, eve)
    through = await _totals(connection, moment.known_at, moment.as_of)
    totals = []
    for key, (debits, credits) in through.items():
        earlier = before.get(key, (0, 0))
        if any(earlier):
            totals.append(LedgerTotal(*key, True, *earlier))
        if earlier != (debits, credits):
            totals.append(LedgerTotal(*key, False, debits - earlier[0], credits - earlier[1]))
    return totals


async def _totals(
    connection: Connection, known_at: int, as_of: dt.date
) -> dict[tuple[int, str, str], tuple[int, int]]:
    found = await connection.execute(TOTALS, _asked(known_at, as_of))
    return {
        (account, currency, kind): (d, c)
        for account, currency, kind, d, c in await found.fetchall()
    }


def _asked(known_at: int, as_of: dt.date) -> dict[str, Any]:
    whole = whole_runs(known_at)
    return {
        "known_at": known_at,
        "as_of": as_of,
        "levels": [level for level, _ in whole],
        "runs": [run for _, run in whole],
    }
