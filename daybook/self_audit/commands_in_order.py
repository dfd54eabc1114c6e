"""The records of commands, request and answer, against the log that vouches for them.

The first event of a command carries the hash of its record. A record with a position stands in the order
of the log, so both are read side by side; that of a command that was refused is looked up by its key.
"""

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from daybook.self_audit.findings import Findings
from domain.access import CommandRefused
from ledger.journal import JournalEvent
from ledger.log_tree import command_hash

FETCH: Final = 2_000
CHECK: Final = "commands"

COLUMNS: Final = "principal, key, request, status, answer, position"
DONE: Final = f"""
    SELECT {COLUMNS} FROM commands WHERE position <= %s ORDER BY position, principal, key
"""
REFUSED: Final = f"""
    SELECT {COLUMNS} FROM commands WHERE principal = %s AND key = %s AND position IS NULL
"""

Record: TypeAlias = tuple[str, str, bytes, int, bytes, int | None]


class CommandsInOrder:
    """The records of the commands whose events are among the first `head`, as the log is read."""

    def __init__(self, connection: Any, head: int, findings: Findings) -> None:
        self._connection = connection
        self._findings = findings
        self._rows = self._read(head)
        self._next = next(self._rows, None)
        self.vouched = 0
        # What was asked of the command whose events these are; None where its record is not vouched for.
        self.request: bytes | None = b"{}"

    def event(self, position: int, stream: str, event: JournalEvent[Any]) -> None:
        """The next event of the log."""
        if event.command_hash is None:
            return
        self._extra(position)
        row = self._next
        if row is not None and row[1] == event.command_id and not _is_anothers(row, event):
            self._next = next(self._rows, None)
        else:
            asked = (event.actor, event.command_id)
            row = self._connection.execute(REFUSED, asked, binary=True).fetchone()
        self.request = None
        if row is None:
            detail = f"the record of the command {event.command_id} is missing"
            self._findings.add(CHECK, position, detail, stream=stream)
        elif hash_of(row) != event.command_hash:
            detail = (
                f"the record of the command {event.command_id} is not the one that was committed"
            )
            self._findings.add(CHECK, position, detail, stream=stream)
        else:
            self.vouched += 1
            self.request = row[2]

    def end(self, head: int) -> None:
        self._extra(head + 1)

    def _extra(self, before: int) -> None:
        """Records that say they were done before the event that is due, of which no event tells."""
        while (row := self._next) is not None and row[5] is not None and row[5] < before:
            detail = f"no event tells of the record of the command {row[1]} of {row[0]}"
            self._findings.add(CHECK, row[5], detail)
            self._next = next(self._rows, None)

    def _read(self, head: int) -> Iterator[Record]:
        with self._connection.cursor("commands", binary=True) as cursor:
            cursor.itersize = FETCH
            cursor.execute(DONE, [head])
            yield from cursor


def _is_anothers(row: Record, event: JournalEvent[Any]) -> bool:
    """Whether a refusal is followed by what another did under the same key: keys are each principal's own."""
    return isinstance(event.fact, CommandRefused) and hash_of(row) != event.command_hash


def hash_of(record: Record) -> str:
    principal, key, request, status, answer, position = record
    return command_hash(
        principal.encode(), key.encode(), request, status, answer, position
    ).decode()
