"""The keys that tests wrap the keys of persons with."""

from typing import Final

import psycopg

from application.key_encryption import LocalKeys
from application.keyring import Keyring, keyring_with

KEK: Final = LocalKeys({"of the tests": b"k" * 32})


def keyring_of(conninfo: str) -> Keyring:
    """The keyring of a migrated database, the same however often it is asked for."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        return keyring_with(connection, KEK)
