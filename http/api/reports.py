"""Reports: what the bank has and earns, what moved, what was spent. All on both axes of time."""

import datetime as dt
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final, get_args

from litestar import get
from litestar.params import QueryParameter
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call
from api.documents import answers, described
from api.pages import Limit, limit_of
from api.parameters import A_DATE, AN_ID, AsOf, KnownAt, date_of, id_of, one_of, refuse
from api.report_forms import FormatIn, Table, told_report, wants_csv, wire_form
from api.visibility import account_for, check_user, reading
from readmodels.moments import Moment
from readmodels.reading import Connection
from readmodels.reports import analysis as analysis_view
from readmodels.reports import financial
from readmodels.reports.analysis import Analysis
from readmodels.reports.financial import BalanceSheet, CashFlow, IncomeStatement
from readmodels.reports.spending import Spending, spend_by_category
from readmodels.reports.subject_lines import Subject
from readmodels.reports.transaction_summary import (
    Grouping,
    TransactionSummary,
    transaction_summary,
)

GROUPINGS: Final[tuple[Grouping, ...]] = get_args(Grouping)
DAYS_MAX: Final = 36_500
CSV: Final = ("text/csv",)
QUIET_DAYS: Final = 365

From = Annotated[
    str | None,
    QueryParameter(
        name="from", description="The first booking date; the last is `as_of`.", schema_extra=A_DATE
    ),
]
ByIn = Annotated[
    str | None,
    QueryParameter(
        name="by",
        description=f"One of {', '.join(GROUPINGS)}; month if not given.",
        schema_extra=one_of(GROUPINGS),
    ),
]
AccountIn = Annotated[
    str | None,
    QueryParameter(name="account_id", description="Of this account.", schema_extra=AN_ID),
]
UserIn = Annotated[
    str | None,
    QueryParameter(name="user_id", description="Of this customer's accounts.", schema_extra=AN_ID),
]
QuietDaysIn = Annotated[
    str | None,
    QueryParameter(
        name="quiet_days",
        description=f"An account is quiet without a sign of life for so long; {QUIET_DAYS}.",
        schema_extra=AN_ID | {"maximum": DAYS_MAX},
    ),
]


def _responses(kind: Any, *problems: int) -> dict[int, Any]:
    return answers(200, wire_form(kind), *problems, 422, 429, 503)


@get(
    "/ledger/balance-sheet",
    **described("The balance sheet", _responses(list[BalanceSheet], 401, 403), forms=CSV),
)
async def balance_sheet(
    request: Call, as_of: AsOf = None, known_at: KnownAt = None, form: FormatIn = None
) -> ASGIApp:
    """Assets, and what they belong to: liabilities, equity and the result so far; by currency. What is
    set aside for losses on loans stands below zero among the assets."""
    as_csv = wants_csv(request, form)
    async with reading(request, as_of=as_of, known_at=known_at) as (connection, moment):
        sheets = await financial.balance_sheet(connection, moment)
    return told_report(sheets, BALANCE_SHEET, moment.known_at, as_csv=as_csv)


@get(
    "/ledger/income-statement",
    **described("The income statement", _responses(list[IncomeStatement], 401, 403), forms=CSV),
)
async def income_statement(
    request: Call,
    booked_from: From = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    form: FormatIn = None,
) -> ASGIApp:
    """Income and expense of a period, by currency. Without `from`, of the year so far."""
    as_csv = wants_csv(request, form)
    async with reading(request, as_of=as_of, known_at=known_at) as (connection, moment):
        first = _first_day(booked_from, moment)
        statements = await financial.income_statement(connection, moment, first)
    return told_report(statements, INCOME_STATEMENT, moment.known_at, as_csv=as_csv)


@get(
    "/ledger/cash-flow",
    **described("The cash flow", _responses(list[CashFlow], 401, 403), forms=CSV),
)
async def cash_flow(
    request: Call,
    booked_from: From = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    form: FormatIn = None,
) -> ASGIApp:
    """Opening, what came and what went by kind, closing; by currency. Without `from`, of the year."""
    as_csv = wants_csv(request, form)
    async with reading(request, as_of=as_of, known_at=known_at) as (connection, moment):
        first = _first_day(booked_from, moment)
        flows = await financial.cash_flow(connection, moment, first)
    return told_report(flows, CASH_FLOW, moment.known_at, as_csv=as_csv)


@get(
    "/reports/transaction-summary",
    **described("A summary of transactions", _responses(TransactionSummary, 401, 404), forms=CSV),
)
async def summary_of_transactions(
    request: Call,
    booked_from: From = None,
    by: ByIn = None,
    account_id: AccountIn = None,
    user_id: UserIn = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    limit: Limit = None,
    form: FormatIn = None,
) -> ASGIApp:
    """How many, in, out, net, largest and mean: of one's own accounts, or for staff of anybody's."""
    as_csv, size, grouping = wants_csv(request, form), limit_of(limit), _grouping(by)
    subject = _subject(request, account_id, user_id)
    async with _reading_about(request, subject, as_of, known_at) as (connection, moment):
        summary = await transaction_summary(
            connection,
            moment,
            subject,
            booked_from=_first_day(booked_from, moment),
            group_by=grouping,
            limit=size,
        )
    return told_report(summary, SUMMARY, moment.known_at, as_csv=as_csv)


@get(
    "/reports/spending",
    **described("What was spent", _responses(Spending, 401, 404), forms=CSV),
)
async def spending(
    request: Call,
    booked_from: From = None,
    account_id: AccountIn = None,
    user_id: UserIn = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    form: FormatIn = None,
) -> ASGIApp:
    """By category, beside the period before. Without `from`, of the month so far."""
    as_csv = wants_csv(request, form)
    subject = _subject(request, account_id, user_id)
    async with _reading_about(request, subject, as_of, known_at) as (connection, moment):
        first = _first_day(booked_from, moment, of_month=True)
        spent = await spend_by_category(connection, moment, subject, booked_from=first)
    return told_report(spent, SPENDING, moment.known_at, as_csv=as_csv)


@get(
    "/reports/analysis",
    **described("An analysis of the bank", _responses(Analysis, 401, 403), forms=CSV),
)
async def analysis(
    request: Call,
    booked_from: From = None,
    quiet_days: QuietDaysIn = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    limit: Limit = None,
    form: FormatIn = None,
) -> ASGIApp:
    """Volumes, the distribution of amounts, the largest accounts and those without a sign of life."""
    as_csv, size = wants_csv(request, form), limit_of(limit)
    days = id_of("quiet_days", quiet_days) or QUIET_DAYS
    if days > DAYS_MAX:
        refuse("quiet_days", f"Expected 1 to {DAYS_MAX}.")
    async with reading(request, as_of=as_of, known_at=known_at) as (connection, moment):
        found = await analysis_view.analysis(
            connection,
            moment,
            booked_from=_first_day(booked_from, moment),
            quiet_days=days,
            limit=size,
        )
    return told_report(found, ANALYSIS, moment.known_at, as_csv=as_csv)


def _first_day(text: str | None, moment: Moment, *, of_month: bool = False) -> dt.date:
    first = date_of("from", text)
    if first is None:
        return moment.as_of.replace(day=1) if of_month else moment.as_of.replace(month=1, day=1)
    if first > moment.as_of:
        refuse("from", f"Expected a date up to {moment.as_of}, the last day of the report.")
    return first


def _grouping(text: str | None) -> Grouping:
    for grouping in GROUPINGS:
        if text == grouping:
            return grouping
    if text is not None:
        refuse("by", f"Expected one of {', '.join(GROUPINGS)}.")
    return "month"


def _subject(call: Call, account_id: str | None, user_id: str | None) -> Subject:
    """Whose lines: a customer's own accounts unless said otherwise, and never anybody else's."""
    account, user = id_of("account_id", account_id), id_of("user_id", user_id)
    if account is not None and user is not None:
        refuse("user_id", "Expected an account or a customer, not both.")
    if user is not None:
        check_user(call.actor, user)
    elif account is None and call.actor.role == "user":
        user = call.actor.user_id
    return Subject(account_id=account, user_id=user)


@asynccontextmanager
async def _reading_about(
    call: Call, subject: Subject, as_of: str | None, known_at: str | None
) -> AsyncIterator[tuple[Connection, Moment]]:
    account_id, user_id = subject.account_id, subject.user_id
    async with reading(call, account_id, user_id=user_id, as_of=as_of, known_at=known_at) as (
        connection,
        moment,
    ):
        if account_id is not None:
            await account_for(connection, call.actor, account_id)
        yield connection, moment


def _rows_of_sections(
    reports: list[dict[str, Any]], sections: tuple[str, ...], sums: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    """Each line of each section, then the sums that are in none."""
    for report in reports:
        currency = report["currency"]
        for section in sections:
            for line in report[section]:
                yield {
                    "currency": currency,
                    "section": section,
                    "ledger_account": line.get("ledger_account"),
                    "name": line.get("name", line.get("kind")),
                    "amount": line.get("balance", line.get("amount")),
                }
        for name in sums:
            yield {"currency": currency, "section": name, "amount": report[name]}


def _in_sections(name: str, sections: tuple[str, ...], sums: tuple[str, ...]) -> Table:
    columns = ("currency", "section", "ledger_account", "name", "amount")
    return Table(name, columns, lambda reports: _rows_of_sections(reports, sections, sums))


BALANCE_SHEET: Final = _in_sections(
    "balance-sheet", ("assets", "liabilities", "equity"), ("result", "net_loans")
)
INCOME_STATEMENT: Final = _in_sections("income-statement", ("income", "expense"), ("result",))
CASH_FLOW: Final = _in_sections("cash-flow", ("inflows", "outflows"), ("opening", "closing"))
SUMMARY: Final = Table(
    "transaction-summary",
    ("key", "currency", "count", "money_in", "money_out", "net", "largest", "mean"),
    lambda summary: summary["groups"],
)
SPENDING: Final = Table(
    "spending",
    ("category", "currency", "count", "spent", "spent_before", "change", "share"),
    lambda spent: spent["categories"],
)
ANALYSIS: Final = Table(
    "analysis",
    (
        *("section", "kind", "account_id", "currency", "amount_from", "count", "amount"),
        *("balance", "moved_on"),
    ),
    lambda found: [
        {"section": section, **row}
        for section in ("volumes", "amounts", "largest", "quiet")
        for row in found[section]
    ],
)
HANDLERS: Final[list[ControllerRouterHandler]] = [
    balance_sheet,
    income_statement,
    cash_flow,
    summary_of_transactions,
    spending,
    analysis,
]
