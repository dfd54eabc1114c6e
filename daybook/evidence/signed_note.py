"""Signed notes and checkpoints, in the forms of C2SP: signed-note, tlog-checkpoint, tlog-cosignature.

A note is a text that ends with a newline, an empty line, and a line for each signature:
`— NAME BASE64`, where the first four of the decoded bytes tell the key apart. Signatures of keys that are
not known are passed over, so that a second algorithm can stand beside the first: ML-DSA-44, which no
quantum computer is known to forge. It is checked where the installed library has it, else passed over.
"""

import base64
import binascii
import datetime as dt
import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

# The algorithm is the first byte of a key: a log's signature, and a witness's with its time.
ED25519: Final = 1
COSIGNATURE: Final = 4
ML_DSA_44: Final = 6
PUBLIC_BYTES: Final = {ED25519: 32, COSIGNATURE: 32, ML_DSA_44: 1312}
NOTE_BYTES_MAX: Final = 100_000
SIGNATURES_MAX: Final = 100

try:
    from cryptography.hazmat.primitives.asymmetric import mldsa
except ImportError:  # before 47
    mldsa = None  # type: ignore[assignment]

_NAME: Final = re.compile(r"[^\s+\x00-\x1f\x7f]{1,200}")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_RECORDED: Final = re.compile(r"recorded ([0-9-]{10}T[0-9:]{8}\.[0-9]{6})Z", re.ASCII)


class NoteRefused(ValueError):
    """A note, a key or a checkpoint is not what it should be, or nobody known has signed it."""


class VerifierKey(msgspec.Struct, frozen=True):
    """The public half of a key: `name+keyid+base64` as a text."""

    name: str
    algorithm: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + bytes([self.algorithm]) + self.public).digest()[
            :4
        ]

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.algorithm]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


class Note(msgspec.Struct, frozen=True):
    """A note as it was read: its text with the newline at its end, and name, key id and signature."""

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]


class LogCheckpoint(msgspec.Struct, frozen=True):
    """What the log's keys sign: so many events have this root, the last recorded at this instant."""

    origin: str
    size: int
    root: bytes
    recorded_at: dt.datetime

    @property
    def text(self) -> str:
        recorded = self.recorded_at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        root = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\nrecorded {recorded}\n"


def read_key(text: str) -> VerifierKey:
    """A key from its text. Raises `NoteRefused`."""
    name, plus, rest = text.strip().partition("+")
    key_id, other, encoded = rest.partition("+")
    raw = _decoded(encoded) if plus and other else b""
    key = VerifierKey(name, raw[0] if raw else 0, raw[1:])
    known = PUBLIC_BYTES.get(key.algorithm) == len(key.public)
    if not _NAME.fullmatch(name) or not known or key.key_id.hex() != key_id:
        raise NoteRefused(f"not the text of a key: {text.strip()[:80]!r}")
    return key


def read_keys(text: str) -> list[VerifierKey]:
    """The keys of a file: one a line; a line that begins with # says something to people."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [read_key(line) for line in lines]


def read_note(raw: bytes) -> Note:
    """The parts of a note. Nothing is verified yet. Raises `NoteRefused`."""
    if len(raw) > NOTE_BYTES_MAX:
        raise NoteRefused("the note is too long")
    try:
        whole = raw.decode()
    except UnicodeDecodeError:
        raise NoteRefused("a note is UTF-8") from None
    text, divider, signed = whole.rpartition("\n\n")
    if not divider or not signed.endswith("\n") or re.search(r"[\x00-\x09\x0b-\x1f\x7f]", whole):
        raise NoteRefused(
            "a note is a text, an empty line and signatures, without control characters"
        )
    lines = signed.split("\n")[:-1]
    if not 0 < len(lines) <= SIGNATURES_MAX:
        raise NoteRefused("a note has at least one signature, and not hundreds")
    return Note(text + "\n", tuple(_read_signature(line) for line in lines))


def _read_signature(line: str) -> tuple[str, bytes, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    raw = _decoded(encoded)
    if dash != "—" or not _NAME.fullmatch(name) or len(raw) < 5:
        raise NoteRefused("not the line of a signature")
    return name, raw[:4], raw[4:]


def read_checkpoint(text: str) -> LogCheckpoint:
    """The checkpoint that a note's text is. Raises `NoteRefused`."""
    lines = text.split("\n")
    if len(lines) < 5 or lines[-1] or not lines[0] or not all(lines[:-1]):
        raise NoteRefused("a checkpoint has an origin, a size, a root and when it was recorded")
    recorded = _RECORDED.fullmatch(lines[3])
    root = _decoded(lines[2])
    if not _NUMBER.fullmatch(lines[1]) or len(root) != 32 or recorded is None:
        raise NoteRefused("a checkpoint has a size, a root of 32 bytes and an instant")
    try:
        recorded_at = dt.datetime.fromisoformat(f"{recorded[1]}+00:00")
    except ValueError:
        raise NoteRefused("a checkpoint names an instant") from None
    return LogCheckpoint(lines[0], int(lines[1]), root, recorded_at)


def verified_by(note: Note, keys: Iterable[VerifierKey]) -> list[VerifierKey]:
    """Those of the keys that have signed the note. Raises `NoteRefused` for a false signature of one."""
    known = {(key.name, key.key_id): key for key in keys}
    found = []
    for name, key_id, signature in note.signatures:
        key = known.get((name, key_id))
        if key is None:
            continue
        try:
            _verify(key, signature, note.text)
        except InvalidSignature:
            raise NoteRefused(f"a signature of {name} is false") from None
        except UnsupportedAlgorithm:
            continue
        found.append(key)
    return found


def _verify(key: VerifierKey, signature: bytes, text: str) -> None:
    """Raises `InvalidSignature`, or `UnsupportedAlgorithm` where it cannot be checked here."""
    if key.algorithm == ML_DSA_44:
        if mldsa is None:
            raise UnsupportedAlgorithm("ML-DSA-44 is not in this version of cryptography")
        seconds = int.from_bytes(signature[:8], "big")
        message = _subtree(key.name, read_checkpoint(text), seconds)
        mldsa.MLDSA44PublicKey.from_public_bytes(key.public).verify(signature[8:], message)
        return
    message = text.encode()
    if key.algorithm == COSIGNATURE:
        message, signature = _cosigned(signature, message)
    Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)


def checked_checkpoint(raw: bytes, keys: Iterable[VerifierKey]) -> LogCheckpoint:
    """The checkpoint of a note that one of the log's keys, named as its origin, has signed."""
    note = read_note(raw)
    checkpoint = read_checkpoint(note.text)
    signers = verified_by(note, keys)
    if not any(k.name == checkpoint.origin and k.algorithm == ED25519 for k in signers):
        raise NoteRefused("no key of the log that is known here has signed the checkpoint")
    return checkpoint


def sign(text: str, key: VerifierKey, private: Ed25519PrivateKey) -> str:
    """The line of a signature on a text."""
    return _line(key, private.sign(text.encode()))


def cosign(text: str, key: VerifierKey, private: Ed25519PrivateKey, seconds: int) -> str:
    """The line of a witness on a checkpoint's text, with its time in seconds of the Unix epoch."""
    stamp = seconds.to_bytes(8, "big")
    message, _ = _cosigned(stamp, text.encode())
    return _line(key, stamp + private.sign(message))


def ml_dsa_key() -> bytes:
    """The seed of a fresh ML-DSA-44 key. Raises `UnsupportedAlgorithm`."""
    if mldsa is None:
        raise UnsupportedAlgorithm("ML-DSA-44 is not in this version of cryptography")
    return mldsa.MLDSA44PrivateKey.generate().private_bytes_raw()


def ml_dsa_public(seed: bytes) -> bytes:
    return mldsa.MLDSA44PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()


def sign_ml_dsa(checkpoint: LogCheckpoint, key: VerifierKey, seed: bytes) -> str:
    """The line of an ML-DSA-44 signature on a checkpoint, which says nothing of a time."""
    message = _subtree(key.name, checkpoint, 0)
    signature = mldsa.MLDSA44PrivateKey.from_seed_bytes(seed).sign(message)
    return _line(key, bytes(8) + signature)


def _subtree(name: str, checkpoint: LogCheckpoint, seconds: int) -> bytes:
    """What is signed by ML-DSA-44: name, time, origin, and the tree from its first leaf on."""
    cosigner, origin = name.encode(), checkpoint.origin.encode()
    if len(cosigner) > 255 or len(origin) > 255:
        raise NoteRefused("a name is of 255 bytes at most where ML-DSA-44 signs")
    return b"".join(
        (
            b"subtree/v1\n\0",
            bytes((len(cosigner),)) + cosigner,
            seconds.to_bytes(8, "big"),
            bytes((len(origin),)) + origin,
            bytes(8),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def _cosigned(signature: bytes, text: bytes) -> tuple[bytes, bytes]:
    """What a witness signs, and its signature without the time that stands before it."""
    seconds = int.from_bytes(signature[:8], "big")
    return b"cosignature/v1\ntime %d\n" % seconds + text, signature[8:]


def _line(key: VerifierKey, signature: bytes) -> str:
    return f"— {key.name} {base64.b64encode(key.key_id + signature).decode()}\n"


def _decoded(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteRefused("not Base64") from None
    if base64.b64encode(raw).decode() != text:
        raise NoteRefused("not the one Base64 of its bytes")
    return raw
