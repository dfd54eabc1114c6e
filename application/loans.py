"""The use cases of loans up to the day the money is paid out. Each makes a command for the writer."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from application.books import Books, Command, Transaction
from application.commands import (
    NO_DETAILS,
    Ask,
    Details,
    account_held_by,
    canonical,
    check_text,
    late_streams,
    transaction,
)
from application.lending import (
    account_of_borrower,
    entry_of_fact,
    loan_command,
)
from application.rate_indexes import STREAMS, values_for
from domain import account as accounts
from domain import customer as customers
from domain.account import stream_of as account_stream
from domain.banking_calendar import WEEKENDS, Calendar
from domain.loans import applying
from domain.loans.loan import Dated, Loan, stream_of
from domain.loans.loan_facts import Disbursed
from domain.loans.loan_terms import Applicant
from domain.loans.products import product_named
from domain.loans.repaying import disburse
from domain.money import minor_units_of
from domain.refusals import CustomerNotFound


class Application(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for, and what the applicant says, in major units."""

    user_id: int
    product: str
    amount: Decimal
    instalments: int
    income: Decimal
    debt_service: Decimal | None = None
    living_costs: Decimal | None = None
    age: int | None = None
    collateral: Decimal | None = None
    purpose: str | None = None
    account_id: int | None = None


def apply(
    ask: Ask, loan_id: int, application: Application, details: Details = NO_DETAILS
) -> Command:
    """Apply for a loan. `loan_id` is fresh, from the sequence of the store."""
    customer = customers.stream_of(application.user_id)
    account_id = application.account_id

    def decide(books: Books) -> list[Transaction]:
        if not ask.actor.may_act_for(application.user_id):
            raise CustomerNotFound(user_id=application.user_id)
        borrower = books.customer(application.user_id)
        if account_id is not None:
            account_held_by(books, application.user_id, account_id)
        check_text("purpose", application.purpose)
        currency = product_named(application.product).currency
        posted = transaction(ask.actor, details, books)
        facts = applying.apply(
            borrower=application.user_id,
            product_name=application.product,
            amount=minor_units_of(application.amount, currency),
            instalments=application.instalments,
            applicant=_applicant(application, currency),
            purpose=application.purpose,
            account_id=account_id,
            on=posted.value_date,
            index_values=values_for(books, product_named(application.product)),
        )
        customers.check_staying(borrower)
        books.add(posted, stream_of(loan_id), [dated.fact for dated in facts], entry_of_fact)
        return [posted]

    said = msgspec.structs.asdict(application)
    request = {
        "call": "loans/apply",
        **{n: canonical(v) if isinstance(v, Decimal) else v for n, v in said.items()},
    }
    streams = [customer, stream_of(loan_id), *late_streams(details), *STREAMS]
    if account_id is not None:
        streams.append(account_stream(account_id))
    return ask.command(request, streams, decide)


def _applicant(application: Application, currency: str) -> Applicant:
    def minor(amount: Decimal | None) -> int:
        return minor_units_of(amount, currency) if amount else 0

    return Applicant(
        income=minor(application.income),
        debt_service=minor(application.debt_service),
        living_costs=minor(application.living_costs),
        age=application.age,
        collateral=minor(application.collateral) or None,
    )


def approve(
    ask: Ask,
    loan_id: int,
    details: Details,
    *,
    amount: Decimal | None = None,
    instalments: int | None = None,
    annual_rate: Decimal | None = None,
    conditions: Sequence[str] = (),
    override: str | None = None,
) -> Command:
    """Approve; above the limit of one person the first call proposes and the second approves."""

    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Dated]:
        for condition in conditions:
            check_text("condition", condition)
        return applying.approve(
            loan,
            ask.actor.name,
            posted.value_date,
            amount=None if amount is None else minor_units_of(amount, loan.terms.currency),
            instalments=instalments,
            annual_rate=annual_rate,
            conditions=conditions,
            override=override,
        )

    return loan_command(
        ask,
        "loans/approve",
        loan_id,
        details,
        decision,
        amount=canonical(amount),
        instalments=instalments,
        annual_rate=canonical(annual_rate),
        conditions=list(conditions),
        override=override,
    )


def decline(ask: Ask, loan_id: int, reasons: Sequence[str]) -> Command:
    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Dated]:
        for reason in reasons:
            check_text("reason", reason)
        return applying.decline(loan, reasons, posted.value_date)

    return loan_command(ask, "loans/decline", loan_id, NO_DETAILS, decision, reasons=list(reasons))


def withdraw(ask: Ask, loan_id: int) -> Command:
    """The borrower wants the loan no more, while nothing of it was paid out."""

    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Dated]:
        return applying.withdraw(loan, posted.value_date)

    return loan_command(ask, "loans/withdraw", loan_id, NO_DETAILS, decision)


def undo_approval(ask: Ask, loan_id: int, reason: str) -> Command:
    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Dated]:
        return applying.undo_approval(loan, posted.value_date)

    details = Details(reason=reason)
    return loan_command(ask, "loans/undo-approval", loan_id, details, decision)


def accept(ask: Ask, loan_id: int, details: Details, account_id: int | None) -> Command:
    """The borrower signs; `account_id` is where the money is to go."""

    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Dated]:
        if account_id is not None:
            account_of_borrower(books, loan, account_id)
        return applying.accept(loan, account_id, posted.value_date)

    return loan_command(
        ask,
        "loans/accept",
        loan_id,
        details,
        decision,
        accounts=(account_id,),
        account_id=account_id,
    )


def pay_out(
    ask: Ask,
    loan_id: int,
    details: Details,
    *,
    amount: Decimal | None = None,
    account_id: int | None,
    first_due: dt.date | None = None,
    calendar: Calendar = WEEKENDS,
) -> Command:
    """Disburse all that is approved, or a tranche: to the borrower's account, or to another bank."""

    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Dated]:
        account = None if account_id is None else account_of_borrower(books, loan, account_id)
        minor_units = None if amount is None else minor_units_of(amount, loan.terms.currency)
        facts = disburse(
            loan,
            minor_units,
            posted.value_date,
            to_account=account_id,
            first_due=first_due,
            calendar=calendar,
            index_values=values_for(books, loan.terms.product),
        )
        paid_out: Any = facts[-1].fact
        assert isinstance(paid_out, Disbursed)
        if account is not None:
            net = paid_out.amount - paid_out.fee
            account = books.lapse(posted, account.account_id)
            received = accounts.receive_loan(account, net, loan_id)
            books.post(posted, account.account_id, received)
        return facts

    return loan_command(
        ask,
        "loans/disburse",
        loan_id,
        details,
        decision,
        accounts=(account_id,),
        more_streams=STREAMS,
        amount=canonical(amount),
        account_id=account_id,
        first_due=first_due,
    )
