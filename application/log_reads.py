"""What is read of the log before a command is made, and so without the views, which may be late.

A claim is for ever. A name that one thing after another can hold is claimed by revision, and the newest
revision says who holds it.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from application.pools import Pool, borrowed
from application.state_cache import restore

NEWEST: Final = """
    SELECT originator_id, originator_version, topic, state FROM daybook_events
     WHERE originator_id = %s ORDER BY originator_version DESC LIMIT 1
"""
HOLDERS: Final = "SELECT name, holder FROM claims WHERE name = ANY(%s)"


class Held(NamedTuple):
    """Who holds a name, and how many have held it by now."""

    holder: str
    revision: int


async def read_state(pool: Pool, stream: str) -> Any:
    """The state of a stream whose newest fact says all; None where nothing was written to it."""
    async with borrowed(pool) as connection:
        row = await (await connection.execute(NEWEST, (stream,), binary=True)).fetchone()
    return None if row is None else restore(*row)


async def read_holder(
    pool: Pool, claim_of: Callable[[int], str], revisions_max: int
) -> Held | None:
    """Who holds a name whose claims `claim_of` makes of a revision; None where nobody ever did."""
    revision_of = {claim_of(revision): revision for revision in range(1, revisions_max + 1)}
    async with borrowed(pool) as connection:
        rows = await (await connection.execute(HOLDERS, (list(revision_of),))).fetchall()
    held = (Held(holder, revision_of[name]) for name, holder in rows)
    return max(held, key=lambda each: each.revision, default=None)
