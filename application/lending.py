"""What the use cases of loans share: the loan and its borrower's account, and facts with their dates."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from application.books import Books, Command, Transaction
from application.commands import (
    EARLIEST,
    Ask,
    Details,
    account_held_by,
    check_leave,
    check_text,
    late_streams,
    transaction,
)
from domain.account import Account
from domain.account import stream_of as account_stream
from domain.loans.loan import Dated, Loan, known, stream_of
from domain.loans.loan_facts import (
    InstalmentFeeCharged,
    InterestAccrued,
    LoanFact,
    LoanFeeCharged,
    OverpaymentApplied,
    PastDueMarked,
    Reamortised,
)
from domain.loans.loan_refusals import LoanNotFound
from domain.refusals import CurrencyMismatch, DateOutOfRange, NotPermitted
from ledger.journal import Entry
from ledger.loan_posting_rules import entry_for_loan

# What goes before a payment because of it, or because days have passed: transactions of their own.
LEADING: Final[tuple[type[LoanFact], ...]] = (
    InterestAccrued,
    InstalmentFeeCharged,
    PastDueMarked,
    OverpaymentApplied,
    LoanFeeCharged,
    Reamortised,
)


def loan_in(books: Books, loan_id: int) -> Loan:
    """The loan; one that was never applied for is refused as not found."""
    return known(books.state(stream_of(loan_id)), loan_id)


def loan_for(books: Books, ask: Ask, loan_id: int) -> Loan:
    """The loan, for one who may use it; to a stranger it does not exist."""
    loan = loan_in(books, loan_id)
    if not ask.actor.may_act_for(loan.terms.borrower):
        raise LoanNotFound(loan_id=loan_id)
    return loan


def account_of_borrower(books: Books, loan: Loan, account_id: int) -> Account:
    """An account of the borrower's in the loan's currency, where money is to go."""
    account = account_held_by(books, loan.terms.borrower, account_id)
    check_currency(account, loan)
    return account


def check_currency(account: Account, loan: Loan) -> None:
    if account.terms.currency != loan.terms.currency:
        raise CurrencyMismatch(
            account_id=account.account_id,
            currency=account.terms.currency,
            other=loan.terms.currency,
        )


def _check_not_own(ask: Ask, loan: Loan) -> None:
    """Refused: staff who deal with a loan that they owe, as a customer who became an officer could."""
    if ask.actor.role != "user" and ask.actor.user_id == loan.terms.borrower:
        raise NotPermitted(role=ask.actor.role, action="act on a loan of their own")


def _check_day(ask: Ask, main: Transaction, books: Books) -> None:
    """Refused: a day that has not come, for the loan would be brought to it and no night until then would
    bring anything; and by a customer any other day than today."""
    on, today = main.value_date, books.today
    if ask.actor.role == "user" and on != today:
        raise NotPermitted(role="user", action="name another day than today")
    if on > today:
        raise DateOutOfRange(field="value date", date=on, earliest=EARLIEST, latest=today)


def entry_of_fact(fact: Any, loan: Loan) -> Entry:
    """The entry by the posting rules of loans, in the shape that `Books.add` calls."""
    return entry_for_loan(fact, stream_of(loan.loan_id), loan.terms.currency)


def add_facts(
    books: Books, main: Transaction, loan_id: int, facts: Sequence[Dated]
) -> list[Transaction]:
    """Draft the facts on the loan; answers the transactions, of which the last is `main`.

    What days have brought since, and what a payment calls for before it can be laid on what is due,
    goes before in transactions of its own, with the value date from which it counts.
    """
    leading = 0
    while leading < len(facts) - 1 and isinstance(facts[leading].fact, LEADING):
        leading += 1
    before: list[Transaction] = []
    for dated in facts[:leading]:
        if not before or before[-1].value_date != dated.on:
            before.append(msgspec.structs.replace(main, value_date=dated.on, drafts=[]))
        books.add(before[-1], stream_of(loan_id), [dated.fact], entry_of_fact)
    books.add(main, stream_of(loan_id), [dated.fact for dated in facts[leading:]], entry_of_fact)
    return [*before, main]


def loan_command(
    ask: Ask,
    call: str,
    loan_id: int,
    details: Details,
    decision: Callable[[Books, Loan, Transaction], Sequence[Dated]],
    **more: Any,
) -> Command:
    """A command on a loan, whose facts `decision` answers; it may draft on accounts itself.

    It is given the transaction with its dates. `more` is as for `loan_transactions`.
    """

    def transactions(books: Books, loan: Loan, main: Transaction) -> list[Transaction]:
        return add_facts(books, main, loan_id, decision(books, loan, main))

    return loan_transactions(ask, call, loan_id, details, transactions, **more)


def loan_transactions(
    ask: Ask,
    call: str,
    loan_id: int,
    details: Details,
    decision: Callable[[Books, Loan, Transaction], list[Transaction]],
    *,
    accounts: Sequence[int | None] = (),
    more_streams: Sequence[str] = (),
    **asked: Any,
) -> Command:
    """A command on a loan and on accounts, where there are any, whose transactions `decision` answers.

    `asked` is what the call asks for, in its canonical form.
    """

    def decide(books: Books) -> list[Transaction]:
        loan = loan_for(books, ask, loan_id)
        _check_not_own(ask, loan)
        check_leave(ask.actor, details)
        for name, value in asked.items():
            if isinstance(value, str):
                check_text(name, value)
        main = transaction(ask.actor, details, books)
        _check_day(ask, main, books)
        posted = decision(books, loan, main)
        return [each for each in posted if each.drafts]

    request = {"call": call, "loan_id": loan_id, **asked, **details.request()}
    streams = [stream_of(loan_id), *(account_stream(each) for each in accounts if each is not None)]
    also = {*late_streams(details), *more_streams}
    return ask.command(request, (*streams, *also), decide)
