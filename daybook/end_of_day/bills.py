"""Bills at the end of a day: rules of autopay pay, what is late costs more, and billers get what is theirs.

Autopay comes first, so that what it pays on its due date is not late.
"""

import datetime as dt
from collections.abc import AsyncIterator
from typing import Final

from application.autopay import try_rule
from application.billers import SETTLED_AT_ONCE_MAX, PaymentPlace, settle
from application.bills import add_late_fee
from application.books import Command
from daybook.end_of_day.steps import Day, Step
from domain.bills.autopay import LEAD_DAYS_MAX, due_payments
from readmodels.billers import autopay_rules
from readmodels.bills import payable, to_settle
from readmodels.reading import PAGE_MAX, Connection

# Customers with a rule that pays, and a bill that it could pay.
PAYERS: Final = """
    SELECT DISTINCT r.user_id FROM readmodels.autopay_rules r
     WHERE r.user_id > %(after)s AND r.status = 'active'
       AND r.version = (SELECT max(v.version) FROM readmodels.autopay_rules v
                         WHERE v.autopay_id = r.autopay_id)
       AND EXISTS (SELECT FROM readmodels.bill_dues d
                    WHERE d.user_id = r.user_id AND d.payable > 0 AND d.due_date <= %(due_by)s)
     ORDER BY r.user_id LIMIT %(limit)s
"""
# Bills past their days of grace, of billers that have a late fee.
LATE: Final = """
    SELECT d.bill_id, d.biller_id FROM readmodels.bill_dues d
     CROSS JOIN LATERAL (
           SELECT b.terms::json AS terms FROM readmodels.billers b
            WHERE b.biller_id = d.biller_id ORDER BY b.version DESC LIMIT 1) AS biller
     WHERE d.bill_id > %(after)s AND d.late_fee_due
       AND d.due_date + coalesce((biller.terms ->> 'grace_days')::int, 0) < %(date)s
       AND (biller.terms -> 'late_fee' IS NOT NULL OR biller.terms -> 'late_fee_rate' IS NOT NULL)
     ORDER BY d.bill_id LIMIT %(limit)s
"""
OWED: Final = """
    SELECT DISTINCT biller_id FROM readmodels.bill_dues
     WHERE biller_id > %(after)s AND settles_on <= %(date)s
     ORDER BY biller_id LIMIT %(limit)s
"""
# A reading connection may read only, but for this.
NUMBERS: Final = "SELECT nextval('payment_ids'), nextval('hold_ids')"


async def due_by_rule(day: Day) -> AsyncIterator[Command]:
    due_by = day.date + dt.timedelta(days=LEAD_DAYS_MAX)
    async for (user_id,) in day.rows(PAYERS, due_by=due_by):
        rules = await autopay_rules(
            day.connection, user_id=user_id, status="active", limit=PAGE_MAX
        )
        bills = await payable(day.connection, user_id, due_by=due_by)
        by_id = {autopay.autopay_id: autopay.rule for autopay in rules}
        for due in due_payments(rules, bills, day.date):
            payment_id, hold_id = await _numbers(day.connection)
            yield try_rule(
                day.ask(f"autopay-{due.autopay_id}/bill-{due.bill_id}"),
                due,
                by_id[due.autopay_id],
                payment_id=payment_id,
                hold_id=hold_id,
                on=day.date,
                details=day.details,
            )


async def late(day: Day) -> AsyncIterator[Command]:
    async for bill_id, biller_id in day.rows(LATE):
        yield add_late_fee(day.ask(f"bill-{bill_id}"), bill_id, biller_id, day.date, day.details)


async def owed(day: Day) -> AsyncIterator[Command]:
    async for (biller_id,) in day.rows(OWED):
        after = 0
        while places := await to_settle(
            day.connection, biller_id, due_by=day.date, limit=PAGE_MAX, after=after
        ):
            after = places[-1][0]
            for first in range(0, len(places), SETTLED_AT_ONCE_MAX):
                some = [PaymentPlace(*place) for place in places[first:][:SETTLED_AT_ONCE_MAX]]
                payment_id = some[0].payment_id
                yield settle(
                    day.ask(f"biller-{biller_id}/payment-{payment_id}"),
                    biller_id,
                    some,
                    details=day.details,
                    asked={"due_by": day.date, "from": payment_id},
                )


async def _numbers(connection: Connection) -> tuple[int, int]:
    """Fresh numbers for a payment and its hold."""
    async with connection.transaction():
        await connection.execute("SET TRANSACTION READ WRITE")
        row = await (await connection.execute(NUMBERS)).fetchone()
    assert row is not None, "sequences have next values"
    return int(row[0]), int(row[1])


AUTOPAY: Final = Step(name="autopay", due=due_by_rule)
LATE_FEES: Final = Step(name="bill-late-fees", due=late)
SETTLEMENTS: Final = Step(name="biller-settlements", due=owed)
