"""Proofs from the tiles of the log's tree: a few rows each, however long the log.

A tile that is not full yet is not stored: its leaves are those of the last events of the log, and the
hashes of a higher one are the roots of the tiles below. So a proof reads at most some 250 small rows a
level beside the full tiles it needs, and the levels grow with the logarithm to 256 of the log.
"""

import datetime as dt
from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar

import msgspec

from ledger.log_tree import (
    Node,
    ProofRefused,
    check_consistency,
    check_inclusion,
    consistency_proof,
    extended,
    inclusion_proof,
    leaf_hash,
    leaves_of,
    root_of,
    subtree,
)
from ledger.log_tree import canonical_event as canonical_bytes
from readmodels.reading import Connection

TILE_BITS: Final = 8
TILE: Final = 1 << TILE_BITS

TILES: Final = """
    SELECT t.level, t.number, t.hashes
      FROM unnest(%s::smallint[], %s::bigint[]) AS asked (level, number)
      JOIN tiles t USING (level, number)
"""
ROOTS: Final = """
    SELECT root FROM tiles WHERE level = %s AND number >= %s AND number < %s ORDER BY number
"""
EVENTS: Final = """
    SELECT originator_id, originator_version, topic, state FROM daybook_events
     WHERE notification_id > %s AND notification_id <= %s ORDER BY notification_id
"""
LATEST: Final = """
    SELECT size, root, recorded_at, note FROM checkpoints ORDER BY size DESC LIMIT 1
"""
OLDEST: Final = """
    SELECT size, root, recorded_at, note FROM checkpoints ORDER BY size LIMIT 1
"""
OF_SIZE: Final = """
    SELECT size, root, recorded_at, note FROM checkpoints WHERE size = %s
"""
HEAD: Final = """
    SELECT coalesce((SELECT last_position FROM commits ORDER BY last_position DESC LIMIT 1), 0)
"""
BEFORE: Final = """
    SELECT size, root, recorded_at, note FROM checkpoints
     WHERE size < %s ORDER BY size DESC LIMIT %s
"""

Place: TypeAlias = tuple[int, int]
Proved = TypeVar("Proved")


class TreeDamaged(Exception):
    """The stored tree does not fit the log or what was signed; nothing is proved with it."""


class NotYetSealed(Exception):
    """What is asked about is in the log and under no checkpoint yet; it will be in a moment."""


class NothingProved(Exception):
    """There is nothing of which the proof was asked for."""


class NoSuchCheckpoint(NothingProved):
    """Of that size no checkpoint was signed."""

    def __init__(self, size: int) -> None:
        super().__init__(f"No checkpoint of {size} events was signed.")


class EventNotFound(NothingProved):
    """The log has no event at that position, or none that this caller may see."""

    def __init__(self, position: int) -> None:
        super().__init__(f"There is no event at position {position}.")


class Checkpoint(msgspec.Struct, frozen=True):
    """What was signed: the root of the tree over the first `size` events."""

    size: int
    root: bytes
    recorded_at: dt.datetime
    note: str


class EventLeaf(msgspec.Struct, frozen=True):
    """An event as it stands under the tree."""

    position: int
    stream: str
    version: int
    tag: str
    state: bytes

    @property
    def canonical(self) -> bytes:
        stream, tag = self.stream.encode(), self.tag.encode()
        return canonical_bytes(self.position, stream, self.version, tag, self.state)

    @property
    def leaf(self) -> bytes:
        return leaf_hash(self.canonical)


async def latest_checkpoint(connection: Connection) -> Checkpoint | None:
    row = await (await connection.execute(LATEST)).fetchone()
    return None if row is None else Checkpoint(*row)


async def oldest_checkpoint(connection: Connection) -> Checkpoint | None:
    row = await (await connection.execute(OLDEST)).fetchone()
    return None if row is None else Checkpoint(*row)


async def checkpoint_of(connection: Connection, size: int) -> Checkpoint | None:
    row = await (await connection.execute(OF_SIZE, (size,))).fetchone()
    return None if row is None else Checkpoint(*row)


async def log_head(connection: Connection) -> int:
    """The last position of the log."""
    row = await (await connection.execute(HEAD)).fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row[0])


async def checkpoints_before(connection: Connection, size: int, limit: int) -> list[Checkpoint]:
    """The newest first."""
    found = await connection.execute(BEFORE, (size, limit))
    return [Checkpoint(*row) for row in await found.fetchall()]


async def log_events(connection: Connection, after: int, through: int) -> list[EventLeaf]:
    """The events after a position up to another, in order."""
    found = await connection.execute(EVENTS, (after, through), binary=True)
    return [EventLeaf(after + 1 + at, *row) for at, row in enumerate(await found.fetchall())]


async def proof_of_inclusion(
    connection: Connection, event: EventLeaf, checkpoint: Checkpoint
) -> list[bytes]:
    """The audit path of an event under a checkpoint. Raises `TreeDamaged` where it proves nothing."""
    leaf, size = event.position - 1, checkpoint.size
    path = await _read_and(connection, lambda node: inclusion_proof(leaf, size, node))
    try:
        check_inclusion(event.leaf, leaf, size, checkpoint.root, path)
    except ProofRefused as error:
        raise TreeDamaged(f"event {event.position} is not under {size}: {error}") from error
    return path


async def proof_of_consistency(
    connection: Connection, old: Checkpoint, new: Checkpoint
) -> list[bytes]:
    """That one checkpoint begins another. Raises `TreeDamaged` where it does not."""
    path = await _read_and(connection, lambda node: consistency_proof(old.size, new.size, node))
    try:
        check_consistency(old.size, old.root, new.size, new.root, path)
    except ProofRefused as error:
        raise TreeDamaged(f"{old.size} does not begin {new.size}: {error}") from error
    return path


async def root_at(connection: Connection, size: int) -> bytes:
    """The root of the tree over the first events, from the tiles and the end of the log."""
    return await _read_and(connection, lambda node: subtree(0, size, node))


async def peaks_at(connection: Connection, size: int) -> bytes:
    """The roots of the perfect trees that the tree of this size is made of."""

    def peaks(node: Node) -> bytes:
        levels = [level for level in range(size.bit_length()) if size >> level & 1]
        return b"".join(node(level, (size >> level) - 1) for level in reversed(levels))

    return await _read_and(connection, peaks)


async def open_tile(connection: Connection, level: int, number: int) -> list[bytes]:
    """The hashes, so far, of a tile that is not full."""
    first = number << TILE_BITS
    if level == 0:
        events = await log_events(connection, first, first + TILE)
        return leaves_of(
            first + 1,
            [(e.stream.encode(), e.version, e.tag.encode(), e.state) for e in events],
        )
    found = await connection.execute(ROOTS, (level - 1, first, first + TILE), binary=True)
    return [root for (root,) in await found.fetchall()]


async def _read_and(connection: Connection, prove: Callable[[Node], Proved]) -> Proved:
    """What `prove` makes of the tree, once the tiles that it asks for have been read."""
    wanted: set[Place] = set()

    def ask(level: int, number: int) -> bytes:
        wanted.add(_tile_of(level, number)[0])
        return b""

    prove(ask)
    tiles = await _read_tiles(connection, wanted)

    def node(level: int, number: int) -> bytes:
        place, first, width = _tile_of(level, number)
        hashes = tiles[place][first : first + width]
        if len(hashes) < width:
            raise TreeDamaged(f"of tile {place[1]} of level {place[0]} hashes are missing")
        return root_of(extended(b"", 0, hashes))

    return prove(node)


def _tile_of(level: int, number: int) -> tuple[Place, int, int]:
    """The tile that a node is made of, from which of its hashes on, and of how many."""
    tile_level, height = divmod(level, TILE_BITS)
    first = number << height
    return (tile_level, first >> TILE_BITS), first & TILE - 1, 1 << height


async def _read_tiles(connection: Connection, wanted: set[Place]) -> dict[Place, list[bytes]]:
    places = sorted(wanted)
    columns = ([level for level, _ in places], [number for _, number in places])
    found = await connection.execute(TILES, columns, binary=True)
    tiles = {
        (level, number): [hashes[at : at + 32] for at in range(0, len(hashes), 32)]
        for level, number, hashes in await found.fetchall()
    }
    for place in places:
        if place not in tiles:
            tiles[place] = await open_tile(connection, *place)
    return tiles
