"""Sessions: refresh tokens that are used once, and endings that hold at once and everywhere.

A session begins with a sign-in and is carried on by refresh tokens. Each is used once and names its
successor. A successor is derived from the token before it, so that a client whose answer was lost gets
the same one again; a token used later than that was copied, and ends the session for everybody.

All times are the database's, which is one clock for all processes.
"""

import asyncio
import base64
import datetime as dt
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final, LiteralString, NamedTuple, TypeAlias

from psycopg import AsyncConnection

from application.pools import Pool, borrowed
from application.transact import Unavailable
from domain.access import RefreshRefusal

SESSION_SECONDS: Final = 12 * 3600
REFRESH_IDLE_SECONDS: Final = 2 * 3600
RETRY_SECONDS: Final = 10
# For so long a token is locked at most until what came of it is recorded: well within what the pool leaves a
# database transaction, of which it has few.
NOTING_SECONDS_MAX: Final = 3.0
# Ended sessions are kept a while, for whoever asks what happened to one.
KEEP_ENDED_DAYS: Final = 90
DELETE_BATCH: Final = 1_000

_TOKEN_BYTES: Final = 32
_TOKEN_LENGTH: Final = 43  # base64url without padding
_TOKEN_LETTERS: Final = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)


class RefreshRefused(Exception):
    """The refresh token opens nothing: unknown, expired, or of a session that has ended."""


class RefreshReused(RefreshRefused):
    """The token had been used before, by the client or by a thief: its session has been ended."""

    def __init__(self, sid: str, user_id: int) -> None:
        super().__init__(f"session {sid} ended: a used refresh token came again")
        self.sid = sid
        self.user_id = user_id


class RefreshTooLate(RefreshRefused):
    """The token was given out once, and the session is over, or the token is."""

    def __init__(self, sid: str, user_id: int, reason: RefreshRefusal) -> None:
        super().__init__(f"session {sid}: {reason}")
        self.sid = sid
        self.user_id = user_id
        self.reason = reason


# Has it recorded that a genuine token was refused; with a token that came again, its session ends in the
# same commit (`ending_of`), with one that came too late it is remembered (`refusal_of`).
Noting: TypeAlias = Callable[[RefreshReused | RefreshTooLate], Awaitable[None]]


class Session(NamedTuple):
    """A live session, with the user's role as it is now, and the refresh token to hand out."""

    sid: str
    user_id: int
    role: str
    refresh_token: str


async def start_session(pool: Pool, *, user_id: int, password_changes: int = 0) -> Session:
    """Begin a session for a user who has just proved the password that was chosen after so many changes.

    Refused: a disabled user, and one whose password was changed while it was checked.
    """
    sid = uuid.uuid4()
    token = _spelled(secrets.token_bytes(_TOKEN_BYTES))
    async with borrowed(pool) as connection, connection.transaction():
        # FOR SHARE: a change of role waits for this session and then ends it, or goes first and is seen.
        found = await connection.execute(_MAY_START, [user_id, password_changes])
        user = await found.fetchone()
        if user is None:
            raise RefreshRefused("there is no such user, or not any more")
        await connection.execute(_START, [sid, user_id, SESSION_SECONDS, _hash_of(token)])
    return Session(str(sid), user_id, user[0], token)


async def refresh_session(
    pool: Pool, refresh_token: str, *, secret: bytes, note: Noting
) -> Session:
    """The session carried on, with its next refresh token.

    The same token again within `RETRY_SECONDS`, while its successor is unused, gets the same
    successor. Later, or after that, the whole session ends and `RefreshReused` is raised.
    `secret` is the server's; with it and a token one could derive all that follow.

    `note` is waited for before a genuine token is refused: each time it is used again, which ends the
    session, and the first time that anything of a session comes too late. What it raises is raised.
    """
    if len(refresh_token) != _TOKEN_LENGTH or not _TOKEN_LETTERS.issuperset(refresh_token):
        raise RefreshRefused("not a refresh token")
    successor = _successor_of(refresh_token, secret)
    token_hash = _hash_of(refresh_token)
    async with borrowed(pool) as connection, connection.transaction():
        # The lock on the token makes concurrent uses take turns; the second sees what the first did. Of the
        # session it sees that only since it asks in a statement of its own, after the lock.
        await connection.execute(_LOCK, [token_hash])
        found = await connection.execute(_FIND, [REFRESH_IDLE_SECONDS, RETRY_SECONDS, token_hash])
        token = await found.fetchone()
        if token is None:
            raise RefreshRefused("no such token")
        sid, user_id, role, over, told, used, in_time = token
        if over is not None:
            too_late = RefreshTooLate(str(sid), user_id, over)
            if not told:
                await _recorded(note, too_late)
            raise too_late
        if not used:
            await connection.execute(_USE, [_hash_of(successor), token_hash])
            return Session(str(sid), user_id, role, successor)
        if in_time and await _is_unused(connection, _hash_of(successor)):
            return Session(str(sid), user_id, role, successor)
        # The writer ends the session, in the commit that says so: what is locked here it never touches.
        reused = RefreshReused(str(sid), user_id)
        await _recorded(note, reused)
        raise reused


async def _recorded(note: Noting, refused: RefreshReused | RefreshTooLate) -> None:
    try:
        async with asyncio.timeout(NOTING_SECONDS_MAX):
            await note(refused)
    except TimeoutError:
        raise Unavailable("a refused token could not be recorded in time") from None


def ending_of(sid: str) -> tuple[LiteralString, tuple[Any, ...]]:
    """The statement that ends a session, for the commit of the event that says so; the second is nothing.

    In this process it is for the caller to tell `RevokedSessions.add`; others learn it within a second.
    All sessions of a user whose role or password changes, or who is disabled, are ended by the database.
    """
    return _REVOKE, (uuid.UUID(sid),)


def refusal_of(sid: str) -> tuple[LiteralString, tuple[Any, ...]]:
    """The statement that remembers that a refusal was recorded, for the commit of its event."""
    return _TELL, (uuid.UUID(sid),)


async def sessions_of(
    pool: Pool, user_id: int, *, limit: int
) -> list[tuple[dt.datetime, dt.datetime, dt.datetime | None]]:
    """When the user signed in, until when that held at most, and when it was ended; newest first."""
    async with borrowed(pool) as connection:
        found = await connection.execute(_OF_USER, [user_id, limit])
        return await found.fetchall()


async def delete_ended_sessions(pool: Pool) -> int:
    """Delete up to `DELETE_BATCH` sessions that ended long ago; answers how many. Call until 0."""
    async with borrowed(pool) as connection, connection.transaction():
        deleted = await connection.execute(_DELETE_ENDED, [KEEP_ENDED_DAYS, DELETE_BATCH])
        return deleted.rowcount


async def _is_unused(connection: AsyncConnection[Any], token_hash: bytes) -> bool:
    found = await connection.execute(
        "SELECT used_at IS NULL FROM refresh_tokens WHERE token_hash = %s", [token_hash]
    )
    row = await found.fetchone()
    return row is not None and bool(row[0])


def _successor_of(token: str, secret: bytes) -> str:
    return _spelled(hmac.digest(secret, b"daybook refresh token " + token.encode(), "sha256"))


def _hash_of(token: str) -> bytes:
    # The token is 256 random bits, so that one round of SHA-256 is all that guessing needs to face.
    return hashlib.sha256(token.encode()).digest()


def _spelled(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


_MAY_START: Final[LiteralString] = """
    SELECT role FROM users
     WHERE user_id = %s AND password_changes = %s AND disabled_at IS NULL FOR SHARE
"""

_START: Final[LiteralString] = """
    WITH started AS (
        INSERT INTO sessions (sid, user_id, created_at, expires_at)
        VALUES (%s, %s, clock_timestamp(), clock_timestamp() + make_interval(secs => %s))
        RETURNING sid
    )
    INSERT INTO refresh_tokens (token_hash, sid, issued_at)
    SELECT %s, sid, clock_timestamp() FROM started
"""

_LOCK: Final[LiteralString] = "SELECT FROM refresh_tokens WHERE token_hash = %s FOR UPDATE"

_FIND: Final[LiteralString] = """
    SELECT s.sid, s.user_id, u.role,
           CASE WHEN s.revoked_at IS NOT NULL OR u.disabled_at IS NOT NULL THEN 'session-ended'
                WHEN s.expires_at <= clock_timestamp() THEN 'session-expired'
                WHEN t.used_at IS NULL
                     AND t.issued_at <= clock_timestamp() - make_interval(secs => %s)
                THEN 'token-expired' END,
           s.refused_at IS NOT NULL,
           t.used_at IS NOT NULL,
           t.used_at > clock_timestamp() - make_interval(secs => %s)
      FROM refresh_tokens t JOIN sessions s USING (sid) JOIN users u USING (user_id)
     WHERE t.token_hash = %s
"""

_USE: Final[LiteralString] = """
    WITH used AS (
        UPDATE refresh_tokens SET used_at = clock_timestamp(), successor_hash = %s
         WHERE token_hash = %s RETURNING sid, successor_hash
    )
    INSERT INTO refresh_tokens (token_hash, sid, issued_at)
    SELECT successor_hash, sid, clock_timestamp() FROM used
"""

_REVOKE: Final[LiteralString] = """
    UPDATE sessions SET revoked_at = clock_timestamp(), revoked_xid = pg_current_xact_id()
     WHERE sid = %s AND revoked_at IS NULL
"""

_TELL: Final[LiteralString] = """
    UPDATE sessions SET refused_at = clock_timestamp() WHERE sid = %s AND refused_at IS NULL
"""

_OF_USER: Final[LiteralString] = """
    SELECT created_at, expires_at, revoked_at FROM sessions
     WHERE user_id = %s ORDER BY created_at DESC LIMIT %s
"""

_DELETE_ENDED: Final[LiteralString] = """
    DELETE FROM sessions WHERE sid IN (
        SELECT sid FROM sessions
         WHERE expires_at < clock_timestamp() - make_interval(days => %s)
         ORDER BY expires_at LIMIT %s
    )
"""
