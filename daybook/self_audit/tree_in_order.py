"""The stored tree of the log and the checkpoints over it, against the tree that the log itself makes.

The log is read in order, and with it the leaves that were kept when it was sealed, the roots of the tiles
and what was signed: at the end of a commit the tree of the log is known, and nothing else may be signed.
What was thrown away is no damage, the sealer makes it again; what stands there is.
"""

import datetime as dt
from collections.abc import Generator, Sequence
from typing import Any, Final

from daybook.evidence.signed_note import LogCheckpoint, NoteRefused, read_checkpoint, read_note
from daybook.self_audit.findings import Findings
from ledger.log_tree import HASH_BYTES, extended, root_of
from readmodels.log_proofs import TILE, TILE_BITS

FETCH: Final = 500
CHECK: Final = "stored tree"

TILES: Final = "SELECT number, root, hashes FROM tiles WHERE level = %s ORDER BY number"
LEVELS: Final = "SELECT coalesce(max(level), 0) FROM tiles"
OPEN: Final = "SELECT number, hashes FROM open_leaves ORDER BY number"
NO_COMMIT: Final = "a checkpoint of {} events was signed, where no commit ends"
CHECKPOINTS: Final = "SELECT size, root, recorded_at, note FROM checkpoints ORDER BY size"


class TreeInOrder:
    """What is stored of the tree, as the log is read: told of the leaves of each commit, and of its end."""

    def __init__(self, connection: Any, findings: Findings) -> None:
        self._connection = connection
        self._findings = findings
        self._reading: list[Generator[Any, None, None]] = []
        # The leaves since the last full tile, and how many tiles are full.
        self._leaves: list[bytes] = []
        self._full = 0
        self._tiles = self._rows("tiles", TILES, [0])
        self._tile = next(self._tiles, None)
        self._checkpoints = self._rows("checkpoints", CHECKPOINTS, [])
        self._checkpoint = next(self._checkpoints, None)
        # Whether all events so far were those that were committed, and what was open at the last signature.
        self._whole = True
        self._open: list[tuple[int, bytes]] = []

    def commit(
        self, last: int, recorded_at: dt.datetime, peaks: bytes, leaves: Sequence[bytes]
    ) -> None:
        """The next commit of the log: when its last event was recorded, and the tree up to there."""
        self._leaves += leaves
        while len(self._leaves) >= TILE and self._whole:
            full, self._leaves = self._leaves[:TILE], self._leaves[TILE:]
            self._check_tile(b"".join(full))
        while self._checkpoint is not None and self._checkpoint[0] <= last:
            if self._whole:
                self._check_signed(self._checkpoint, last, recorded_at, peaks)
            self._checkpoint = next(self._checkpoints, None)

    def damaged(self) -> None:
        """The log is not what it was: from here on nothing can be held against it."""
        self._whole = False

    def end(self) -> None:
        """The log is read to its end."""
        if self._whole:
            self._check_the_rest()
        for rows in self._reading:
            rows.close()

    def _check_the_rest(self) -> None:
        if self._tile is not None:
            self._found(self._full * TILE, f"tile {self._tile[0]} has leaves that the log has not")
        if self._checkpoint is not None:
            self._found(self._checkpoint[0], NO_COMMIT.format(self._checkpoint[0]))
        stored = self._connection.execute(OPEN, binary=True).fetchall()
        if stored not in ([], self._open):
            first = self._open[0][0] * TILE + 1 if self._open else self._full * TILE
            self._found(first, "the leaves that are kept of the newest events are others")
        levels = self._connection.execute(LEVELS).fetchone()[0]
        for level in range(1, levels + 1):
            self._check_level(level)

    def _check_tile(self, hashes: bytes) -> None:
        first, number = self._full * TILE + 1, self._full
        self._full += 1
        if self._tile is None or self._tile[0] != number:
            # One that is missing before others; after the last they are only not made yet.
            if self._tile is not None:
                self._found(first, f"tile {number} of the leaves is missing")
            return
        _, root, stored = self._tile
        self._tile = next(self._tiles, None)
        if stored != hashes or root != _root_of(hashes):
            self._found(first, f"tile {number} has other leaves than the log", first + TILE - 1)

    def _check_signed(
        self, checkpoint: Any, last: int, recorded_at: dt.datetime, peaks: bytes
    ) -> None:
        size, root, recorded, note = checkpoint
        if size < last:
            self._found(size, NO_COMMIT.format(size))
        elif (root, recorded) != (root_of(peaks), recorded_at):
            self._found(size, f"the checkpoint of {size} events has another root or instant")
        elif not _says(note, size, root, recorded):
            self._found(size, f"the note of the checkpoint of {size} events says otherwise")
        self._open = [(self._full, b"".join(self._leaves))] if self._leaves else []

    def _check_level(self, level: int) -> None:
        """Its hashes are the roots of the tiles below."""
        below = self._rows(f"below_{level}", TILES, [level - 1])
        for expected, (number, root, hashes) in enumerate(
            self._rows(f"level_{level}", TILES, [level])
        ):
            roots = [row for _, row in zip(range(TILE), below, strict=False)]
            whole = number == expected and b"".join(row[1] for row in roots) == hashes
            if not whole or root != _root_of(hashes):
                width = TILE << TILE_BITS * level
                first = number * width + 1
                self._found(first, f"tile {number} of level {level} is another", first + width - 1)
                return

    def _found(self, position: int, detail: str, to: int = 0) -> None:
        self._findings.add(CHECK, position, detail, to=to)

    def _rows(self, name: str, query: str, parameters: list[int]) -> Generator[Any, None, None]:
        rows = self._read(name, query, parameters)
        self._reading.append(rows)
        return rows

    def _read(self, name: str, query: str, parameters: list[int]) -> Generator[Any, None, None]:
        with self._connection.cursor(f"tree_{name}", binary=True) as cursor:
            cursor.itersize = FETCH
            cursor.execute(query, parameters)
            yield from cursor


def _root_of(hashes: bytes) -> bytes:
    leaves = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
    return root_of(extended(b"", 0, leaves))


def _says(note: str, size: int, root: bytes, recorded_at: dt.datetime) -> bool:
    """Whether the note says just this; that it is signed is for those to see who have the keys."""
    try:
        said = read_checkpoint(read_note(note.encode()).text)
    except NoteRefused:
        return False
    return said == LogCheckpoint(said.origin, size, root, recorded_at)
