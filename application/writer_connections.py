"""The connections of a writer: made when they are needed, and given up when what they did is in doubt."""

from typing import Final

import psycopg

from application import append

# "already committed locally, but might not have been replicated to the standby"
UNREPLICATED: Final = "01000"


class WriterConnections:
    """One to write and one to read ahead; `unreplicated` tells of a commit that was warned about."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._by_name: dict[str, append.Connection] = {}
        self.unreplicated = False

    async def get(self, name: str) -> append.Connection:
        connection = self._by_name.get(name)
        if connection is None or connection.closed:
            connection = await append.connect(self._conninfo, f"daybook {name}")
            connection.add_notice_handler(self._noticed)
            self._by_name[name] = connection
        return connection

    async def undo(self, name: str = "writer") -> bool:
        """Whether the connection still lives, so that what it was doing is surely undone."""
        connection = self._by_name.get(name)
        if connection is None:
            return False
        try:
            await connection.rollback()
        except psycopg.Error:
            await connection.close()
        if connection.closed:
            del self._by_name[name]
            return False
        return True

    async def close(self) -> None:
        for connection in self._by_name.values():
            await connection.close()

    def _noticed(self, notice: psycopg.errors.Diagnostic) -> None:
        """A commit that waited for a standby and was told to stop waiting is not a safe commit."""
        if notice.sqlstate == UNREPLICATED:
            self.unreplicated = True
