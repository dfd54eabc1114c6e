"""What a person may do, and whether he may sign in: roles, endings and passwords, and how they are told."""

import datetime as dt
from collections.abc import Callable, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import access
from domain import customer as customers
from domain.access import AccessFact, change_told
from domain.customer import (
    ROLES,
    Customer,
    CustomerFact,
    Role,
    RoleChanged,
    SignInEnded,
    SignInRestored,
    Ties,
)
from domain.refusals import (
    CustomerErased,
    LegalHoldStands,
    NotStaff,
    PasswordChangedBefore,
    Refused,
    SamePerson,
)

CUSTOMER = Customer(7, "user", 3)
TELLER = Customer(7, "teller", 3)
TODAY = dt.date(2031, 3, 10)


def after(customer: Customer, facts: Sequence[CustomerFact]) -> Customer:
    for fact in facts:
        customer = customers.restore(7, fact, customer.version + 1)
    return customer


def test_a_role_is_changed_and_the_same_again_is_nothing_new() -> None:
    (fact,) = customers.change_role(CUSTOMER, "teller")

    assert fact == RoleChanged(role="teller")
    assert customers.restore(7, fact, 4) == Customer(7, "teller", 4)
    assert customers.change_role(after(CUSTOMER, [fact]), "teller") == []


def test_a_member_of_staff_ends_once_and_is_reinstated_once() -> None:
    ended = after(TELLER, customers.end_sign_in(TELLER))

    assert (ended.ended, ended.role) == (True, "teller")
    assert customers.end_sign_in(ended) == []
    assert not after(ended, customers.restore_sign_in(ended)).ended
    assert customers.restore_sign_in(TELLER) == []


def test_who_is_a_customer_only_cannot_end_as_a_member_of_staff() -> None:
    with pytest.raises(NotStaff):
        customers.end_sign_in(CUSTOMER)


def test_who_ended_can_come_back_as_less_than_before() -> None:
    ended = Customer(7, "admin", 3, ended=True)
    customer = after(ended, customers.change_role(ended, "user"))

    assert (customer.role, customer.ended) == ("user", True)
    assert not after(customer, customers.restore_sign_in(customer)).ended


def test_a_password_that_was_changed_before_allows_no_other() -> None:
    changed = after(CUSTOMER, customers.change_password(CUSTOMER, 0))

    assert changed.password_changes == 1
    with pytest.raises(PasswordChangedBefore):
        customers.change_password(changed, 0)
    # Who need not give it may change it whatever it is.
    assert after(changed, customers.change_password(changed)).password_changes == 2


@pytest.mark.parametrize(
    "decide",
    [
        lambda gone: customers.change_role(gone, "user"),
        customers.end_sign_in,
        customers.restore_sign_in,
        customers.change_password,
    ],
)
def test_nothing_of_one_who_was_erased_is_changed(
    decide: Callable[[Customer], list[CustomerFact]],
) -> None:
    with pytest.raises(CustomerErased):
        decide(Customer(7, "user", 3, erased=True))


def test_a_fact_that_says_no_more_than_before_is_the_same_bytes() -> None:
    (held,) = customers.place_legal_hold(CUSTOMER)

    assert msgspec.json.encode(held) == b'{"role":"user","held":true}'


# --- Any life


class Naive(msgspec.Struct):
    """The same person, kept by hand."""

    role: Role = "user"
    ended: bool = False
    held: bool = False
    asked_by: str | None = None
    erased: bool = False
    password_changes: int = 0

    def move(self, move: str, role: Role) -> tuple[type[Refused] | None, AccessFact | None]:
        """What it is refused for, and what the audit trail has of it."""
        before = self.role
        if self.erased:
            return CustomerErased, None
        if move == "role" and role != before:
            self.role = role
            return None, access.RoleChanged(user_id=7, before=before, after=role)
        if move == "end" and not self.ended:
            if before == "user":
                return NotStaff, None
            self.ended = True
            return None, access.StaffEnded(user_id=7, role=before)
        if move == "reinstate" and self.ended:
            self.ended = False
            return None, access.StaffReinstated(user_id=7, role=before)
        if move == "password":
            self.password_changes += 1
            return None, access.PasswordChanged(user_id=7)
        if move == "hold":
            self.held = True
        if move.startswith("erase by "):
            return self._erase(move.removeprefix("erase by ")), None
        return None, None

    def _erase(self, by: str) -> type[Refused] | None:
        if self.held:
            return LegalHoldStands
        if self.asked_by == by:
            return SamePerson
        self.asked_by, self.erased = (None, True) if self.asked_by else (by, False)
        return None


def decide(customer: Customer, move: str, role: Role) -> list[CustomerFact]:
    match move:
        case "role":
            return customers.change_role(customer, role)
        case "end":
            return customers.end_sign_in(customer)
        case "reinstate":
            return customers.restore_sign_in(customer)
        case "password":
            return customers.change_password(customer, customer.password_changes)
        case "hold":
            return customers.place_legal_hold(customer)
    by = move.removeprefix("erase by ")
    return customers.erase(customer, Ties(), by, TODAY, None)


MOVES = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("role", "role", "end", "reinstate", "password", "hold"),
                *("erase by compliance-3", "erase by compliance-4"),
            ]
        ),
        st.sampled_from(ROLES),
    ),
    max_size=40,
)
STANDING = RoleChanged | SignInEnded | SignInRestored | customers.PasswordChanged


@given(MOVES)
def test_after_any_life_the_state_is_the_naive_one_and_the_trail_tells_each_change(
    moves: list[tuple[str, Role]],
) -> None:
    customer, naive = Customer(7, "user", 1), Naive()

    for move, role in moves:
        refused, expected = naive.move(move, role)
        if refused is not None:
            with pytest.raises(refused):
                decide(customer, move, role)
            continue
        facts = decide(customer, move, role)
        told = [change_told(customer, fact) for fact in facts if isinstance(fact, STANDING)]
        assert told == ([] if expected is None else [expected])
        version = customer.version + len(facts)
        customer = after(customer, facts)
        assert customer == Customer(7, version=version, **msgspec.structs.asdict(naive))
