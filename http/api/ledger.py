"""The books: the chart of accounts, the trial balance and the journal. For staff."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from litestar import get
from litestar.params import QueryParameter
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, told
from api.documents import answers, described
from api.pages import Cursor, Limit, steady_page_of, told_page
from api.parameters import AN_ID, AsOf, KnownAt, id_of
from api.visibility import reading
from domain.money import decimal_of
from ledger.chart_of_accounts import CHART, AccountKind
from readmodels import journal as journal_view
from readmodels import trial_balance as trial_balance_view
from readmodels.journal import JournalEntryRow

NormalSide: TypeAlias = Literal["debit", "credit"]


class LedgerAccountOut(msgspec.Struct, kw_only=True):
    ledger_account: int
    name: str
    kind: AccountKind
    normal_side: NormalSide
    has_sub_accounts: bool


class TrialBalanceLineOut(msgspec.Struct, kw_only=True):
    ledger_account: int
    name: str
    kind: AccountKind
    normal_side: NormalSide
    currency: str
    debits: Decimal
    credits: Decimal
    balance: Annotated[Decimal, msgspec.Meta(description="On the normal side.")]


class CurrencyTotal(msgspec.Struct, kw_only=True):
    currency: str
    debits: Decimal
    credits: Decimal


class TrialBalanceOut(msgspec.Struct, kw_only=True):
    as_of: dt.date
    position: int
    lines: list[TrialBalanceLineOut]
    totals: list[CurrencyTotal]


class PostingOut(msgspec.Struct, kw_only=True):
    ledger_account: int
    account_id: int | None
    debit: Decimal
    credit: Decimal
    currency: str


class JournalEntryOut(msgspec.Struct, kw_only=True):
    position: int
    transaction_id: int
    timestamp: dt.datetime
    booking_date: dt.date
    value_date: dt.date
    type: str
    actor: str
    description: str | None
    reason: str | None
    postings: list[PostingOut]


_SIDES: Final[dict[str, NormalSide]] = {"D": "debit", "C": "credit"}

LedgerAccountIn = Annotated[
    str | None,
    QueryParameter(
        name="ledger_account", description="Of this ledger account.", schema_extra=AN_ID
    ),
]
AccountIn = Annotated[
    str | None,
    QueryParameter(name="account_id", description="Of this customer account.", schema_extra=AN_ID),
]
TransactionIn = Annotated[
    str | None,
    QueryParameter(name="transaction_id", description="Of this transaction.", schema_extra=AN_ID),
]


@get(
    "/ledger/chart-of-accounts",
    **described("The chart of accounts", answers(200, list[LedgerAccountOut], 401, 403, 429)),
)
async def chart_of_accounts(request: Call) -> ASGIApp:
    """The accounts that the bank keeps, by number."""
    return told(
        [
            LedgerAccountOut(
                ledger_account=account.code,
                name=account.name,
                kind=account.kind,
                normal_side=_SIDES[account.normal_side],
                has_sub_accounts=account.has_sub_accounts,
            )
            for account in sorted(CHART.values(), key=lambda account: account.code)
        ]
    )


@get(
    "/ledger/trial-balance",
    **described("The trial balance", answers(200, TrialBalanceOut, 401, 403, 422, 429, 503)),
)
async def trial_balance(request: Call, as_of: AsOf = None, known_at: KnownAt = None) -> ASGIApp:
    """Debits and credits of every ledger account; in each currency the two sums are equal."""
    async with reading(request, as_of=as_of, known_at=known_at) as (connection, moment):
        rows = await trial_balance_view.trial_balance(connection, moment)
    lines: list[TrialBalanceLineOut] = []
    sums: dict[str, tuple[int, int]] = {}
    for row in rows:
        account = CHART[row.ledger_account]
        lines.append(
            TrialBalanceLineOut(
                ledger_account=account.code,
                name=account.name,
                kind=account.kind,
                normal_side=_SIDES[account.normal_side],
                currency=row.currency,
                debits=decimal_of(row.debits, row.currency),
                credits=decimal_of(row.credits, row.currency),
                balance=decimal_of(row.balance, row.currency),
            )
        )
        debits, credits_ = sums.get(row.currency, (0, 0))
        sums[row.currency] = debits + row.debits, credits_ + row.credits
    answer = TrialBalanceOut(
        as_of=moment.as_of,
        position=moment.known_at,
        lines=lines,
        totals=[
            CurrencyTotal(
                currency=currency,
                debits=decimal_of(debits, currency),
                credits=decimal_of(credits_, currency),
            )
            for currency, (debits, credits_) in sorted(sums.items())
        ],
    )
    return told(answer, position=moment.known_at)


@get(
    "/ledger/journal",
    **described("The journal", answers(200, list[JournalEntryOut], 401, 403, 422, 429, 503)),
)
async def journal(
    request: Call,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    ledger_account: LedgerAccountIn = None,
    account_id: AccountIn = None,
    transaction_id: TransactionIn = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> ASGIApp:
    """Entries with their postings, newest first."""
    page = steady_page_of(limit, cursor, as_of, known_at)
    wanted = id_of("account_id", account_id)
    async with reading(request, wanted, as_of=page.as_of, known_at=page.known_at) as (
        connection,
        moment,
    ):
        rows = await journal_view.journal(
            connection,
            moment=moment,
            ledger_account=id_of("ledger_account", ledger_account),
            account_id=wanted,
            transaction_id=id_of("transaction_id", transaction_id),
            limit=page.rows,
            before=page.place,
        )
    return told_page(
        request, page, rows, shown=_entry, place=lambda row: row.position, moment=moment
    )


def _entry(row: JournalEntryRow) -> JournalEntryOut:
    return JournalEntryOut(
        position=row.position,
        transaction_id=row.transaction_id,
        timestamp=row.recorded_at,
        booking_date=row.booking_date,
        value_date=row.value_date,
        type=row.kind,
        actor=row.actor,
        description=row.description,
        reason=row.reason,
        postings=[
            PostingOut(
                ledger_account=posting.ledger_account,
                account_id=posting.account_id,
                debit=decimal_of(posting.debit, posting.currency),
                credit=decimal_of(posting.credit, posting.currency),
                currency=posting.currency,
            )
            for posting in row.postings
        ],
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [chart_of_accounts, trial_balance, journal]
