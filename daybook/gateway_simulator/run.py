"""`daybook gateway-simulator`: the gateway as a process of its own."""

import argparse
import os
import socket
from pathlib import Path
from typing import Final

import uvicorn

from daybook.gateway_simulator.api import create_simulator
from daybook.gateway_simulator.books import Books
from daybook.gateway_simulator.faults import Faults
from daybook.logs import start_logging

SECRET: Final = "DAYBOOK_GATEWAY_SIMULATOR_SECRET"
SECRET_LENGTH_MIN: Final = 16
FINISH_SECONDS: Final = 2


class SimulatorError(Exception):
    """The simulator cannot run as asked; the message says what to change."""


def run(arguments: argparse.Namespace) -> int:
    """Until SIGTERM or Ctrl-C. What it knows is in its folder, also after it was killed."""
    start_logging()
    faults = _faults(arguments)
    secret = os.environ.get(SECRET, "")
    if len(secret) < SECRET_LENGTH_MIN:
        raise SimulatorError(
            f"{SECRET} must have {SECRET_LENGTH_MIN} characters or more: the secret shared with the bank"
        )
    folder: Path = arguments.folder
    try:
        books = Books(folder, faults)
        listener = socket.create_server(("127.0.0.1", arguments.port))
    except OSError as error:
        raise SimulatorError(f"cannot start: {error}") from None
    app = create_simulator(books, faults, secret.encode(), arguments.callback_url)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="on",
            ws="none",
            timeout_graceful_shutdown=FINISH_SECONDS,
        )
    )
    print(f"daybook: gateway on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    try:
        server.run(sockets=[listener])
    finally:
        books.close()
    return 0


def _faults(arguments: argparse.Namespace) -> Faults:
    rates = ("decline", "slow", "timeout", "duplicate", "reorder", "difference")
    for name in rates:
        if not 0 <= getattr(arguments, name) <= 1:
            raise SimulatorError(f"--{name} is a share from 0 to 1, not {getattr(arguments, name)}")
    seconds = ("slow_seconds", "silence_seconds", "capture_seconds")
    for name in seconds:
        if not 0 <= getattr(arguments, name) <= 3600:
            raise SimulatorError(f"--{name.replace('_', '-')} is from 0 to 3600 seconds")
    return Faults(
        seed=arguments.seed, **{name: getattr(arguments, name) for name in (*rates, *seconds)}
    )
