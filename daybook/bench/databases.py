"""The server that is measured and the databases on it: made for the run, dropped after it."""

import contextlib
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from daybook.bench.processes import BenchError
from daybook.embedded_postgres import embedded_postgres
from daybook.server_check import check_server
from daybook.settings import Settings
from migrations.runner import migrate

SETTINGS_TOLD: Final = (
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "wal_compression",
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
)
TOLD: Final[LiteralString] = """
    SELECT name, CASE WHEN unit IS NULL THEN setting
                      WHEN unit = '8kB' THEN pg_size_pretty(setting::bigint * 8192)
                      WHEN unit = 'MB' THEN pg_size_pretty(setting::bigint * 1048576)
                      ELSE setting || ' ' || unit END
      FROM pg_settings WHERE name = ANY(%s)
"""
# Where the bytes of a database are; the whole is more than the parts by its catalogues.
SIZES: Final[LiteralString] = """
    SELECT pg_table_size('daybook_events') AS "the log",
           pg_indexes_size('daybook_events') AS "its indexes",
           pg_total_relation_size('commands') AS "the commands",
           pg_total_relation_size('commits') + pg_total_relation_size('claims') AS "the commits",
           (SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c
              JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = 'readmodels' AND c.relkind = 'r')::bigint AS "the read models",
           pg_database_size(current_database()) AS "the database",
           (pg_current_wal_lsn() - '0/0')::bigint AS "the write-ahead log"
"""


MARKED: Final = """
    SELECT 1 FROM pg_database
     WHERE datname = %s AND shobj_description(oid, 'pg_database') = %s
"""


class Databases:
    """Databases of one run on one server."""

    def __init__(self, server: str) -> None:
        self.server = server
        self._prefix = f"daybook_bench_{os.getpid()}_"
        self._made: list[str] = []

    def empty(self, name: str) -> str:
        """A database without tables; its conninfo."""
        return self._create(name, "template0")

    def migrated(self, name: str) -> str:
        """A bank in which nobody has an account."""
        conninfo = self.empty(name)
        migrate(conninfo)
        return conninfo

    def copy_of(self, name: str, template: str) -> str:
        """A database as another is now; nobody may be connected to that."""
        return self._create(name, str(conninfo_to_dict(template)["dbname"]))

    def drop(self, conninfo: str) -> None:
        self._drop(str(conninfo_to_dict(conninfo)["dbname"]))

    def drop_all(self) -> None:
        for name in list(self._made):
            self._drop(name)

    def _create(self, name: str, template: str) -> str:
        name = self._prefix + name
        created = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template)
        )
        try:
            with psycopg.connect(self.server, autocommit=True) as connection:
                connection.execute(created)
        except psycopg.Error as error:
            raise BenchError(f"cannot make a database to measure in: {error}") from error
        self._made.append(name)
        return make_conninfo(self.server, dbname=name)

    def kept(self, name: str, mark: str, fill: Callable[[str], None]) -> str:
        """A database that outlives the run: migrated and filled, unless that was done under the mark.

        The mark is set last, so what was cut short is made again.
        """
        name = f"daybook_bench_kept_{name}"
        conninfo = make_conninfo(self.server, dbname=name)
        with psycopg.connect(self.server, autocommit=True) as connection:
            if connection.execute(MARKED, (name, mark)).fetchone() is not None:
                return conninfo
            dropped = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(dropped.format(sql.Identifier(name)))
            created = sql.SQL("CREATE DATABASE {} TEMPLATE template0")
            connection.execute(created.format(sql.Identifier(name)))
            migrate(conninfo)
            fill(conninfo)
            settle(conninfo)
            marked = sql.SQL("COMMENT ON DATABASE {} IS {}")
            connection.execute(marked.format(sql.Identifier(name), sql.Literal(mark)))
        return conninfo

    def _drop(self, name: str) -> None:
        dropped = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(dropped)
        self._made.remove(name)


@contextmanager
def kept_server(settings: Settings) -> Iterator[Databases]:
    """The same, for databases that are kept: an embedded cluster of theirs is kept, too."""
    with ExitStack() as stack:
        server = settings.database_url
        if server is None:
            folder = settings.data / "bench" / "kept"
            # Its buffers are cold after each start, also where the server could warm them.
            cold = {"shared_preload_libraries": ""}
            server = stack.enter_context(
                embedded_postgres(folder, pg_bin=settings.pg_bin, overrides=cold)
            )
        check_server(server)
        yield Databases(server)


@contextmanager
def measured_server(settings: Settings) -> Iterator[Databases]:
    """The server that was named, or an embedded one as `serve` starts it, with a cluster of its own."""
    with ExitStack() as stack:
        if settings.database_url is None:
            folder = settings.data / "bench" / "server"
            shutil.rmtree(folder, ignore_errors=True)
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            server = stack.enter_context(embedded_postgres(folder, pg_bin=settings.pg_bin))
        else:
            server = settings.database_url
        check_server(server)
        databases = Databases(server)
        stack.callback(databases.drop_all)
        yield databases


def settle(conninfo: str) -> None:
    """Leave nothing to be done later that belongs to what was done before."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute("CHECKPOINT")


def sizes(conninfo: str) -> dict[str, int]:
    """Bytes, by what they are spent on; of the write-ahead log, all since the server was made."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        cursor = connection.execute(SIZES)
        row = cursor.fetchone()
        assert row is not None, "an aggregate without a row"
        names = [column.name for column in cursor.description or ()]
    return dict(zip(names, map(int, row), strict=True))


def count(conninfo: str, query: LiteralString) -> int:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None, "an aggregate without a row"
    return int(row[0])


def machine(server: str) -> dict[str, str]:
    """What the figures were measured on."""
    with psycopg.connect(server, autocommit=True) as connection:
        version = connection.info.parameter_status("server_version") or "unknown"
        settings: dict[str, str] = dict(connection.execute(TOLD, [list(SETTINGS_TOLD)]).fetchall())
    told = {
        "cores": f"{os.cpu_count()}, shared by client, server and Postgres",
        "processor": _line("/proc/cpuinfo", "model name") or platform.machine(),
        "memory": _gigabytes(_line("/proc/meminfo", "MemTotal")),
        "Postgres": version,
        "Python": platform.python_version(),
    }
    return told | {name: settings[name] for name in SETTINGS_TOLD}


def _line(path: str, name: str) -> str:
    with contextlib.suppress(OSError):
        for line in Path(path).read_text().splitlines():
            if line.startswith(name):
                return line.partition(":")[2].strip()
    return ""


def _gigabytes(kilobytes: str) -> str:
    return f"{int(kilobytes.split()[0]) / 1024**2:.0f} GB" if kilobytes else "unknown"
