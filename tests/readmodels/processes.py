"""What the tests run as processes of their own: a projector, and a writer that keeps writing."""

import contextlib
import multiprocessing
import random
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess

import psycopg

from readmodels.projector import Projector
from readmodels.rebuild import rebuild
from tests.bank import Bank, deposit, transfer

SPAWN = multiprocessing.get_context("spawn")


@contextlib.contextmanager
def process(target: Callable[..., None], *arguments: object) -> Iterator[BaseProcess]:
    running = SPAWN.Process(target=target, args=arguments, daemon=True)
    running.start()
    try:
        yield running
    finally:
        running.kill()
        running.join(10)


def project_until_killed(conninfo: str, batch_events: int) -> None:
    Projector(conninfo, batch_events=batch_events).run(threading.Event())


def write_transfers(conninfo: str, seed: int, transfers: int) -> None:
    """Transfers and deposits between accounts 1 to 5, some refused, a few at a time."""
    chance = random.Random(seed)
    with Bank(conninfo) as bank:
        for _ in range(transfers // 5):
            source, destination = chance.sample(range(1, 6), 2)
            moves = [transfer(source, destination, chance.randint(1, 50)) for _ in range(4)]
            bank.submit_all([deposit(source, 10), *moves])


def head(conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT max(notification_id) FROM daybook_events").fetchone()
    return (row[0] or 0) if row else 0


def reached(conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT position FROM readmodels.projection").fetchone()
    return int(row[0]) if row else 0


def rebuild_slowly(conninfo: str) -> None:
    """A rebuild that stays in the middle until it is killed."""
    rebuild(conninfo, progress=lambda *_: time.sleep(60))
