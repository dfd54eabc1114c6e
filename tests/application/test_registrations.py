"""Registrations decided without a store: checked by the biller's rules, one customer a reference."""

import datetime as dt
from typing import Any

import pytest

from application import accounts, registrations
from application.commands import Actor
from application.registrations import REVISIONS_MAX, Known, WantedLink
from domain.bills.bill_refusals import (
    BillerInactive,
    ReferenceNotAccepted,
    ReferenceRegistered,
    RegistrationEnded,
    RegistrationNotFound,
    TermsContradictory,
    TooManyRegistrations,
)
from domain.bills.references import ReferenceFormat
from domain.bills.registration import Registration
from domain.customer import Customer
from domain.refusals import AccountClosed, AccountNotFound, CustomerNotFound, UnprintableText
from tests.bill_desk import HOLDER, TELLER, Desk, ask

STRANGER = Actor(8, "user")


class Registry:
    """A desk with a biller that checks its references, and two customers, 7 and 8."""

    def __init__(self, **terms: Any) -> None:
        self.desk = Desk()
        self.desk.states["customer-8"] = Customer(8, "user", 1)
        self.biller_id = self.desk.biller(
            **({"reference": ReferenceFormat(length_min=8, length_max=8, check="luhn")} | terms)
        )

    def register(
        self,
        reference: str | None = "12345674",
        *,
        user_id: int = 7,
        known: Known | None = None,
        actor: Actor = TELLER,
        **more: Any,
    ) -> int:
        number = self.desk.next_id()
        wanted = WantedLink(user_id, self.biller_id, reference, **more)
        self.desk.do(registrations.register(ask(actor), number, wanted, known))
        return number

    def at(self, number: int) -> Registration:
        state = self.desk.states[f"registration-{number}"]
        assert isinstance(state, Registration)
        return state


def test_a_reference_is_held_against_the_billers_rules_and_the_day_is_kept() -> None:
    registry = Registry()

    number = registry.register(nickname="The flat", tags=("home",))

    link = registry.at(number).link
    assert (link.reference, link.nickname, link.tags) == ("12345674", "The flat", ("home",))
    assert (link.verified_on, link.status) == (dt.date(2024, 3, 1), "active")
    for wrong in ("12345675", "1234", None):
        with pytest.raises(ReferenceNotAccepted):
            registry.register(wrong)


def test_a_reference_has_one_customer_at_a_time() -> None:
    registry = Registry()
    first = registry.register()
    known = Known(registry.at(first), 1)

    for who in (7, 8):
        with pytest.raises(ReferenceRegistered):
            registry.register(user_id=who)
        with pytest.raises(ReferenceRegistered):
            registry.register(user_id=who, known=known)
    registry.desk.do(registrations.end(ask(HOLDER), first))
    with pytest.raises(ReferenceRegistered):
        # Not known of, so its end is not either.
        registry.register(user_id=8)

    second = registry.register(user_id=8, known=known)

    assert registry.at(second).link.user_id == 8
    with pytest.raises(ReferenceRegistered):
        registry.register(known=known)
    with pytest.raises(ReferenceRegistered):
        registry.register(known=Known(registry.at(second), 2))


def test_a_reference_is_registered_no_more_often_than_it_is_looked_for() -> None:
    registry = Registry()
    known = None
    for revision in range(1, REVISIONS_MAX + 1):
        number = registry.register(known=known)
        known = Known(registry.at(number), revision)
        registry.desk.do(registrations.end(ask(HOLDER), number))

    with pytest.raises(TooManyRegistrations):
        registry.register(known=known)


def test_where_a_biller_has_no_references_each_customer_is_registered_once() -> None:
    registry = Registry(reference=ReferenceFormat())

    registry.register(None)
    registry.register(None, user_id=8)

    with pytest.raises(ReferenceRegistered):
        registry.register(None)


def test_the_default_account_is_the_customers_own_and_open() -> None:
    registry = Registry()
    account_id = registry.desk.new_account()
    closed = registry.desk.new_account()
    registry.desk.do(accounts.close(ask(TELLER), closed, "no more"))

    with pytest.raises(AccountNotFound):
        registry.register(user_id=8, account_id=account_id)
    with pytest.raises(AccountClosed):
        registry.register(account_id=closed)
    number = registry.register(account_id=account_id)
    assert registry.at(number).link.account_id == account_id
    with pytest.raises(AccountClosed):
        registry.desk.do(registrations.change(ask(HOLDER), number, None, closed, ()))


def test_it_is_changed_by_its_own_until_it_ends() -> None:
    registry = Registry()
    number = registry.register(nickname="The flat")

    registry.desk.do(registrations.change(ask(HOLDER), number, "Office", None, ("work",)))

    assert registry.at(number).link.nickname == "Office"
    assert registry.desk.do(registrations.change(ask(), number, "Office", None, ("work",))) == []
    for command in (
        registrations.change(ask(STRANGER), number, None, None, ()),
        registrations.end(ask(STRANGER), number),
        registrations.end(ask(TELLER), 999),
    ):
        with pytest.raises(RegistrationNotFound):
            registry.desk.do(command)
    registry.desk.do(registrations.end(ask(HOLDER), number))
    assert registry.desk.do(registrations.end(ask(HOLDER), number)) == []
    with pytest.raises(RegistrationEnded):
        registry.desk.do(registrations.change(ask(HOLDER), number, None, None, ()))


def test_what_cannot_be_registered() -> None:
    registry = Registry()

    with pytest.raises(CustomerNotFound):
        registry.register(user_id=8, actor=HOLDER)
    with pytest.raises(UnprintableText):
        registry.register(nickname="\x07")
    with pytest.raises(TermsContradictory):
        registry.register(tags=("twice", "twice"))
    with pytest.raises(BillerInactive):
        Registry(active=False).register()
