"""The keys that wrap other keys, behind a port: a file of this machine, or a service that keeps them.

A data key is worth nothing without the key that wrapped it, and that one is never in the database. What
a key was wrapped for (`context`) is bound in, so that a wrapped key cannot stand in for another.
"""

import base64
import datetime as dt
import os
import secrets
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeAlias

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application.kept_files import create_once, write_whole
from application.key_files import KeyFileUnsafe, read_private
from application.sealing import KEY_BYTES, NONCE_BYTES, new_key

KEYS_FOLDER: Final = "keys"
LOCAL_FILE: Final = "key-encryption-keys.json"
AWS_PREFIX: Final = "aws-kms:"
# A person's key is wrapped before the writer is asked, and what is asked may be written late, also when its
# caller was told that the outcome is not known. The writer's line is some 45 batches long when it is full,
# and the slowest that a store can make one and still take it is some 45 seconds: half an hour. As much
# again is for hosts that read the file late.
RETIRE_AFTER: Final = dt.timedelta(hours=1)

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


class _StoredKey(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    kek: str
    key: str
    created_at: int  # seconds of the Unix epoch
    # Opens what others have wrapped with it, and wraps nothing yet.
    waiting: bool = False
    # When another took its place; files of before do not say it.
    replaced_at: int | None = None


class _KeyFile(msgspec.Struct, forbid_unknown_fields=True):
    keys: list[_StoredKey]  # the first wraps


class FileKeys:
    """The keys of a file, read again when it has changed: a key that was added counts at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _stamp(path)
        self._keys = LocalKeys(_read_keys(path))

    def wrap(self, key: bytes, context: Context) -> WrappedKey:
        return self._current().wrap(key, context)

    def unwrap(self, wrapped: WrappedKey, context: Context) -> bytes:
        return self._current().unwrap(wrapped, context)

    def _current(self) -> LocalKeys:
        stamp = _stamp(self._path)
        # Without the file what was read of it goes on serving.
        if stamp not in (None, self._stamp):
            self._keys, self._stamp = LocalKeys(_read_keys(self._path)), stamp
        return self._keys


def local_keys(path: Path, *, create: bool) -> FileKeys:
    """The keys of the file, which is made where there is none and `create` says so."""
    if create:
        create_once(path, _encoded([_new_stored_key()]))
    return FileKeys(path)


def add_waiting_key(path: Path) -> str:
    """Put a fresh key into the file that opens and does not wrap yet; its name. At most one waits."""
    stored = _read(path)
    waiting = next((each for each in stored if each.waiting), None)
    if waiting is None:
        waiting = msgspec.structs.replace(_new_stored_key(), waiting=True)
        write_whole(path, _encoded([*stored, waiting]))
    return waiting.kek


def use_next_key(path: Path) -> str:
    """Wrap with the key that waits from now on, or with a fresh one; its name."""
    stored = _read(path)
    found = next((each for each in stored if each.waiting), None) or _new_stored_key()
    first = msgspec.structs.replace(found, waiting=False)
    replaced = msgspec.structs.replace(stored[0], replaced_at=int(time.time()))
    others = [each for each in (replaced, *stored[1:]) if each.kek != first.kek]
    write_whole(path, _encoded([first, *others]))
    return first.kek


class Dropped(NamedTuple):
    """The names of the keys that are out of the file, and until when others stay that wrap nothing."""

    keks: list[str]
    kept_until: dict[str, dt.datetime]


def drop_keys(path: Path, in_use: Collection[str], now: dt.datetime) -> Dropped:
    """Take the keys out of the file that wrap nothing and, for `RETIRE_AFTER` by now, no longer could."""
    dropped = Dropped([], {})
    kept = []
    stored = _read(path)
    for place, key in enumerate(stored):
        if place > 0 and not key.waiting and key.kek not in in_use:
            replaced_at = int(now.timestamp()) if key.replaced_at is None else key.replaced_at
            until = dt.datetime.fromtimestamp(replaced_at, dt.UTC) + RETIRE_AFTER
            if until <= now:
                dropped.keks.append(key.kek)
                continue
            dropped.kept_until[key.kek] = until
            key = msgspec.structs.replace(key, replaced_at=replaced_at)
        kept.append(key)
    if kept != stored:
        write_whole(path, _encoded(kept))
    return dropped


def _new_stored_key() -> _StoredKey:
    return _StoredKey(
        kek=f"file-{secrets.token_hex(8)}",
        key=base64.b64encode(new_key()).decode(),
        created_at=int(time.time()),
    )


def _encoded(keys: list[_StoredKey]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(_KeyFile(keys)), indent=1)


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(path: Path) -> list[_StoredKey]:
    try:
        stored = msgspec.json.decode(read_private(path), type=_KeyFile).keys
        sizes = {len(base64.b64decode(each.key, validate=True)) for each in stored}
    except (msgspec.MsgspecError, ValueError) as error:
        raise KeyFileUnsafe(f"{path} does not hold keys: {error}") from None
    except FileNotFoundError:
        raise KeyFileUnsafe(
            f"{path} is missing, and the data of persons in this database cannot be read without "
            "it: put it back"
        ) from None
    if sizes != {KEY_BYTES} or stored[0].waiting:
        raise KeyFileUnsafe(
            f"{path} does not hold keys of {KEY_BYTES} bytes, the first to wrap with"
        )
    return stored


def _read_keys(path: Path) -> dict[str, bytes]:
    return {each.kek: base64.b64decode(each.key) for each in _read(path)}


def key_encryption(kept_by: str | None, data: Path, *, create: bool) -> KeyEncryption:
    """The keys as the settings name them: `aws-kms:KEY` is a key of AWS KMS, None the file in `data`.

    `create` is whether the file may be made: only for a database in which nothing is wrapped yet.
    """
    if kept_by is None:
        return local_keys(data / KEYS_FOLDER / LOCAL_FILE, create=create)
    # Its library is as large as this program, and most run without it.
    from application.aws_kms import AwsKms

    return AwsKms(kept_by.removeprefix(AWS_PREFIX))
