"""What the last audit of the program by itself found, for those who serve: damage is never stated over."""

import datetime as dt
from typing import Final

import msgspec

from readmodels.reading import Connection
from readmodels.view_tables import SyncConnection

# Of the stream itself, or of nobody knows which.
DAMAGE: Final = """
    SELECT position, through, detail FROM readmodels.log_damage
     WHERE position <= %(known_at)s AND (stream IS NULL OR stream = %(stream)s)
     ORDER BY position LIMIT 1
"""
LAST: Final = """
    SELECT ended_at, position, log_findings, view_differences, rebuilt, user_findings
      FROM readmodels.self_audit
"""
FORGET: Final = "DELETE FROM readmodels.log_damage"
REMEMBER: Final = """
    INSERT INTO readmodels.log_damage (position, through, stream, detail)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[])
"""
FORGET_LAST: Final = "DELETE FROM readmodels.self_audit"
REMEMBER_LAST: Final = "INSERT INTO readmodels.self_audit VALUES (%s, %s, %s, %s, %s, %s)"


class LogDamaged(Exception):
    """What is asked for rests on a part of the log that is not as it was written: nothing is stated."""

    def __init__(self, position: int, through: int, detail: str) -> None:
        where = str(position) if position == through else f"{position} to {through}"
        super().__init__(f"The log is damaged at position {where}: {detail}.")
        self.position = position


class Damage(msgspec.Struct, frozen=True):
    """A part of the log, and whose it is where that is known."""

    position: int
    through: int
    stream: str | None
    detail: str


class LastAudit(msgspec.Struct, frozen=True):
    """`position` is how far the log had come; `rebuilt` counts views that were found wrong and rebuilt.

    `user_findings` are rows of the table of users that are not what the log says.
    """

    ended_at: dt.datetime
    position: int
    log_findings: int
    view_differences: int
    rebuilt: int
    user_findings: int


async def check_stream(connection: Connection, stream: str, known_at: int) -> None:
    """Raise `LogDamaged` where an audit found what a stream, as known at a position, rests on damaged."""
    found = await connection.execute(DAMAGE, {"known_at": known_at, "stream": stream})
    row = await found.fetchone()
    if row is not None:
        raise LogDamaged(*row)


async def last_audit(connection: Connection) -> LastAudit | None:
    row = await (await connection.execute(LAST)).fetchone()
    return None if row is None else LastAudit(*row)


def remember_damage(connection: SyncConnection, damage: list[Damage]) -> None:
    """In place of what an earlier audit found: it may have been mended since."""
    with connection.transaction():
        connection.execute(FORGET)
        columns = [
            list(column) for column in zip(*map(msgspec.structs.astuple, damage), strict=True)
        ]
        if columns:
            connection.execute(REMEMBER, columns)


def remember_audit(connection: SyncConnection, last: LastAudit) -> None:
    with connection.transaction():
        connection.execute(FORGET_LAST)
        connection.execute(REMEMBER_LAST, msgspec.structs.astuple(last))
