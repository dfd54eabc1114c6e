"""The log by position, commit by commit: what can be held against it without any stream in mind.

Positions are gapless, every commit follows the one before it, and its tree is that one's with its own
events added; every event decodes, balances per currency, and was recorded when its commit says; and
transfers in transit are at zero at the end of every commit.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import msgspec
import psycopg

from daybook.self_audit.claims_in_order import ClaimsInOrder
from daybook.self_audit.commands_in_order import CommandsInOrder
from daybook.self_audit.findings import Findings
from daybook.self_audit.outbox_in_order import OutboxInOrder
from daybook.self_audit.tree_in_order import TreeInOrder
from ledger.chart_of_accounts import TRANSFERS_IN_TRANSIT
from ledger.journal import JournalEvent, decode, entry_of
from ledger.log_tree import HASH_BYTES, extended, leaves_of
from readmodels.log_proofs import TILE, TILE_BITS
from readmodels.sealed_leaves import sealed_leaves

FETCH_EVENTS: Final = 2_000
# Of a commit whose tree is not right, so many streams are named; of more, none is.
STREAMS_NAMED_MAX: Final = 50

LOG: Final = """
    SELECT notification_id, originator_id, originator_version, topic, state
      FROM daybook_events WHERE notification_id <= %s ORDER BY notification_id
"""
COMMITS: Final = """
    SELECT first_position, last_position, recorded_at, peaks FROM commits
     WHERE last_position <= %s ORDER BY last_position
"""

Connection: TypeAlias = psycopg.Connection[Any]
Row: TypeAlias = tuple[int, str, int, str, bytes]
# Position, stream, event, and what was asked of its command, if that is known.
Told: TypeAlias = tuple[int, str, JournalEvent[Any], bytes | None]
# By ledger account and currency: credits less debits, in minor units.
Totals: TypeAlias = dict[tuple[int, str], int]
# Told of so many events more; an audit in the background then takes a rest.
Pace: TypeAlias = Callable[[int], None]


class Commit(msgspec.Struct, frozen=True):
    first: int
    last: int
    recorded_at: dt.datetime
    peaks: bytes

    def recorded_at_of(self, position: int) -> dt.datetime:
        """Events are recorded a microsecond apart."""
        return self.recorded_at + dt.timedelta(microseconds=position - self.first)


class LogInOrder(msgspec.Struct):
    """What the pass found, apart from findings."""

    outbox: OutboxInOrder
    events: int = 0
    commits: int = 0
    # Commands whose request and answer are those that the log vouches for.
    vouched: int = 0
    totals: Totals = msgspec.field(default_factory=dict)


def audit_in_order(connection: Connection, head: int, findings: Findings, pace: Pace) -> LogInOrder:
    """One pass over the first `head` events, within the database transaction of the caller."""
    outbox = OutboxInOrder(connection, findings)
    seen = LogInOrder(outbox)
    before = Commit(0, 0, dt.datetime.min.replace(tzinfo=dt.UTC), b"")
    in_transit: dict[str, int] = {}
    commands = CommandsInOrder(connection, head, findings)
    claims = ClaimsInOrder(connection, findings)
    tree = TreeInOrder(connection, findings)
    rows = _rows(connection, LOG, head)
    ahead = next(rows, None)
    for row in _rows(connection, COMMITS, head):
        commit = Commit(*row)
        if commit.first != before.last + 1:
            detail = f"the commit after position {before.last} begins at {commit.first}"
            findings.add("commits", before.last + 1, detail, to=commit.first - 1)
        if commit.recorded_at <= before.recorded_at:
            findings.add("commits", commit.first, "it was recorded before the one before it")
        events: list[Row] = []
        while ahead is not None and ahead[0] <= commit.last:
            events.append(ahead)
            ahead = next(rows, None)
        told: list[Told] = []
        whole = _audit_commit(commit, events, seen.totals, in_transit, commands, told, findings)
        leaves = _leaves_of(events)
        if whole and _tree_follows(commit, before, leaves):
            for place, stream, event, request in told:
                claims.event(place, stream, event, request)
                outbox.event(place, stream, event)
            tree.commit(commit.last, commit.recorded_at_of(commit.last), commit.peaks, leaves)
        else:
            claims.damaged()
            tree.damaged()
            _name_the_tree(connection, commit, before, events, leaves, whole, findings)
        seen.events += len(events)
        seen.commits += 1
        before = commit
        pace(len(events))
    commands.end(head)
    claims.end(head)
    outbox.end(head)
    tree.end()
    seen.vouched = commands.vouched
    if ahead is not None or before.last != head:
        findings.add("commits", before.last + 1, "events follow that no commit tells of", to=head)
    return seen


def _audit_commit(
    commit: Commit,
    events: list[Row],
    totals: Totals,
    in_transit: dict[str, int],
    commands: CommandsInOrder,
    told: list[Told],
    findings: Findings,
) -> bool:
    """Whether all events of the commit are there; those that decode are `told`."""
    whole = True
    position = commit.first - 1
    transaction_id = 0
    for place, stream, _, tag, state in events:
        if place != position + 1:
            whole = False
            detail = f"after position {position} the log goes on at {place}"
            findings.add("positions", position + 1, detail, to=place - 1)
        position = place
        try:
            event = decode(tag, state)
            commands.event(place, stream, event)
            told.append((place, stream, event, commands.request))
            _audit_event(commit, place, transaction_id, event)
            transaction_id = event.transaction_id
            for posting in event.entry:
                signed = posting.amount if posting.side == "C" else -posting.amount
                key = posting.ledger_account, posting.currency
                totals[key] = totals.get(key, 0) + signed
                if posting.ledger_account == TRANSFERS_IN_TRANSIT:
                    in_transit[posting.currency] = in_transit.get(posting.currency, 0) + signed
        except (ValueError, msgspec.MsgspecError) as error:
            findings.add("events", place, error, stream=stream)
    if position != commit.last:
        whole = False
        findings.add("positions", position + 1, "the events are missing", to=commit.last)
    for currency, amount in in_transit.items():
        if amount:
            detail = f"transfers in transit stand at {amount} {currency}"
            findings.add("in transit", commit.first, detail, to=commit.last)
            in_transit[currency] = 0
    return whole


def _audit_event(
    commit: Commit, position: int, transaction_id: int, event: JournalEvent[Any]
) -> None:
    """Raises `ValueError` for what the writer cannot have written there."""
    if event.entry:
        entry_of(*event.entry)
    if event.recorded_at != commit.recorded_at_of(position):
        raise ValueError(f"recorded at {event.recorded_at}, in a commit of {commit.recorded_at}")
    if event.transaction_id not in (position, transaction_id):
        raise ValueError(f"transaction {event.transaction_id} has no event before this one")


def _leaves_of(events: list[Row]) -> list[bytes]:
    """Each by the position that its event has, which after a gap is not the one that is due."""
    return [
        leaves_of(place, [(stream.encode(), version, tag.encode(), state)])[0]
        for place, stream, version, tag, state in events
    ]


def _tree_follows(commit: Commit, before: Commit, leaves: Sequence[bytes]) -> bool:
    if len(before.peaks) != HASH_BYTES * before.last.bit_count():
        return False
    return extended(before.peaks, before.last, leaves) == commit.peaks


def _name_the_tree(
    connection: Connection,
    commit: Commit,
    before: Commit,
    events: list[Row],
    leaves: list[bytes],
    whole: bool,
    findings: Findings,
) -> None:
    """Which events are not as they were written.

    The tree of the commit says only that something in it differs. Where it is sealed, the leaves that
    were made when its events were new are kept: where these come to that tree, they tell each event.
    """
    sealed = _sealed_leaves(connection, commit)
    if sealed and _tree_follows(commit, before, sealed):
        for (place, owner, *_), leaf in zip(events, leaves, strict=True):
            if not commit.first <= place <= commit.last or leaf != sealed[place - commit.first]:
                detail = (
                    "this event is not the one that was committed: its leaf in the tree differs"
                )
                findings.add("tree", place, detail, stream=owner)
        return
    detail = "these events are not those that were committed: the tree over the log differs"
    streams = {row[1] for row in events} if whole else set()
    for stream in sorted(streams) if 0 < len(streams) <= STREAMS_NAMED_MAX else [None]:
        findings.add("tree", commit.first, detail, stream=stream, to=commit.last)


def _sealed_leaves(connection: Connection, commit: Commit) -> list[bytes]:
    """Those of the commit, or fewer where it is not sealed yet or its tiles were thrown away."""
    first, end = commit.first - 1, commit.last
    found: list[bytes] = []
    for number in range(first >> TILE_BITS, (end - 1 >> TILE_BITS) + 1):
        at = number << TILE_BITS
        tile = sealed_leaves(connection, number)
        if len(tile) < min(end - at, TILE):
            return []
        found += tile[max(first - at, 0) : end - at]
    return found


def _rows(connection: Connection, query: str, head: int) -> Iterator[Any]:
    name = "commits" if query is COMMITS else "log"
    with connection.cursor(name, binary=True) as cursor:
        cursor.itersize = FETCH_EVENTS
        cursor.execute(query, [head])
        yield from cursor
