"""How many transactions there were and how much they moved, in all and by what they have in common."""

import datetime as dt
from typing import Final, Literal, TypeAlias

import msgspec

from readmodels.moments import Moment
from readmodels.reading import PAGE_MAX, Connection, page_size
from readmodels.reports.subject_lines import Subject, mean_of
from readmodels.transaction_filters import CATEGORY

Grouping: TypeAlias = Literal["day", "week", "month", "kind", "category", "counterparty"]

# Periods of time are named by their first day; weeks begin on Monday. A counterparty is who was named
# or the other account.
GROUPS: Final[dict[Grouping, str]] = {
    "day": "l.booking_date::text",
    "week": "date_trunc('week', l.booking_date::timestamp)::date::text",
    "month": "date_trunc('month', l.booking_date::timestamp)::date::text",
    "kind": "t.kind",
    "category": CATEGORY,
    "counterparty": """
        coalesce(t.counterparty, 'account ' || CASE
            WHEN t.source_account_id = l.account_id THEN t.destination_account_id
            ELSE t.source_account_id END)
    """,
}
SUMS: Final = """
    l.currency, count(*), sum(l.credit)::bigint, sum(l.debit)::bigint,
    max(greatest(l.debit, l.credit))
"""
TOTALS: Final = f"""
    SELECT NULL, {SUMS} FROM {{lines}} AS l GROUP BY l.currency ORDER BY l.currency
"""
GROUPED: Final = f"""
    SELECT {{group}} AS shared, {SUMS}
      FROM {{lines}} AS l
      JOIN readmodels.transactions t ON t.transaction_id = l.transaction_id
     GROUP BY shared, l.currency ORDER BY {{order}} LIMIT %(limit)s
"""
BY_TIME: Final = "shared, l.currency"
BY_SIZE: Final = "sum(l.debit + l.credit) DESC, shared NULLS LAST, l.currency"


class SummaryRow(msgspec.Struct, frozen=True):
    """Lines that share a `key` (None where they share that there is none), in minor units.

    `money_in` is credited and `money_out` debited to the accounts; `largest` is the largest single
    amount, `mean` that of the amounts of both sides (see `mean_of`).
    """

    key: str | None
    currency: str
    count: int
    money_in: int
    money_out: int
    largest: int
    mean: str

    @property
    def net(self) -> int:
        return self.money_in - self.money_out


class TransactionSummary(msgspec.Struct, frozen=True):
    """`totals` has a row for each currency. `more` is whether there are more groups than the limit."""

    totals: list[SummaryRow]
    groups: list[SummaryRow]
    more: bool


async def transaction_summary(
    connection: Connection,
    moment: Moment,
    subject: Subject,
    *,
    booked_from: dt.date,
    group_by: Grouping,
    limit: int = PAGE_MAX,
) -> TransactionSummary:
    """The lines booked from a day to the moment's, both included, summed.

    A transaction counts once for each of the subject's accounts that it touches: a transfer between
    two of them is in both sums and leaves the net alone. A reversal is a transaction of its own.
    Groups of time come in order, others by what they moved, the most first.
    """
    size = page_size(limit)
    parameters = subject.parameters(moment, booked_from)
    found = await connection.execute(TOTALS.format(lines=subject.lines()), parameters)
    totals = [_row(*row) for row in await found.fetchall()]
    query = GROUPED.format(
        group=GROUPS[group_by],
        lines=subject.lines(),
        order=BY_TIME if group_by in ("day", "week", "month") else BY_SIZE,
    )
    found = await connection.execute(query, {**parameters, "limit": size + 1})
    groups = [_row(*row) for row in await found.fetchall()]
    return TransactionSummary(totals, groups[:size], len(groups) > size)


def _row(
    key: str | None, currency: str, count: int, money_in: int, money_out: int, largest: int
) -> SummaryRow:
    mean = mean_of(money_in + money_out, count, currency)
    return SummaryRow(key, currency, count, money_in, money_out, largest, mean)
