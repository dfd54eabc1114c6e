"""The states of streams that this process has seen, bounded, and never trusted beyond what it checked.

An entry holds the position up to which it is known to be current. While this process alone writes,
every entry stays current. Once another has written, an entry is current only if it was read since.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from application.aggregates import Aggregate, Newest, kind_of
from ledger.journal import decode


class StateCache:
    def __init__(self, entries_max: int) -> None:
        self._entries: dict[str, tuple[Aggregate, int]] = {}
        self._entries_max = entries_max
        self._head = 0
        self._foreign = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, stream: str) -> bool:
        return stream in self._entries

    def get(self, stream: str) -> Aggregate | None:
        entry = self._entries.get(stream)
        return None if entry is None else entry[0]

    def moved(self, head: int) -> bool:
        """Whether the log has moved past where this process left it. Says so once."""
        if head == self._head:
            return False
        self._head = self._foreign = head
        return True

    def stale(self, streams: Iterable[str]) -> dict[str, int]:
        """Those of the streams that another process may have written to, with the versions known."""
        found: dict[str, int] = {}
        for stream in streams:
            entry = self._entries.get(stream)
            if entry is not None and entry[1] < self._foreign:
                found[stream] = entry[0].version
        return found

    def versions(self, streams: Iterable[str]) -> dict[str, int]:
        """The versions known of the streams, current or not; 0 of those that are not here."""
        entries = self._entries
        return {s: entries[s][0].version if s in entries else 0 for s in streams}

    def take(self, rows: Iterable[tuple[Any, ...]], head: int) -> dict[str, Aggregate]:
        """States read from the store once the log ended at `head` or later; answers them.

        What is known to be newer stays: a read without the lock may come late. Those who need the
        states now use the answer, since a full cache may not keep them all.
        """
        taken = {row[0]: restore(*row) for row in rows}
        known = self.versions(taken)
        self._put([(s, state) for s, state in taken.items() if known[s] <= state.version], head)
        return taken

    def checked(self, streams: Iterable[str], head: int) -> None:
        """The streams were asked for under the lock and had nothing newer."""
        entries = self._entries
        self._put([(s, entries[s][0]) for s in streams if s in entries], head)

    def wrote(self, states: Iterable[tuple[str, Aggregate]], head: int) -> None:
        """This process committed these states, and the log now ends at `head`."""
        self._put(states, head)
        self._head = head

    def _put(self, states: Iterable[tuple[str, Aggregate]], position: int) -> None:
        entries = self._entries
        for stream, state in states:
            entries.pop(stream, None)
            entries[stream] = (state, position)
        excess = len(entries) - self._entries_max
        if excess > 0:
            # Those that were put longest ago. A hundredth goes with them: each search for the first
            # entry of a dictionary passes all that were deleted before it.
            for stream in list(islice(entries, excess + self._entries_max // 100)):
                del entries[stream]


def restore(
    stream: str,
    version: int,
    tag: str,
    state: bytes,
    terms_version: int | None = None,
    terms_tag: str | None = None,
    terms_state: bytes | None = None,
) -> Aggregate:
    """A state from its newest event and, where that one names it, the event of its last terms."""
    kind, number = kind_of(stream)
    newest = Newest(number, decode(tag, state).fact, version)
    if terms_version is not None:
        assert terms_tag is not None
        assert terms_state is not None
        terms = decode(terms_tag, terms_state).fact
        newest = newest._replace(terms=terms, terms_version=terms_version)
    return kind.restore(newest)
