"""The use cases of what was not told in time: a repayment of an earlier day, and what is undone.

The loan's events are read from the log before the command is made, since they never change; the
decision is made on them only if the loan has had no more since, and otherwise they are read again.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from application import rate_indexes
from application.books import Books, Command, Transaction
from application.commands import Ask, Details, account_for, canonical
from application.lending import check_currency, entry_of_fact, loan_command, loan_transactions
from application.loss_rates import loss_rates_of
from domain import account as accounts
from domain import business_days
from domain.account_facts import AccountFact
from domain.business_days import NONE_ENDED, BusinessDays
from domain.loans import loss_rates
from domain.loans.charge_backs import charge_back_of
from domain.loans.history import Step, steps_of
from domain.loans.loan import Dated, Loan, stream_of
from domain.loans.loan_facts import Disbursed, OverpaymentRefunded, Recovered, Repaid
from domain.loans.products import Excess
from domain.loans.repaying import repay
from domain.loans.restating import Nights, Restated, insert, repaid_late, undo
from domain.money import minor_units_of
from domain.periods import NONE_CLOSED, STREAM, first_open_day
from ledger.chart_of_accounts import CONTROL_ACCOUNT, TRANSFERS_IN_TRANSIT
from ledger.journal import Posting, Recorded, entry_of, mirrored
from ledger.loan_history import events_of

# What is told anew rests on these besides the loan: its days, and the books they are booked in.
_BESIDE: Final = (STREAM, business_days.STREAM, loss_rates.STREAM, *rate_indexes.STREAMS)


class LoanReadTooEarly(Exception):
    """The loan has had more events since its history was read: read it again, and ask again."""


def repay_late(
    ask: Ask,
    loan_id: int,
    history: Sequence[Recorded],
    amount: Decimal,
    details: Details,
    *,
    account_id: int | None,
    excess: Excess | None = None,
    counterparty: str | None = None,
) -> Command:
    """Money that came in on an earlier day, `details.value_date`, and is told today.

    What was booked since is taken back and booked anew, on the days it was booked on where those are
    open still. The account is debited in the books of the booking date named, else of today.
    """

    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Transaction]:
        life = _life(loan, history)
        minor_units = minor_units_of(amount, loan.terms.currency)
        debited: list[AccountFact] = []
        if account_id is not None:
            check_currency(account_for(books, ask.actor, account_id), loan)
            account = books.lapse(posted, account_id)
            debited = accounts.repay_loan(account, minor_units, loan_id)
        restated = insert(
            life,
            posted.value_date,
            posted.booking_date,
            lambda before, on: repay(
                before,
                minor_units,
                on,
                excess=excess,
                from_account=account_id,
                counterparty=counterparty,
            ),
            _nights(books, loan),
        )
        told = repaid_late(restated, posted.value_date)

        def beside(each: Restated, transaction: Transaction) -> None:
            if each.fact is told and account_id is not None:
                books.post(transaction, account_id, debited)

        return _booked(books, posted, loan, restated, history, beside)

    return loan_transactions(
        ask,
        "loans/repay",
        loan_id,
        details,
        decision,
        accounts=(account_id,),
        more_streams=_BESIDE,
        amount=canonical(amount),
        account_id=account_id,
        excess=excess,
        counterparty=counterparty,
    )


def undo_transaction(
    ask: Ask, loan_id: int, history: Sequence[Recorded], transaction_id: int, details: Details
) -> Command:
    """Take back what a transaction did to the loan, and to an account; what came after is told anew.

    Money that went to an account is taken back from it, so an account without it refuses the whole.
    """
    touched = tuple(_accounts_of(history, transaction_id))

    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Transaction]:
        life = _life(loan, history)
        restated = undo(life, transaction_id, _nights(books, loan))

        def beside(each: Restated, transaction: Transaction) -> None:
            if each.undone is not None and each.undone.transaction_id == transaction_id:
                _give_back(books, transaction, each.undone.fact, transaction_id)

        return _booked(books, posted, loan, restated, history, beside)

    return loan_transactions(
        ask,
        "loans/undo",
        loan_id,
        details,
        decision,
        accounts=touched,
        more_streams=_BESIDE,
        transaction_id=transaction_id,
    )


def charge_back(
    ask: Ask,
    loan_id: int,
    history: Sequence[Recorded],
    transaction_id: int,
    amount: Decimal | None,
    details: Details,
) -> Command:
    """Send back what another bank takes back of a repayment; nothing is told anew for it."""

    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Dated]:
        minor_units = None if amount is None else minor_units_of(amount, loan.terms.currency)
        return charge_back_of(_life(loan, history), transaction_id, minor_units, posted.value_date)

    return loan_command(
        ask,
        "loans/charge-back",
        loan_id,
        details,
        decision,
        transaction_id=transaction_id,
        amount=canonical(amount),
    )


def _nights(books: Books, loan: Loan) -> Nights:
    days: BusinessDays = books.state(business_days.STREAM) or NONE_ENDED
    values = rate_indexes.values_for(books, loan.terms.product)
    return Nights(days.ended, loss_rates_of(books).changes, values)


def _life(loan: Loan, history: Sequence[Recorded]) -> list[Step]:
    if not history or history[-1].originator_version != loan.version:
        raise LoanReadTooEarly
    return steps_of(events_of(history), loan.loan_id)


def _accounts_of(history: Sequence[Recorded], transaction_id: int) -> list[int]:
    facts = [r.event.fact for r in history if r.event.transaction_id == transaction_id]
    ids = {getattr(fact, name, None) for fact in facts for name in ("from_account", "to_account")}
    return sorted(account_id for account_id in ids if account_id is not None)


def _give_back(books: Books, transaction: Transaction, fact: Any, transaction_id: int) -> None:
    """The account's half of what is undone on the loan, mirrored."""
    if isinstance(fact, Repaid | Recovered):
        account_id, amount = fact.from_account, fact.amount
    elif isinstance(fact, Disbursed):
        account_id, amount = fact.to_account, fact.amount - fact.fee
    elif isinstance(fact, OverpaymentRefunded):
        account_id, amount = fact.to_account, fact.amount
    else:
        return
    if account_id is None:
        return
    account = books.lapse(transaction, account_id)
    control = CONTROL_ACCOUNT[account.terms.account_type]
    currency = account.terms.currency
    returned = isinstance(fact, Repaid | Recovered)
    undo_half = accounts.reverse_debit if returned else accounts.reverse_credit
    entry = entry_of(
        Posting(TRANSFERS_IN_TRANSIT, None, "D" if returned else "C", amount, currency),
        Posting(control, f"account-{account_id}", "C" if returned else "D", amount, currency),
    )
    books.post(transaction, account_id, undo_half(account, amount, transaction_id), entry)


def _booked(
    books: Books,
    main: Transaction,
    loan: Loan,
    restated: Sequence[Restated],
    history: Sequence[Recorded],
    beside: Callable[[Restated, Transaction], None],
) -> list[Transaction]:
    """A transaction for each run of facts with the same dates; closed books take none any more, and
    then the first open day does."""
    stream = stream_of(loan.loan_id)
    entries = {recorded.originator_version: recorded.event.entry for recorded in history}
    closed = books.periods() or NONE_CLOSED
    done: list[Transaction] = []
    dates: tuple[dt.date, dt.date] | None = None
    kind: tuple[bool, int] | None = None
    for each in restated:
        booked = first_open_day(closed, each.booked)
        undone = each.undone
        # What is taken back is told transaction by transaction, as it was booked.
        same = (undone is not None, 0 if undone is None else undone.transaction_id)
        if dates != (each.on, booked) or kind != same:
            dates, kind = (each.on, booked), same
            done.append(
                msgspec.structs.replace(main, value_date=each.on, booking_date=booked, drafts=[])
            )
        beside(each, done[-1])
        if undone is None:
            books.add(done[-1], stream, [each.fact], entry_of_fact)
        else:
            entry = entries[undone.version]
            books.add(done[-1], stream, [each.fact], mirrored(entry) if entry else ())
    if main.drafts:
        # Holds that had expired on the account.
        done.insert(0, main)
    return done
