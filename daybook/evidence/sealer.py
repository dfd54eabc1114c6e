"""The sealer: reads the log after the writer, keeps the tiles of its tree, and signs its head.

It hashes every event again, as it is stored, and signs only what comes to the peaks that the writer has
committed and goes on from what was signed before. Where it does not, it stops and says so: that is for
people to look at. One sealer is active, by a session's advisory lock; others stand by.
"""

import asyncio
import datetime as dt
import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
import psycopg

from daybook.evidence.checkpoint_keys import CheckpointKeys
from daybook.evidence.publishing import Publisher
from daybook.evidence.signed_note import LogCheckpoint
from ledger.log_tree import HASH_BYTES, extended, leaves_of, root_of
from readmodels.log_proofs import (
    TILE,
    TILE_BITS,
    Checkpoint,
    TreeDamaged,
    latest_checkpoint,
    open_tile,
    peaks_at,
    root_at,
)

log = logging.getLogger(__name__)

SEALER_LOCK: Final = 0x6461_7962_7365_61  # "daybsea"
READ_EVENTS: Final = 2_048
PACE_SECONDS: Final = 1.0
POLL_SECONDS: Final = 0.5
STANDBY_SECONDS: Final = 0.5
RECONNECT_SECONDS: Final = 1.0
CONNECTION_OPTIONS: Final = (
    "-c statement_timeout=60s -c lock_timeout=5s -c idle_in_transaction_session_timeout=60s"
)

HEAD: Final = """
    SELECT last_position,
           recorded_at + (last_position - first_position) * interval '1 microsecond', peaks
      FROM commits ORDER BY last_position DESC LIMIT 1
"""
READ: Final = """
    SELECT notification_id, originator_id, originator_version, topic, state FROM daybook_events
     WHERE notification_id > %s AND notification_id <= %s ORDER BY notification_id LIMIT %s
"""
FULL_TILES: Final = "SELECT coalesce(max(number) + 1, 0) FROM tiles WHERE level = %s"
PUT_TILE: Final = "INSERT INTO tiles (level, number, root, hashes) VALUES (%s, %s, %s, %s)"
# The leaves of the tile that is not full; those of one that has become so stand in it.
DROP_LEAVES: Final = "DELETE FROM open_leaves WHERE number <> %s OR %s"
PUT_LEAVES: Final = """
    INSERT INTO open_leaves (number, hashes) VALUES (%s, %s)
    ON CONFLICT (number) DO UPDATE SET hashes = excluded.hashes
"""
PUT_CHECKPOINT: Final = """
    INSERT INTO checkpoints (size, root, recorded_at, note) VALUES (%s, %s, %s, %s)
"""

Connection: TypeAlias = psycopg.AsyncConnection[Any]


class SealRefused(Exception):
    """The log is not what was signed or committed before: nothing more is signed. People must look."""


class _Head(NamedTuple):
    position: int
    recorded_at: dt.datetime
    peaks: bytes


class _Tile(NamedTuple):
    level: int
    number: int
    root: bytes
    hashes: bytes


class _Level(msgspec.Struct):
    full: int
    waiting: list[bytes]


class Sealer:
    """Seals while `run` is awaited, or once for each call of `seal`."""

    def __init__(
        self,
        conninfo: str,
        keys: CheckpointKeys,
        publishers: Sequence[Publisher] = (),
        *,
        pace_seconds: float = PACE_SECONDS,
    ) -> None:
        self._conninfo = conninfo
        self._keys = keys
        self._publishers = publishers
        self._pace_seconds = pace_seconds
        self._connection: Connection | None = None
        self._leads = False
        # The tree over the first `_size` events: its peaks, and at each level how many tiles are full
        # and the hashes of the one that is not.
        self._size = 0
        self._peaks = b""
        self._levels: list[_Level] = []
        self._signed = 0
        self._unpublished: Checkpoint | None = None

    async def run(self) -> None:
        """Seal until cancelled, through lost connections and as a stand-by. Raises `SealRefused`."""
        try:
            while True:
                try:
                    if not await self._lead():
                        await asyncio.sleep(STANDBY_SECONDS)
                        continue
                    await self.seal()
                    await asyncio.sleep(self._pace_seconds)
                    await self._await_news()
                except psycopg.Error as error:
                    # What was hashed and not stored is hashed again.
                    await self.close()
                    log.warning("sealer: %s; again in %.1f s", error, RECONNECT_SECONDS)
                    await asyncio.sleep(RECONNECT_SECONDS)
        finally:
            await self.close()

    async def seal(self) -> Checkpoint | None:
        """Sign the head of the log, if it has moved; the checkpoint. None also while another leads."""
        if not await self._lead():
            return None
        assert self._connection is not None, "the leader is connected"
        row = await (await self._connection.execute(HEAD, binary=True)).fetchone()
        head = _Head(*row) if row else _Head(0, dt.datetime.min, b"")
        if head.position < self._signed:
            raise SealRefused(
                f"the log ends at position {head.position}, and a checkpoint of "
                f"{self._signed} events was signed"
            )
        checkpoint = None
        if head.position > self._signed:
            checkpoint = await self._sealed(self._connection, head)
        await self._publish()
        return checkpoint

    async def _sealed(self, connection: Connection, head: _Head) -> Checkpoint:
        """Fill the tiles up to the head, and sign it."""
        tiles: list[_Tile] = []
        while self._size < head.position:
            if tiles:
                # The log is far ahead: what is derived so far is kept on the way.
                await self._store(connection, tiles)
            tiles = await self._read(connection, head.position)
        if self._peaks != head.peaks:
            raise SealRefused(
                f"the first {head.position} events do not come to the tree that was committed with them"
            )
        root = root_of(self._peaks)
        said = LogCheckpoint(self._keys.origin, head.position, root, head.recorded_at)
        note = await asyncio.to_thread(self._keys.sign, said)
        async with connection.transaction():
            await _put_tiles(connection, tiles)
            await _put_leaves(connection, self._levels[0])
            await connection.execute(PUT_CHECKPOINT, (said.size, root, said.recorded_at, note))
        self._signed = head.position
        self._unpublished = Checkpoint(said.size, root, said.recorded_at, note)
        return self._unpublished

    async def _store(self, connection: Connection, tiles: list[_Tile]) -> None:
        async with connection.transaction():
            await _put_tiles(connection, tiles)

    async def _read(self, connection: Connection, through: int) -> list[_Tile]:
        """Hash the next events into the tree; the tiles that became full."""
        found = await connection.execute(
            READ, (self._size, through, READ_EVENTS), prepare=True, binary=True
        )
        rows = await found.fetchall()
        positions = [row[0] for row in rows]
        first = self._size + 1
        if not rows or positions != [*range(first, first + len(rows))]:
            raise SealRefused(f"the log has a gap between positions {first} and {through}")
        events = [(s.encode(), version, tag.encode(), state) for _, s, version, tag, state in rows]
        leaves = leaves_of(first, events)
        self._peaks = extended(self._peaks, self._size, leaves)
        tiles = self._filled(leaves)
        self._size += len(leaves)
        return tiles

    def _filled(self, leaves: list[bytes]) -> list[_Tile]:
        tiles: list[_Tile] = []
        number, hashes = 0, leaves
        while hashes:
            if len(self._levels) == number:
                self._levels.append(_Level(0, []))
            level, roots = self._levels[number], []
            level.waiting.extend(hashes)
            while len(level.waiting) >= TILE:
                full, level.waiting = level.waiting[:TILE], level.waiting[TILE:]
                root = root_of(extended(b"", 0, full))
                tiles.append(_Tile(number, level.full, root, b"".join(full)))
                level.full += 1
                roots.append(root)
            number, hashes = number + 1, roots
        return tiles

    # --- Being the one sealer

    async def _lead(self) -> bool:
        if self._leads:
            return True
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(
                self._conninfo,
                autocommit=True,
                connect_timeout=5,
                options=CONNECTION_OPTIONS,
                application_name="daybook sealer",
            )
            await self._connection.execute("SELECT take_role('daybook_sealer')")
        asked = await self._connection.execute("SELECT pg_try_advisory_lock(%s)", (SEALER_LOCK,))
        row = await asked.fetchone()
        if row is None or not row[0]:
            return False
        await self._connection.execute("LISTEN daybook_events")
        await self._resume(self._connection)
        self._leads = True
        return True

    async def _resume(self, connection: Connection) -> None:
        """Begin from the full tiles, and hold them against the log and all that was signed before."""
        self._levels = []
        while not self._levels or self._levels[-1].full:
            level = len(self._levels)
            full = await _full_tiles(connection, level)
            waiting = await open_tile(connection, level, full) if level else []
            self._levels.append(_Level(full, waiting))
        self._size = self._levels[0].full << TILE_BITS
        row = await (await connection.execute(HEAD, binary=True)).fetchone()
        reached = row[0] if row else 0
        if reached < self._size:
            raise SealRefused(f"the log ends at position {reached}, and its tiles at {self._size}")
        try:
            self._peaks = await peaks_at(connection, self._size)
        except TreeDamaged as error:
            raise SealRefused(str(error)) from error
        stored = await latest_checkpoint(connection)
        kept = await asyncio.to_thread(self._keys.last_signed)
        for signed in (stored, kept):
            if signed is not None:
                await self._check_signed(connection, reached, signed.size, signed.root)
        self._signed = stored.size if stored else 0
        self._unpublished = stored

    async def _check_signed(
        self, connection: Connection, reached: int, size: int, root: bytes
    ) -> None:
        if reached < size:
            raise SealRefused(
                f"the log ends at position {reached}, and a checkpoint of {size} events was signed"
            )
        # Where tiles were thrown away they are derived again.
        while self._size < size:
            await self._store(connection, await self._read(connection, size))
        try:
            found = await root_at(connection, size)
        except TreeDamaged as error:
            raise SealRefused(str(error)) from error
        if found != root:
            raise SealRefused(f"the first {size} events are not those that were signed")

    async def _await_news(self) -> None:
        assert self._connection is not None, "only the leader listens"
        async for _ in self._connection.notifies(timeout=POLL_SECONDS, stop_after=1):
            pass

    async def _publish(self) -> None:
        """What could not be published is tried again with the next, or the one after that."""
        checkpoint, self._unpublished = self._unpublished, None
        if checkpoint is None:
            return
        for publisher in self._publishers:
            try:
                await asyncio.to_thread(
                    publisher.publish, checkpoint.size, checkpoint.note.encode()
                )
            except Exception as error:  # noqa: BLE001 - a publisher is anybody's program
                self._unpublished = checkpoint
                log.warning("sealer: checkpoint %d was not published: %s", checkpoint.size, error)

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        self._leads = False
        if connection is not None:
            with suppress(psycopg.Error):
                await connection.close()


async def _full_tiles(connection: Connection, level: int) -> int:
    row = await (await connection.execute(FULL_TILES, (level,))).fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row[0])


async def _put_tiles(connection: Connection, tiles: Sequence[_Tile]) -> None:
    assert all(len(tile.hashes) == HASH_BYTES * TILE for tile in tiles)
    async with connection.cursor() as cursor:
        await cursor.executemany(PUT_TILE, tiles)


async def _put_leaves(connection: Connection, level: _Level) -> None:
    hashes = b"".join(level.waiting)
    await connection.execute(DROP_LEAVES, (level.full, not hashes))
    if hashes:
        await connection.execute(PUT_LEAVES, (level.full, hashes))
