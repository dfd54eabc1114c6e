"""A customer is registered once."""

import pytest

from domain import customer as customers
from domain.account_facts import Deposited
from domain.customer import Customer, Registered


def test_a_customer_is_registered_with_a_role() -> None:
    facts = customers.register(None, "user")

    assert facts == [Registered(role="user")]
    assert customers.evolve(None, facts[0], 7) == Customer(7, "user", 1)


def test_the_second_registration_is_nothing_new() -> None:
    assert customers.register(Customer(7, "user", 1), "teller") == []


def test_a_fact_of_something_else_is_our_own_mistake() -> None:
    with pytest.raises(AssertionError, match="no fact of a customer"):
        customers.evolve(None, Deposited(amount=1, balance=1, terms=1), 7)
