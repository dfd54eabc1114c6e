"""The views of bills: what is owed and was paid, as of any day and as known at any position.

Each row holds how a bill or a payment stood after one event, so how one stood at a moment is its newest
row before the first that was booked later. Nothing is counted up here.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec

from domain.bills.bill import Bill
from domain.bills.bill_facts import BillStatus, Payment, PaymentStatus, Standing
from domain.bills.recurrence import due_dates, estimate
from readmodels.moments import Moment
from readmodels.reading import PAGE_MAX, Connection, page_size

POSITION_MAX: Final = 2**63 - 1
# How far back amounts are looked at for an estimate: two dues of the longest recurrence and more.
SERIES_DAYS: Final = 1_200
UPCOMING_DAYS: Final = 90

# How `f`, the first row of something, stood at the moment.
AT_MOMENT: Final = """
    CROSS JOIN LATERAL (
          SELECT * FROM readmodels.{table} v
           WHERE v.{id} = f.{id} AND v.position <= %(known_at)s
             AND v.position < coalesce((
                 SELECT min(later.position) FROM readmodels.{table} later
                  WHERE later.{id} = f.{id} AND later.position <= %(known_at)s
                    AND later.booking_date > %(as_of)s), %(position_max)s)
           ORDER BY v.{order} DESC LIMIT 1) AS now
"""
BILL_AT: Final = AT_MOMENT.format(table="bills", id="bill_id", order="version")
# A payment may go over to another bill, whose versions are others.
PAYMENT_AT: Final = AT_MOMENT.format(table="bill_payments", id="payment_id", order="position")
BILLER_NAME: Final = """
    (SELECT b.name FROM readmodels.billers b
      WHERE b.biller_id = f.biller_id AND b.position <= %(known_at)s
      ORDER BY b.version DESC LIMIT 1)
"""
BILLS: Final = f"""
    SELECT f.bill_id, {BILLER_NAME}, f.recorded_at, now.position, now.standing
      FROM readmodels.bills f {BILL_AT}
     WHERE f.version = 1 {{wanted}}
     ORDER BY {{order}} LIMIT %(limit)s
"""
PAYMENTS: Final = f"""
    SELECT f.payment_id, now.bill_id, {BILLER_NAME}, f.currency, f.recorded_at, now.position,
           now.payment
      FROM readmodels.bill_payments f {PAYMENT_AT}
     WHERE f.first {{wanted}}
     ORDER BY f.payment_id DESC LIMIT %(limit)s
"""

# What a gateway carries is settled by the gateway's own file, and not by the calendar.
TO_SETTLE: Final = """
    SELECT d.bill_id, b.standing
      FROM readmodels.bill_dues d
     CROSS JOIN LATERAL (
           SELECT v.standing FROM readmodels.bills v WHERE v.bill_id = d.bill_id
            ORDER BY v.version DESC LIMIT 1) AS b
     WHERE d.biller_id = %(biller_id)s AND d.settles_on <= %(due_by)s AND d.bill_id > %(after)s
       AND EXISTS (SELECT FROM json_array_elements(b.standing::json -> 'payments') AS p
                    WHERE p ->> 'state' = 'captured' AND p ->> 'gateway' IS NULL)
     ORDER BY d.bill_id LIMIT %(limit)s
"""

PAYABLE: Final = """
    SELECT d.bill_id, b.standing, b.version
      FROM readmodels.bill_dues d
     CROSS JOIN LATERAL (
           SELECT v.standing, v.version FROM readmodels.bills v WHERE v.bill_id = d.bill_id
            ORDER BY v.version DESC LIMIT 1) AS b
     WHERE d.user_id = %(user_id)s AND d.payable > 0 AND d.due_date <= %(due_by)s
     ORDER BY d.due_date, d.bill_id LIMIT %(limit)s
"""

StatusWanted: TypeAlias = BillStatus | Literal["overdue"]


class BillRow(msgspec.Struct, frozen=True):
    """A bill as it stood at the moment; `position` is that of its newest event by then."""

    bill_id: int
    biller: str
    presented_at: dt.datetime
    position: int
    standing: Standing


class PaymentRow(msgspec.Struct, frozen=True):
    """A payment as it stood at the moment; `initiated_at` is when it was recorded first."""

    payment_id: int
    bill_id: int
    biller: str
    currency: str
    initiated_at: dt.datetime
    position: int
    payment: Payment


class UpcomingBill(msgspec.Struct, frozen=True):
    """What is to be paid by a day: of a bill, or about as much of one that will come again (no id)."""

    bill_id: int | None
    biller: str
    amount: int
    currency: str
    due_date: dt.date
    reference: str | None

    @property
    def is_estimate(self) -> bool:
        return self.bill_id is None


_STANDINGS: Final = msgspec.json.Decoder(Standing)
_PAYMENTS: Final = msgspec.json.Decoder(Payment)


async def bill(connection: Connection, bill_id: int, moment: Moment) -> BillRow | None:
    """The bill; None where it was not known at the moment, or presented later."""
    rows = await _bills(connection, moment, "AND f.bill_id = %(bill_id)s", bill_id=bill_id)
    return rows[0] if rows else None


async def bills(
    connection: Connection,
    moment: Moment,
    *,
    user_id: int | None = None,
    biller_id: int | None = None,
    status: StatusWanted | None = None,
    limit: int,
    after: int = 0,
) -> list[BillRow]:
    """Bills by rising number, from the one after `after`: all, or those of a customer, a biller, a status."""
    wanted = "AND f.bill_id > %(after)s"
    if user_id is not None:
        wanted += " AND f.user_id = %(user_id)s"
    if biller_id is not None:
        wanted += " AND f.biller_id = %(biller_id)s"
    if status == "overdue":
        wanted += " AND now.status IN ('presented', 'partially_paid') AND now.due_date < %(as_of)s"
    elif status is not None:
        wanted += " AND now.status = %(status)s"
    return await _bills(
        connection,
        moment,
        wanted,
        limit=limit,
        after=after,
        user_id=user_id,
        biller_id=biller_id,
        status=status,
    )


async def upcoming(
    connection: Connection,
    user_id: int,
    moment: Moment,
    *,
    days: int = UPCOMING_DAYS,
    currency: str | None = None,
) -> list[UpcomingBill]:
    """What a customer has to pay from the day of the moment to so many days on, by due date.

    Bills that come again are foretold from those before, as estimates. With a currency, only of that.
    """
    until = moment.as_of + dt.timedelta(days=days)
    known = await _bills(
        connection,
        moment,
        """AND f.user_id = %(user_id)s AND now.due_date BETWEEN %(first)s AND %(until)s
           AND (now.due_date >= %(as_of)s AND now.open_amount > 0
                OR now.standing::json -> 'recurrence' IS NOT NULL)""",
        order="now.due_date, f.bill_id",
        user_id=user_id,
        first=moment.as_of - dt.timedelta(days=SERIES_DAYS),
        until=until,
    )
    open_bills = [
        UpcomingBill(
            row.bill_id,
            row.biller,
            row.standing.open_amount,
            row.standing.currency,
            row.standing.due_date,
            row.standing.reference,
        )
        for row in known
        if row.standing.open_amount > 0 and row.standing.due_date >= moment.as_of
    ]
    found = [*open_bills, *foretold(known, moment.as_of, until)]
    return sorted(
        (each for each in found if currency in (None, each.currency)),
        key=lambda each: (each.due_date, each.bill_id or POSITION_MAX),
    )


def foretold(known: Iterable[BillRow], first: dt.date, until: dt.date) -> list[UpcomingBill]:
    """The bills that should come from a day to another, each from the newest of its like.

    Those are bills of one biller under one reference. What was cancelled or superseded tells nothing.
    """
    series: dict[tuple[Any, ...], list[BillRow]] = {}
    for row in known:
        standing = row.standing
        if standing.recurrence is not None and standing.condition in ("open", "disputed"):
            like = (standing.biller_id, standing.reference, standing.currency)
            series.setdefault(like, []).append(row)
    found: list[UpcomingBill] = []
    for rows in series.values():
        rows.sort(key=lambda row: (row.standing.due_date, row.bill_id), reverse=True)
        newest = rows[0].standing
        assert newest.recurrence is not None
        amount = estimate([row.standing.amount_due for row in rows])
        for due_date in due_dates(newest.recurrence, newest.due_date, until):
            if due_date >= first:
                found.append(
                    UpcomingBill(
                        *(None, rows[0].biller, amount, newest.currency, due_date),
                        newest.reference,
                    )
                )
    return found


async def payable(connection: Connection, user_id: int, *, due_by: dt.date) -> list[Bill]:
    """Bills of a customer of which something may be paid, due by a day, as they stand now."""
    found = await connection.execute(
        PAYABLE, {"user_id": user_id, "due_by": due_by, "limit": PAGE_MAX}
    )
    return [
        Bill(bill_id, _STANDINGS.decode(standing), version)
        for bill_id, standing, version in await found.fetchall()
    ]


async def payment(connection: Connection, payment_id: int, moment: Moment) -> PaymentRow | None:
    rows = await _payments(
        connection, moment, "AND f.payment_id = %(payment_id)s", payment_id=payment_id
    )
    return rows[0] if rows else None


async def payments(
    connection: Connection,
    moment: Moment,
    *,
    user_id: int | None = None,
    status: PaymentStatus | None = None,
    limit: int,
    before: int = POSITION_MAX,
) -> list[PaymentRow]:
    """Payments, newest first, from the one before `before`: a customer's, or all; by status."""
    wanted = "AND f.payment_id < %(before)s"
    if user_id is not None:
        wanted += " AND f.user_id = %(user_id)s"
    if status is not None:
        wanted += " AND now.status = %(status)s"
    return await _payments(
        connection, moment, wanted, limit=limit, before=before, user_id=user_id, status=status
    )


async def to_settle(
    connection: Connection, biller_id: int, *, due_by: dt.date, limit: int, after: int = 0
) -> list[tuple[int, int]]:
    """Bills and payments that were captured and are due to the biller by a day, as they stand now.

    Those that a gateway carries are not among them: its settlement file says what it has paid.
    By rising number of the bill, from the one after `after`; `limit` bills, with all of their payments.
    """
    found = await connection.execute(
        TO_SETTLE,
        {"biller_id": biller_id, "due_by": due_by, "after": after, "limit": page_size(limit)},
    )
    return [
        (bill_id, payment.payment_id)
        for bill_id, standing in await found.fetchall()
        for payment in _STANDINGS.decode(standing).payments
        if payment.state == "captured"
        and payment.gateway is None
        and payment.settles_on is not None
        and payment.settles_on <= due_by
    ]


async def _bills(
    connection: Connection,
    moment: Moment,
    wanted: str,
    *,
    limit: int = PAGE_MAX,
    order: str = "f.bill_id",
    **parameters: Any,
) -> list[BillRow]:
    query = BILLS.format(wanted=wanted, order=order)
    rows = await _rows(connection, query, moment, limit, parameters)
    return [
        BillRow(bill_id, biller, presented_at, position, _STANDINGS.decode(standing))
        for bill_id, biller, presented_at, position, standing in rows
    ]


async def _payments(
    connection: Connection,
    moment: Moment,
    wanted: str,
    *,
    limit: int = PAGE_MAX,
    **parameters: Any,
) -> list[PaymentRow]:
    rows = await _rows(connection, PAYMENTS.format(wanted=wanted), moment, limit, parameters)
    return [
        PaymentRow(
            *(payment_id, bill_id, biller, currency, initiated_at, position),
            payment=_PAYMENTS.decode(payment),
        )
        for payment_id, bill_id, biller, currency, initiated_at, position, payment in rows
    ]


async def _rows(
    connection: Connection, query: str, moment: Moment, limit: int, parameters: dict[str, Any]
) -> Sequence[tuple[Any, ...]]:
    found = await connection.execute(
        query,
        {
            **parameters,
            "limit": page_size(limit),
            "as_of": moment.as_of,
            "known_at": moment.known_at,
            "position_max": POSITION_MAX,
        },
    )
    return await found.fetchall()
