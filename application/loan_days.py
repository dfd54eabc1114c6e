"""The use cases of a loan's days: what falls due is collected from the account, and the day ends."""

from application.books import Books, Command, Transaction
from application.commands import Ask, Details
from application.lending import check_currency, loan_command
from application.loss_rates import loss_rates_of
from application.rate_indexes import STREAMS, values_for
from domain import account as accounts
from domain.loans import loss_rates
from domain.loans.allocation import due_total, dues
from domain.loans.arrears import catch_up, end_of_day
from domain.loans.loan import Course, Dated, Loan
from domain.loans.rate_indexes import reset_due
from domain.loans.repaying import repay


def collect_due(ask: Ask, loan_id: int, account_id: int, details: Details) -> Command:
    """Take what is due on the day from the borrower's account, or as much of it as is there."""

    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Dated]:
        on = posted.value_date
        if loan.terms.status != "active" or on < loan.figures.through:
            return []
        course = Course(loan)
        catch_up(course, on)
        due = due_total(dues(course.terms, course.figures, on))
        if not due:
            return []
        account = books.lapse(posted, account_id)
        check_currency(account, loan)
        amount = min(due, account.available)
        if amount <= 0:
            return []
        debited = accounts.repay_loan(account, amount, loan_id)
        facts = repay(loan, amount, on, from_account=account_id)
        books.post(posted, account_id, debited)
        return facts

    return loan_command(ask, "loans/collect", loan_id, details, decision, accounts=(account_id,))


def end_loan_day(ask: Ask, loan_id: int, details: Details) -> Command:
    """What a day brings by itself: interest, what is late and what follows from that."""

    def decision(books: Books, loan: Loan, posted: Transaction) -> list[Dated]:
        on, terms = posted.value_date, loan.terms
        reset = reset_due(terms, values_for(books, terms.product), on)
        return end_of_day(loan, on, loss_rates_of(books).changes, reset)

    return loan_command(
        ask,
        "loans/end-of-day",
        loan_id,
        details,
        decision,
        more_streams=(loss_rates.STREAM, *STREAMS),
    )
