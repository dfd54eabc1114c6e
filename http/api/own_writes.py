"""What this server has written, by whom and to which accounts, so that a read after a write sees it.

A table of positions in memory that all worker processes of one server share: each has a row of its own,
which only it writes, and a reader takes the largest of a column. Several ids may share a column; a read
then waits for a position a little later than it needs.
"""

import mmap
from collections.abc import Iterable
from typing import Final

# Columns for users and as many for accounts; 256 KiB a worker.
COLUMNS: Final = 16_384
_ENDINGS: Final = 0  # the first cell of a row counts the sessions that its worker has ended
_NEWEST: Final = 1  # and this is the last position that its worker has written
_USERS: Final = 2
_ACCOUNTS: Final = 2 + COLUMNS
_CELLS: Final = 2 + 2 * COLUMNS
_CELL_BYTES: Final = 8


def size_for(workers: int) -> int:
    """Bytes of shared memory for so many worker processes."""
    return workers * _CELLS * _CELL_BYTES


class OwnWrites:
    """The table as the worker of that number sees it."""

    def __init__(self, memory: mmap.mmap | bytearray, *, worker: int = 0) -> None:
        cells = memoryview(memory).cast("q")
        self._rows = [cells[start : start + _CELLS] for start in range(0, len(cells), _CELLS)]
        self._mine = self._rows[worker]
        self._alone = len(self._rows) == 1
        # Where the log stood when this worker started: what was answered before a restart counts too.
        self.floor = 0

    @classmethod
    def of_one_process(cls) -> "OwnWrites":
        return cls(bytearray(size_for(1)))

    def wrote(self, position: int, user_id: int, *account_ids: int | None) -> None:
        """An answer is about to say that this was written. An account that is None is none."""
        mine = self._mine
        for cell in (
            _NEWEST,
            _USERS + user_id % COLUMNS,
            *_cells_of(account_ids),
        ):
            # Answers of one batch come in any order.
            mine[cell] = max(mine[cell], position)

    def noted(self, position: int) -> None:
        """This was written in the audit trail, which only those who read that need to see."""
        self._mine[_NEWEST] = max(self._mine[_NEWEST], position)

    def newest(self) -> int:
        """The last position that was written here, by anybody."""
        return max(row[_NEWEST] for row in self._rows)

    def position_for(self, user_id: int, *account_ids: int | None) -> int:
        """The position that a read by this user, of these accounts, has to see; 0 for any."""
        cells = [_USERS + user_id % COLUMNS, *_cells_of(account_ids)]
        return max(self.floor, *(row[cell] for row in self._rows for cell in cells))

    def session_ended(self) -> None:
        """Another worker must learn of it before it lets the next request through."""
        self._mine[_ENDINGS] += 1

    def sessions_ended(self) -> int:
        """How many sessions were ended here; it grows with each."""
        if self._alone:
            return self._mine[_ENDINGS]
        return sum(row[_ENDINGS] for row in self._rows)


def _cells_of(account_ids: Iterable[int | None]) -> list[int]:
    return [_ACCOUNTS + each % COLUMNS for each in account_ids if each is not None]
