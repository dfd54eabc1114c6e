"""The database that holds the bank: the one that was named, else an embedded one."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from daybook.embedded_postgres import embedded_postgres
from daybook.server_check import check_server
from daybook.settings import Settings
from migrations.rights import rights_missing
from migrations.runner import migrate


class NoBank(Exception):
    """The data folder holds no bank."""


@contextmanager
def bank_database(settings: Settings, *, founded: bool = False) -> Iterator[str]:
    """Yield the conninfo of the bank's database, checked and migrated.

    Raises `NoBank`, `ServerRefused`, `EmbeddedPostgresError` or `MigrationError`. What only makes sense of
    a bank that there is says `founded`: a slip of the pen in a folder must not found another, and find its
    empty books in order. An embedded server that this
    started ends with the block; one that another program runs on the same data folder is joined.
    """
    if founded and settings.database_url is None and not (settings.data / "postgres").exists():
        raise NoBank(
            f"there is no bank in {settings.data}; --data or DAYBOOK_DATA names the folder of one"
        )
    with ExitStack() as stack:
        conninfo = settings.database_url or stack.enter_context(
            embedded_postgres(settings.data, pg_bin=settings.pg_bin)
        )
        for warning in check_server(conninfo):
            print(f"daybook: {warning}", file=sys.stderr)
        migrate(conninfo)
        if missing := rights_missing(conninfo):
            print(
                f"daybook: the database login cannot take the roles {', '.join(missing)}: its own "
                "rights are used in place of theirs (docs/operations.md)",
                file=sys.stderr,
            )
        yield conninfo
