"""The database that holds the bank: the one that was named, else an embedded one."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final, LiteralString

import psycopg

from daybook.embedded_postgres import FOLDER, embedded_postgres
from daybook.server_check import check_server
from daybook.settings import Settings
from migrations.rights import rights_missing
from migrations.runner import migrate

MAKES_ONE: Final = "`daybook serve` makes one, and so does `daybook migrate`."
MIGRATED: Final[LiteralString] = "SELECT to_regclass('public.migrations') IS NOT NULL"


class NoBank(Exception):
    """There is no bank where one was looked for; the message says where."""


@contextmanager
def bank_database(settings: Settings, *, make: bool = False) -> Iterator[str]:
    """Yield the conninfo of the bank's database, checked and migrated.

    Raises `ServerRefused`, `EmbeddedPostgresError` or `MigrationError`, and `NoBank` where there is none,
    unless it is to be made: an audit of a folder whose name was mistyped must not find that all agrees.
    An embedded server that this started ends with the block; one that another program runs on the same
    data folder is joined.
    """
    with ExitStack() as stack:
        if not make:
            check_bank_in(settings)
        conninfo = settings.database_url or stack.enter_context(
            embedded_postgres(settings.data, pg_bin=settings.pg_bin)
        )
        for warning in check_server(conninfo):
            print(f"daybook: {warning}", file=sys.stderr)
        if not make and not _holds_bank(conninfo):
            raise NoBank(f"the database holds no bank. {MAKES_ONE}")
        migrate(conninfo)
        if missing := rights_missing(conninfo):
            print(
                f"daybook: the database login cannot take the roles {', '.join(missing)}: its own "
                "rights are used in place of theirs (docs/operations.md)",
                file=sys.stderr,
            )
        yield conninfo


def check_bank_in(settings: Settings) -> None:
    """Raises `NoBank` where neither a database is named nor the data folder holds one."""
    if settings.database_url is None and not (settings.data / FOLDER).exists():
        raise NoBank(
            f"there is no bank in {settings.data}: --data or DAYBOOK_DATA names the folder of one. {MAKES_ONE}"
        )


def _holds_bank(conninfo: str) -> bool:
    with psycopg.connect(conninfo, connect_timeout=10) as connection:
        row = connection.execute(MIGRATED).fetchone()
    return row is not None and bool(row[0])
