"""What was asked for when a transaction came about: the command, as it is kept under its key."""

from typing import Final

import msgspec

from ledger.journal import Recorded
from readmodels.reading import Connection

COMMAND: Final = """
    SELECT request, status, answer FROM commands WHERE principal = %s AND key = %s
"""
# The fields of facts, and of the terms that facts carry, that name those who agreed: who asked for it
# first, and who confirmed it.
AGREEING: Final = ("maker", "checker", "proposed_by")


class AskedFor(msgspec.Struct, frozen=True):
    """The canonical request of a command and its answer, both as stored."""

    request: msgspec.Raw
    status: int
    answer: msgspec.Raw


async def asked_for(connection: Connection, principal: str, key: str) -> AskedFor | None:
    """The command under a key; None where the log was filled by an import that kept none."""
    found = await connection.execute(COMMAND, (principal, key), binary=True)
    row = await found.fetchone()
    if row is None:
        return None
    request, status, answer = row
    return AskedFor(msgspec.Raw(request), status, msgspec.Raw(answer))


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
