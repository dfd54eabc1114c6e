"""The use cases of erasure: two people have a person forgotten, unless law or an open balance forbids it.

Erasing destroys the person's data key in the commit that records it. What the log holds of the person
stays as ciphertext that nobody can open, and every hash and proof over it is what it was.

A backup that is restored brings keys back. Two things destroy them again: the log, where it says that
the person was erased, and the list of the erased beside the database, where the log was restored too.
"""

from collections.abc import Callable
from typing import Any, Final, LiteralString

import msgspec

from application.books import Answer, Books, Command, Transaction
from application.commands import SYSTEM, Ask, check_text, note
from application.erased_persons import ErasedPerson, ErasedPersons
from application.pools import Pool, borrowed
from application.transact import Writer
from domain import customer as customers
from domain.customer import Customer, CustomerFact, Erased, Ties, stream_of
from domain.refusals import CustomerNotFound, ErasureAsked, NotPermitted
from ledger.journal import JournalEvent, decode

DONE: Final = Answer(200, b"{}")
RESTORED: Final = "erased before; brought back by a backup"

FORGET: Final[LiteralString] = "SELECT forget_person(%s)"
CUSTOMER: Final[LiteralString] = """
    SELECT e.topic, e.state, e.originator_version, e.notification_id,
           (SELECT key_id FROM person_keys WHERE user_id = %(user_id)s),
           (SELECT username_key FROM users WHERE user_id = %(user_id)s)
      FROM daybook_events e WHERE e.originator_id = %(stream)s
     ORDER BY e.originator_version DESC LIMIT 1
"""
ERASED: Final[LiteralString] = """
    SELECT state FROM daybook_events
     WHERE originator_id = %s AND topic = 'customer.erased.1' ORDER BY originator_version LIMIT 1
"""
# Whom the log calls erased, and who has a key or a name all the same.
BROUGHT_BACK: Final[LiteralString] = """
    SELECT user_id FROM (SELECT user_id FROM person_keys
                          UNION SELECT user_id FROM users WHERE erased_at IS NULL) AS kept
     WHERE EXISTS (SELECT FROM daybook_events
                    WHERE originator_id = 'customer-' || kept.user_id
                      AND topic = 'customer.erased.1')
"""
ALL_ERASED: Final[LiteralString] = "SELECT user_id FROM users WHERE erased_at IS NOT NULL"
KEYS_OF: Final[LiteralString] = "SELECT key_id, user_id FROM person_keys WHERE key_id = ANY(%s)"


class Standing(msgspec.Struct, frozen=True):
    """A customer as the log has him now. `position` is that of his newest event.

    `key_id` names the data key, `name` the user name's claim; both None for one who was erased.
    """

    customer: Customer
    position: int
    key_id: str | None
    name: str | None


class Restored(msgspec.Struct, frozen=True):
    """What a restored backup had brought back: by the log, and where the log was restored too."""

    of_the_log: tuple[int, ...] = ()
    of_the_list: tuple[int, ...] = ()


async def standing_of(pool: Pool, user_id: int) -> Standing:
    """Read from the log, so never late. Refused: a customer who never registered."""
    asked = {"user_id": user_id, "stream": stream_of(user_id)}
    async with borrowed(pool) as connection:
        row = await (await connection.execute(CUSTOMER, asked)).fetchone()
    if row is None:
        raise CustomerNotFound(user_id=user_id)
    tag, state, version, position, key_id, name = row
    customer = customers.restore(user_id, decode(tag, state).fact, version)
    return Standing(customer, position, key_id, name)


def erase(ask: Ask, standing: Standing, ties: Ties, reason: str | None) -> Command:
    """Ask for the erasure of a customer, or, as a second person, do it.

    `ties` were read when the views had come to `standing.position`: once the erasure is asked for,
    nothing new is begun with the customer, so there are no others.
    """
    user_id = standing.customer.user_id

    def decision(customer: Customer, books: Books) -> list[CustomerFact]:
        if ask.actor.user_id == user_id:
            raise NotPermitted(role=ask.actor.role, action="erase themselves")
        facts = customers.erase(customer, ties, ask.actor.name, books.today, standing.key_id)
        if isinstance(facts[0], Erased) and customer.version != standing.customer.version:
            # It was asked for after the ties were read: there may be others by now.
            raise ErasureAsked(user_id=user_id)
        return facts

    return _change(ask, "erasure", user_id, reason, decision)


def withdraw_erasure(ask: Ask, user_id: int, reason: str) -> Command:
    return _change(
        ask, "erasure/withdraw", user_id, reason, lambda c, _: customers.withdraw_erasure(c)
    )


def place_legal_hold(ask: Ask, user_id: int, reason: str) -> Command:
    return _change(ask, "legal-hold", user_id, reason, lambda c, _: customers.place_legal_hold(c))


def lift_legal_hold(ask: Ask, user_id: int, reason: str) -> Command:
    return _change(
        ask, "legal-hold/lift", user_id, reason, lambda c, _: customers.lift_legal_hold(c)
    )


def _change(
    ask: Ask,
    call: str,
    user_id: int,
    reason: str | None,
    decision: Callable[[Customer, Books], list[CustomerFact]],
) -> Command:
    stream = stream_of(user_id)

    def decide(books: Books) -> list[Transaction]:
        customer = books.state(stream)
        if customer is None:
            raise CustomerNotFound(user_id=user_id)
        check_text("reason", reason)
        facts = decision(customer, books)
        noted = note(ask, books, stream, facts, reason)
        if any(isinstance(fact, Erased) for fact in facts):
            noted[0].statements = [(FORGET, (user_id,))]
        return noted

    request: dict[str, Any] = {"call": f"users/{call}", "user_id": user_id, "reason": reason}
    return ask.command(request, (stream,), decide)


async def reapply_erasures(pool: Pool, writer: Writer, erased: ErasedPersons) -> Restored:
    """Destroy again what a restored backup has brought back, and bring the list up to the log.

    The second call finds nothing. It looks at each person who has a key.
    """
    async with borrowed(pool) as connection:
        brought_back = [n for (n,) in await (await connection.execute(BROUGHT_BACK)).fetchall()]
        for user_id in brought_back:
            await connection.execute(FORGET, [user_id])
    listed = erased.read()
    async with borrowed(pool) as connection:
        found = await connection.execute(KEYS_OF, [list(listed)])
        lost = [(listed[key_id], user_id) for key_id, user_id in await found.fetchall()]
    for person, user_id in lost:
        await writer.submit(_erase_again(person, user_id))
    await _complete(pool, erased)
    return Restored(tuple(brought_back), tuple(user_id for _, user_id in lost))


def _erase_again(person: ErasedPerson, user_id: int) -> Command:
    def decision(customer: Customer, _: Books) -> list[CustomerFact]:
        return customers.erase_again(customer, person.maker, person.checker, person.key_id)

    ask = Ask(SYSTEM, lambda _: DONE, lambda _: DONE, f"erase-again-{person.key_id}")
    return _change(ask, "erasure/again", user_id, RESTORED, decision)


async def _complete(pool: Pool, erased: ErasedPersons) -> None:
    """Put on the list whom the log calls erased: a crash may have come between the two."""
    persons = []
    async with borrowed(pool) as connection:
        for (user_id,) in await (await connection.execute(ALL_ERASED)).fetchall():
            row = await (await connection.execute(ERASED, [stream_of(user_id)])).fetchone()
            if row is not None:
                persons.append(erased_person(user_id, decode(Erased.TAG, row[0])))
    erased.add(*[person for person in persons if person is not None])


def erased_person(user_id: int, event: JournalEvent[Erased]) -> ErasedPerson | None:
    """As the list has him; None for one who had no key."""
    fact = event.fact
    if fact.key_id is None:
        return None
    return ErasedPerson(user_id, fact.key_id, fact.maker, fact.checker, event.recorded_at)
