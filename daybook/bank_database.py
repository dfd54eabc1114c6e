"""The database that holds the bank: the one that was named, else an embedded one."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from daybook.embedded_postgres import embedded_postgres
from daybook.server_check import check_server
from daybook.settings import Settings
from migrations.rights import rights_missing
from migrations.runner import migrate


@contextmanager
def bank_database(settings: Settings) -> Iterator[str]:
    """Yield the conninfo of the bank's database, checked and migrated.

    Raises `ServerRefused`, `EmbeddedPostgresError` or `MigrationError`. An embedded server that this
    started ends with the block; one that another program runs on the same data folder is joined.
    """
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
