"""On which days something may be done on a loan: decided without a store."""

import datetime as dt
from decimal import Decimal

import pytest

from application import loan_servicing as servicing
from application.commands import Actor, Details
from domain.loans.loan import Loan
from domain.loans.products import PRODUCTS
from domain.refusals import DateOutOfRange, NotPermitted
from tests.bill_desk import HOLDER, TELLER, Desk, ask
from tests.laws.loan_stories import BEGAN, Act, Book, done

DAY = dt.timedelta(days=1)


def lent() -> Desk:
    book = Book(PRODUCTS["personal"], 5_000_00, 12)
    assert done(book, Act(0, "disburse", 0), BEGAN)
    desk = Desk()
    desk.go_to(BEGAN + DAY)
    desk.states["loan-1"] = book.current
    return desk


def repay(desk: Desk, actor: Actor, on: dt.date | None) -> None:
    """A cent, which is all that it would take to have no night for a year."""
    details = Details(value_date=on)
    desk.do(servicing.repay(ask(actor), 1, Decimal("0.01"), details, account_id=None))


def test_a_day_that_has_not_come_is_refused() -> None:
    desk = lent()

    with pytest.raises(DateOutOfRange):
        repay(desk, TELLER, desk.today + DAY)
    repay(desk, TELLER, desk.today)

    loan = desk.states["loan-1"]
    assert isinstance(loan, Loan)
    assert loan.figures.through == desk.today


@pytest.mark.parametrize("days", [-1, 1, 300])
def test_a_customer_names_no_other_day_than_today(days: int) -> None:
    desk = lent()

    with pytest.raises(NotPermitted):
        repay(desk, HOLDER, desk.today + days * DAY)
    repay(desk, HOLDER, None)
