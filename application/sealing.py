"""Sealing a text under a key, for one place: AES-256-GCM (NIST SP 800-38D).

The place, which is the stream, the version and the field, is bound in as associated data: a ciphertext
that was moved to another does not open. Each sealing draws 96 random bits as its nonce, and a key seals
some dozens of texts in its life, far from the 2^32 that such nonces are good for.
"""

import base64
import binascii
import os
import struct
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
FORM: Final = 1  # of what is bound in, and the first byte of what is sealed

_LENGTHS: Final = struct.Struct(">BIQI")


class Unreadable(Exception):
    """The text does not open: it was sealed under another key or for another place, or was changed."""


class Place(NamedTuple):
    """Where a sealed text stands: the field of the event of that version of a stream."""

    stream: str
    version: int
    field: str


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def seal(key: bytes, place: Place, text: str) -> str:
    """The text as it may be kept for ever, in base64."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, text.encode(), _bound_to(place))
    return base64.b64encode(bytes((FORM,)) + nonce + sealed).decode()


def unseal(key: bytes, place: Place, sealed: str) -> str:
    """The text again. Raises `Unreadable` for anything that `seal` did not make of this key and place."""
    try:
        raw = base64.b64decode(sealed, validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("it is not base64") from None
    if len(raw) < 1 + NONCE_BYTES + TAG_BYTES or raw[0] != FORM:
        raise Unreadable("it is too short, or of a form that is not known")
    nonce, body = raw[1 : 1 + NONCE_BYTES], raw[1 + NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, body, _bound_to(place)).decode()
    except InvalidTag:
        raise Unreadable(f"it was not sealed for {place.field} of {place.stream}") from None


def _bound_to(place: Place) -> bytes:
    """No two places share these bytes: each length stands before its text."""
    stream, field = place.stream.encode(), place.field.encode()
    return _LENGTHS.pack(FORM, len(stream), place.version, len(field)) + stream + field
