"""The lines of one account in the order of the books: by booking date, then by position."""

import datetime as dt
from typing import Any, Final

import msgspec

from readmodels.moments import Moment
from readmodels.reading import BookingOrder, Connection, page_size
from readmodels.transaction_filters import CATEGORY, NO_FILTERS, TAGS, Filters, conditions

POSITION_MAX: Final = 2**63 - 1

# Lines that are not late are a prefix in this order, so one bound finds where to begin; the late
# ones are few, and are merged in. Each balance is that of its anchor (the line itself, or for a late
# one the last before it that is not, which alone has to be looked for) and of the late lines that the
# log holds after the anchor and the books before the line. What is read of a line that is not late
# stands in the index that finds it, so that a statement reads no page of lines.
LINES: Final = """
    SELECT page.position, page.transaction_id, page.booking_date, page.value_date, page.late,
           page.debit, page.credit,
           CASE WHEN a.lateness_max = 0 THEN page.balance
                ELSE coalesce(anchor.balance, 0)
                     + (SELECT coalesce(sum(late.credit - late.debit), 0)::bigint
                          FROM readmodels.journal_lines late
                         WHERE late.account_id = a.account_id AND late.late
                           AND (late.booking_date, late.position)
                               <= (page.booking_date, page.position)
                           AND late.booking_date
                               >= coalesce(anchor.booking_date - a.lateness_max, '-infinity')
                           AND late.position > coalesce(anchor.position, 0)
                           AND late.position <= %(known_at)s)
           END,
           page.kind, page.source_account_id, page.destination_account_id, page.recorded_at,
           page.description, page.category, page.tags, page.counterparty, page.reference, page.reverses,
           CASE WHEN page.reversed_by <= %(known_at)s THEN page.reversed_by END,
           CASE WHEN page.reversed_by <= %(known_at)s THEN page.reversed_amount END
      FROM readmodels.accounts a
     CROSS JOIN LATERAL (
           SELECT l.booked_through FROM readmodels.journal_lines l
            WHERE l.account_id = a.account_id AND l.position <= %(known_at)s
            ORDER BY l.position DESC LIMIT 1) AS known
     CROSS JOIN LATERAL (
           SELECT edge.booked, edge.place
             FROM (VALUES (%(booked)s::date, %(place)s::bigint),
                          (known.booked_through, %(known_at)s::bigint)) AS edge (booked, place)
            ORDER BY edge.booked, edge.place LIMIT 1) AS bound
     CROSS JOIN LATERAL (
           (SELECT {line}, false AS late, {transaction}
              FROM readmodels.journal_lines l
              JOIN readmodels.transactions t ON t.transaction_id = l.transaction_id
             WHERE l.account_id = a.account_id AND NOT l.late
               AND (l.booking_date, l.position) <= (bound.booked, bound.place) {wanted}
             ORDER BY l.booking_date DESC, l.position DESC LIMIT %(limit)s)
            UNION ALL
           (SELECT {line}, true AS late, {transaction}
              FROM readmodels.journal_lines l
              JOIN readmodels.transactions t ON t.transaction_id = l.transaction_id
             WHERE l.account_id = a.account_id AND l.late
               AND (l.booking_date, l.position) <= (%(booked)s::date, %(place)s::bigint)
               AND l.position <= %(known_at)s {wanted}
             ORDER BY l.booking_date DESC, l.position DESC LIMIT %(limit)s)
            ORDER BY booking_date DESC, position DESC LIMIT %(limit)s) AS page
      LEFT JOIN LATERAL (
           SELECT l.booking_date, l.position, l.balance FROM readmodels.journal_lines l
            WHERE page.late AND l.account_id = a.account_id AND NOT l.late
              AND (l.booking_date, l.position) <= (page.booking_date, page.position)
            ORDER BY l.booking_date DESC, l.position DESC LIMIT 1) AS earlier ON true
     CROSS JOIN LATERAL (
           SELECT CASE WHEN page.late THEN earlier.booking_date ELSE page.booking_date END,
                  CASE WHEN page.late THEN earlier.position ELSE page.position END,
                  CASE WHEN page.late THEN earlier.balance ELSE page.balance END)
        AS anchor (booking_date, position, balance)
     WHERE a.account_id = %(account_id)s
     ORDER BY page.booking_date DESC, page.position DESC
"""
OF_LINE: Final = """
    l.position, l.transaction_id, l.booking_date, l.value_date, l.debit, l.credit, l.balance
"""
OF_TRANSACTION: Final = f"""
    t.kind, t.source_account_id, t.destination_account_id, t.recorded_at, t.description,
    {CATEGORY} AS category, {TAGS} AS tags, t.counterparty, t.reference, t.reverses,
    t.reversed_by, t.reversed_amount
"""


class LineRow(msgspec.Struct, frozen=True):
    """A posting on the account, in minor units, with what its transaction says of it.

    `balance` is the account's after this line in the order of the books, as known at the moment.
    `late` marks a line booked before one that the log holds earlier. `reference` is the idempotency key
    of its originator, if there was one.
    """

    position: int
    transaction_id: int
    booking_date: dt.date
    value_date: dt.date
    late: bool
    debit: int
    credit: int
    balance: int
    kind: str
    source_account_id: int | None
    destination_account_id: int | None
    recorded_at: dt.datetime
    description: str | None
    category: str | None
    tags: list[str]
    counterparty: str | None
    reference: str | None
    reverses: int | None
    reversed_by: int | None
    reversed_amount: int | None

    @property
    def amount(self) -> int:
        """Seen by the holder: a credit adds, a debit takes away."""
        return self.credit - self.debit


async def lines(
    connection: Connection,
    account_id: int,
    moment: Moment,
    *,
    filters: Filters = NO_FILTERS,
    limit: int,
    before: BookingOrder | None = None,
) -> list[LineRow]:
    """The lines of an account at a moment, newest first; `before` is the last line of the page before.

    `recorded_at` is that of the transaction. The filters' `account_id` is not looked at.
    """
    newest = (min(moment.as_of, filters.booked_to or moment.as_of), POSITION_MAX)
    if before is not None:
        newest = min(newest, (before[0], before[1] - 1))
    parameters: dict[str, Any] = {
        "account_id": account_id,
        "known_at": moment.known_at,
        "booked": newest[0],
        "place": newest[1],
        "limit": page_size(limit),
    }
    wanted = conditions(filters, parameters)
    if filters.booked_from is not None:
        # Said of the line too, so that the index stops there.
        wanted += " AND l.booking_date >= %(booked_from)s"
    query = LINES.format(line=OF_LINE, transaction=OF_TRANSACTION, wanted=wanted)
    found = await connection.execute(query, parameters)
    return [LineRow(*row) for row in await found.fetchall()]
