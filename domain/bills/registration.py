"""A registration: that a customer is known to a biller under a reference, and what is agreed about that.

The reference was checked by the biller's rules. Bills that come under it are the customer's, and are paid
from the default account where no other is named.
"""

import datetime as dt
from typing import Final, Literal, TypeAlias

import msgspec

from domain.bills.bill_refusals import (
    ReferenceNotAccepted,
    RegistrationEnded,
    RegistrationNotFound,
    TermsContradictory,
)
from domain.bills.biller import Biller, check_active
from domain.bills.references import check_reference, needs_reference
from domain.facts import Fact, stored_as

RegistrationStatus: TypeAlias = Literal["active", "ended"]

TAGS_MAX: Final = 20


class Link(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Who is known to whom. `verified_on` is the day on which the reference was held against the biller's
    rules; without a `reference` the biller knows its customers by none."""

    user_id: int
    biller_id: int
    verified_on: dt.date
    reference: str | None = None
    nickname: str | None = None
    account_id: int | None = None
    tags: tuple[str, ...] = ()
    status: RegistrationStatus = "active"


# --- Events: their tags are on disk for ever.


class RegistrationFact(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A fact that leaves the registration so."""

    link: Link


@stored_as("registration.made.1")
class RegistrationMade(RegistrationFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("registration.changed.1")
class RegistrationChanged(RegistrationFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("registration.ended.1")
class RegistrationStopped(RegistrationFact, frozen=True, kw_only=True, omit_defaults=True):
    """Its bills stay what they are; no more are presented by the reference alone."""


# --- State


class Registration(msgspec.Struct, frozen=True):
    registration_id: int
    link: Link
    version: int


def stream_of(registration_id: int) -> str:
    return f"registration-{registration_id}"


def restore(registration_id: int, newest: RegistrationFact, version: int) -> Registration:
    return Registration(registration_id, newest.link, version)


def found(registration: Registration | None, registration_id: int) -> Registration:
    if registration is None:
        raise RegistrationNotFound(registration_id=registration_id)
    return registration


# --- Decisions


def make(biller: Biller, link: Link) -> list[RegistrationFact]:
    """Refused: a reference that the biller would not know, or none where it needs one."""
    form = biller.terms.reference
    if link.reference is not None:
        check_reference(form, link.reference)
    elif needs_reference(form):
        raise ReferenceNotAccepted(reference="", why="there is none, and the biller needs one")
    _check_tags(link.tags)
    check_active(biller)
    return [RegistrationMade(link=link)]


def change(
    registration: Registration,
    nickname: str | None,
    account_id: int | None,
    tags: tuple[str, ...],
) -> list[RegistrationFact]:
    """All but the reference, which is another registration. The same again is nothing new."""
    _check_tags(tags)
    link = registration.link
    if link.status == "ended":
        raise RegistrationEnded(registration_id=registration.registration_id)
    after = msgspec.structs.replace(link, nickname=nickname, account_id=account_id, tags=tags)
    return [] if after == link else [RegistrationChanged(link=after)]


def end(registration: Registration) -> list[RegistrationFact]:
    """For good; ending again is nothing new."""
    if registration.link.status == "ended":
        return []
    return [RegistrationStopped(link=msgspec.structs.replace(registration.link, status="ended"))]


def _check_tags(tags: tuple[str, ...]) -> None:
    if len(tags) > TAGS_MAX or len({*tags}) < len(tags):
        raise TermsContradictory(
            field="tags", why=f"there are more than {TAGS_MAX}, or one comes twice"
        )
