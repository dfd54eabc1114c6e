"""Interest: how that of each account stands, what it rests on, and the rate plans."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

import msgspec

from domain.accrued_interest import AccruedInterest, Moved, Standing
from domain.rate_plans import Rates
from readmodels.reading import Connection

STANDING: Final = """
    i.through, i.known_at, i.balance, i.credit, i.debit, i.credit_posted, i.debit_posted,
    i.credit_settled, i.debit_settled, i.since
"""
PLANS: Final = """
    SELECT account_type, currency, position, rates FROM readmodels.rate_plans
     WHERE position <= %s ORDER BY account_type, currency, position
"""
# Accounts of a plan that are not accrued through the date, each with its standing and the first day of
# those accrued on which something has become known since. A closed account whose last event was taken
# into account bears no more.
TO_ACCRUE: Final = f"""
    SELECT a.account_id, i.version, {STANDING},
           least((SELECT min(l.value_date) FROM readmodels.journal_lines l
                   WHERE l.account_id = a.account_id AND l.position > i.known_at
                     AND l.position <= %(known_at)s AND l.value_date <= i.through),
                 (SELECT min(t.booking_date) FROM readmodels.account_terms t
                   WHERE t.account_id = a.account_id AND t.position > i.known_at
                     AND t.position <= %(known_at)s AND t.booking_date <= i.through))
      FROM readmodels.accounts a LEFT JOIN readmodels.interest i USING (account_id)
     WHERE a.account_id > %(after)s AND a.account_type = %(account_type)s
       AND a.currency = %(currency)s AND a.opened_position <= %(known_at)s
       AND (i.through IS NULL OR i.through < %(date)s)
       AND (a.status <> 'closed' OR a.position > coalesce(i.known_at, 0))
     ORDER BY a.account_id LIMIT %(limit)s
"""
# What moved on accounts by value date, from a day of each on: what was known of it at its position, and
# what is known now. The lines whose two dates are one are found by the indexes of booking dates.
MOVED: Final = """
    SELECT asked.account_id, line.value_date,
           (coalesce(sum(line.amount) FILTER (WHERE line.position <= asked.known_at), 0))::bigint,
           sum(line.amount)::bigint
      FROM unnest(%(accounts)s::bigint[], %(starts)s::date[], %(known)s::bigint[])
        AS asked (account_id, first_day, known_at)
     CROSS JOIN LATERAL (
           SELECT l.value_date, l.position, l.credit - l.debit AS amount
             FROM readmodels.journal_lines l
            WHERE l.account_id = asked.account_id AND NOT l.late
              AND l.booking_date BETWEEN asked.first_day AND %(date)s
              AND l.value_date = l.booking_date AND l.position <= %(known_at)s
            UNION ALL
           SELECT l.value_date, l.position, l.credit - l.debit
             FROM readmodels.journal_lines l
            WHERE l.account_id = asked.account_id AND l.late
              AND l.booking_date BETWEEN asked.first_day AND %(date)s
              AND l.value_date = l.booking_date AND l.position <= %(known_at)s
            UNION ALL
           SELECT l.value_date, l.position, l.credit - l.debit
             FROM readmodels.journal_lines l
            WHERE l.account_id = asked.account_id AND l.value_date <> l.booking_date
              AND l.value_date BETWEEN asked.first_day AND %(date)s
              AND l.position <= %(known_at)s) AS line
     GROUP BY 1, 2, asked.known_at ORDER BY 1, 2
"""
LIMITS: Final = """
    SELECT account_id, booking_date, overdraft_limit, position FROM readmodels.account_terms
     WHERE account_id = ANY(%s::bigint[]) AND position <= %s
     ORDER BY account_id, booking_date, position
"""
# What is open since a posting day or longer.
TO_CAPITALISE: Final = """
    SELECT i.account_id FROM readmodels.interest i JOIN readmodels.accounts a USING (account_id)
     WHERE i.account_id > %(after)s AND a.account_type = %(account_type)s
       AND a.currency = %(currency)s AND i.since <= %(posting_day)s
     ORDER BY i.account_id LIMIT %(limit)s
"""
OF_ACCOUNT: Final = f"""
    SELECT i.version, {STANDING}, i.position FROM readmodels.interest i WHERE i.account_id = %s
"""

_RATES: Final = msgspec.json.Decoder(tuple[Rates, ...])


class PlanRow(msgspec.Struct, frozen=True):
    """A plan as a position knows it: each change of it, with the position it is known from."""

    account_type: str
    currency: str
    changes: tuple[tuple[int, tuple[Rates, ...]], ...]

    def known_at(self, position: int) -> tuple[Rates, ...]:
        """The whole plan as it was known then; empty before there was one."""
        found: tuple[Rates, ...] = ()
        for known_from, rates in self.changes:
            if known_from <= position:
                found = rates
        return found


class LimitRow(msgspec.Struct, frozen=True):
    """An overdraft limit in minor units, from a day on, known from a position on."""

    day: dt.date
    limit: int
    position: int


async def plans(connection: Connection, known_at: int) -> list[PlanRow]:
    found: dict[tuple[str, str], list[tuple[int, tuple[Rates, ...]]]] = {}
    rows = await connection.execute(PLANS, (known_at,))
    for account_type, currency, position, rates in await rows.fetchall():
        changes = found.setdefault((account_type, currency), [])
        changes.append((position, _RATES.decode(rates)))
    return [PlanRow(*of, tuple(changes)) for of, changes in found.items()]


async def moved(
    connection: Connection,
    asked: Sequence[tuple[int, dt.date, int]],
    *,
    date: dt.date,
    known_at: int,
) -> dict[int, list[Moved]]:
    """For each account, from its first day on and up to `date`: what moved, by value date."""
    accounts, starts, known = (list(column) for column in zip(*asked, strict=True))
    rows = await connection.execute(
        MOVED,
        {
            "accounts": accounts,
            "starts": starts,
            "known": known,
            "date": date,
            "known_at": known_at,
        },
    )
    found: dict[int, list[Moved]] = {}
    for account_id, *move in await rows.fetchall():
        found.setdefault(account_id, []).append(Moved(*move))
    return found


async def limits(
    connection: Connection, account_ids: Sequence[int], known_at: int
) -> dict[int, list[LimitRow]]:
    """The overdraft limits of accounts, by day."""
    rows = await connection.execute(LIMITS, (list(account_ids), known_at))
    found: dict[int, list[LimitRow]] = {}
    for account_id, *limit in await rows.fetchall():
        found.setdefault(account_id, []).append(LimitRow(*limit))
    return found


async def interest_of_account(
    connection: Connection, account_id: int
) -> tuple[AccruedInterest, int] | None:
    """How the interest of an account stands, and the position of the event that says so."""
    row = await (await connection.execute(OF_ACCOUNT, (account_id,))).fetchone()
    if row is None:
        return None
    return AccruedInterest(Standing(*row[1:-1]), row[0]), row[-1]
