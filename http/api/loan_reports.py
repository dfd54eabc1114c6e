"""The report of the loan portfolio, as JSON or CSV."""

from typing import Any, Final

from litestar import get
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call
from api.documents import answers, described
from api.parameters import AsOf, KnownAt
from api.report_forms import FormatIn, Table, told_report, wants_csv, wire_form
from api.visibility import reading
from readmodels.reports.loan_portfolio import LoanPortfolio, loan_portfolio

COLUMNS: Final = (
    "currency",
    "section",
    "name",
    "loans",
    "disbursed",
    "outstanding",
    "outstanding_par30",
    "charged_off",
    "share",
    "allowance",
    "coverage",
)
SUMS: Final = (
    *("outstanding", "non_accrual", "charged_off", "allowance"),
    *("par30", "par60", "par90"),
)


@get(
    "/reports/loan-portfolio",
    **described(
        "The portfolio of loans",
        answers(200, wire_form(list[LoanPortfolio]), 401, 403, 422, 429, 503),
        forms=("text/csv",),
    ),
)
async def portfolio(
    request: Call, as_of: AsOf = None, known_at: KnownAt = None, form: FormatIn = None
) -> ASGIApp:
    """Outstanding principal, how late it is, the share at risk past 30, 60 and 90 days, what is set
    aside for losses by lateness and stage, and how the loans of each month have done; as of any day,
    as known at any moment."""
    as_csv = wants_csv(request, form)
    async with reading(request, as_of=as_of, known_at=known_at) as (connection, moment):
        reports = await loan_portfolio(connection, moment)
    return told_report(reports, PORTFOLIO, moment.known_at, as_csv=as_csv)


def _rows(reports: list[Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for report in reports:
        currency = report["currency"]
        rows += [
            {"currency": currency, "section": "total", "name": name, "outstanding": report[name]}
            for name in SUMS
        ]
        rows += [
            {"currency": currency, "section": "ageing", "name": row["bucket"], **row}
            for row in report["ageing"]
        ]
        rows += [
            {"currency": currency, "section": "stage", "name": str(row["stage"]), **row}
            for row in report["stages"]
        ]
        rows += [
            {"currency": currency, "section": "vintage", "name": row["vintage"], **row}
            for row in report["vintages"]
        ]
    return rows


PORTFOLIO: Final = Table("loan-portfolio", COLUMNS, _rows)


HANDLERS: Final[list[ControllerRouterHandler]] = [portfolio]
