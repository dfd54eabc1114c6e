"""A new key-encryption key: every wrapped key is opened with the old one and wrapped with the new.

Nothing else changes: data keys, their ids and all that they sealed stay what they are. A row is replaced
only where it is still the one that was read, so that a person who is erased meanwhile stays erased. What
is done is told by the rows themselves: a run that was ended goes on with those that are left.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, LiteralString

import msgspec
import psycopg

from application.key_encryption import KeyEncryption, WrappedKey
from application.keyring import context_of_ledger_key, context_of_person
from application.sealing import new_key

ROLE: Final = "daybook_key_rotation"
READ_KEYS: Final = 500
# A keeper in the network is asked by so many at once.
ASKING: Final = 8
# One rotation at a time, whoever runs it.
LOCK: Final = 0x6461_7962_6B65_6B  # "daybkek"

PERSONS: Final[LiteralString] = """
    SELECT user_id, key_id, kek, wrapped FROM person_keys
     WHERE user_id > %s AND kek <> %s ORDER BY user_id LIMIT %s
"""
PUT_PERSON: Final[LiteralString] = """
    UPDATE person_keys SET kek = %s, wrapped = %s WHERE key_id = %s AND wrapped = %s
"""
LEDGER: Final[LiteralString] = "SELECT name, kek, wrapped FROM ledger_keys WHERE kek <> %s"
PUT_LEDGER: Final[LiteralString] = """
    UPDATE ledger_keys SET kek = %s, wrapped = %s WHERE name = %s AND wrapped = %s
"""
IN_USE: Final[LiteralString] = """
    SELECT kek, count(*) FROM (SELECT kek FROM person_keys UNION ALL SELECT kek FROM ledger_keys) AS k
     GROUP BY kek
"""


class RotationRefused(Exception):
    """The keys are not re-wrapped; the message says why."""


class Rotated(msgspec.Struct, frozen=True):
    """How many keys were wrapped anew, and which key wraps all of them now."""

    keys: int
    kek: str


def keys_in_use(conninfo: str) -> dict[str, int]:
    """By key-encryption key, how many keys it wraps."""
    with _connected(conninfo) as connection:
        return dict(connection.execute(IN_USE).fetchall())


def rewrap_all(
    conninfo: str, encryption: KeyEncryption, advance: Callable[[int], None] = lambda done: None
) -> Rotated:
    """Wrap every key with the one that `encryption` wraps with now. The bank goes on meanwhile.

    Raises `KeyRefused` or `KeysUnavailable` where a key cannot be opened; what was done stays done.
    """
    kek = encryption.wrap(new_key(), {"daybook": "which key is it"}).kek
    done = 0
    with _connected(conninfo) as connection, ThreadPoolExecutor(ASKING) as threads:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
        if row is None or not row[0]:
            raise RotationRefused("another process is wrapping the keys anew")
        for name, was, wrapped in connection.execute(LEDGER, [kek]).fetchall():
            again = _rewrapped(encryption, WrappedKey(was, wrapped), context_of_ledger_key(name))
            connection.execute(PUT_LEDGER, [again.kek, again.wrapped, name, wrapped])
            done += 1
        # Whoever registers meanwhile with the old key is found by the next round.
        while True:
            found = 0
            for batch in _batches(connection, kek):
                made = threads.map(lambda row: _person_again(encryption, *row), batch)
                with connection.transaction(), connection.cursor() as cursor:
                    cursor.executemany(PUT_PERSON, list(made))
                found += len(batch)
                advance(done + found)
            done += found
            if not found:
                return Rotated(done, kek)


def _batches(connection: psycopg.Connection[Any], kek: str) -> Iterator[list[Any]]:
    after = 0
    while batch := connection.execute(PERSONS, [after, kek, READ_KEYS]).fetchall():
        yield batch
        after = batch[-1][0]


def _person_again(
    encryption: KeyEncryption, user_id: int, key_id: str, kek: str, wrapped: bytes
) -> tuple[str, bytes, str, bytes]:
    again = _rewrapped(encryption, WrappedKey(kek, wrapped), context_of_person(user_id, key_id))
    return again.kek, again.wrapped, key_id, wrapped


def _rewrapped(
    encryption: KeyEncryption, wrapped: WrappedKey, context: dict[str, str]
) -> WrappedKey:
    return encryption.wrap(encryption.unwrap(wrapped, context), context)


def _connected(conninfo: str) -> psycopg.Connection[Any]:
    connection = psycopg.connect(conninfo, autocommit=True, connect_timeout=10)
    connection.execute("SELECT take_role(%s)", [ROLE])
    return connection
