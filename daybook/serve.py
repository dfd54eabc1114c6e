"""`daybook serve`: Postgres, migrations, the projector, and the API in one or several processes."""

import argparse
import errno
import os
import socket
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib.metadata import version
from mmap import mmap
from typing import Final

import uvicorn

from api.app import Configuration, create_app
from api.metrics import SHARED_FOLDER
from api.own_writes import OwnWrites, size_for
from daybook.bank_database import bank_database
from daybook.interpreter import settle_interpreter
from daybook.logs import start_logging
from daybook.one_write import OneWriteProtocol
from daybook.processes import Children, end_orderly_on_signals, end_with_parent
from daybook.restore_check import restore_check
from daybook.settings import Settings, read_settings

BACKLOG: Final = 2048
WORKERS_MAX: Final = 64
KEEP_ALIVE_SECONDS: Final = 75
FINISH_SECONDS: Final = 20
CONNECTIONS_MAX: Final = 10_000
SIGNING_KEYS_FILE: Final = "signing-keys.json"


class ServeError(Exception):
    """The API cannot be served as asked; the message says what to change."""


def run(arguments: argparse.Namespace) -> int:
    serve(read_settings(), host=arguments.host, port=arguments.port, workers=arguments.workers)
    return 0


def serve(
    settings: Settings,
    *,
    host: str,
    port: int,
    workers: int = 1,
    prepared: Callable[[str], None] = lambda conninfo: None,
    ready: Callable[[str], None] = lambda address: print(f"daybook: serving on {address}"),
) -> None:
    """Serve until SIGTERM or Ctrl-C, which end by SystemExit.

    `prepared` is called with the database's conninfo before the API starts, `ready` with its address
    once it can serve. A port of 0 takes any that is free.
    """
    if not 1 <= workers <= WORKERS_MAX:
        raise ServeError(f"--workers must be from 1 to {WORKERS_MAX}")
    start_logging()
    end_orderly_on_signals()
    with _listening(host, port) as listener, bank_database(settings, make=True) as conninfo:
        prepared(conninfo)
        if told := restore_check(conninfo, settings):
            print(f"daybook: {told}", file=sys.stderr)
        address = f"http://{_written(host)}:{listener.getsockname()[1]}"
        _announce(address, ready)
        environ = {
            **os.environ,
            "DAYBOOK_DATABASE_URL": conninfo,
            "DAYBOOK_DATA": str(settings.data),
        }
        with Children(environ) as children:
            children.start("projector", ["project"])
            children.start("sealer", ["seal"])
            children.start("self-audit", ["watch"])
            if workers == 1:
                _serve_here(settings, conninfo, listener, None)
            else:
                _serve_in_children(environ, listener, workers)


def _serve_in_children(environ: dict[str, str], listener: socket.socket, workers: int) -> None:
    """Processes that share the listening socket, and the memory of what each has written."""
    with tempfile.TemporaryFile() as shared, tempfile.TemporaryDirectory() as figures:
        shared.truncate(size_for(workers))
        with Children({**environ, SHARED_FOLDER: figures}) as children:
            for number in range(workers):
                arguments = ["worker", "--number", str(number)]
                arguments += ["--socket", str(listener.fileno()), "--shared", str(shared.fileno())]
                children.start(f"worker {number}", arguments, [listener.fileno(), shared.fileno()])
            threading.Event().wait()


def run_worker(arguments: argparse.Namespace) -> int:
    """One of several processes of `daybook serve`; it is given all it shares by descriptor."""
    start_logging()
    end_orderly_on_signals()
    end_with_parent(arguments.lifeline)
    settings = read_settings()
    assert settings.database_url is not None
    with socket.socket(fileno=arguments.socket) as listener:
        own_writes = OwnWrites(mmap(arguments.shared, 0), worker=arguments.number)
        _serve_here(settings, settings.database_url, listener, own_writes)
    return 0


def _serve_here(
    settings: Settings, conninfo: str, listener: socket.socket, own_writes: OwnWrites | None
) -> None:
    configuration = Configuration(
        conninfo=conninfo,
        environment=settings.environment,
        secret_key=settings.secret_key,
        keys=settings.data / SIGNING_KEYS_FILE,
        data=settings.data,
        kek=settings.kek,
        retention_years=settings.retention_years,
        time_zone=settings.time_zone,
        currency=settings.currency,
        redis_url=settings.redis_url,
        letterhead=settings.letterhead,
        gateways=settings.gateways,
        calendar=settings.calendar,
        version=version("daybook"),
    )
    app = create_app(configuration, own_writes=own_writes)
    settle_interpreter()
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http=OneWriteProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=FINISH_SECONDS,
            limit_concurrency=CONNECTIONS_MAX,
        )
    )
    server.run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    """The socket of the API, taken before anything slow is done."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        advice = ""
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            advice = "\nAnother program listens there; --port names another port."
        raise ServeError(f"cannot listen on {host}:{port}: {reason}{advice}") from None
    listener.setblocking(False)
    return listener


def _written(host: str) -> str:
    if host in ("", "0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _announce(address: str, ready: Callable[[str], None]) -> None:
    """Say where the API is, once it answers that it is ready."""

    def ask() -> None:
        while True:
            try:
                with urllib.request.urlopen(f"{address}/health/ready", timeout=2) as answer:
                    if answer.status == 200:
                        break
            except (urllib.error.URLError, OSError):
                pass
            time.sleep(0.1)
        ready(address)
        sys.stdout.flush()

    threading.Thread(target=ask, name="announce", daemon=True).start()
