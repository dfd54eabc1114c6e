"""The leaves of the log's tree as they were when they were sealed, whatever became of the events since."""

from typing import Final

from ledger.log_tree import HASH_BYTES
from readmodels.view_tables import SyncConnection

LEAVES: Final = """
    SELECT hashes FROM tiles WHERE level = 0 AND number = %(number)s
     UNION ALL
    SELECT hashes FROM open_leaves WHERE number = %(number)s
     LIMIT 1
"""


def sealed_leaves(connection: SyncConnection, number: int) -> list[bytes]:
    """Those of a tile of 256 leaves, from its first on: as many as are sealed."""
    row = connection.execute(LEAVES, {"number": number}, binary=True).fetchone()
    hashes = row[0] if row else b""
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
