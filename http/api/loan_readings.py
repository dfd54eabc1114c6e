"""Loans: what can be asked of one, as of any day and as known at any moment."""

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Annotated, Final

import msgspec
from litestar import get
from litestar.params import FromPath, QueryParameter
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, told
from api.documents import answers, described
from api.loan_forms import (
    LoanOut,
    PayoffOut,
    ProductOut,
    ScheduleOut,
    instalments_out,
    loan_fields,
    payoff_out,
    product_out,
)
from api.pages import Cursor, Limit, page_of, told_page
from api.parameters import A_DATE, AN_ID, AsOf, KnownAt, date_of, id_of, one_of, refuse, text_of
from api.visibility import check_loan, mark_of_loan, reading
from domain.loans.history import Step
from domain.loans.lateness import bucket_of
from domain.loans.loan import Loan
from domain.loans.loan_facts import AllowanceChanged
from domain.loans.loan_refusals import LoanNotFound
from domain.loans.loan_terms import Figures
from domain.loans.products import PRODUCTS
from domain.loans.repaying import payoff
from domain.money import decimal_of
from domain.refusals import DateOutOfRange
from readmodels import loans
from readmodels.loans import LoanRow
from readmodels.moments import Moment
from readmodels.reading import Connection
from readmodels.transaction_rows import kind_of

PAYOFF_DAYS_MAX: Final = 366
STATEMENT_LINES_MAX: Final = 1000


class LoanListed(msgspec.Struct, kw_only=True):
    loan_id: int
    user_id: int
    product: str
    status: str
    currency: str
    amount: Decimal
    disbursed: Decimal
    disbursed_on: dt.date | None
    principal: Decimal
    owed: Decimal
    overpaid: Decimal
    past_due_since: dt.date | None
    bucket: str
    non_accrual: bool
    position: int


class LoanReadOut(LoanOut, kw_only=True):
    as_of: dt.date
    position: int


class StatementLineOut(msgspec.Struct, kw_only=True):
    """Signed, seen by the borrower: what the line added to the debt, and the balances after it."""

    transaction_id: int
    kind: str
    booking_date: dt.date
    value_date: dt.date
    principal: Decimal
    interest: Decimal
    fees: Decimal
    penalties: Decimal
    overpaid: Decimal
    owed: Decimal


class LoanStatementOut(msgspec.Struct, kw_only=True):
    """The events that stand, in the order of their days; a night's interest is summed into the next."""

    loan_id: int
    currency: str
    as_of: dt.date
    known_at: int
    lines: list[StatementLineOut]
    owed: Decimal
    overpaid: Decimal
    position: int


StatusIn = Annotated[
    str | None, QueryParameter(name="status", description="Only loans of this status.")
]
ArrearsIn = Annotated[
    str | None,
    QueryParameter(
        name="in_arrears",
        description="true: only loans that are late.",
        schema_extra=one_of(("true", "false")),
    ),
]
UserIn = Annotated[
    str | None,
    QueryParameter(
        name="user_id", description="Only this borrower's; for staff.", schema_extra=AN_ID
    ),
]
OnIn = Annotated[
    str | None,
    QueryParameter(
        name="on",
        description="The day to pay off on, today or later; today if none.",
        schema_extra=A_DATE,
    ),
]
Flag: Final[dict[str, bool]] = {"true": True, "false": False}


@get(
    "/loans/products",
    **described("The loans on offer", answers(200, list[ProductOut], 401, 429, 503)),
)
async def products(request: Call) -> ASGIApp:
    """The parameters that each is agreed with."""
    return told([product_out(product) for product in PRODUCTS.values()])


@get(
    "/loans",
    **described("Loans", answers(200, list[LoanListed], 401, 422, 429, 503)),
)
async def listed(
    request: Call,
    user_id: UserIn = None,
    status: StatusIn = None,
    in_arrears: ArrearsIn = None,
    limit: Limit = None,
    cursor: Cursor = None,
) -> ASGIApp:
    """A customer's own; staff see all. By rising id."""
    if in_arrears is not None and in_arrears not in Flag:
        refuse("in_arrears", "Expected true or false.")
    page = page_of(limit, cursor)
    wanted = id_of("user_id", user_id)
    actor = request.actor
    mine = actor.user_id if actor.role == "user" else wanted
    async with reading(request, user_id=mine) as (connection, moment):
        rows = await loans.loans_of(
            connection,
            user_id=mine,
            status=text_of("status", status),
            in_arrears=Flag.get(in_arrears or "false", False),
            limit=page.rows,
            after=page.place or 0,
        )
    return told_page(
        request,
        page,
        rows,
        shown=lambda row: loan_listed(row, moment),
        place=lambda row: row.loan_id,
        moment=moment,
    )


@get(
    "/loans/{loan_id:int}",
    **described("A loan", answers(200, LoanReadOut, 401, 404, 422, 429, 503)),
)
async def one_loan(
    request: Call, loan_id: FromPath[int], as_of: AsOf = None, known_at: KnownAt = None
) -> ASGIApp:
    """As it stood in the books of a day, as known at a moment."""
    async with _asked(request, loan_id, as_of, known_at) as (_, moment, loan):
        fields = loan_fields(loan, moment.as_of)
    out = LoanReadOut(as_of=moment.as_of, position=moment.known_at, **fields)  # type: ignore[arg-type]
    return told(out, position=moment.known_at)


@get(
    "/loans/{loan_id:int}/schedule",
    **described("The schedule of a loan", answers(200, ScheduleOut, 401, 404, 422, 429, 503)),
)
async def schedule(
    request: Call, loan_id: FromPath[int], as_of: AsOf = None, known_at: KnownAt = None
) -> ASGIApp:
    """The schedule that was in force on a day, as it was known then; with what was paid of it."""
    async with _asked(request, loan_id, as_of, known_at) as (_, moment, loan):
        currency = loan.terms.currency
        interest = sum(row.interest for row in loan.terms.rows)
        out = ScheduleOut(
            loan_id=loan_id,
            schedule_number=loan.terms.schedule_number,
            currency=currency,
            as_of=moment.as_of,
            known_at=moment.known_at,
            instalments=instalments_out(loan, moment.as_of),
            total_interest=decimal_of(interest, currency),
            total_fees=decimal_of(sum(fee.amount for fee in loan.terms.fee_schedule), currency),
            position=moment.known_at,
        )
    return told(out, position=moment.known_at)


@get(
    "/loans/{loan_id:int}/payoff",
    **described("What ends a loan", answers(200, PayoffOut, 401, 404, 409, 422, 429, 503)),
)
async def payoff_quote(request: Call, loan_id: FromPath[int], on: OnIn = None) -> ASGIApp:
    """The amount that repays all that is owed on a day, if nothing else happens before."""
    today = request.bank.today()
    day = date_of("on", on) or today
    latest = today + dt.timedelta(days=PAYOFF_DAYS_MAX)
    if not today <= day <= latest:
        raise DateOutOfRange(field="day of the payoff", date=day, earliest=today, latest=latest)
    async with _asked(request, loan_id, None, None) as (_, moment, loan):
        quote = payoff(loan, max(day, loan.figures.through))
    return told(payoff_out(loan, quote, moment.known_at), position=moment.known_at)


@get(
    "/loans/{loan_id:int}/statement",
    **described("The statement of a loan", answers(200, LoanStatementOut, 401, 404, 422, 429, 503)),
)
async def statement(
    request: Call, loan_id: FromPath[int], as_of: AsOf = None, known_at: KnownAt = None
) -> ASGIApp:
    """What happened on it, in the order of the days, each line with the debt after it."""
    async with _asked(request, loan_id, as_of, known_at) as (connection, moment, loan):
        life = await loans.life_of(connection, loan_id, moment)
    currency = loan.terms.currency
    lines = _lines(life, currency)
    out = LoanStatementOut(
        loan_id=loan_id,
        currency=currency,
        as_of=moment.as_of,
        known_at=moment.known_at,
        lines=lines[-STATEMENT_LINES_MAX:],
        owed=decimal_of(loan.figures.owed, currency),
        overpaid=decimal_of(loan.figures.overpaid, currency),
        position=moment.known_at,
    )
    return told(out, position=moment.known_at)


@asynccontextmanager
async def _asked(
    call: Call, loan_id: int, as_of: str | None, known_at: str | None
) -> AsyncIterator[tuple[Connection, Moment, Loan]]:
    """The loan at the moment asked about, for one who may see it."""
    mark = mark_of_loan(loan_id)
    async with reading(call, mark, as_of=as_of, known_at=known_at) as (connection, moment):
        await check_loan(connection, call.actor, loan_id)
        loan = await loans.loan_at(connection, loan_id, moment, today=call.bank.today())
        if loan is None:
            raise LoanNotFound(loan_id=loan_id)
        yield connection, moment, loan


def loan_listed(row: LoanRow, moment: Moment) -> LoanListed:
    owed = row.principal + row.interest + row.suspended + row.fees + row.penalties
    late = 0 if row.past_due_since is None else (moment.as_of - row.past_due_since).days
    return LoanListed(
        loan_id=row.loan_id,
        user_id=row.borrower,
        product=row.product,
        status=row.status,
        currency=row.currency,
        amount=decimal_of(row.amount, row.currency),
        disbursed=decimal_of(row.disbursed, row.currency),
        disbursed_on=row.disbursed_on,
        principal=decimal_of(row.principal, row.currency),
        owed=decimal_of(owed, row.currency),
        overpaid=decimal_of(row.overpaid, row.currency),
        past_due_since=row.past_due_since,
        bucket=bucket_of(max(0, late)),
        non_accrual=row.non_accrual,
        position=row.position,
    )


def _lines(life: list[Step], currency: str) -> list[StatementLineOut]:
    """What the bank expects to lose is nothing that the borrower owes."""
    life = [each for each in life if not isinstance(each.event.fact, AllowanceChanged)]
    lines: list[StatementLineOut] = []
    before: Figures | None = None
    for index, each in enumerate(life):
        event, figures = each.event, each.loan.figures
        kind = kind_of(event.fact)
        follower = kind_of(life[index + 1].event.fact) if index + 1 < len(life) else None
        if before is None or kind == follower == "loan_interest":
            before = figures if before is None else before
            continue
        change = [now - was for now, was in zip(_balances(figures), _balances(before), strict=True)]
        if any(change):
            principal, interest, fees, penalties, overpaid = (
                decimal_of(amount, currency) for amount in change
            )
            lines.append(
                StatementLineOut(
                    transaction_id=event.transaction_id,
                    kind=kind,
                    booking_date=event.booked,
                    value_date=event.valued,
                    principal=principal,
                    interest=interest,
                    fees=fees,
                    penalties=penalties,
                    overpaid=overpaid,
                    owed=decimal_of(figures.owed, currency),
                )
            )
        before = figures
    return lines


def _balances(figures: Figures) -> tuple[int, ...]:
    interest = figures.interest + figures.suspended
    return figures.principal, interest, figures.fees, figures.penalties, figures.overpaid


HANDLERS: Final[list[ControllerRouterHandler]] = [
    products,
    listed,
    one_loan,
    schedule,
    payoff_quote,
    statement,
]
