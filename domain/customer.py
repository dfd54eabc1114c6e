"""A customer: the party with a contract with the bank.

What identifies a person (name, address, email, password) is not in the facts: it must be possible to
forget a person, and the log forgets nothing.
"""

from typing import Literal, TypeAlias

import msgspec

from domain.facts import Fact, stored_as

Role: TypeAlias = Literal["user", "teller", "loan_officer", "auditor", "compliance", "admin"]

ROLES: tuple[Role, ...] = ("user", "teller", "loan_officer", "auditor", "compliance", "admin")


# --- Events: their tags are on disk for ever.


@stored_as("customer.registered.1")
class Registered(Fact, frozen=True, kw_only=True, omit_defaults=True):
    role: Role


# --- State


class Customer(msgspec.Struct, frozen=True):
    user_id: int
    role: Role
    version: int


def stream_of(user_id: int) -> str:
    return f"customer-{user_id}"


def evolve(customer: Customer | None, fact: Fact, user_id: int = 0) -> Customer:
    """The customer after one more fact. `user_id` is needed for the first fact only."""
    assert isinstance(fact, Registered), f"{fact.TAG} is no fact of a customer"
    return Customer(user_id, fact.role, 1 if customer is None else customer.version + 1)


# --- Decisions


def register(customer: Customer | None, role: Role) -> list[Fact]:
    """The second registration of the same customer is nothing new."""
    return [] if customer is not None else [Registered(role=role)]
