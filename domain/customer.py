"""A customer: the party with a contract with the bank.

What identifies a person is in the facts as ciphertext only, under a key that belongs to that person
alone (`application/sealing.py`): it must be possible to forget a person, and the log forgets nothing.
When the key is destroyed, which takes two people and is refused while law or an open balance holds, what
was sealed is gone, and every event and every hash of it is what it was.

Who works at the bank is a customer with another role than `user`, and may be one again. What a person
may do, and whether the person may sign in, is what these facts say; the table of users follows them.
"""

import datetime as dt
import re
from typing import Any, Final, Literal, TypeAlias

import msgspec

from domain.actors import is_same_person
from domain.facts import Fact, stored_as
from domain.refusals import (
    AccountsOpen,
    BillsUnpaid,
    CustomerErased,
    CustomerNotFound,
    ErasureAsked,
    ErasureNotAsked,
    LegalHoldStands,
    LoansOpen,
    NotStaff,
    PasswordChangedBefore,
    RetentionRuns,
    SamePerson,
)

Role: TypeAlias = Literal["user", "teller", "loan_officer", "auditor", "compliance", "admin"]

ROLES: tuple[Role, ...] = ("user", "teller", "loan_officer", "auditor", "compliance", "admin")

USERNAME_LENGTH_MIN: Final = 3
USERNAME_LENGTH_MAX: Final = 64
EMAIL_LENGTH_MIN: Final = 3
EMAIL_LENGTH_MAX: Final = 254
USERNAME_IS: Final = "Letters, digits and . _ - @ + between them"
EMAIL_IS: Final = "Expected an address such as ada@example.org"
_USERNAME: Final = re.compile(r"[^\W_](?:[\w.@+-]*\w)?")
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)*")

# Of how many accounts or loans that stand in the way a refusal tells the numbers.
NAMED_MAX: Final = 10


def is_username(text: str) -> bool:
    """Whether a user may be called so, whoever adds the user."""
    fits = USERNAME_LENGTH_MIN <= len(text) <= USERNAME_LENGTH_MAX
    return fits and _USERNAME.fullmatch(text) is not None


def is_email(text: str) -> bool:
    """Whether it has the form of an address; that it is one, only a letter to it would show."""
    fits = EMAIL_LENGTH_MIN <= len(text) <= EMAIL_LENGTH_MAX
    return fits and _EMAIL.fullmatch(text) is not None


class SealedField(msgspec.Struct, frozen=True, array_like=True):
    """A detail of a person: its name, and its ciphertext in base64, which opens here and nowhere else."""

    name: str
    sealed: str


# --- Events: their tags are on disk for ever.


class CustomerFact(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A fact that leaves the customer so. `asked_by` has asked for the erasure; `held` keeps it off.

    `ended` is one who may not sign in. `password_changes` counts them; nothing made from a password is kept.
    """

    role: Role
    asked_by: str | None = None
    held: bool = False
    erased: bool = False
    ended: bool = False
    password_changes: int = 0


@stored_as("customer.registered.1")
class Registered(CustomerFact, frozen=True, kw_only=True, omit_defaults=True):
    """`details` are sealed under the data key of that id."""

    key_id: str | None = None
    details: tuple[SealedField, ...] = ()


@stored_as("customer.details-changed.1")
class DetailsChanged(CustomerFact, frozen=True, kw_only=True, omit_defaults=True):
    """All details as they are from now on, sealed anew; what they were before stays in the log."""

    key_id: str
    details: tuple[SealedField, ...]


@stored_as("customer.legal-hold-placed.1")
class LegalHoldPlaced(CustomerFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("customer.legal-hold-lifted.1")
class LegalHoldLifted(CustomerFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("customer.erasure-asked.1")
class ErasureWasAsked(CustomerFact, frozen=True, kw_only=True, omit_defaults=True):
    """The first of the two. From here on the bank begins nothing new with the customer."""


@stored_as("customer.erasure-withdrawn.1")
class ErasureWithdrawn(CustomerFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("customer.erased.1")
class Erased(CustomerFact, frozen=True, kw_only=True, omit_defaults=True):
    """The data key of that id was destroyed in the commit of this event."""

    maker: str
    checker: str
    key_id: str | None = None


@stored_as("customer.role-changed.1")
class RoleChanged(CustomerFact, frozen=True, kw_only=True, omit_defaults=True):
    """The role is that of this fact from now on; what it was before is that of the fact before."""


@stored_as("customer.sign-in-ended.1")
class SignInEnded(CustomerFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("customer.sign-in-restored.1")
class SignInRestored(CustomerFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("customer.password-changed.1")
class PasswordChanged(CustomerFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


# --- State


class Customer(msgspec.Struct, frozen=True):
    user_id: int
    role: Role
    version: int
    asked_by: str | None = None
    held: bool = False
    erased: bool = False
    ended: bool = False
    password_changes: int = 0


class Ties(msgspec.Struct, frozen=True):
    """What binds a person to the bank: accounts, loans and bills that are open, and the law.

    `retained_until` is the last day on which the books must name the person; None for somebody who never had an account or a loan.
    """

    accounts: tuple[int, ...] = ()
    loans: tuple[int, ...] = ()
    bills: tuple[int, ...] = ()
    retained_until: dt.date | None = None


def stream_of(user_id: int) -> str:
    return f"customer-{user_id}"


def restore(user_id: int, fact: CustomerFact, version: int) -> Customer:
    standing = (fact.asked_by, fact.held, fact.erased, fact.ended, fact.password_changes)
    return Customer(user_id, fact.role, version, *standing)


# --- Decisions


def register(
    customer: Customer | None,
    role: Role,
    *,
    key_id: str | None = None,
    details: tuple[SealedField, ...] = (),
) -> list[Fact]:
    """The second registration of the same customer is nothing new."""
    if customer is not None:
        return []
    return [Registered(role=role, key_id=key_id, details=details)]


def known(customer: Customer | None, user_id: int) -> Customer:
    """The customer, for one who wants to begin something with him; there is none who was erased."""
    if customer is None or customer.erased:
        raise CustomerNotFound(user_id=user_id)
    return customer


def check_staying(customer: Customer) -> None:
    """Refused: to begin something new with a customer whose erasure is asked for."""
    if customer.asked_by is not None:
        raise ErasureAsked(user_id=customer.user_id)


def change_details(
    customer: Customer, key_id: str, details: tuple[SealedField, ...]
) -> list[CustomerFact]:
    return [_fact(DetailsChanged, customer, key_id=key_id, details=details)]


def change_role(customer: Customer, role: Role) -> list[CustomerFact]:
    """The role that the customer has already is nothing new.

    One who has ended may be given another, so that nobody comes back to more than is wanted.
    """
    _check_not_erased(customer)
    return [] if customer.role == role else [_fact(RoleChanged, customer, role=role)]


def end_sign_in(customer: Customer) -> list[CustomerFact]:
    """A member of staff leaves. The second call is nothing new. Refused: one who is a customer only."""
    _check_not_erased(customer)
    if customer.ended:
        return []
    if customer.role == "user":
        raise NotStaff(user_id=customer.user_id)
    return [_fact(SignInEnded, customer, ended=True)]


def restore_sign_in(customer: Customer) -> list[CustomerFact]:
    """The second call is nothing new."""
    _check_not_erased(customer)
    return [_fact(SignInRestored, customer, ended=False)] if customer.ended else []


def change_password(customer: Customer, changes_before: int | None = None) -> list[CustomerFact]:
    """Refused: where the password that allowed it, after so many changes, is not the newest any more."""
    _check_not_erased(customer)
    if changes_before is not None and changes_before != customer.password_changes:
        raise PasswordChangedBefore(user_id=customer.user_id)
    return [_fact(PasswordChanged, customer, password_changes=customer.password_changes + 1)]


def place_legal_hold(customer: Customer) -> list[CustomerFact]:
    """Keep the customer from being erased. The second call is nothing new."""
    _check_not_erased(customer)
    return [] if customer.held else [_fact(LegalHoldPlaced, customer, held=True)]


def lift_legal_hold(customer: Customer) -> list[CustomerFact]:
    """The second call is nothing new."""
    _check_not_erased(customer)
    return [_fact(LegalHoldLifted, customer, held=False)] if customer.held else []


def erase(
    customer: Customer, ties: Ties, by: str, today: dt.date, key_id: str | None
) -> list[CustomerFact]:
    """The first call asks, the second, by another person, erases.

    Refused while an account, a loan or a bill is open, while a legal hold stands, and until the books need not
    name the person any more. `ties` were read after the event that asked, or they are incomplete.
    """
    _check_not_erased(customer)
    if ties.accounts:
        raise AccountsOpen(user_id=customer.user_id, accounts=_named(ties.accounts))
    if ties.loans:
        raise LoansOpen(user_id=customer.user_id, loans=_named(ties.loans))
    if ties.bills:
        raise BillsUnpaid(user_id=customer.user_id, bills=_named(ties.bills))
    if customer.held:
        raise LegalHoldStands(user_id=customer.user_id)
    if ties.retained_until is not None and today <= ties.retained_until:
        raise RetentionRuns(user_id=customer.user_id, until=ties.retained_until)
    if customer.asked_by is None:
        return [_fact(ErasureWasAsked, customer, asked_by=by)]
    if is_same_person(customer.asked_by, by):
        raise SamePerson(action="erase a customer")
    return erase_again(customer, customer.asked_by, by, key_id)


def erase_again(
    customer: Customer, maker: str, checker: str, key_id: str | None
) -> list[CustomerFact]:
    """Erase, without asking anybody, one who was erased in a log that was lost since."""
    if customer.erased:
        return []
    standing = {"asked_by": None, "erased": True}
    return [_fact(Erased, customer, maker=maker, checker=checker, key_id=key_id, **standing)]


def withdraw_erasure(customer: Customer) -> list[CustomerFact]:
    _check_not_erased(customer)
    if customer.asked_by is None:
        raise ErasureNotAsked(user_id=customer.user_id)
    return [_fact(ErasureWithdrawn, customer, asked_by=None)]


def _check_not_erased(customer: Customer) -> None:
    if customer.erased:
        raise CustomerErased(user_id=customer.user_id)


def _named(numbers: tuple[int, ...]) -> str:
    more = f" and {len(numbers) - NAMED_MAX} more" if len(numbers) > NAMED_MAX else ""
    return ", ".join(map(str, numbers[:NAMED_MAX])) + more


def _fact(kind: type[CustomerFact], customer: Customer, **changed: Any) -> CustomerFact:
    standing = {
        "role": customer.role,
        "asked_by": customer.asked_by,
        "held": customer.held,
        "erased": customer.erased,
        "ended": customer.ended,
        "password_changes": customer.password_changes,
    }
    return kind(**{**standing, **changed})
