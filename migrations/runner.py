"""Apply the numbered SQL files, each once, in order, whoever else is trying at the same time."""

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import LiteralString

import psycopg

from migrations.rights import apply_rights

CONNECT_TIMEOUT_SECONDS = 10
LOCK_WAIT_SECONDS = 60.0
LOCK_POLL_SECONDS = 0.05
# A migration that cannot have its table lock soon must fail, not stand in front of all traffic.
TABLE_LOCK_TIMEOUT: LiteralString = "3s"
# The letters of "Daybook", so that the lock can be recognised in pg_locks.
ADVISORY_LOCK = 0x44_61_79_62_6F_6F_6B

FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
TRANSACTION_CONTROL = re.compile(
    rb"^[ \t]*(begin|commit|rollback|start[ \t]+transaction)([ \t]+(work|transaction))?[ \t]*;",
    re.IGNORECASE | re.MULTILINE,
)

CREATE_TABLE: LiteralString = """
    CREATE TABLE IF NOT EXISTS public.migrations (
        number integer PRIMARY KEY CHECK (number > 0),
        name text NOT NULL UNIQUE,
        sha256 text NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
"""


class MigrationError(Exception):
    """The database was not brought up to date; the message names the file and the reason."""


@dataclass(frozen=True)
class Migration:
    number: int
    name: str
    body: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def migrate(conninfo: str, *, folder: Traversable | None = None) -> list[str]:
    """Apply what is not yet applied and answer the names, in order; the second call answers [].

    Each file is one database transaction together with its row in `migrations`, so that a failure
    leaves the files before it applied and none of it. Runners that start together take turns, for
    at most LOCK_WAIT_SECONDS. The lock belongs to the session: connect to Postgres itself, not
    to a pooler that shares sessions.
    """
    migrations = read_migrations(folder)
    applied = []
    with _connected(conninfo) as connection:
        _take_lock(connection)
        connection.execute(CREATE_TABLE)
        for migration in _unapplied(connection, migrations):
            _apply(connection, migration)
            applied.append(migration.name)
        if folder is None:
            apply_rights(connection, anew=bool(applied))
    return applied


def pending(conninfo: str, *, folder: Traversable | None = None) -> list[str]:
    """Answer the names that `migrate` would apply; change nothing, wait for nobody."""
    migrations = read_migrations(folder)
    with _connected(conninfo) as connection:
        return [migration.name for migration in _unapplied(connection, migrations)]


def read_migrations(folder: Traversable | None = None) -> list[Migration]:
    """Answer the files in order; refuse gaps, duplicates and names that are not NNNN_name.sql."""
    migrations = []
    for entry in (files("migrations") if folder is None else folder).iterdir():
        if not entry.name.endswith(".sql"):
            continue
        match = FILE_NAME.fullmatch(entry.name)
        if not match:
            raise MigrationError(f"{entry.name}: a migration is named NNNN_name.sql")
        body = entry.read_bytes()
        if TRANSACTION_CONTROL.search(body):
            raise MigrationError(
                f"{entry.name}: must not begin or end a transaction: it runs in one"
            )
        migrations.append(Migration(int(match[1]), entry.name, body))
    migrations.sort(key=lambda migration: (migration.number, migration.name))
    for expected, migration in enumerate(migrations, start=1):
        if migration.number < expected:
            raise MigrationError(
                f"{migration.name}: the number {migration.number:04} is taken twice"
            )
        if migration.number > expected:
            raise MigrationError(f"{migration.name}: there is no {expected:04} before it")
    return migrations


@contextmanager
def _connected(conninfo: str) -> Iterator[psycopg.Connection]:
    try:
        connection = psycopg.connect(
            conninfo,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            application_name="daybook migrations",
        )
    except psycopg.Error as error:
        raise MigrationError(f"cannot connect to the database: {error}") from error
    with connection:
        yield connection


def _take_lock(connection: psycopg.Connection) -> None:
    # Polled, because a session that waits inside pg_advisory_lock holds a snapshot, for which
    # CREATE INDEX CONCURRENTLY in the session that has the lock would wait in turn: a deadlock.
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", [ADVISORY_LOCK]).fetchone()
        if row is not None and row[0]:
            return
        if time.monotonic() > deadline:
            raise MigrationError(
                f"another migration has been running for {LOCK_WAIT_SECONDS:.0f} seconds: "
                "try again when it has ended"
            )
        time.sleep(LOCK_POLL_SECONDS)


def _unapplied(connection: psycopg.Connection, migrations: list[Migration]) -> list[Migration]:
    """Answer what is not applied, having checked what is against the files, name by name."""
    row = connection.execute("SELECT to_regclass('public.migrations') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        return migrations
    recorded = connection.execute(
        "SELECT number, name, sha256 FROM public.migrations ORDER BY number"
    ).fetchall()
    known = {migration.number: migration for migration in migrations}
    for number, name, sha256 in recorded:
        migration = known.pop(number, None)
        if migration is None or migration.name != name:
            raise MigrationError(
                f"{name}: applied to this database, but this program has no such file "
                "(is the program older than the database?)"
            )
        if migration.sha256 != sha256:
            raise MigrationError(
                f"{name}: changed after it was applied: this database was made by another version of the "
                "program; use that version, or a new data folder or database"
            )
    return list(known.values())


def _apply(connection: psycopg.Connection, migration: Migration) -> None:
    try:
        with connection.transaction():
            connection.execute(f"SET LOCAL lock_timeout = '{TABLE_LOCK_TIMEOUT}'")
            connection.execute(migration.body)
            connection.execute(
                "INSERT INTO public.migrations (number, name, sha256) VALUES (%s, %s, %s)",
                [migration.number, migration.name, migration.sha256],
            )
    except psycopg.Error as error:
        raise MigrationError(f"{migration.name}: {error}") from error
