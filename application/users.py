"""Those who sign in: registration, and what is known of a user.

A registration is one command: the customer's first fact, in which what identifies the person is sealed
under a key of the person's own, that key, wrapped, and the row to sign in by are committed together. The
record of the command holds keyed digests of the name and the address where the command has a key that it
may come again with, and nothing made from the password.
"""

import uuid
from collections.abc import Callable
from typing import Final, LiteralString

import msgspec

from application import clock
from application.audit_trail import add_access
from application.books import Answer, Books, Command, Transaction
from application.commands import NO_DETAILS, Actor, Render, transaction
from application.key_encryption import WrappedKey
from application.keyring import Keyring, PersonKey
from application.pools import Pool, borrowed
from application.sealing import Place, seal, unseal
from domain.access import StaffAdded
from domain.customer import Customer, Role, SealedField, change_details, register, stream_of
from domain.refusals import EmailTaken, Refused, UsernameTaken
from ledger.journal import decode

USERNAME: Final = "username"
EMAIL: Final = "email"


class User(msgspec.Struct, frozen=True):
    user_id: int
    username: str
    email: str
    role: Role


class SignIn(msgspec.Struct, frozen=True):
    """What a password is checked against: the newest one's hash, after so many changes.

    With the right one, too, nobody comes in who has `ended`.
    """

    user_id: int
    username_key: str
    password_hash: str
    password_changes: int
    ended: bool


class NewUser(msgspec.Struct, frozen=True):
    user_id: int
    username: str
    email: str
    role: Role
    password_hash: str


class SealedUser(msgspec.Struct, frozen=True):
    """A new user as he may be stored: `names` are the claims to the user name and the address."""

    user_id: int
    role: Role
    password_hash: str
    names: tuple[str, str]
    key: PersonKey
    details: tuple[SealedField, ...]


def seal_user(user: NewUser, keyring: Keyring) -> SealedUser:
    """Draw the user's data key and seal under it. It may wait for whoever keeps the keys."""
    key, wrapped = keyring.new_key(user.user_id)
    details = {USERNAME: user.username, EMAIL: user.email}
    return SealedUser(
        user.user_id,
        user.role,
        user.password_hash,
        (keyring.claim_of(USERNAME, user.username), keyring.claim_of(EMAIL, user.email)),
        wrapped,
        # A registration is the first event of its stream.
        seal_details(key, user.user_id, 1, details),
    )


def seal_details(
    key: bytes, user_id: int, version: int, details: dict[str, str]
) -> tuple[SealedField, ...]:
    stream = stream_of(user_id)
    return tuple(
        SealedField(name, seal(key, Place(stream, version, name), text))
        for name, text in details.items()
    )


def open_details(
    key: bytes, user_id: int, version: int, details: tuple[SealedField, ...]
) -> dict[str, str]:
    """What was sealed in the event of that version."""
    stream = stream_of(user_id)
    return {
        field.name: unseal(key, Place(stream, version, field.name), field.sealed)
        for field in details
    }


def register_user(
    user: SealedUser,
    *,
    key: str | None,
    principal: str,
    answer: Render,
    refuse: Callable[[Refused], Answer],
) -> Command:
    """Register a user, who is a customer from then on. `user_id` is fresh, from the sequence of the store.

    Refused: a user name or an email address that is taken. The same key again answers the first time's
    answer, whatever the password.
    """
    stream = stream_of(user.user_id)

    def decide(books: Books) -> list[Transaction]:
        for claim, taken in zip(user.names, (UsernameTaken, EmailTaken), strict=True):
            if books.claimed(claim) is not None:
                raise taken()
        state = books.state(stream)
        assert state is None or isinstance(state, Customer)
        actor = Actor(user.user_id, user.role)
        posted = transaction(actor, NO_DETAILS, books)
        facts = register(state, user.role, key_id=user.key.key_id, details=user.details)
        books.add(posted, stream, facts)
        for claim in user.names:
            books.claim(claim, stream)
        if user.role == "user":
            return [posted]
        added = Transaction(actor=principal, booking_date=books.today, value_date=books.today)
        fact = StaffAdded(user_id=user.user_id, role=user.role)
        add_access(books, added, lambda _: fact)
        return [posted, added]

    request = {"call": "register", "role": user.role}
    if key is not None:
        request |= dict(zip((USERNAME, EMAIL), user.names, strict=True))
    wrapped = user.key.wrapped
    row = (user.user_id, *user.names, user.password_hash, user.role, clock.now())
    return Command(
        principal=principal,
        key=key or uuid.uuid4().hex,
        keyed=key is not None,
        request=msgspec.json.encode(request),
        streams=(stream,),
        decide=decide,
        answer=answer,
        refuse=refuse,
        claims=user.names,
        statements=(
            (_INSERT, row),
            (_INSERT_KEY, (user.user_id, user.key.key_id, wrapped.kek, wrapped.wrapped)),
        ),
    )


def change_email(
    actor: Actor,
    email: str,
    keyring: Keyring,
    data_key: bytes,
    profile: "SealedProfile",
    *,
    key: str | None,
    answer: Render,
    refuse: Callable[[Refused], Answer],
) -> Command:
    """Seal the details anew with another address. Refused: one that another user has.

    `data_key` is the actor's own, opened; `profile` was read with it. The address it is already is
    nothing new.
    """
    stream, claim = stream_of(actor.user_id), keyring.claim_of(EMAIL, email)
    before = open_details(data_key, actor.user_id, profile.version, profile.details)

    def decide(books: Books) -> list[Transaction]:
        if books.claimed(claim) not in (None, stream):
            raise EmailTaken()
        customer = books.customer(actor.user_id)
        if before[EMAIL] == email:
            return []
        posted = transaction(actor, NO_DETAILS, books)
        details = seal_details(
            data_key, actor.user_id, customer.version + 1, before | {EMAIL: email}
        )
        books.add(posted, stream, change_details(customer, profile.key.key_id, details))
        books.claim(claim, stream)
        return [posted]

    return Command(
        principal=actor.name,
        key=key or uuid.uuid4().hex,
        keyed=key is not None,
        request=msgspec.json.encode({"call": "profile"} | ({EMAIL: claim} if key else {})),
        streams=(stream,),
        decide=decide,
        answer=answer,
        refuse=refuse,
        claims=(claim,),
        statements=((_CHANGE_EMAIL, (claim, actor.user_id)),),
    )


class SealedProfile(msgspec.Struct, frozen=True):
    """What is stored of a user's newest details: `version` is that of the event they stand in."""

    user_id: int
    role: Role
    key: PersonKey
    version: int
    details: tuple[SealedField, ...]

    def opened(self, keyring: Keyring) -> User:
        """It may wait for whoever keeps the keys."""
        return self.opened_with(keyring.opened(self.user_id, self.key))

    def opened_with(self, data_key: bytes) -> User:
        found = open_details(data_key, self.user_id, self.version, self.details)
        return User(self.user_id, found[USERNAME], found[EMAIL], self.role)


async def sealed_profile(pool: Pool, user_id: int) -> SealedProfile | None:
    """None for one who may not sign in any more, or was erased."""
    async with borrowed(pool) as connection:
        found = await connection.execute(_PROFILE, [user_id])
        row = await found.fetchone()
    if row is None:
        return None
    role, key_id, kek, wrapped, version, tag, state = row
    key = PersonKey(key_id, WrappedKey(kek, wrapped))
    return SealedProfile(user_id, role, key, version, decode(tag, state).fact.details)


async def data_key_of(pool: Pool, user_id: int) -> PersonKey | None:
    """The wrapped key of a person; None for one who was erased."""
    async with borrowed(pool) as connection:
        row = await (await connection.execute(_KEY, [user_id])).fetchone()
    return None if row is None else PersonKey(row[0], WrappedKey(row[1], row[2]))


async def sign_in_of(pool: Pool, claim: str) -> SignIn | None:
    """The user of that name, as `Keyring.claim_of` gives it; None where nobody has it."""
    async with borrowed(pool) as connection:
        found = await connection.execute(_SIGN_IN, [claim])
        row = await found.fetchone()
    return None if row is None else SignIn(*row)


async def own_sign_in(pool: Pool, user_id: int) -> SignIn | None:
    """That of one who has signed in."""
    async with borrowed(pool) as connection:
        row = await (await connection.execute(_OWN_SIGN_IN, [user_id])).fetchone()
    return None if row is None else SignIn(*row)


async def store_password_hash(pool: Pool, user_id: int, before: str, after: str) -> None:
    """The same password, hashed at today's cost; nothing if it was changed in the meantime."""
    async with borrowed(pool) as connection:
        await connection.execute(_REHASH, [after, user_id, before])


_INSERT: Final[LiteralString] = """
    INSERT INTO users (user_id, username_key, email_key, password_hash, role, created_at)
    VALUES (%s, %s, %s, %s, %s, %s)
"""
_INSERT_KEY: Final[LiteralString] = """
    INSERT INTO person_keys (user_id, key_id, kek, wrapped) VALUES (%s, %s, %s, %s)
"""
_CHANGE_EMAIL: Final[LiteralString] = """
    UPDATE users SET email_key = %s WHERE user_id = %s AND erased_at IS NULL
"""
_KEY: Final[LiteralString] = "SELECT key_id, kek, wrapped FROM person_keys WHERE user_id = %s"
_PROFILE: Final[LiteralString] = """
    SELECT u.role, k.key_id, k.kek, k.wrapped, e.originator_version, e.topic, e.state
      FROM users u JOIN person_keys k USING (user_id)
     CROSS JOIN LATERAL (
           SELECT originator_version, topic, state FROM daybook_events
            WHERE originator_id = 'customer-' || u.user_id
              AND topic IN ('customer.registered.1', 'customer.details-changed.1')
            ORDER BY originator_version DESC LIMIT 1) AS e
     WHERE u.user_id = %s AND u.disabled_at IS NULL
"""
_SIGN_IN: Final[LiteralString] = """
    SELECT user_id, username_key, password_hash, password_changes, disabled_at IS NOT NULL
      FROM users WHERE username_key = %s
"""
_OWN_SIGN_IN: Final[LiteralString] = """
    SELECT user_id, username_key, password_hash, password_changes, disabled_at IS NOT NULL
      FROM users WHERE user_id = %s
"""
_REHASH: Final[LiteralString] = """
    UPDATE users SET password_hash = %s WHERE user_id = %s AND password_hash = %s
"""
