"""Bills and their payments: what can be asked of them, as of any day and as known at any moment."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Final, get_args

import msgspec
from litestar import get
from litestar.params import FromPath, QueryParameter
from litestar.types import ASGIApp, ControllerRouterHandler

from api.bills import BillOut, bill_out
from api.call import Call, told
from api.documents import answers, described
from api.pages import END, Cursor, Limit, steady_page_of, told_page
from api.parameters import AN_ID, AsOf, KnownAt, id_of, one_of, refuse
from api.visibility import bill_for, check_user, place_for, reading, wanted_user
from domain.bills.bill_facts import BillStatus, PaymentState, PaymentStatus
from domain.bills.bill_refusals import BillNotFound, PaymentNotFound
from domain.money import decimal_of
from readmodels import bills
from readmodels.bills import UPCOMING_DAYS, BillRow, PaymentRow
from readmodels.bills import UpcomingBill as UpcomingRow

UPCOMING_DAYS_MAX: Final = 366
BILL_STATUSES: Final = (*get_args(BillStatus), "overdue")
PAYMENT_STATUSES: Final = get_args(PaymentStatus)


class UpcomingBill(msgspec.Struct, kw_only=True):
    """An estimate is of a bill that has not come yet, and so has no number."""

    bill_id: int | None
    service_provider: str
    amount: Decimal
    due_date: dt.date
    currency: str
    reference: str | None
    estimate: bool


class PaymentOut(msgspec.Struct, kw_only=True):
    payment_id: int
    bill_id: int
    amount: Decimal
    timestamp: dt.datetime
    status: PaymentStatus
    service_provider: str
    account_id: int
    currency: str
    fee: Decimal
    refunded: Decimal


class PaymentDetail(PaymentOut, kw_only=True):
    """`state` is how far it has come; `refund_due` is what the biller owes the bank of the refunds."""

    state: PaymentState
    gateway: str | None
    gateway_reference: str | None
    captured_on: dt.date | None
    settles_on: dt.date | None
    refund_due: Decimal
    refund_asked: Decimal
    unclaimed: Decimal
    autopay_id: int | None
    reason: str | None


class BillDetail(BillOut, kw_only=True):
    presented_at: dt.datetime
    payments: list[PaymentOut]


def _query(name: str, description: str, told: dict[str, Any]) -> Any:
    return QueryParameter(name=name, description=description, schema_extra=told)


DaysIn = Annotated[
    str | None,
    _query(
        "days",
        f"So many days on, 1 to {UPCOMING_DAYS_MAX}; else {UPCOMING_DAYS}.",
        AN_ID | {"maximum": UPCOMING_DAYS_MAX},
    ),
]
UserIn = Annotated[str | None, _query("user_id", "Of this customer.", AN_ID)]
BillerIn = Annotated[str | None, _query("biller_id", "Of this biller.", AN_ID)]
StatusIn = Annotated[
    str | None, _query("status", f"One of {', '.join(BILL_STATUSES)}.", one_of(BILL_STATUSES))
]
PaymentStatusIn = Annotated[
    str | None, _query("status", f"One of {', '.join(PAYMENT_STATUSES)}.", one_of(PAYMENT_STATUSES))
]


@get(
    "/bills",
    **described("List bills", answers(200, list[BillOut], 401, 404, 422, 429, 503)),
)
async def list_bills(
    request: Call,
    user_id: UserIn = None,
    biller_id: BillerIn = None,
    status: StatusIn = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> ASGIApp:
    """One's own; staff see all. By rising number; `overdue` are open bills past their due date."""
    page = steady_page_of(limit, cursor, as_of, known_at)
    wanted = wanted_user(request.actor, user_id)
    async with reading(request, user_id=wanted, as_of=page.as_of, known_at=page.known_at) as (
        connection,
        moment,
    ):
        rows = await bills.bills(
            connection,
            moment,
            user_id=wanted,
            biller_id=id_of("biller_id", biller_id),
            status=_one_of("status", status, BILL_STATUSES),
            limit=page.rows,
            after=page.place or 0,
        )
    return told_page(
        request,
        page,
        rows,
        shown=lambda row: _bill(row, moment.as_of),
        place=lambda row: row.bill_id,
        moment=moment,
    )


@get(
    "/bills/{bill_id:int}",
    **described("A bill", answers(200, BillDetail, 401, 404, 422, 429, 503)),
)
async def one_bill(
    request: Call, bill_id: FromPath[int], as_of: AsOf = None, known_at: KnownAt = None
) -> ASGIApp:
    """With its payments, as it stood at the moment asked about."""
    user_id = (await bill_for(request.bank, request.actor, bill_id)).standing.user_id
    async with reading(request, user_id=user_id, as_of=as_of, known_at=known_at) as (
        connection,
        moment,
    ):
        row = await bills.bill(connection, bill_id, moment)
        if row is None:
            raise BillNotFound(bill_id=bill_id)
        payments = [
            await bills.payment(connection, payment.payment_id, moment)
            for payment in row.standing.payments
        ]
    detail = BillDetail(
        **msgspec.structs.asdict(_bill(row, moment.as_of)),
        presented_at=row.presented_at,
        payments=[payment_out(payment) for payment in payments if payment is not None],
    )
    return told(detail, position=moment.known_at)


@get(
    "/bills/upcoming/{user_id:int}",
    **described("Bills that fall due", answers(200, list[UpcomingBill], 401, 404, 422, 429, 503)),
)
async def upcoming_bills(
    request: Call,
    user_id: FromPath[int],
    days: DaysIn = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> ASGIApp:
    """What is open and due in the coming days, by due date, and estimates of what comes again."""
    check_user(request.actor, user_id)
    number = id_of("days", days) or UPCOMING_DAYS
    if number > UPCOMING_DAYS_MAX:
        refuse("days", f"Expected a whole number from 1 to {UPCOMING_DAYS_MAX}.")
    async with reading(request, user_id=user_id, as_of=as_of, known_at=known_at) as (
        connection,
        moment,
    ):
        rows = await bills.upcoming(connection, user_id, moment, days=number)
    return told([upcoming_out(row) for row in rows], position=moment.known_at)


_PAGE: Final = answers(200, list[PaymentOut], 401, 404, 422, 429, 503)


@get("/bills/history", **described("The history of bill payments", _PAGE))
async def history(
    request: Call,
    status: PaymentStatusIn = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> ASGIApp:
    """One's own; staff see all. Newest first."""
    user_id = request.actor.user_id if request.actor.role == "user" else None
    return await _history(request, user_id, status, as_of, known_at, limit, cursor)


@get(
    "/bills/history/{user_id:int}",
    **described("The history of a customer's bill payments", _PAGE),
)
async def history_of_user(
    request: Call,
    user_id: FromPath[int],
    status: PaymentStatusIn = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> ASGIApp:
    """Newest first."""
    check_user(request.actor, user_id)
    return await _history(request, user_id, status, as_of, known_at, limit, cursor)


async def _history(
    call: Call,
    user_id: int | None,
    status: str | None,
    as_of: str | None,
    known_at: str | None,
    limit: str | None,
    cursor: str | None,
) -> ASGIApp:
    page = steady_page_of(limit, cursor, as_of, known_at)
    async with reading(call, user_id=user_id, as_of=page.as_of, known_at=page.known_at) as (
        connection,
        moment,
    ):
        rows = await bills.payments(
            connection,
            moment,
            user_id=user_id,
            status=_one_of("status", status, PAYMENT_STATUSES),
            limit=page.rows,
            before=page.place or END,
        )
    return told_page(
        call, page, rows, shown=payment_out, place=lambda row: row.payment_id, moment=moment
    )


@get(
    "/bills/payments/{payment_id:int}",
    **described("A bill payment", answers(200, PaymentDetail, 401, 404, 422, 429, 503)),
)
async def one_payment(
    request: Call, payment_id: FromPath[int], as_of: AsOf = None, known_at: KnownAt = None
) -> ASGIApp:
    """How far it has come, as of the moment asked about."""
    place = await place_for(request.bank, request.actor, payment_id)
    bill = await bill_for(request.bank, request.actor, place.bill_id)
    async with reading(request, user_id=bill.standing.user_id, as_of=as_of, known_at=known_at) as (
        connection,
        moment,
    ):
        row = await bills.payment(connection, payment_id, moment)
    if row is None:
        raise PaymentNotFound(payment_id=payment_id)
    payment = row.payment
    detail = PaymentDetail(
        **msgspec.structs.asdict(payment_out(row)),
        state=payment.state,
        gateway=payment.gateway,
        gateway_reference=payment.gateway_reference,
        captured_on=payment.captured_on,
        settles_on=payment.settles_on,
        refund_due=decimal_of(payment.refund_due, row.currency),
        refund_asked=decimal_of(payment.refund_asked, row.currency),
        unclaimed=decimal_of(payment.unclaimed, row.currency),
        autopay_id=payment.autopay_id,
        reason=payment.reason,
    )
    return told(detail, position=moment.known_at)


def upcoming_out(row: UpcomingRow) -> UpcomingBill:
    return UpcomingBill(
        bill_id=row.bill_id,
        service_provider=row.biller,
        amount=decimal_of(row.amount, row.currency),
        due_date=row.due_date,
        currency=row.currency,
        reference=row.reference,
        estimate=row.is_estimate,
    )


def _bill(row: BillRow, on: dt.date) -> BillOut:
    return bill_out(row.bill_id, row.standing, row.biller, on)


def payment_out(row: PaymentRow) -> PaymentOut:
    payment = row.payment
    return PaymentOut(
        payment_id=row.payment_id,
        bill_id=row.bill_id,
        amount=decimal_of(payment.amount, row.currency),
        timestamp=row.initiated_at,
        status=payment.status,
        service_provider=row.biller,
        account_id=payment.account_id,
        currency=row.currency,
        fee=decimal_of(payment.fee, row.currency),
        refunded=decimal_of(payment.refunded, row.currency),
    )


def _one_of(name: str, text: str | None, known: tuple[str, ...]) -> Any:
    if text is not None and text not in known:
        refuse(name, f"Expected one of {', '.join(known)}.")
    return text


HANDLERS: Final[list[ControllerRouterHandler]] = [
    list_bills,
    one_bill,
    upcoming_bills,
    history,
    history_of_user,
    one_payment,
]
