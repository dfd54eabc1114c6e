"""A customer is registered once, and erased by two people when nothing forbids it."""

import datetime as dt
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import customer as customers
from domain.customer import Customer, CustomerFact, Erased, Registered, Ties
from domain.refusals import (
    AccountsOpen,
    BillsUnpaid,
    CustomerErased,
    CustomerNotFound,
    ErasureAsked,
    ErasureNotAsked,
    LegalHoldStands,
    LoansOpen,
    RetentionRuns,
    SamePerson,
)
from domain.retention import retained_until


def test_a_customer_is_registered_with_a_role() -> None:
    facts = customers.register(None, "user")

    assert facts == [Registered(role="user")]
    assert customers.restore(7, Registered(role="user"), 1) == Customer(7, "user", 1)


def test_the_second_registration_is_nothing_new() -> None:
    assert customers.register(Customer(7, "user", 1), "teller") == []


# --- Erasure

CUSTOMER = Customer(7, "user", 3)
NONE = Ties()
TODAY = dt.date(2031, 3, 10)

flags = st.booleans()


def asked(by: str = "compliance-3") -> Customer:
    return after(CUSTOMER, customers.erase(CUSTOMER, NONE, by, TODAY, "k"))


def after(customer: Customer, facts: Sequence[CustomerFact]) -> Customer:
    for fact in facts:
        customer = customers.restore(7, fact, customer.version + 1)
    return customer


def test_one_asks_and_another_erases() -> None:
    (fact,) = customers.erase(asked(), NONE, "compliance-4", TODAY, "k")

    assert fact == Erased(
        role="user", erased=True, maker="compliance-3", checker="compliance-4", key_id="k"
    )
    assert customers.restore(7, fact, 5) == Customer(7, "user", 5, erased=True)


def test_the_first_cannot_be_the_second() -> None:
    with pytest.raises(SamePerson):
        customers.erase(asked(), NONE, "compliance-3", TODAY, "k")


def test_nothing_new_is_begun_with_one_who_is_to_be_erased_until_it_is_withdrawn() -> None:
    with pytest.raises(ErasureAsked):
        customers.check_staying(asked())

    customers.check_staying(after(asked(), customers.withdraw_erasure(asked())))


@given(flags, flags, flags, flags, flags, st.integers(-2, 2), flags)
def test_of_all_that_forbids_it_the_first_is_told_and_nothing_else_erases(
    erased: bool,
    accounts: bool,
    loans: bool,
    bills: bool,
    held: bool,
    days_over: int,
    has_asked: bool,
) -> None:
    customer = Customer(7, "user", 3, "compliance-3" if has_asked else None, held, erased)
    until = TODAY - dt.timedelta(days_over)
    ties = Ties((1,) if accounts else (), (2,) if loans else (), (3,) if bills else (), until)
    wrong = [
        (erased, CustomerErased),
        (accounts, AccountsOpen),
        (loans, LoansOpen),
        (bills, BillsUnpaid),
        (held, LegalHoldStands),
        (days_over <= 0, RetentionRuns),
    ]
    expected = next((refusal for applies, refusal in wrong if applies), None)

    if expected is None:
        (fact,) = customers.erase(customer, ties, "compliance-4", TODAY, "k")
        assert isinstance(fact, Erased) is has_asked
        return
    with pytest.raises(expected):
        customers.erase(customer, ties, "compliance-4", TODAY, "k")


def test_a_hold_is_placed_and_lifted_once() -> None:
    held = after(CUSTOMER, customers.place_legal_hold(CUSTOMER))

    assert held.held
    assert customers.place_legal_hold(held) == []
    assert not after(held, customers.lift_legal_hold(held)).held
    assert customers.lift_legal_hold(CUSTOMER) == []


def test_what_nobody_asked_for_cannot_be_withdrawn() -> None:
    with pytest.raises(ErasureNotAsked):
        customers.withdraw_erasure(CUSTOMER)


def test_there_is_no_customer_who_was_erased() -> None:
    for gone in (None, Customer(7, "user", 3, erased=True)):
        with pytest.raises(CustomerNotFound):
            customers.known(gone, 7)


def test_many_accounts_are_counted_and_not_all_named() -> None:
    with pytest.raises(AccountsOpen, match="1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more") as refused:
        customers.erase(CUSTOMER, Ties(tuple(range(1, 13))), "compliance-3", TODAY, None)

    assert refused.value.figures["user_id"] == 7


@given(st.dates(dt.date(1900, 1, 1), dt.date(2200, 12, 31)), st.integers(0, 100))
def test_the_books_are_kept_for_whole_years(ended_on: dt.date, years: int) -> None:
    until = retained_until(ended_on, years)

    assert until.year == ended_on.year + years
    assert until >= ended_on
    if ended_on.month != 2 or ended_on.day != 29:
        assert (until.month, until.day) == (ended_on.month, ended_on.day)
