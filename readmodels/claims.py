"""Names that only one can have, and who has them: read from the log's own table, so never late."""

from typing import Final

from readmodels.reading import Connection

HOLDER: Final = "SELECT holder FROM claims WHERE name = %s"


async def holder_of(connection: Connection, name: str) -> str | None:
    """Who holds the name; None where nobody does."""
    row = await (await connection.execute(HOLDER, (name,))).fetchone()
    return None if row is None else str(row[0])
