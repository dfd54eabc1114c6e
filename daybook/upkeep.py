"""`daybook migrate`, `daybook project` and `daybook rebuild`: looking after the database and the views."""

import argparse
import signal
import threading
import time

from daybook.bank_database import bank_database
from daybook.interpreter import settle_interpreter
from daybook.logs import start_logging
from daybook.processes import end_with_parent
from daybook.settings import read_settings
from readmodels.projector import Projector
from readmodels.rebuild import rebuild


def run_migrate(arguments: argparse.Namespace) -> int:
    with bank_database(read_settings(), make=True):
        print("daybook: the database is up to date")
    return 0


def run_project(arguments: argparse.Namespace) -> int:
    """Until SIGTERM or Ctrl-C. Of several that run, one projects and the others stand by."""
    start_logging()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = read_settings()
    if arguments.lifeline is not None:
        # A child of `serve`, which has checked and migrated the database.
        end_with_parent(arguments.lifeline)
        assert settings.database_url is not None
        _project(settings.database_url, stop)
        return 0
    with bank_database(settings) as conninfo:
        _project(conninfo, stop)
    return 0


def _project(conninfo: str, stop: threading.Event) -> None:
    settle_interpreter()
    with Projector(conninfo) as projector:
        projector.run(stop)


def run_rebuild(arguments: argparse.Namespace) -> int:
    """Build one view, or all, beside those that serve, and swap them in."""
    start_logging()
    with bank_database(read_settings()) as conninfo:
        started = time.perf_counter()
        rebuilt = rebuild(conninfo, arguments.view)
        seconds = time.perf_counter() - started
    rows = ", ".join(f"{table} {count:,}" for table, count in rebuilt.rows.items())
    print(f"daybook: built {rows} rows")
    print(
        f"daybook: {rebuilt.position:,} events in {seconds:.1f} s, "
        f"{rebuilt.position / seconds:,.0f} events/s"
    )
    return 0
