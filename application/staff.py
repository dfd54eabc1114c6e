"""The use cases of staff: a role is changed, a member of staff ends and is reinstated, a password is changed.

Each is one commit: the fact of the person's own stream, the event of the audit trail that tells it, and
the person's row in the table of users, which is brought to the fact; its triggers end the sessions.
"""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any, Final, LiteralString

import msgspec

from application.audit_trail import add_access
from application.books import NO_CALL, Answer, Books, Command, Transaction, Via
from application.commands import Render
from application.key_encryption import WrappedKey
from application.keyring import PersonKey
from application.pools import Pool, borrowed
from application.users import SealedProfile
from domain import customer as customers
from domain.access import change_told
from domain.customer import Customer, CustomerFact, Role, stream_of
from domain.refusals import CustomerNotFound, Refused
from ledger.journal import decode

# Whoever runs the program on its host.
OPERATOR: Final = "operator"


class Asked(msgspec.Struct, frozen=True):
    """Who asks, how it came, and how to answer.

    There is no idempotency key: what is done twice is nothing new, or refused, and what a password was
    changed to must not be told from the record of a command.
    """

    answer: Render
    refuse: Callable[[Refused], Answer]
    by: str = OPERATOR
    via: Via = NO_CALL


class Member(msgspec.Struct, frozen=True):
    """Somebody as the table of users has him; `since` when, the log says, in the role it gives him."""

    profile: SealedProfile
    ended: bool
    since: dt.datetime


def change_role(asked: Asked, user_id: int, role: Role) -> Command:
    """The role that the person has already is nothing new."""
    return _change(asked, "role", user_id, lambda c: customers.change_role(c, role))


def end_sign_in(asked: Asked, user_id: int) -> Command:
    """Refused for a customer who is no member of staff. The second call is nothing new."""
    return _change(asked, "end", user_id, customers.end_sign_in)


def restore_sign_in(asked: Asked, user_id: int) -> Command:
    """In the role that the person has by now. The second call is nothing new."""
    return _change(asked, "reinstate", user_id, customers.restore_sign_in)


def change_password(
    asked: Asked, user_id: int, password_hash: str, changes_before: int | None = None
) -> Command:
    """Refused where it was changed since the one that allows it was checked, after `changes_before`."""

    def decision(customer: Customer) -> list[CustomerFact]:
        return customers.change_password(customer, changes_before)

    return _change(asked, "password", user_id, decision, (_NEW_HASH, (password_hash, user_id)))


def _change(
    asked: Asked,
    call: str,
    user_id: int,
    decision: Callable[[Customer], list[CustomerFact]],
    *statements: tuple[str, tuple[Any, ...]],
) -> Command:
    stream = stream_of(user_id)

    def decide(books: Books) -> list[Transaction]:
        before: Customer | None = books.state(stream)
        if before is None:
            raise CustomerNotFound(user_id=user_id)
        facts = decision(before)
        if not facts:
            return []
        (fact,) = facts
        posted = Transaction(actor=asked.by, booking_date=books.today, value_date=books.today)
        books.add(posted, stream, facts)
        access = change_told(before, fact, asked.via.session, asked.via.request_id)
        add_access(books, posted, lambda _: access)
        row = (fact.role, fact.ended, books.now, fact.password_changes, user_id)
        posted.statements = [(_AS_THE_FACT_SAYS, row), *statements]
        return [posted]

    return Command(
        principal=asked.by,
        key=uuid.uuid4().hex,
        keyed=False,
        request=msgspec.json.encode({"call": f"staff/{call}", "user_id": user_id}),
        streams=(stream,),
        decide=decide,
        answer=asked.answer,
        refuse=asked.refuse,
        via=asked.via,
    )


async def members(pool: Pool) -> list[Member]:
    """Who works at the bank, and who has ended, by number."""
    return await _found(pool, _MEMBERS + _OF_STAFF, {})


async def member_named(pool: Pool, claim: str) -> Member | None:
    """Whoever has that user name, as `Keyring.claim_of` gives it: a customer too, and one who has ended."""
    found = await _found(pool, _MEMBERS + _NAMED, {"claim": claim})
    return found[0] if found else None


async def _found(pool: Pool, query: LiteralString, asked: dict[str, str]) -> list[Member]:
    async with borrowed(pool) as connection:
        rows = await (await connection.execute(query, asked)).fetchall()
    return [
        Member(
            SealedProfile(
                user_id,
                role,
                PersonKey(key_id, WrappedKey(kek, wrapped)),
                version,
                decode(details_tag, details).fact.details,
            ),
            ended,
            decode(role_tag, given).recorded_at,
        )
        for user_id, role, ended, key_id, kek, wrapped, version, details_tag, details, role_tag, given in rows
    ]


# The whole row by the fact, which carries the whole standing: what was changed past the log is mended.
_AS_THE_FACT_SAYS: Final[LiteralString] = """
    UPDATE users
       SET role = %s, disabled_at = CASE WHEN %s THEN coalesce(disabled_at, %s) END,
           password_changes = %s
     WHERE user_id = %s AND erased_at IS NULL
"""
_NEW_HASH: Final[LiteralString] = """
    UPDATE users SET password_hash = %s WHERE user_id = %s AND erased_at IS NULL
"""
# With the newest details, and the event that gave the role.
_MEMBERS: Final[LiteralString] = """
    SELECT u.user_id, u.role, u.disabled_at IS NOT NULL, k.key_id, k.kek, k.wrapped,
           details.originator_version, details.topic, details.state, given.topic, given.state
      FROM users u JOIN person_keys k USING (user_id)
     CROSS JOIN LATERAL (
           SELECT originator_version, topic, state FROM daybook_events
            WHERE originator_id = 'customer-' || u.user_id
              AND topic IN ('customer.registered.1', 'customer.details-changed.1')
            ORDER BY originator_version DESC LIMIT 1) AS details
     CROSS JOIN LATERAL (
           SELECT topic, state FROM daybook_events
            WHERE originator_id = 'customer-' || u.user_id
              AND topic IN ('customer.registered.1', 'customer.role-changed.1')
            ORDER BY originator_version DESC LIMIT 1) AS given
"""
_OF_STAFF: Final[LiteralString] = """
     WHERE u.role <> 'user' OR u.disabled_at IS NOT NULL ORDER BY u.user_id
"""
_NAMED: Final[LiteralString] = "WHERE u.username_key = %(claim)s"
