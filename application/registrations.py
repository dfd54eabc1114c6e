"""The use cases of registrations: a customer is registered with a biller, changes what is agreed, and ends it.

Under one reference one customer is registered at a time, so a bill can be presented by the reference alone.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from application.billers import biller_in
from application.books import Books, Command, Transaction
from application.commands import Ask, account_held_by, check_text, note
from application.log_reads import read_holder, read_state
from application.pools import Pool
from domain import account as accounts
from domain import customer as customers
from domain.bills import biller as billers
from domain.bills import registration as registrations
from domain.bills.bill_facts import Standing
from domain.bills.bill_refusals import (
    ReferenceNotRegistered,
    ReferenceRegistered,
    RegistrationNotFound,
    TooManyRegistrations,
)
from domain.bills.registration import Link, Registration, RegistrationFact, stream_of
from domain.refusals import CustomerNotFound

# How often one reference can be registered, one registration after the other.
REVISIONS_MAX: Final = 50


class Known(NamedTuple):
    """The newest registration under a reference, and how many there were."""

    registration: Registration
    revision: int


async def read_registration(pool: Pool, registration_id: int) -> Registration:
    """As the log has it now. One that there is not is refused."""
    state = await read_state(pool, stream_of(registration_id))
    return registrations.found(state, registration_id)


async def known_under(
    pool: Pool, biller_id: int, reference: str | None, user_id: int | None
) -> Known | None:
    """The newest registration with a biller under a reference, or, without one, of the customer."""
    held = await read_holder(
        pool, lambda n: claim_of(biller_id, reference, user_id, n), REVISIONS_MAX
    )
    if held is None:
        return None
    number = int(held.holder.rpartition("-")[2])
    return Known(await read_registration(pool, number), held.revision)


async def customer_under(pool: Pool, biller_id: int, reference: str | None) -> int:
    """Whom a biller knows under the reference. Refused: one under which nobody is registered."""
    known = None if reference is None else await known_under(pool, biller_id, reference, None)
    if known is None or known.registration.link.status != "active":
        raise ReferenceNotRegistered(reference=reference or "")
    return known.registration.link.user_id


async def default_account(
    pool: Pool, biller_id: int, reference: str | None, user_id: int
) -> int | None:
    """From which account the customer pays this biller where none is named, if that was agreed."""
    known = await known_under(pool, biller_id, reference, user_id)
    if known is None:
        return None
    link = known.registration.link
    return link.account_id if (link.status, link.user_id) == ("active", user_id) else None


async def account_for_bill(pool: Pool, standing: Standing) -> int | None:
    return await default_account(pool, standing.biller_id, standing.reference, standing.user_id)


class WantedLink(NamedTuple):
    """A registration as it is asked for."""

    user_id: int
    biller_id: int
    reference: str | None = None
    nickname: str | None = None
    account_id: int | None = None
    tags: tuple[str, ...] = ()


def register(ask: Ask, registration_id: int, wanted: WantedLink, known: Known | None) -> Command:
    """Register a customer with a biller. `registration_id` is fresh; `known` is what `known_under` said.

    Refused: a reference under which somebody is registered, were it the same customer; and one more
    registration under a reference than `known_under` looks for, which would never be found.
    """
    biller_id, reference = wanted.biller_id, wanted.reference
    revision = 1 if known is None else known.revision
    claims = tuple(
        claim_of(biller_id, reference, wanted.user_id, n) for n in (revision, revision + 1)
    )

    def decide(books: Books) -> list[Transaction]:
        if not ask.actor.may_act_for(wanted.user_id):
            raise CustomerNotFound(user_id=wanted.user_id)
        customer = books.customer(wanted.user_id)
        biller = biller_in(books, biller_id)
        if wanted.account_id is not None:
            account_held_by(books, wanted.user_id, wanted.account_id)
        _check_texts(reference, wanted.nickname, wanted.tags)
        link = Link(**wanted._asdict(), verified_on=books.today)
        facts = registrations.make(biller, link)
        taken = sum(books.claimed(claim) is not None for claim in claims)
        if taken and not _is_over(books, known, taken):
            raise ReferenceRegistered(biller=biller.terms.name)
        if revision + taken > REVISIONS_MAX:
            raise TooManyRegistrations(biller=biller.terms.name, limit=REVISIONS_MAX)
        customers.check_staying(customer)
        _check_account_open(books, wanted.account_id)
        books.claim(claims[taken], stream_of(registration_id))
        return note(ask, books, stream_of(registration_id), facts)

    streams = [
        stream_of(registration_id),
        billers.stream_of(biller_id),
        customers.stream_of(wanted.user_id),
        *_account_streams(wanted.account_id),
    ]
    if known is not None:
        streams.append(stream_of(known.registration.registration_id))
    request = {"call": "bills/registrations", **wanted._asdict()}
    return ask.command(request, streams, decide, claims=claims)


def change(
    ask: Ask,
    registration_id: int,
    nickname: str | None,
    account_id: int | None,
    tags: tuple[str, ...],
) -> Command:
    """Another nickname, default account and tags, in place of those there are."""

    def decision(books: Books, registration: Registration) -> list[RegistrationFact]:
        if account_id is not None:
            account_held_by(books, registration.link.user_id, account_id)
        _check_texts(None, nickname, tags)
        facts = registrations.change(registration, nickname, account_id, tags)
        _check_account_open(books, account_id)
        return facts

    said = {"nickname": nickname, "account_id": account_id, "tags": tags}
    return _change(ask, "change", registration_id, decision, _account_streams(account_id), **said)


def end(ask: Ask, registration_id: int) -> Command:
    """For good. The reference can be registered again, by whoever has it then."""
    return _change(ask, "end", registration_id, lambda _, state: registrations.end(state))


def _change(
    ask: Ask,
    call: str,
    registration_id: int,
    decision: Callable[[Books, Registration], list[RegistrationFact]],
    streams: Sequence[str] = (),
    **said: Any,
) -> Command:
    """Where it is nothing new, nothing is written."""
    stream = stream_of(registration_id)

    def decide(books: Books) -> list[Transaction]:
        registration = _registration_in(books, registration_id)
        if not ask.actor.may_act_for(registration.link.user_id):
            raise RegistrationNotFound(registration_id=registration_id)
        return note(ask, books, stream, decision(books, registration))

    request = {"call": f"bills/registrations/{call}", "registration_id": registration_id, **said}
    return ask.command(request, (stream, *streams), decide)


def _registration_in(books: Books, registration_id: int) -> Registration:
    return registrations.found(books.state(stream_of(registration_id)), registration_id)


def _is_over(books: Books, known: Known | None, taken: int) -> bool:
    """Whether the one registration under the reference is the known one, and has ended."""
    if known is None or taken != 1:
        return False
    registration = _registration_in(books, known.registration.registration_id)
    return registration.link.status == "ended"


def _check_account_open(books: Books, account_id: int | None) -> None:
    if account_id is not None:
        accounts.check_open(books.account(account_id))


def _check_texts(reference: str | None, nickname: str | None, tags: tuple[str, ...]) -> None:
    check_text("reference", reference)
    check_text("nickname", nickname)
    for tag in tags:
        check_text("tag", tag)


def _account_streams(account_id: int | None) -> tuple[str, ...]:
    return () if account_id is None else (accounts.stream_of(account_id),)


def claim_of(biller_id: int, reference: str | None, user_id: int | None, revision: int) -> str:
    of = f"customer/{user_id}" if reference is None else f"reference/{reference}"
    return f"registration/{biller_id}/{revision}/{of}"
