"""What the bank has, owes and earns: balance sheet, income statement and cash flow.

All three are made of the debits and credits of the ledger accounts, one report for each currency. What
was booked after the moment's day or recorded after its position is in none of them.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from ledger.chart_of_accounts import (
    CASH,
    CHART,
    DEFERRED_LOAN_COSTS,
    DEFERRED_LOAN_FEES,
    GATEWAY_NOSTRO,
    INCOMING_CLEARING,
    LOAN_ALLOWANCE,
    LOAN_FEES,
    LOAN_INTEREST,
    LOAN_PENALTIES,
    LOAN_PRINCIPAL,
    OUTGOING_CLEARING,
    SETTLEMENT,
    AccountKind,
)
from readmodels.moments import Moment
from readmodels.reading import Connection
from readmodels.transaction_rows import YEAR_END
from readmodels.trial_balance import LedgerTotal, ledger_totals

# Cash, and what is on its way between this bank and others.
CASH_ACCOUNTS: Final = (
    *(CASH, SETTLEMENT, GATEWAY_NOSTRO),
    *(INCOMING_CLEARING, OUTGOING_CLEARING),
)


LOAN_ASSETS: Final = (
    *(LOAN_PRINCIPAL, LOAN_INTEREST, LOAN_FEES, LOAN_PENALTIES),
    *(LOAN_ALLOWANCE, DEFERRED_LOAN_COSTS),
)


class ReportLine(msgspec.Struct, frozen=True):
    """A ledger account with its balance, in minor units, as it counts in its section: a contra account
    takes from the accounts it stands with, so that it is below zero."""

    ledger_account: int
    name: str
    balance: int


class BalanceSheet(msgspec.Struct, frozen=True):
    """Assets are liabilities and equity and the result.

    `result` is income less expense that was not yet taken to retained earnings. `net_loans` is what
    loans are worth in the books: what is owed and the costs that are deferred, less the allowance for
    losses and the fees that are deferred.
    """

    currency: str
    assets: list[ReportLine]
    liabilities: list[ReportLine]
    equity: list[ReportLine]
    assets_total: int
    liabilities_total: int
    equity_total: int
    result: int
    net_loans: int


class IncomeStatement(msgspec.Struct, frozen=True):
    """Income and expense booked in a period, without the entries that end a year."""

    currency: str
    booked_from: dt.date
    booked_to: dt.date
    income: list[ReportLine]
    expense: list[ReportLine]
    income_total: int
    expense_total: int
    result: int


class Flow(msgspec.Struct, frozen=True):
    kind: str
    amount: int


class CashFlow(msgspec.Struct, frozen=True):
    """Opening, and inflows less outflows, are closing. Flows are by the kind of transaction."""

    currency: str
    booked_from: dt.date
    booked_to: dt.date
    opening: int
    inflows: list[Flow]
    outflows: list[Flow]
    inflow_total: int
    outflow_total: int
    closing: int


async def balance_sheet(connection: Connection, moment: Moment) -> list[BalanceSheet]:
    """What the bank has and owes at the end of the day, one for each currency.

    Customers' accounts are one liability for each of their control accounts, overdrawn ones netted.
    """
    totals = await ledger_totals(connection, moment, moment.as_of)
    return [_balance_sheet(currency, own) for currency, own in _by_currency(totals)]


async def income_statement(
    connection: Connection, moment: Moment, booked_from: dt.date
) -> list[IncomeStatement]:
    """Earned and spent from `booked_from` to the moment's day, both included, by currency."""
    totals = await ledger_totals(connection, moment, booked_from)
    return [
        _income_statement(currency, own, booked_from, moment.as_of)
        for currency, own in _by_currency(totals)
    ]


async def cash_flow(connection: Connection, moment: Moment, booked_from: dt.date) -> list[CashFlow]:
    """Cash from `booked_from` to the moment's day, both included, by currency.

    Cash is what is in the vault, at the central bank, and in clearing on its way from other banks,
    less what is in clearing on its way to them.
    """
    totals = await ledger_totals(connection, moment, booked_from)
    return [
        _cash_flow(currency, own, booked_from, moment.as_of)
        for currency, own in _by_currency(totals)
    ]


def _by_currency(totals: Sequence[LedgerTotal]) -> Iterable[tuple[str, list[LedgerTotal]]]:
    for currency in sorted({total.currency for total in totals}):
        yield currency, [total for total in totals if total.currency == currency]


def _lines(totals: Iterable[LedgerTotal], kind: AccountKind) -> list[ReportLine]:
    """The accounts of a kind that are not at zero, in the order of the chart."""
    balances: dict[int, int] = {}
    for total in totals:
        ledger_account = CHART[total.ledger_account]
        if ledger_account.kind == kind:
            net = total.debits - total.credits
            signed = net if kind in ("asset", "expense") else -net
            balances[total.ledger_account] = balances.get(total.ledger_account, 0) + signed
    return [
        ReportLine(number, CHART[number].name, balance)
        for number, balance in sorted(balances.items())
        if balance
    ]


def _sum(lines: Iterable[ReportLine]) -> int:
    return sum(line.balance for line in lines)


def _balance_sheet(currency: str, totals: list[LedgerTotal]) -> BalanceSheet:
    assets, liabilities, equity = (
        _lines(totals, "asset"),
        _lines(totals, "liability"),
        _lines(totals, "equity"),
    )
    return BalanceSheet(
        currency=currency,
        assets=assets,
        liabilities=liabilities,
        equity=equity,
        assets_total=_sum(assets),
        liabilities_total=_sum(liabilities),
        equity_total=_sum(equity),
        result=_sum(_lines(totals, "income")) - _sum(_lines(totals, "expense")),
        net_loans=_sum(line for line in assets if line.ledger_account in LOAN_ASSETS)
        - _sum(line for line in liabilities if line.ledger_account == DEFERRED_LOAN_FEES),
    )


def _income_statement(
    currency: str, totals: list[LedgerTotal], booked_from: dt.date, booked_to: dt.date
) -> IncomeStatement:
    earned = [total for total in totals if not total.earlier and total.kind != YEAR_END]
    income, expense = _lines(earned, "income"), _lines(earned, "expense")
    return IncomeStatement(
        currency=currency,
        booked_from=booked_from,
        booked_to=booked_to,
        income=income,
        expense=expense,
        income_total=_sum(income),
        expense_total=_sum(expense),
        result=_sum(income) - _sum(expense),
    )


def _cash_flow(
    currency: str, totals: list[LedgerTotal], booked_from: dt.date, booked_to: dt.date
) -> CashFlow:
    cash = [total for total in totals if total.ledger_account in CASH_ACCOUNTS]
    moved = [total for total in cash if not total.earlier]
    opening = sum(total.debits - total.credits for total in cash if total.earlier)
    inflows = _flows((total.kind, total.debits) for total in moved)
    outflows = _flows((total.kind, total.credits) for total in moved)
    came, went = sum(flow.amount for flow in inflows), sum(flow.amount for flow in outflows)
    return CashFlow(
        currency=currency,
        booked_from=booked_from,
        booked_to=booked_to,
        opening=opening,
        inflows=inflows,
        outflows=outflows,
        inflow_total=came,
        outflow_total=went,
        closing=opening + came - went,
    )


def _flows(amounts: Iterable[tuple[str, int]]) -> list[Flow]:
    sums: dict[str, int] = {}
    for kind, amount in amounts:
        sums[kind] = sums.get(kind, 0) + amount
    return [Flow(kind, amount) for kind, amount in sorted(sums.items()) if amount]
