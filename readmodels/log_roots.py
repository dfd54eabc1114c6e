"""The log as it was at any of its positions: when that was, and the root of the tree over it.

Both follow from the rows of commits, which carry the tree at their ends; within a commit the leaves of
its first events are added. So it needs no tile, and is the same wherever the log is.
"""

import datetime as dt
from typing import Any, Final

import msgspec

from ledger.log_tree import HASH_BYTES, extended, leaves_of, root_of
from readmodels.log_proofs import log_events
from readmodels.reading import Connection

# The events of a commit are recorded a microsecond apart.
COMMIT: Final = """
    SELECT c.first_position, c.last_position,
           c.recorded_at + (%(position)s - c.first_position) * interval '1 microsecond',
           c.peaks, before.peaks
      FROM commits c LEFT JOIN commits before ON before.last_position = c.first_position - 1
     WHERE c.last_position >= %(position)s ORDER BY c.last_position LIMIT 1
"""


class LogAt(msgspec.Struct, frozen=True):
    """The log up to a position, which was recorded last at that instant."""

    position: int
    recorded_at: dt.datetime
    root: bytes


async def log_at(connection: Connection, position: int) -> LogAt | None:
    """None where the log has not come so far, or its rows do not follow one another."""
    row: Any = await (
        await connection.execute(COMMIT, {"position": position}, binary=True)
    ).fetchone()
    if row is None or not row[0] <= position:
        return None
    first, last, recorded_at, peaks, before = row
    if position < last:
        before = before or b""
        if len(before) != HASH_BYTES * (first - 1).bit_count():
            return None
        events = await log_events(connection, first - 1, position)
        leaves = leaves_of(
            first, [(e.stream.encode(), e.version, e.tag.encode(), e.state) for e in events]
        )
        peaks = extended(before, first - 1, leaves)
    return LogAt(position, recorded_at, root_of(peaks))
