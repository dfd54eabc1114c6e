"""The use cases of loans that were paid out: money in, money back, and what is charged or given up."""

import datetime as dt
from decimal import Decimal
from typing import Any

from application.books import Books, Command, Transaction
from application.commands import NO_DETAILS, Ask, Details, account_for, canonical
from application.lending import (
    account_of_borrower,
    check_currency,
    loan_command,
)
from domain import account as accounts
from domain.banking_calendar import WEEKENDS, Calendar
from domain.loans import forbearance, losses, origination, repaying
from domain.loans.loan import Dated, Loan
from domain.loans.loan_facts import OverpaymentRefunded
from domain.loans.products import Component, Excess
from domain.money import minor_units_of


def repay(
    ask: Ask,
    loan_id: int,
    amount: Decimal,
    details: Details,
    *,
    account_id: int | None,
    excess: Excess | None = None,
    counterparty: str | None = None,
    forced: bool = False,
) -> Command:
    """Money from an account, or from another bank where none is named, for what is due and beyond.

    `forced` debits the account whether or not the money is there.
    """

    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Dated]:
        minor_units = minor_units_of(amount, loan.terms.currency)
        debited: list[Any] = []
        if account_id is not None:
            account = account_for(books, ask.actor, account_id)
            check_currency(account, loan)
            account = books.lapse(posted, account_id)
            debited = accounts.repay_loan(account, minor_units, loan_id, forced=forced)
        source = {"from_account": account_id, "counterparty": counterparty}
        if loan.terms.status in ("charged_off", "written_off"):
            facts = losses.recover(loan, minor_units, posted.value_date, **source)  # type: ignore[arg-type]
        else:
            facts = repaying.repay(loan, minor_units, posted.value_date, excess=excess, **source)  # type: ignore[arg-type]
        if account_id is not None:
            books.post(posted, account_id, debited)
        return facts

    return loan_command(
        ask,
        "loans/repay",
        loan_id,
        details,
        decision,
        accounts=(account_id,),
        amount=canonical(amount),
        account_id=account_id,
        excess=excess,
        counterparty=counterparty,
    )


def refund(
    ask: Ask, loan_id: int, amount: Decimal | None, details: Details, *, account_id: int | None
) -> Command:
    """Give back what was paid above what is owed, to an account of the borrower or another bank."""

    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Dated]:
        minor_units = None if amount is None else minor_units_of(amount, loan.terms.currency)
        if account_id is not None:
            account_of_borrower(books, loan, account_id)
        facts = repaying.refund(loan, minor_units, posted.value_date, to_account=account_id)
        if account_id is not None:
            given = sum(d.fact.amount for d in facts if isinstance(d.fact, OverpaymentRefunded))
            account = books.lapse(posted, account_id)
            received = accounts.receive_loan(account, given, loan_id, refunded=True)
            books.post(posted, account_id, received)
        return facts

    return loan_command(
        ask,
        "loans/refund",
        loan_id,
        details,
        decision,
        accounts=(account_id,),
        amount=canonical(amount),
        account_id=account_id,
    )


def pay_cost(
    ask: Ask, loan_id: int, amount: Decimal, details: Details, *, counterparty: str | None
) -> Command:
    """Pay somebody, at another bank, for what making the loan took."""

    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Dated]:
        minor_units = minor_units_of(amount, loan.terms.currency)
        return origination.pay_cost(loan, minor_units, posted.value_date, counterparty=counterparty)

    return loan_command(
        ask,
        "loans/cost",
        loan_id,
        details,
        decision,
        amount=canonical(amount),
        counterparty=counterparty,
    )


def charge_fee(ask: Ask, loan_id: int, amount: Decimal, details: Details) -> Command:
    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Dated]:
        minor_units = minor_units_of(amount, loan.terms.currency)
        return forbearance.charge(loan, minor_units, posted.value_date)

    return loan_command(ask, "loans/fee", loan_id, details, decision, amount=canonical(amount))


def waive(
    ask: Ask, loan_id: int, component: Component, amount: Decimal | None, details: Details
) -> Command:
    """Give up what is open of a component, or part of it."""

    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Dated]:
        minor_units = None if amount is None else minor_units_of(amount, loan.terms.currency)
        return forbearance.waive(loan, component, minor_units, posted.value_date)

    return loan_command(
        ask,
        "loans/waive",
        loan_id,
        details,
        decision,
        component=component,
        amount=canonical(amount),
    )


def pause(ask: Ask, loan_id: int, first: dt.date, last: dt.date, details: Details) -> Command:
    """Days, both included, on which nothing counts as late."""

    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Dated]:
        return forbearance.pause(loan, first, last, posted.value_date)

    return loan_command(ask, "loans/pause", loan_id, details, decision, first=first, last=last)


def reschedule(
    ask: Ask,
    loan_id: int,
    details: Details,
    *,
    instalments: int | None = None,
    first_due: dt.date | None = None,
    annual_rate: Decimal | None = None,
    capitalise: bool = False,
    forborne: bool = False,
    calendar: Calendar = WEEKENDS,
) -> Command:
    """A new schedule from the day on; the one before stays readable as it was known."""

    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Dated]:
        return forbearance.reschedule(
            loan,
            posted.value_date,
            instalments=instalments,
            first_due=first_due,
            annual_rate=annual_rate,
            capitalise=capitalise,
            forborne=forborne,
            calendar=calendar,
        )

    return loan_command(
        ask,
        "loans/reschedule",
        loan_id,
        details,
        decision,
        instalments=instalments,
        first_due=first_due,
        annual_rate=canonical(annual_rate),
        capitalise=capitalise,
        forborne=forborne,
    )


def charge_off(ask: Ask, loan_id: int, reason: str) -> Command:
    """Take the loss; the debt lives."""

    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Dated]:
        return losses.charge_off(loan, posted.value_date)

    return loan_command(ask, "loans/charge-off", loan_id, Details(reason=reason), decision)


def write_off(ask: Ask, loan_id: int, reason: str) -> Command:
    """Give the debt up, for good: asked for by one person, done by another."""

    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Dated]:
        return losses.write_off(loan, posted.value_date, ask.actor.name)

    return loan_command(ask, "loans/write-off", loan_id, Details(reason=reason), decision)


def recover(
    ask: Ask,
    loan_id: int,
    amount: Decimal,
    details: Details = NO_DETAILS,
    *,
    account_id: int | None,
    counterparty: str | None = None,
) -> Command:
    """Money on a loan that the bank had taken as lost."""

    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Dated]:
        minor_units = minor_units_of(amount, loan.terms.currency)
        facts = losses.recover(
            loan,
            minor_units,
            posted.value_date,
            from_account=account_id,
            counterparty=counterparty,
        )
        if account_id is not None:
            account = account_for(books, ask.actor, account_id)
            check_currency(account, loan)
            account = books.lapse(posted, account_id)
            books.post(posted, account_id, accounts.repay_loan(account, minor_units, loan_id))
        return facts

    return loan_command(
        ask,
        "loans/recover",
        loan_id,
        details,
        decision,
        accounts=(account_id,),
        amount=canonical(amount),
        account_id=account_id,
        counterparty=counterparty,
    )
