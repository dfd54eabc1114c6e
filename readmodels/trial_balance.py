"""The trial balance, from sums over runs of positions and the lines of the unfinished run."""

from typing import Final

from ledger.trial_balance import TrialBalanceLine
from readmodels.moments import Moment
from readmodels.reading import Connection

# A run is 2 ** RUN_BITS positions: position >> RUN_BITS.
RUN_BITS: Final = 12

TRIAL_BALANCE: Final = f"""
    SELECT ledger_account, currency, sum(debits)::bigint, sum(credits)::bigint
      FROM (SELECT ledger_account, currency, debits, credits FROM readmodels.ledger_totals
             WHERE run < %(known_at)s::bigint >> {RUN_BITS} AND booking_date <= %(as_of)s
             UNION ALL
            SELECT ledger_account, currency, debit, credit FROM readmodels.journal_lines
             WHERE position >= %(known_at)s::bigint >> {RUN_BITS} << {RUN_BITS}
               AND position <= %(known_at)s AND booking_date <= %(as_of)s) AS parts
     GROUP BY ledger_account, currency ORDER BY ledger_account, currency
"""


async def trial_balance(connection: Connection, moment: Moment) -> list[TrialBalanceLine]:
    """Debits and credits of every ledger account, in the order of the chart; both sums are equal."""
    found = await connection.execute(
        TRIAL_BALANCE, {"known_at": moment.known_at, "as_of": moment.as_of}
    )
    return [TrialBalanceLine(*row) for row in await found.fetchall()]
