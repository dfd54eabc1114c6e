"""Transactions: what can be asked of them."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Final, TypeAlias

import msgspec
from litestar import get
from litestar.params import FromPath
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, told
from api.documents import answers, described
from api.pages import Cursor, Limit, steady_page_of, told_page
from api.parameters import AsOf, KnownAt, id_of
from api.transaction_filters import AccountIn, FiltersIn, FilterTexts, filters_of
from api.visibility import account_for, check_transaction, check_user, reading
from domain.money import decimal_of
from domain.refusals import TransactionNotFound
from readmodels import transactions
from readmodels.transaction_filters import Status
from readmodels.transactions import TransactionRow

ReversedAmount: TypeAlias = Annotated[
    Decimal | None,
    msgspec.Meta(
        description="What `reversed_by` took back. Where it is less than the amount, it did so in part, and"
        " the status stays `completed`."
    ),
]


class TransactionOut(msgspec.Struct, kw_only=True):
    transaction_id: int
    source_account_id: int | None
    destination_account_id: int | None
    amount: Decimal
    timestamp: dt.datetime
    status: Status
    currency: str
    type: str
    booking_date: dt.date
    value_date: dt.date
    category: str | None
    tags: list[str]
    description: str | None
    counterparty: str | None
    reverses: int | None
    reversed_by: int | None
    reversed_amount: ReversedAmount


class TransactionDetail(TransactionOut, kw_only=True):
    reason: str | None
    actor: str


_PAGE: Final = answers(200, list[TransactionOut], 401, 404, 422, 429, 503)


@get("/transactions/history", **described("The history of transactions", _PAGE))
async def history(
    request: Call,
    filters: FiltersIn,
    account_id: AccountIn = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> ASGIApp:
    """Of one's own accounts; staff see all. Newest first."""
    actor = request.actor
    user_id = actor.user_id if actor.role == "user" else None
    return await _history(request, user_id, filters, account_id, as_of, known_at, limit, cursor)


@get(
    "/transactions/history/{user_id:int}",
    **described("The history of a customer's transactions", _PAGE),
)
async def history_of_user(
    request: Call,
    user_id: FromPath[int],
    filters: FiltersIn,
    account_id: AccountIn = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> ASGIApp:
    """Of the accounts that the customer holds. Newest first."""
    check_user(request.actor, user_id)
    return await _history(request, user_id, filters, account_id, as_of, known_at, limit, cursor)


async def _history(
    call: Call,
    user_id: int | None,
    texts: FilterTexts,
    account_text: str | None,
    as_of: str | None,
    known_at: str | None,
    limit: str | None,
    cursor: str | None,
) -> ASGIApp:
    account_id = id_of("account_id", account_text)
    page = steady_page_of(limit, cursor, as_of, known_at)
    async with reading(
        call, account_id, user_id=user_id, as_of=page.as_of, known_at=page.known_at
    ) as (connection, moment):
        if account_id is not None:
            await account_for(connection, call.actor, account_id)
        rows = await transactions.history(
            connection,
            user_id=user_id,
            filters=filters_of(texts, account_id),
            moment=moment,
            limit=page.rows,
            before=page.place,
        )
    return told_page(
        call, page, rows, shown=transaction_out, place=lambda row: row.transaction_id, moment=moment
    )


@get(
    "/transactions/{transaction_id:int}",
    **described("A transaction", answers(200, TransactionDetail, 401, 404, 422, 503)),
)
async def one_transaction(
    request: Call, transaction_id: FromPath[int], as_of: AsOf = None, known_at: KnownAt = None
) -> ASGIApp:
    """As known at the moment asked about: reversed only if it was known to be."""
    async with reading(request, transaction_id=transaction_id, as_of=as_of, known_at=known_at) as (
        connection,
        moment,
    ):
        row = await transactions.transaction(connection, transaction_id, moment)
        if row is None:
            raise TransactionNotFound(transaction_id=transaction_id)
        await check_transaction(connection, request.actor, row)
    staff = request.actor.role != "user"
    detail = TransactionDetail(
        **msgspec.structs.asdict(transaction_out(row)),
        reason=row.reason,
        # Which member of staff it was is not for customers.
        actor=row.actor if staff else row.actor.partition("-")[0],
    )
    return told(detail, position=moment.known_at)


def reversed_amount_of(minor_units: int | None, currency: str) -> Decimal | None:
    return None if minor_units is None else decimal_of(minor_units, currency)


def transaction_out(row: TransactionRow) -> TransactionOut:
    return TransactionOut(
        transaction_id=row.transaction_id,
        source_account_id=row.source_account_id,
        destination_account_id=row.destination_account_id,
        amount=decimal_of(row.amount, row.currency),
        timestamp=row.recorded_at,
        status=row.status,
        currency=row.currency,
        type=row.kind,
        booking_date=row.booking_date,
        value_date=row.value_date,
        category=row.category,
        tags=row.tags,
        description=row.description,
        counterparty=row.counterparty,
        reverses=row.reverses,
        reversed_by=row.reversed_by,
        reversed_amount=reversed_amount_of(row.reversed_amount, row.currency),
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [
    history,
    history_of_user,
    one_transaction,
]
