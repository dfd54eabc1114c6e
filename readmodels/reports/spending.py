"""What was spent, by category, beside what was spent in the period before."""

import calendar
import datetime as dt
from typing import Final

import msgspec

from readmodels.moments import Moment
from readmodels.reading import PAGE_MAX, Connection
from readmodels.reports.subject_lines import Subject, per_cent_of
from readmodels.transaction_filters import LABEL

# `o` is the transaction itself, or for a reversal the one it reverses.
SPENT: Final = f"""
    SELECT {LABEL.format(row="o", column="category")} AS shared, l.currency,
           count(*) FILTER (WHERE l.booking_date >= %(this_from)s),
           coalesce(sum(l.debit - l.credit) FILTER (WHERE l.booking_date >= %(this_from)s),
                    0)::bigint AS spent,
           coalesce(sum(l.debit - l.credit) FILTER (WHERE l.booking_date < %(this_from)s),
                    0)::bigint
      FROM {{lines}} AS l
      JOIN readmodels.transactions t ON t.transaction_id = l.transaction_id
      JOIN readmodels.transactions o ON o.transaction_id = coalesce(t.reverses, t.transaction_id)
     WHERE (CASE WHEN t.reverses IS NULL THEN l.debit ELSE l.credit END > 0
            OR o.kind IN ('adjustment_credited', 'bill_refund', 'fee_refund'))
       AND NOT EXISTS (
           SELECT FROM readmodels.account_holders p
             JOIN readmodels.account_holders q ON q.user_id = p.user_id
            WHERE p.account_id = o.source_account_id AND p.holder_right = 'owner'
              AND q.account_id = o.destination_account_id AND q.holder_right = 'owner')
     GROUP BY shared, l.currency
     ORDER BY l.currency, spent DESC, shared NULLS LAST
     LIMIT {PAGE_MAX}
"""


class SpendRow(msgspec.Struct, frozen=True):
    """A category (None: without one), in minor units.

    `count` is of the lines in the period, `spent` their sum, `spent_before` that of the period before.
    `share` is per cent of all that was spent in the currency; None where that is not above zero.
    """

    category: str | None
    currency: str
    count: int
    spent: int
    spent_before: int
    share: str | None

    @property
    def change(self) -> int:
        return self.spent - self.spent_before


class Spending(msgspec.Struct, frozen=True):
    booked_from: dt.date
    booked_to: dt.date
    before_from: dt.date
    before_to: dt.date
    categories: list[SpendRow]


async def spend_by_category(
    connection: Connection, moment: Moment, subject: Subject, *, booked_from: dt.date
) -> Spending:
    """Debits of the subject's accounts from a day to the moment's, both included.

    A transfer between two accounts of one owner is not spent. What was reversed is taken off again,
    on the day of the reversal and under the category of what it reverses; so are refunds, and what the bank
    gave as an adjustment. Other credits are income. Categories are as known at the moment, owners those of now.
    """
    before_from, before_to = period_before(booked_from, moment.as_of)
    parameters = subject.parameters(moment, before_from) | {"this_from": booked_from}
    found = await connection.execute(SPENT.format(lines=subject.lines()), parameters)
    rows = await found.fetchall()
    spent: dict[str, int] = {}
    for _, currency, _, amount, _ in rows:
        spent[currency] = spent.get(currency, 0) + amount
    categories = [
        SpendRow(
            category=category,
            currency=currency,
            count=count,
            spent=amount,
            spent_before=earlier,
            share=per_cent_of(amount, spent[currency]) if spent[currency] > 0 else None,
        )
        for category, currency, count, amount, earlier in rows
    ]
    return Spending(booked_from, moment.as_of, before_from, before_to, categories)


def period_before(first: dt.date, last: dt.date) -> tuple[dt.date, dt.date]:
    """As many whole months where the period is whole months, else as many days, just before it."""
    day_before = first - dt.timedelta(days=1)
    if first.day == 1 and last.day == calendar.monthrange(last.year, last.month)[1]:
        months = (last.year - first.year) * 12 + last.month - first.month + 1
        year, month = divmod(first.year * 12 + first.month - 1 - months, 12)
        return dt.date(year, month + 1, 1), day_before
    return first - (last - first) - dt.timedelta(days=1), day_before
