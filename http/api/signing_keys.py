"""The Ed25519 keys that sign access tokens: one that signs, and older ones that still verify.

They live in one JSON file that only its owner can read. Any number of processes may start at once and
will use the same first key; `rotate_keys` puts a new one in front, and running processes take it up.
"""

import base64
import os
import secrets
import time
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from application.kept_files import changing, create_once, write_whole
from application.key_files import KeyFileUnsafe, read_private

# How long a retired key still verifies: the life of a token it may have signed at its last moment,
# and then some for the processes that take up the new key a little later.
RETIRED_KEY_SECONDS: Final = 15 * 60
LOOK_AGAIN_SECONDS: Final = 1.0


class _StoredKey(msgspec.Struct, forbid_unknown_fields=True):
    kid: str
    public: str
    created_at: int  # seconds of the Unix epoch, as are all times here
    private: str | None = None  # gone once the key is retired
    retired_at: int | None = None


class _KeyFile(msgspec.Struct, forbid_unknown_fields=True):
    keys: list[_StoredKey]  # the first signs


class VerificationKey(msgspec.Struct, frozen=True):
    kid: str
    public: Ed25519PublicKey
    retired_at: int | None


class SigningKeys:
    """The key file as this process last read it; made on the first start of all.

    It is looked at again once in `LOOK_AGAIN_SECONDS`, and at once for a kid that is not known, so that
    no token of a fresh key is refused. It is read only when it has changed: made-up kids cost one stat.
    """

    def __init__(self, path: Path, *, now: float) -> None:
        create_once(path, _written(_KeyFile([_new_key(now)])))
        self._path = path
        self._version: Any = None
        self._load_if_changed()

    def signing_key(self) -> tuple[str, Ed25519PrivateKey]:
        """The kid and the private key to sign with now."""
        if time.monotonic() - self._looked_at >= LOOK_AGAIN_SECONDS:
            self._load_if_changed()
        return self._signing

    def verification_key(self, kid: str, *, now: float) -> VerificationKey | None:
        """The key of that name, unless there is none or it was retired too long ago."""
        if kid not in self._verifying or time.monotonic() - self._looked_at >= LOOK_AGAIN_SECONDS:
            self._load_if_changed()
        key = self._verifying.get(kid)
        if key is None or (key.retired_at is not None and _is_over(key.retired_at, now)):
            return None
        return key

    def jwks(self, *, now: float) -> dict[str, list[dict[str, str]]]:
        """The public keys as a JSON Web Key Set (RFC 7517), for others who verify our tokens."""
        return {
            "keys": [
                {
                    "kty": "OKP",
                    "crv": "Ed25519",
                    "use": "sig",
                    "alg": "EdDSA",
                    "kid": key.kid,
                    "x": _encoded(key.public.public_bytes_raw()),
                }
                for key in self._verifying.values()
                if key.retired_at is None or not _is_over(key.retired_at, now)
            ]
        }

    def _load_if_changed(self) -> None:
        self._looked_at = time.monotonic()
        version = _version_of(self._path)
        if version == self._version:
            return
        stored = _read(self._path).keys
        first = stored[0]
        assert first.private is not None  # _read refuses a file whose first key cannot sign
        self._signing = first.kid, Ed25519PrivateKey.from_private_bytes(_decoded(first.private))
        self._verifying = {
            key.kid: VerificationKey(
                key.kid, Ed25519PublicKey.from_public_bytes(_decoded(key.public)), key.retired_at
            )
            for key in stored
        }
        self._version = version


def rotate_keys(path: Path, *, now: float) -> str:
    """Put a new signing key in front and answer its kid.

    The old one loses its private half and verifies for `RETIRED_KEY_SECONDS` more; keys past that are
    dropped. Rotations that run at once take turns; each makes its own key.
    """
    with changing(path):
        stored = _read(path).keys
        for key in stored:
            key.private = None
            key.retired_at = key.retired_at or int(now)
        kept = [key for key in stored if not _is_over(key.retired_at or 0, now)]
        fresh = _new_key(now)
        write_whole(path, _written(_KeyFile([fresh, *kept])))
    return fresh.kid


def _is_over(retired_at: int, now: float) -> bool:
    return now > retired_at + RETIRED_KEY_SECONDS


def _new_key(now: float) -> _StoredKey:
    private = Ed25519PrivateKey.generate()
    return _StoredKey(
        kid=secrets.token_hex(8),
        public=_encoded(private.public_key().public_bytes_raw()),
        created_at=int(now),
        private=_encoded(private.private_bytes_raw()),
    )


def _read(path: Path) -> _KeyFile:
    try:
        content = msgspec.json.decode(read_private(path), type=_KeyFile)
    except msgspec.MsgspecError as error:
        raise KeyFileUnsafe(f"{path} does not hold signing keys: {error}") from None
    if not content.keys or content.keys[0].private is None:
        raise KeyFileUnsafe(f"{path} holds no key that can sign")
    return content


def _written(content: _KeyFile) -> bytes:
    return msgspec.json.format(msgspec.json.encode(content), indent=1)


def _version_of(path: Path) -> Any:
    status = os.stat(path)
    return status.st_ino, status.st_mtime_ns, status.st_size


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
