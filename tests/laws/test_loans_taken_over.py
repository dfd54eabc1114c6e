"""A loan taken over owes its amount less what was paid for it, whenever that was paid."""

import datetime as dt

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from daybook.berka_loans import PRODUCT, first_due
from domain.loans.loan import Loan, evolve
from domain.loans.loan_refusals import LoanTermNotOffered
from domain.loans.repaying import repay
from domain.loans.taking_over import take_over
from ledger.chart_of_accounts import COMMITMENTS, LOAN_OVERPAYMENTS, LOAN_PRINCIPAL
from ledger.loan_posting_rules import entry_for_loan

GRANTED = dt.date(1993, 7, 12)
SLOW = settings(deadline=None)


class Books:
    """The loan as its facts leave it, and the sums of their entries on the debit side."""

    def __init__(self, months: int, crowns: int, hellers: int) -> None:
        """A loan of so many months; what is paid a month is off the rounded instalment by hellers."""
        self.payment = crowns * 100 + hellers
        self.amount = months * crowns * 100
        self.loan: Loan | None = None
        self.sums: dict[int, int] = {}
        self.tell(
            take_over(
                1,
                borrower=7,
                product=PRODUCT,
                principal=self.amount,
                instalments=months,
                payment=self.payment,
                on=GRANTED,
                first_due=first_due(GRANTED),
            )
        )

    @property
    def current(self) -> Loan:
        assert self.loan is not None
        return self.loan

    def tell(self, facts) -> None:  # type: ignore[no-untyped-def]
        for _, fact in facts:
            self.loan = evolve(self.loan, fact, 1)
            for posting in entry_for_loan(fact, "loan-1", "CZK"):
                signed = posting.amount if posting.side == "D" else -posting.amount
                self.sums[posting.ledger_account] = (
                    self.sums.get(posting.ledger_account, 0) + signed
                )


BANKS = st.builds(Books, st.integers(1, 60), st.integers(40, 10_000), st.integers(-50, 50))


@SLOW
@given(BANKS)
def test_a_loan_taken_over_is_due_as_it_is_paid_and_commits_the_bank_to_no_more(
    books: Books,
) -> None:
    rows = books.current.terms.rows

    assert sum(row.principal for row in rows) == books.amount
    assert all(row.principal == books.payment for row in rows[:-1])
    assert all(row.interest == 0 and row.due.day == 12 for row in rows)
    assert len(rows) <= books.current.terms.instalments
    assert rows[0].due == dt.date(1993, 8, 12)
    assert books.sums[LOAN_PRINCIPAL] == books.amount
    assert books.sums[COMMITMENTS] == 0
    assert sum(books.sums.values()) == 0


@SLOW
@given(BANKS, st.integers(0, 70))
def test_who_pays_every_instalment_is_never_late(books: Books, months: int) -> None:
    for row in books.current.terms.rows[:months]:
        books.tell(repay(books.current, row.principal, row.due))
        assert books.current.figures.past_due_since is None
    paid = sum(row.principal for row in books.current.terms.rows[:months])

    assert books.sums[LOAN_PRINCIPAL] == books.current.figures.principal == books.amount - paid
    assert (books.current.terms.status == "closed") == (paid == books.amount)


@SLOW
@given(BANKS, st.lists(st.tuples(st.integers(0, 90), st.integers(1, 2_000_000)), max_size=8))
def test_what_is_owed_is_the_amount_less_all_that_was_paid_on_whatever_days(
    books: Books, payments: list[tuple[int, int]]
) -> None:
    day, paid = GRANTED, 0
    for days, amount in payments:
        day += dt.timedelta(days)
        if books.current.terms.status == "active":
            books.tell(repay(books.current, amount, day))
            paid += amount

    assert books.sums[LOAN_PRINCIPAL] == max(0, books.amount - paid)
    assert -books.sums.get(LOAN_OVERPAYMENTS, 0) == max(0, paid - books.amount)
    assert sum(books.sums.values()) == 0


def test_more_instalments_than_the_product_has_are_refused() -> None:
    with pytest.raises(LoanTermNotOffered):
        Books(601, 100, 0)
