"""What was asked for when a transaction came about: the command, as it is kept under its key."""

from collections.abc import Sequence
from typing import Final

import msgspec

from ledger.journal import Recorded
from ledger.log_tree import command_hash
from readmodels.reading import Connection

COMMANDS: Final = """
    SELECT principal, key, request, status, answer, position FROM commands
     WHERE principal = ANY(%s) AND key = %s
"""
# A command may have several transactions, and the first event of the first carries its hash.
VOUCHING: Final = """
    SELECT convert_from(state, 'UTF8')::json ->> 'command_hash' FROM daybook_events
     WHERE notification_id < %s
       AND convert_from(state, 'UTF8')::json ->> 'command_hash' IS NOT NULL
     ORDER BY notification_id DESC LIMIT 1
"""
# The fields of facts, and of the terms that facts carry, that name those who agreed: who asked for it
# first, and who confirmed it.
AGREEING: Final = ("maker", "checker", "proposed_by")


class AskedFor(msgspec.Struct, frozen=True):
    """The canonical request of a command and its answer, both as stored.

    `agrees` is whether they are those that the log vouches for.
    """

    request: msgspec.Raw
    status: int
    answer: msgspec.Raw
    agrees: bool


async def asked_for(
    connection: Connection, events: list[Recorded], others: Sequence[str]
) -> AskedFor | None:
    """The command that a transaction, of these events, is of; None where its record is not there.

    It was asked for by the one who is said to have done it, or by one of the `others`.
    """
    first = events[0].event
    vouched = first.command_hash or await _vouched_before(connection, events[0].position)
    principals = [first.actor, *others]
    found = await connection.execute(COMMANDS, (principals, first.command_id), binary=True)
    # Keys are each principal's own. Where none agrees, the one who is said to have done it comes first.
    records = sorted(
        (
            (_hash_of(row) != vouched, principals.index(row[0]), row)
            for row in await found.fetchall()
        ),
        key=lambda record: record[:2],
    )
    if not records:
        return None
    differs, _, (_, _, request, status, answer, _) = records[0]
    return AskedFor(msgspec.Raw(request), status, msgspec.Raw(answer), not differs)


async def _vouched_before(connection: Connection, position: int) -> str | None:
    row = await (await connection.execute(VOUCHING, [position])).fetchone()
    return None if row is None else str(row[0])


def _hash_of(record: tuple[str, str, bytes, int, bytes, int | None]) -> str:
    principal, key, request, status, answer, position = record
    hashed = command_hash(principal.encode(), key.encode(), request, status, answer, position)
    return hashed.decode()


def approvals_of(events: list[Recorded]) -> dict[str, object]:
    """Who agreed to it beside the one who asked, where the facts say so."""
    said: dict[str, object] = {}
    for recorded in events:
        fact = recorded.event.fact
        for part in (fact, getattr(fact, "terms", None)):
            for field in AGREEING:
                name = getattr(part, field, None)
                if name is not None:
                    said[field] = name
    return said
