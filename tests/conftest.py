"""A real Postgres for the tests: one throw-away cluster a run, one clone of a template a test."""

import datetime as dt
import itertools
import logging
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from application import clock
from daybook.embedded_postgres import embedded_postgres
from migrations.runner import migrate
from tests.durable_postgres import DurablePostgres

MEMORY_BYTES_MIN = 4 * 1024**3

_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    # Where the run was started in the background Ctrl-C is ignored, and programs that tests start
    # would inherit that; a handler, unlike an ignored signal, is not inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # What a test says of any input holds on a machine that is ten times slower, too.
    settings.register_profile(
        "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("untimed")
    if (config.rootpath / "http" / "__init__.py").exists():
        raise pytest.UsageError(
            "http/__init__.py would shadow the standard library's http: delete it"
        )


@pytest.fixture(autouse=True)
def log_of_the_tests() -> Iterator[None]:
    """A command that a test runs in this process starts the log of the program; no other test has it then."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The conninfo of a server for throw-away databases, one a run (one a worker under xdist)."""
    if given := os.environ.get("DAYBOOK_TEST_DATABASE_URL"):
        yield given
        return
    pg_bin = os.environ.get("DAYBOOK_PG_BIN")
    folder = _folder_in_memory() or tmp_path_factory.mktemp("server")
    try:
        with embedded_postgres(
            folder, durable=False, pg_bin=Path(pg_bin) if pg_bin else None
        ) as conninfo:
            yield conninfo
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _folder_in_memory() -> Path | None:
    """Make a folder in memory, where a clone takes a tenth of the time, if there is plenty of it."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < MEMORY_BYTES_MIN:
        return None
    # What a killed run has left would stay in memory until the machine is restarted.
    for left in memory.glob("daybook-test-*"):
        process = left.name.rpartition("-")[2]
        if process == str(os.getpid()) or not Path("/proc", process).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = memory / f"daybook-test-{os.getpid()}"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture(scope="session")
def template_database(postgres_server: str) -> Iterator[str]:
    """The name of a database with all migrations applied, to be cloned and not connected to."""
    with _created(postgres_server, template=None) as conninfo:
        migrate(conninfo)
        yield str(conninfo_to_dict(conninfo)["dbname"])


@pytest.fixture
def database(postgres_server: str, template_database: str) -> Iterator[str]:
    """The conninfo of a migrated, empty database that only this test uses."""
    with _created(postgres_server, template_database) as conninfo:
        yield conninfo


@pytest.fixture(scope="module")
def module_database(postgres_server: str, template_database: str) -> Iterator[str]:
    """The conninfo of a migrated, empty database that the tests of one module share."""
    with _created(postgres_server, template_database) as conninfo:
        yield conninfo


@pytest.fixture
def empty_database(postgres_server: str) -> Iterator[str]:
    """The conninfo of a database without migrations."""
    with _created(postgres_server, template=None) as conninfo:
        yield conninfo


@pytest.fixture
def durable_postgres(tmp_path: Path) -> Iterator[DurablePostgres]:
    """A started server with fsync on and an unmigrated database, for tests that kill it."""
    server = DurablePostgres(tmp_path / "durable")
    server.start()
    yield server
    server.stop()


@contextmanager
def _created(server: str, template: str | None) -> Iterator[str]:
    # The worker and process are in the name, since runs may share a server that was given.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"daybook_test_{worker}_{os.getpid()}_{next(_numbers)}"
    created = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template or "template0")
    )
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(created)
        try:
            yield make_conninfo(server, dbname=name)
        finally:
            dropped = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            connection.execute(dropped)


@pytest.fixture(scope="module")
def one_day(request: pytest.FixtureRequest) -> Iterator[None]:
    """The clock goes on from noon of the module's `TODAY`, so that no midnight passes between the moment that
    the module was read and the end of its tests. For tests whose programs all run in this process."""
    now = clock.now
    ahead = dt.datetime.combine(request.module.TODAY, dt.time(12), dt.UTC) - now()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: now() + ahead)
        yield
