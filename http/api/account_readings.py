"""Accounts: what can be asked of one, as of any day and as known at any moment."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec
from litestar import get
from litestar.params import FromPath, QueryParameter
from litestar.types import ASGIApp, ControllerRouterHandler

from api.accounts import HolderOut
from api.bill_readings import UpcomingBill, upcoming_out
from api.call import Call, told
from api.documents import answers, described
from api.pages import Cursor, Limit, Place, page_of, steady_page_of, told_page
from api.parameters import AN_ID, AsOf, KnownAt, id_of, one_of, refuse, text_of
from api.transaction_filters import FiltersIn, filters_of
from api.transaction_readings import ReversedAmount, reversed_amount_of
from api.visibility import account_for, check_account, reading
from domain.account_facts import Restriction, Status
from domain.money import decimal_of
from domain.refusals import AccountNotFound
from readmodels import account_lines, accounts, balances, bills
from readmodels.account_lines import LineRow
from readmodels.accounts import AccountRow

SUMMARY_LINES: Final = 50
STATUSES: Final = ("active", "frozen", "dormant", "closed")


class AccountOut(msgspec.Struct, kw_only=True):
    account_id: int
    account_type: str
    currency: str
    status: Status
    restriction: Restriction
    overdraft_limit: Decimal
    reference: str | None
    opened_on: dt.date
    balance: Decimal
    available: Decimal
    held: Decimal
    position: int


class AccountWithHolders(AccountOut, kw_only=True):
    user_id: int | None
    holders: list[HolderOut]


class BalanceOut(msgspec.Struct, kw_only=True):
    account_id: int
    balance: Decimal
    currency: str
    available: Decimal
    held: Decimal
    as_of: dt.date
    position: int


class LineOut(msgspec.Struct, kw_only=True):
    transaction_id: int
    timestamp: dt.datetime
    amount: Annotated[Decimal, msgspec.Meta(description="Signed, seen by the holder.")]
    type: Literal["debit", "credit"]
    description: str | None
    kind: str
    balance: Decimal
    booking_date: dt.date
    value_date: dt.date
    late: bool
    category: str | None
    tags: list[str]
    counterparty: str | None
    reverses: int | None
    reversed_by: int | None
    reversed_amount: ReversedAmount
    position: int


class SummaryOut(msgspec.Struct, kw_only=True):
    account_id: int
    account_type: str
    currency: str
    balance: Decimal
    as_of: dt.date
    position: int
    transaction_history: list[LineOut]
    upcoming_bills: list[UpcomingBill]


BasisIn = Annotated[
    str | None,
    QueryParameter(
        name="basis",
        description="booked (by booking date) or value: what counts for interest by that day.",
        schema_extra=one_of(("booked", "value")),
    ),
]
Reference = Annotated[
    str | None,
    QueryParameter(name="reference", description="Another system's number for the account."),
]
UserId = Annotated[
    str | None, QueryParameter(name="user_id", description="Whose accounts.", schema_extra=AN_ID)
]
StatusIn = Annotated[
    str | None,
    QueryParameter(
        name="status", description=f"One of {', '.join(STATUSES)}.", schema_extra=one_of(STATUSES)
    ),
]


@get(
    "/accounts",
    **described("List accounts", answers(200, list[AccountOut], 401, 429, 503)),
)
async def list_accounts(
    request: Call,
    reference: Reference = None,
    user_id: UserId = None,
    status: StatusIn = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> ASGIApp:
    """One's own; staff see all. By rising number."""
    actor = request.actor
    wanted, page = id_of("user_id", user_id), page_of(limit, cursor)
    if status is not None and status not in STATUSES:
        refuse("status", f"Expected one of {', '.join(STATUSES)}.")
    if actor.role == "user":
        if wanted not in (None, actor.user_id):
            return told([])
        wanted = actor.user_id
    async with reading(request) as (connection, moment):
        rows = await accounts.accounts_of(
            connection,
            user_id=wanted,
            reference=text_of("reference", reference),
            status=status,
            limit=page.rows,
            after=page.place or 0,
        )
    return told_page(
        request, page, rows, shown=account_out, place=lambda row: row.account_id, moment=moment
    )


@get(
    "/accounts/{account_id:int}",
    **described("An account", answers(200, AccountWithHolders, 401, 404, 429, 503)),
)
async def one_account(request: Call, account_id: FromPath[int]) -> ASGIApp:
    """Its terms, its holders and where it stands now."""
    async with reading(request, account_id) as (connection, moment):
        row = await account_for(connection, request.actor, account_id)
        holders = await accounts.holders(connection, account_id)
    owner = next((holder.user_id for holder in holders if holder.right == "owner"), None)
    account = AccountWithHolders(
        **msgspec.structs.asdict(account_out(row)),
        user_id=owner,
        holders=[HolderOut(holder.user_id, holder.right) for holder in holders],  # type: ignore[arg-type]
    )
    return told(account, position=moment.head)


@get(
    "/accounts/{account_id:int}/balance",
    **described("The balance", answers(200, BalanceOut, 401, 404, 422, 429, 503)),
)
async def balance(
    request: Call,
    account_id: FromPath[int],
    as_of: AsOf = None,
    known_at: KnownAt = None,
    basis: BasisIn = None,
) -> ASGIApp:
    """At the end of the day `as_of`, as known at `known_at`: both now unless given."""
    if basis not in (None, "booked", "value"):
        refuse("basis", "Expected booked or value.")
    async with reading(request, account_id, as_of=as_of, known_at=known_at) as (connection, moment):
        await check_account(connection, request.actor, account_id)
        row = await balances.balance(
            connection, account_id, moment, basis="value" if basis == "value" else "booked"
        )
    if row is None:
        raise AccountNotFound(account_id=account_id)
    answer = BalanceOut(
        account_id=account_id,
        balance=decimal_of(row.balance, row.currency),
        currency=row.currency,
        available=decimal_of(row.available, row.currency),
        held=decimal_of(row.held, row.currency),
        as_of=moment.as_of,
        position=row.position,
    )
    return told(answer, position=row.position)


@get(
    "/accounts/{account_id:int}/summary",
    **described("A summary", answers(200, SummaryOut, 401, 404, 422, 429, 503)),
)
async def summary(
    request: Call, account_id: FromPath[int], as_of: AsOf = None, known_at: KnownAt = None
) -> ASGIApp:
    """The balance, the newest lines that led to it, and the bills that its owner has to pay."""
    async with reading(request, account_id, as_of=as_of, known_at=known_at) as (connection, moment):
        account = await account_for(connection, request.actor, account_id)
        row = await balances.balance(connection, account_id, moment)
        if row is None:
            raise AccountNotFound(account_id=account_id)
        lines = await account_lines.lines(connection, account_id, moment, limit=SUMMARY_LINES)
        holders = await accounts.holders(connection, account_id)
        upcoming = [
            bill
            for holder in holders
            if holder.right == "owner"
            for bill in await bills.upcoming(
                connection, holder.user_id, moment, currency=account.currency
            )
        ]
    answer = SummaryOut(
        account_id=account_id,
        account_type=account.account_type,
        currency=row.currency,
        balance=decimal_of(row.balance, row.currency),
        as_of=moment.as_of,
        position=row.position,
        transaction_history=[_line(line, row.currency) for line in lines],
        upcoming_bills=[upcoming_out(bill) for bill in upcoming],
    )
    return told(answer, position=row.position)


@get(
    "/accounts/{account_id:int}/history",
    **described("The lines of an account", answers(200, list[LineOut], 401, 404, 422, 503)),
)
async def history(
    request: Call,
    account_id: FromPath[int],
    filters: FiltersIn,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> ASGIApp:
    """Newest first, in the order of the books; each with the balance after it."""
    page = steady_page_of(limit, cursor, as_of, known_at, tuple[dt.date, Place])
    async with reading(request, account_id, as_of=page.as_of, known_at=page.known_at) as (
        connection,
        moment,
    ):
        account = await account_for(connection, request.actor, account_id)
        lines = await account_lines.lines(
            connection,
            account_id,
            moment,
            filters=filters_of(filters),
            limit=page.rows,
            before=page.place,
        )
    return told_page(
        request,
        page,
        lines,
        shown=lambda line: _line(line, account.currency),
        place=lambda line: (line.booking_date, line.position),
        moment=moment,
    )


def account_out(row: AccountRow) -> AccountOut:
    return AccountOut(
        account_id=row.account_id,
        account_type=row.account_type,
        currency=row.currency,
        status=row.status,  # type: ignore[arg-type]
        restriction=row.restriction,  # type: ignore[arg-type]
        overdraft_limit=decimal_of(row.overdraft_limit, row.currency),
        reference=row.reference,
        opened_on=row.opened_on,
        balance=decimal_of(row.balance, row.currency),
        available=decimal_of(row.available, row.currency),
        held=decimal_of(row.held, row.currency),
        position=row.position,
    )


def _line(row: LineRow, currency: str) -> LineOut:
    return LineOut(
        transaction_id=row.transaction_id,
        timestamp=row.recorded_at,
        amount=decimal_of(row.amount, currency),
        type="credit" if row.credit else "debit",
        description=row.description,
        kind=row.kind,
        balance=decimal_of(row.balance, currency),
        booking_date=row.booking_date,
        value_date=row.value_date,
        late=row.late,
        category=row.category,
        tags=row.tags,
        counterparty=row.counterparty,
        reverses=row.reverses,
        reversed_by=row.reversed_by,
        reversed_amount=reversed_amount_of(row.reversed_amount, currency),
        position=row.position,
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [
    list_accounts,
    one_account,
    balance,
    summary,
    history,
]
