"""The keys that sign checkpoints, in a file of their own: no role of the database can reach it.

The first key signs; older ones have lost their private half, and verify for ever. Beside the keys lies
the last checkpoint that was signed, so that a database which was rolled back or replaced is not signed
as if nothing had been.
"""

import os
import secrets
import stat
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.kept_files import READ_BY_ALL, changing, write_whole
from daybook.evidence.signed_note import (
    ED25519,
    ML_DSA_44,
    LogCheckpoint,
    NoteRefused,
    VerifierKey,
    checked_checkpoint,
    ml_dsa_key,
    ml_dsa_public,
    sign,
    sign_ml_dsa,
)

FOLDER: Final = "keys"
KEYS: Final = "checkpoint-keys.json"
LAST: Final = "last-checkpoint"
FILE_BYTES_MAX: Final = 1_000_000


class CheckpointKeysUnsafe(Exception):
    """The key file can be read by others, or does not hold keys: nothing is signed with it."""


class _Key(msgspec.Struct, forbid_unknown_fields=True):
    algorithm: int
    public: bytes
    created_at: int  # seconds of the Unix epoch, as is the other
    private: bytes | None = None
    retired_at: int | None = None


class _Keys(msgspec.Struct, forbid_unknown_fields=True):
    """`origin` names the log, and every key of it."""

    origin: str
    keys: list[_Key]


class CheckpointKeys:
    """The key file of a folder, made on the first use of all under the origin given, or a fresh one.

    With `second`, an ML-DSA-44 key signs beside the first; it is made where there is none.
    """

    def __init__(
        self, folder: Path, *, origin: str | None, now: float, second: bool = False
    ) -> None:
        self._folder = folder
        self._second = second
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with changing(self._path):
            if not self._path.exists():
                name = origin or f"daybook.invalid/{secrets.token_hex(8)}"
                self._write(_Keys(name, [_new_key(now)]))
            stored = self._read()
            if second and _second_of(stored) is None:
                stored.keys.insert(1, _new_second_key(now))
                self._write(stored)
        if origin not in (None, stored.origin):
            raise CheckpointKeysUnsafe(
                f"{self._path} holds the keys of {stored.origin}, and DAYBOOK_LOG_ORIGIN is {origin}"
            )
        self.origin = stored.origin

    @property
    def _path(self) -> Path:
        return self._folder / KEYS

    def verifier_keys(self) -> list[VerifierKey]:
        """All public keys there ever were, the one that signs now first."""
        stored = self._read()
        return [VerifierKey(stored.origin, key.algorithm, key.public) for key in stored.keys]

    def sign(self, checkpoint: LogCheckpoint) -> str:
        """The signed note of a checkpoint, after it was kept here as the last that was signed."""
        stored = self._read()
        first = stored.keys[0]
        assert first.private is not None  # _read refuses a file whose first key cannot sign
        key = VerifierKey(self.origin, first.algorithm, first.public)
        private = Ed25519PrivateKey.from_private_bytes(first.private)
        note = f"{checkpoint.text}\n{sign(checkpoint.text, key, private)}"
        second = _second_of(stored) if self._second else None
        if second is not None and second.private is not None:
            key = VerifierKey(self.origin, second.algorithm, second.public)
            note += sign_ml_dsa(checkpoint, key, second.private)
        write_whole(self._folder / LAST, note.encode(), mode=READ_BY_ALL)
        return note

    def last_signed(self) -> LogCheckpoint | None:
        """The last checkpoint that was signed with these keys."""
        try:
            raw = (self._folder / LAST).read_bytes()
        except FileNotFoundError:
            return None
        try:
            return checked_checkpoint(raw, self.verifier_keys())
        except NoteRefused as error:
            raise CheckpointKeysUnsafe(f"{self._folder / LAST}: {error}") from None

    def rotate(self, *, now: float) -> VerifierKey:
        """Put a fresh key in front. The old one signs no more, and verifies for ever."""
        with changing(self._path):
            stored = self._read()
            for key in stored.keys:
                key.private = None
                key.retired_at = key.retired_at or int(now)
            fresh = [_new_key(now), _new_second_key(now)] if self._second else [_new_key(now)]
            stored.keys[:0] = fresh
            self._write(stored)
        return self.verifier_keys()[0]

    def _write(self, content: _Keys) -> None:
        write_whole(self._path, msgspec.json.format(msgspec.json.encode(content)))

    def _read(self) -> _Keys:
        try:
            with open(self._path, "rb") as file:
                if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    raise CheckpointKeysUnsafe(f"{self._path} can be used by others: chmod 600 it")
                stored = msgspec.json.decode(file.read(FILE_BYTES_MAX), type=_Keys)
        except (OSError, msgspec.MsgspecError) as error:
            raise CheckpointKeysUnsafe(f"{self._path} does not hold keys: {error}") from None
        first = stored.keys[0] if stored.keys else None
        if first is None or first.private is None or first.algorithm != ED25519:
            raise CheckpointKeysUnsafe(f"{self._path} holds no key that can sign")
        return stored


def _new_key(now: float) -> _Key:
    private = Ed25519PrivateKey.generate()
    return _Key(
        ED25519,
        private.public_key().public_bytes_raw(),
        created_at=int(now),
        private=private.private_bytes_raw(),
    )


def _new_second_key(now: float) -> _Key:
    try:
        seed = ml_dsa_key()
    except UnsupportedAlgorithm as error:
        raise CheckpointKeysUnsafe(f"DAYBOOK_CHECKPOINT_SIGNATURES: {error}") from None
    return _Key(ML_DSA_44, ml_dsa_public(seed), created_at=int(now), private=seed)


def _second_of(stored: _Keys) -> _Key | None:
    """The ML-DSA-44 key that can sign."""
    of_kind = (key for key in stored.keys if key.algorithm == ML_DSA_44 and key.private is not None)
    return next(of_kind, None)
