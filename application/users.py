"""Those who sign in: registration, and what is known of a user.

A registration is one command: the user's row, the customer's first fact and the claims to the user name
and the email address are committed together. The log and the record of the command hold digests of the
name and the address, and nothing made from the password, since neither forgets.
"""

import hashlib
import unicodedata
import uuid
from collections.abc import Callable
from typing import Any, Final, LiteralString

import msgspec

from application import clock
from application.books import Answer, Books, Command, Transaction
from application.commands import NO_DETAILS, Actor, Render, transaction
from application.pools import Pool, borrowed
from domain.customer import Customer, Role, register, stream_of
from domain.refusals import EmailTaken, Refused, UsernameTaken


class User(msgspec.Struct, frozen=True):
    user_id: int
    username: str
    email: str
    role: Role


class SignIn(msgspec.Struct, frozen=True):
    """What a password is checked against."""

    user_id: int
    password_hash: str


class NewUser(msgspec.Struct, frozen=True):
    user_id: int
    username: str
    email: str
    role: Role
    password_hash: str


def key_of(name: str) -> str:
    """The form in which a user name or email address is compared: names that look alike are one."""
    return unicodedata.normalize("NFKC", name).casefold()


def register_user(
    user: NewUser,
    *,
    key: str | None,
    principal: str,
    answer: Render,
    refuse: Callable[[Refused], Answer],
) -> Command:
    """Register a user, who is a customer from then on. `user_id` is fresh, from `next_user_id`.

    Refused: a user name or an email address that is taken. The same key again answers the first time's
    answer, whatever the password.
    """
    stream = stream_of(user.user_id)
    username, email = key_of(user.username), key_of(user.email)
    claims = (
        f"username/{_digest(username)}",
        f"email/{_digest(email)}",
    )

    def decide(books: Books) -> list[Transaction]:
        for claim, taken in zip(claims, (UsernameTaken, EmailTaken), strict=True):
            if books.claimed(claim) is not None:
                raise taken()
        state = books.state(stream)
        assert state is None or isinstance(state, Customer)
        actor = Actor(user.user_id, user.role)
        posted = transaction(actor, NO_DETAILS, books)
        books.add(posted, stream, register(state, user.role))
        for claim in claims:
            books.claim(claim, stream)
        return [posted]

    request = {"call": "register", "username": claims[0], "email": claims[1], "role": user.role}
    row = (
        user.user_id,
        user.username,
        username,
        user.email,
        email,
        user.password_hash,
        user.role,
        clock.now(),
    )
    return Command(
        principal=principal,
        key=key or uuid.uuid4().hex,
        keyed=key is not None,
        request=msgspec.json.encode(request),
        streams=(stream,),
        decide=decide,
        answer=answer,
        refuse=refuse,
        claims=claims,
        statements=((_INSERT, row),),
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def next_user_id(pool: Pool) -> int:
    return await _next(pool, "SELECT nextval('user_ids')")


async def next_account_id(pool: Pool) -> int:
    return await _next(pool, "SELECT nextval('account_ids')")


async def user(pool: Pool, user_id: int) -> User | None:
    async with borrowed(pool) as connection:
        found = await connection.execute(_USER, [user_id])
        row = await found.fetchone()
    return None if row is None else User(*row)


async def sign_in_of(pool: Pool, username: str) -> SignIn | None:
    """The user of that name who may sign in; None as well for one who no longer may."""
    async with borrowed(pool) as connection:
        found = await connection.execute(_SIGN_IN, [key_of(username)])
        row = await found.fetchone()
    return None if row is None else SignIn(*row)


async def store_password_hash(pool: Pool, user_id: int, before: str, after: str) -> None:
    """The same password, hashed at today's cost; nothing if it was changed in the meantime."""
    async with borrowed(pool) as connection:
        await connection.execute(_REHASH, [after, user_id, before])


async def _next(pool: Pool, statement: LiteralString) -> int:
    async with borrowed(pool) as connection:
        row: Any = await (await connection.execute(statement)).fetchone()
    return int(row[0])


_INSERT: Final[LiteralString] = """
    INSERT INTO users (user_id, username, username_key, email, email_key, password_hash, role,
                       created_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_USER: Final[LiteralString] = """
    SELECT user_id, username, email, role FROM users WHERE user_id = %s AND disabled_at IS NULL
"""
_SIGN_IN: Final[LiteralString] = """
    SELECT user_id, password_hash FROM users WHERE username_key = %s AND disabled_at IS NULL
"""
_REHASH: Final[LiteralString] = """
    UPDATE users SET password_hash = %s WHERE user_id = %s AND password_hash = %s
"""
