"""The keys that wrap other keys, behind a port: a file of this machine, or a service that keeps them.

A data key is worth nothing without the key that wrapped it, and that one is never in the database. What
a key was wrapped for (`context`) is bound in, so that a wrapped key cannot stand in for another.
"""

import base64
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application.key_files import KeyFileUnsafe, create_once, read_private
from application.sealing import KEY_BYTES, NONCE_BYTES, new_key

KEYS_FOLDER: Final = "keys"
LOCAL_FILE: Final = "key-encryption-keys.json"
AWS_PREFIX: Final = "aws-kms:"

Context: TypeAlias = Mapping[str, str]


class WrappedKey(msgspec.Struct, frozen=True):
    """A key as it may be stored: `kek` names the key that opens it."""

    kek: str
    wrapped: bytes


class KeyRefused(Exception):
    """The wrapped key does not open: another key wrapped it, or for something else."""


class KeysUnavailable(Exception):
    """Whoever keeps the keys cannot be asked at the moment."""


class KeyEncryption(Protocol):
    """Wraps and opens data keys of 32 bytes. Calls may wait for a network: not in an event loop."""

    def wrap(self, key: bytes, context: Context) -> WrappedKey: ...

    def unwrap(self, wrapped: WrappedKey, context: Context) -> bytes:
        """Raises `KeyRefused`, or `KeysUnavailable`."""


class LocalKeys:
    """Keys in this process, by name: the first wraps, all open."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._keys = dict(keys)
        self._first = next(iter(keys))

    def wrap(self, key: bytes, context: Context) -> WrappedKey:
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(self._keys[self._first]).encrypt(nonce, key, _bound_to(context))
        return WrappedKey(self._first, nonce + sealed)

    def unwrap(self, wrapped: WrappedKey, context: Context) -> bytes:
        key = self._keys.get(wrapped.kek)
        if key is None:
            raise KeyRefused(f"the key {wrapped.kek} is not here")
        nonce, sealed = wrapped.wrapped[:NONCE_BYTES], wrapped.wrapped[NONCE_BYTES:]
        try:
            return AESGCM(key).decrypt(nonce, sealed, _bound_to(context))
        except (InvalidTag, ValueError):
            raise KeyRefused(f"the key {wrapped.kek} did not wrap this, or not for this") from None


def _bound_to(context: Context) -> bytes:
    return msgspec.json.encode(dict(context), order="sorted")


class _StoredKey(msgspec.Struct, forbid_unknown_fields=True):
    kek: str
    key: str
    created_at: int  # seconds of the Unix epoch


class _KeyFile(msgspec.Struct, forbid_unknown_fields=True):
    keys: list[_StoredKey]  # the first wraps


def local_keys(path: Path, *, create: bool) -> LocalKeys:
    """The keys of the file, which is made where there is none and `create` says so."""
    if create:
        stored = _StoredKey(
            kek=f"file-{secrets.token_hex(8)}",
            key=base64.b64encode(new_key()).decode(),
            created_at=int(time.time()),
        )
        create_once(path, msgspec.json.format(msgspec.json.encode(_KeyFile([stored])), indent=1))
    try:
        content = msgspec.json.decode(read_private(path), type=_KeyFile)
        keys = {each.kek: base64.b64decode(each.key, validate=True) for each in content.keys}
    except (msgspec.MsgspecError, ValueError) as error:
        raise KeyFileUnsafe(f"{path} does not hold keys: {error}") from None
    except FileNotFoundError:
        raise KeyFileUnsafe(
            f"{path} is missing, and the data of persons in this database cannot be read without "
            "it: put it back"
        ) from None
    if not keys or any(len(key) != KEY_BYTES for key in keys.values()):
        raise KeyFileUnsafe(f"{path} does not hold keys of {KEY_BYTES} bytes")
    return LocalKeys(keys)


def key_encryption(kept_by: str | None, data: Path, *, create: bool) -> KeyEncryption:
    """The keys as the settings name them: `aws-kms:KEY` is a key of AWS KMS, None the file in `data`.

    `create` is whether the file may be made: only for a database in which nothing is wrapped yet.
    """
    if kept_by is None:
        return local_keys(data / KEYS_FOLDER / LOCAL_FILE, create=create)
    # Its library is as large as this program, and most run without it.
    from application.aws_kms import AwsKms

    return AwsKms(kept_by.removeprefix(AWS_PREFIX))
