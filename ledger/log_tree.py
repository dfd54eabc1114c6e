"""The Merkle tree over the log: RFC 6962, over the canonical bytes of each event.

A leaf is the hash of a byte 0 and the canonical bytes, a node that of a byte 1 and its two children; the
hash is SHA-256. The tree of n leaves splits at the largest power of two below n. It grows by its *peaks*:
the roots of the perfect trees it is made of, the largest first, one for each bit of n. They are all that
is needed to add leaves, and the root follows from them. The page docs/evidence-format.md says all this
for others, with vectors.
"""

import struct
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, TypeAlias

ENCODING_VERSION: Final = 1
HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()

# Position and version, then the lengths of stream, tag and state; big-endian.
_NUMBERS: Final = struct.Struct(">BQQIII")
_LEAF: Final = struct.Struct(">BBQQIII")

# The hash of the perfect tree at a level (0 for leaves) and of a number there, from zero.
Node: TypeAlias = Callable[[int, int], bytes]


class ProofRefused(ValueError):
    """A proof does not prove what it was given for."""


def canonical_event(position: int, stream: bytes, version: int, tag: bytes, state: bytes) -> bytes:
    """The canonical bytes of an event. No two events share them: each length stands before the texts."""
    numbers = _NUMBERS.pack(ENCODING_VERSION, position, version, len(stream), len(tag), len(state))
    return numbers + stream + tag + state


def leaf_hash(canonical: bytes) -> bytes:
    return sha256(b"\x00" + canonical).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def leaves_of(position: int, events: Sequence[tuple[bytes, int, bytes, bytes]]) -> list[bytes]:
    """The leaves of events (stream, version, tag, state) that follow one another from a position on.

    The same as `leaf_hash(canonical_event(...))`, in one step: the writer does this for every event.
    """
    pack = _LEAF.pack
    return [
        sha256(
            pack(0, ENCODING_VERSION, place, version, len(stream), len(tag), len(state))
            + stream
            + tag
            + state
        ).digest()
        for place, (stream, version, tag, state) in enumerate(events, position)
    ]


def command_hash(
    principal: bytes, key: bytes, request: bytes, status: int, answer: bytes, position: int | None
) -> bytes:
    """The hash of a command's record, in Base64, as its first event carries it into the tree.

    `position` is that of the command's last event; None, which counts as 0, where it was refused. None of
    the texts holds a newline, so no two records are the same lines.
    """
    record = b"%d\n%b\n%b\n%d\n%d\n%b\n%b" % (
        ENCODING_VERSION,
        principal,
        key,
        status,
        position or 0,
        request,
        answer,
    )
    return b2a_base64(sha256(record).digest(), newline=False)


def extended(peaks: bytes, size: int, leaves: Sequence[bytes]) -> bytes:
    """The peaks of the tree of `size` leaves, whose peaks are given, after these leaves."""
    assert len(peaks) == HASH_BYTES * size.bit_count(), "a tree has a peak for each bit of its size"
    standing = [peaks[at : at + HASH_BYTES] for at in range(0, len(peaks), HASH_BYTES)]
    made: list[bytes] = []
    row = list(leaves)
    while row:
        if size & 1:
            row.insert(0, standing.pop())
        if len(row) & 1:
            made.append(row.pop())
        row = [
            sha256(b"\x01" + left + right).digest()
            for left, right in zip(row[::2], row[1::2], strict=True)
        ]
        size >>= 1
    return b"".join((*standing, *reversed(made)))


def root_of(peaks: bytes) -> bytes:
    """The root of the tree with these peaks."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-HASH_BYTES:]
    for at in range(len(peaks) - 2 * HASH_BYTES, -1, -HASH_BYTES):
        root = node_hash(peaks[at : at + HASH_BYTES], root)
    return root


# --- Proofs. Leaves are counted from zero: the leaf of position p is number p - 1.


def subtree(first: int, end: int, node: Node) -> bytes:
    """The hash of the tree over the leaves from `first` up to `end`, which is not among them."""
    size = end - first
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, first >> level)
    split = first + _split(size)
    return node_hash(subtree(first, split, node), subtree(split, end, node))


def inclusion_proof(leaf: int, size: int, node: Node) -> list[bytes]:
    """The audit path of a leaf in the tree of `size` leaves, from the leaf up (RFC 6962, 2.1.1)."""
    assert 0 <= leaf < size, "a leaf of the tree"
    path: list[bytes] = []
    first, end = 0, size
    while end - first > 1:
        split = first + _split(end - first)
        if leaf < split:
            path.append(subtree(split, end, node))
            end = split
        else:
            path.append(subtree(first, split, node))
            first = split
    return path[::-1]


def consistency_proof(old: int, size: int, node: Node) -> list[bytes]:
    """That the tree of `old` leaves is the beginning of the tree of `size` leaves (RFC 6962, 2.1.2)."""
    assert 0 < old <= size, "an earlier tree that is not empty"
    path: list[bytes] = []
    first, end, whole = 0, size, True
    while old - first != end - first:
        split = first + _split(end - first)
        if old <= split:
            path.append(subtree(split, end, node))
            end = split
        else:
            path.append(subtree(first, split, node))
            first, whole = split, False
    if not whole:
        path.append(subtree(first, end, node))
    return path[::-1]


def check_inclusion(
    leaf_digest: bytes, leaf: int, size: int, root: bytes, path: Sequence[bytes]
) -> None:
    """Raise `ProofRefused` unless the leaf stands at its place under the root (RFC 9162, 2.1.3.2)."""
    _check_hashes(path)
    if not 0 <= leaf < size:
        raise ProofRefused(f"a tree of {size} leaves has no leaf {leaf}")
    place, last, digest = leaf, size - 1, leaf_digest
    for other in path:
        if last == 0:
            raise ProofRefused("the path is too long")
        if place & 1 or place == last:
            digest = node_hash(other, digest)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            digest = node_hash(digest, other)
        place, last = place >> 1, last >> 1
    if last != 0 or digest != root:
        raise ProofRefused("the path does not lead to the root")


def check_consistency(
    old: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]
) -> None:
    """Raise `ProofRefused` unless the old tree is the beginning of the new one (RFC 9162, 2.1.4.2)."""
    _check_hashes(path)
    if not 0 <= old <= size:
        raise ProofRefused(f"a tree of {size} leaves does not begin with one of {old}")
    if old in (0, size):
        same = old_root == (EMPTY_ROOT if old == 0 else root)
        if path or not same:
            raise ProofRefused("a tree is consistent with itself and with the empty tree alone")
        return
    hashes = list(path)
    if old & (old - 1) == 0:
        hashes.insert(0, old_root)
    if not hashes:
        raise ProofRefused("the path is too short")
    place, last = old - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    before = after = hashes[0]
    for other in hashes[1:]:
        if last == 0:
            raise ProofRefused("the path is too long")
        if place & 1 or place == last:
            before, after = node_hash(other, before), node_hash(other, after)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            after = node_hash(after, other)
        place, last = place >> 1, last >> 1
    if last != 0 or before != old_root or after != root:
        raise ProofRefused("the path does not lead to the two roots")


def _split(size: int) -> int:
    """The largest power of two below the size."""
    return int(1 << (size - 1).bit_length() - 1)


def _check_hashes(path: Sequence[bytes]) -> None:
    if any(len(digest) != HASH_BYTES for digest in path):
        raise ProofRefused("a path is made of hashes of 32 bytes")
