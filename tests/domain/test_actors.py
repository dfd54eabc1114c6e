"""Where it takes two people, one who has had two roles is one."""

import datetime as dt

import pytest

from domain import customer as customers
from domain import periods
from domain.actors import is_same_person
from domain.customer import Customer, Ties
from domain.periods import NONE_CLOSED
from domain.refusals import SamePerson

TODAY = dt.date(2031, 3, 10)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("teller-7", "teller-7", True),
        ("loan_officer-7", "admin-7", True),
        ("teller-7", "teller-17", False),
        ("teller-17", "teller-7", False),
        ("system-0", "teller-7", False),
    ],
)
def test_a_person_is_the_number_and_not_the_role(one: str, other: str, same: bool) -> None:
    assert is_same_person(one, other) is same


def test_who_asked_to_close_a_period_does_not_close_it_in_another_role() -> None:
    (asked,) = periods.close(NONE_CLOSED, "2031-02", "compliance-3", TODAY)
    standing = periods.restore(0, asked, 1)

    with pytest.raises(SamePerson):
        periods.close(standing, "2031-02", "admin-3", TODAY)

    (closed,) = periods.close(standing, "2031-02", "admin-4", TODAY)
    assert closed.closed == ("2031-02",)


def test_who_asked_for_an_erasure_does_not_do_it_in_another_role() -> None:
    customer = Customer(7, "user", 3, asked_by="compliance-3")

    with pytest.raises(SamePerson):
        customers.erase(customer, Ties(), "admin-3", TODAY, "k")
