"""The keys of persons: one each, which opens what the log holds of him; and the digests of names.

A data key is drawn at registration and stored wrapped. It is unwrapped for a call and forgotten after
it: nothing is cached, so that a destroyed key is gone everywhere at once.

A user name must be found by whoever signs in, and be had once. So it stands in the table of users as a
digest, keyed with a secret of the ledger that is stored wrapped too: without the key-encryption key
nobody can try out names against it. The digest goes when the person does.
"""

import hmac
import unicodedata
import uuid
from pathlib import Path
from typing import Any, Final, LiteralString

import msgspec
import psycopg

from application.append import PERSON
from application.key_encryption import KeyEncryption, KeyRefused, WrappedKey, key_encryption
from application.sealing import new_key

NAMES: Final = "names"

_IN_USE: Final[LiteralString] = "SELECT EXISTS (SELECT FROM ledger_keys)"
_ADD: Final[LiteralString] = """
    INSERT INTO ledger_keys (name, kek, wrapped) VALUES (%s, %s, %s) ON CONFLICT (name) DO NOTHING
"""
_FIND: Final[LiteralString] = "SELECT kek, wrapped FROM ledger_keys WHERE name = %s"


class KeyringRefused(Exception):
    """The keys that are here are not those of this database; the message says what to do."""


class PersonKey(msgspec.Struct, frozen=True):
    """The wrapped data key of a person. `key_id` tells it from all others there ever were."""

    key_id: str
    wrapped: WrappedKey


class Keyring:
    """What wraps the keys of persons, and the secret of the ledger that names are digested with."""

    def __init__(self, encryption: KeyEncryption, names: bytes) -> None:
        self._encryption = encryption
        self._names = names

    def new_key(self, user_id: int) -> tuple[bytes, PersonKey]:
        """A fresh data key for a person, bare and wrapped."""
        key, key_id = new_key(), uuid.uuid4().hex
        return key, PersonKey(
            key_id, self._encryption.wrap(key, context_of_person(user_id, key_id))
        )

    def opened(self, user_id: int, key: PersonKey) -> bytes:
        return self._encryption.unwrap(key.wrapped, context_of_person(user_id, key.key_id))

    def claim_of(self, kind: str, name: str) -> str:
        """The keyed digest of a `username` or an `email`: names that look alike are one."""
        alike = unicodedata.normalize("NFKC", name).casefold()
        digest = hmac.digest(self._names, f"{kind}/{alike}".encode(), "sha256")
        return f"{PERSON}{kind}/{digest.hex()}"

    def origin_of(self, address: str) -> str:
        """A keyed digest of the address that a call came from: the same address is the same digest."""
        return hmac.digest(self._names, f"address/{address}".encode(), "sha256")[:8].hex()


def open_keyring(conninfo: str, kept_by: str | None, data: Path) -> Keyring:
    """The keyring of a migrated database, with the key-encryption key that the settings name.

    The first of all makes the secret of the ledger, and the local file where that is what is used.
    Raises `KeyringRefused` where another key wrapped what is there, and `KeyFileUnsafe`.
    """
    with psycopg.connect(conninfo, autocommit=True, connect_timeout=10) as connection:
        row = connection.execute(_IN_USE).fetchone()
        encryption = key_encryption(kept_by, data, create=row is None or not row[0])
        return keyring_with(connection, encryption)


def keyring_with(connection: psycopg.Connection[Any], kek: KeyEncryption) -> Keyring:
    """The same, with a key-encryption key in hand."""
    context = context_of_ledger_key(NAMES)
    stored = connection.execute(_FIND, [NAMES]).fetchone()
    if stored is None:
        wrapped = kek.wrap(new_key(), context)
        connection.execute(_ADD, [NAMES, wrapped.kek, wrapped.wrapped])
        stored = connection.execute(_FIND, [NAMES]).fetchone()
    assert stored is not None, "it was put there"
    try:
        return Keyring(kek, kek.unwrap(WrappedKey(*stored), context))
    except KeyRefused as error:
        raise KeyringRefused(
            f"the key-encryption key here is not the one of this database: {error}"
        ) from None


def context_of_person(user_id: int, key_id: str) -> dict[str, str]:
    return {"daybook": "person key", "user_id": str(user_id), "key_id": key_id}


def context_of_ledger_key(name: str) -> dict[str, str]:
    return {"daybook": "ledger key", "name": name}
