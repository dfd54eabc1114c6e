"""The bank at a glance, for staff: volumes, the distribution of amounts, large and quiet accounts."""

import datetime as dt
from typing import Final

import msgspec

from readmodels.balances import ANCHORED, BOOKED
from readmodels.moments import Moment
from readmodels.reading import Connection, page_size

# What the bank does by itself is no sign of life of a holder.
BANK_KINDS: Final = (
    *("interest_credited", "interest_charged", "tax_withheld", "fee"),
    *("adjustment_credited", "adjustment_debited", "reversal", "fee_refund"),
    *("bill_refund", "bill_refund_taken_back"),
)
KNOWN: Final = """
    t.booking_date BETWEEN %(booked_from)s AND %(as_of)s AND t.position <= %(known_at)s
    AND t.kind NOT IN ('year_end', 'interest_accrued')
"""
VOLUMES: Final = f"""
    SELECT t.kind, t.currency, count(*), sum(t.amount)::bigint
      FROM readmodels.transactions t WHERE {KNOWN} GROUP BY 1, 2 ORDER BY 1, 2
"""
AMOUNTS: Final = f"""
    SELECT t.currency, length(t.amount::text) - 1, count(*), sum(t.amount)::bigint
      FROM readmodels.transactions t WHERE {KNOWN} GROUP BY 1, 2 ORDER BY 1, 2
"""
LARGEST: Final = f"""
    SELECT account_id, currency, balance
      FROM (SELECT account_id, currency, balance,
                   row_number() OVER (PARTITION BY currency
                                      ORDER BY balance DESC, account_id) AS place
              FROM (SELECT a.account_id, a.currency, {BOOKED} AS balance
                      FROM readmodels.accounts a {ANCHORED}
                     WHERE a.opened_position <= %(known_at)s) AS every) AS ranked
     WHERE place <= %(limit)s ORDER BY currency, place
"""
MOVED_SINCE: Final = """
    EXISTS (SELECT FROM readmodels.journal_lines l
              JOIN readmodels.transactions t ON t.transaction_id = l.transaction_id
             WHERE l.account_id = a.account_id AND {late}
               AND l.booking_date > %(quiet_since)s AND l.booking_date <= %(as_of)s
               AND l.position <= %(known_at)s AND t.kind <> ALL(%(bank_kinds)s))
"""
DORMANT: Final = f"""
    SELECT page.account_id, page.currency, page.balance,
           (SELECT max(l.booking_date) FROM readmodels.journal_lines l
              JOIN readmodels.transactions t ON t.transaction_id = l.transaction_id
             WHERE l.account_id = page.account_id AND l.booking_date <= %(as_of)s
               AND l.position <= %(known_at)s AND t.kind <> ALL(%(bank_kinds)s)),
           page.found
      FROM (SELECT a.account_id, a.currency, {BOOKED} AS balance, count(*) OVER () AS found
              FROM readmodels.accounts a {ANCHORED}
             WHERE a.opened_position <= %(known_at)s AND a.opened_on <= %(quiet_since)s
               AND (SELECT r.status FROM readmodels.account_terms r
                     WHERE r.account_id = a.account_id AND r.position <= %(known_at)s
                       AND r.booking_date <= %(as_of)s
                     ORDER BY r.position DESC LIMIT 1) IS DISTINCT FROM 'closed'
               AND NOT {MOVED_SINCE.format(late="NOT l.late")}
               AND NOT {MOVED_SINCE.format(late="l.late")}
             ORDER BY a.account_id LIMIT %(limit)s) AS page
     ORDER BY page.account_id
"""


class Volume(msgspec.Struct, frozen=True):
    """Transactions of a kind; `amount` is their sum in minor units."""

    kind: str
    currency: str
    count: int
    amount: int


class AmountClass(msgspec.Struct, frozen=True):
    """Transactions of at least `amount_from` and less than ten times as much, in minor units."""

    currency: str
    amount_from: int
    count: int
    amount: int


class LargeAccount(msgspec.Struct, frozen=True):
    account_id: int
    currency: str
    balance: int


class QuietAccount(msgspec.Struct, frozen=True):
    """`moved_on` is the last booking date of what was not the bank's own doing, if there was any."""

    account_id: int
    currency: str
    balance: int
    moved_on: dt.date | None


class Analysis(msgspec.Struct, frozen=True):
    """`quiet_count` is of all quiet accounts, of which `quiet` has the first by number."""

    volumes: list[Volume]
    amounts: list[AmountClass]
    largest: list[LargeAccount]
    quiet: list[QuietAccount]
    quiet_count: int


async def analysis(
    connection: Connection,
    moment: Moment,
    *,
    booked_from: dt.date,
    quiet_days: int = 365,
    limit: int = 20,
) -> Analysis:
    """Of the whole bank, as of and as known at the moment.

    Volumes and amounts are of the transactions booked from `booked_from` to the moment's day. The
    largest accounts are `limit` for each currency, by booked balance. Quiet are the accounts, not
    closed, opened `quiet_days` before the day or earlier, on which nothing was booked in these days
    but what the bank does by itself: interest, fees, adjustments, reversals.
    """
    parameters = {
        "as_of": moment.as_of,
        "known_at": moment.known_at,
        "booked_from": booked_from,
        "quiet_since": moment.as_of - dt.timedelta(days=quiet_days),
        "bank_kinds": list(BANK_KINDS),
        "limit": page_size(limit),
    }
    volumes = await (await connection.execute(VOLUMES, parameters)).fetchall()
    amounts = await (await connection.execute(AMOUNTS, parameters)).fetchall()
    largest = await (await connection.execute(LARGEST, parameters)).fetchall()
    quiet = await (await connection.execute(DORMANT, parameters)).fetchall()
    return Analysis(
        volumes=[Volume(*row) for row in volumes],
        amounts=[AmountClass(row[0], 10 ** row[1], *row[2:]) for row in amounts],
        largest=[LargeAccount(*row) for row in largest],
        quiet=[QuietAccount(*row[:4]) for row in quiet],
        quiet_count=quiet[0][4] if quiet else 0,
    )
