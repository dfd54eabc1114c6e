"""Faults under clients who transfer money and write down what they are told: strike, recover, go on, check."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from migrations.runner import migrate
from tests.campaigns.outcome import Asked, Control, Outcome
from tests.durable_postgres import DurablePostgres
from tests.faults.client_processes import ClientProcesses, Told
from tests.faults.history import Operation

# Brings the fault about, and the bank back; it is given the number of the round.
Strike = Callable[[int], None]
IN_FLIGHT = "a fault with operations in flight"


def strike_under_clients(
    outcome: Outcome,
    asked: Asked,
    postgres: DurablePostgres,
    folder: Path,
    strike: Strike,
    *,
    processes: int = 2,
) -> Told:
    """Let clients work on the server's bank, and strike once a round, when they have got on."""
    chance = random.Random(asked.seed)
    folder.mkdir(parents=True, exist_ok=True)
    migrate(postgres.conninfo)
    struck: list[int] = []
    with ClientProcesses(postgres.conninfo, folder) as clients:
        # Where a control lets the server forget, it is to forget transfers and not the accounts.
        with psycopg.connect(postgres.conninfo, autocommit=True) as connection:
            connection.execute("CHECKPOINT")
        for _ in range(processes):
            clients.start_clients()
        for number in asked.rounds():
            clients.wait_for_progress()
            time.sleep(chance.uniform(0, 0.1))
            struck.append(time.monotonic_ns())
            strike(number)
        clients.wait_for_progress()
        told = clients.finish()
    outcome.tally = told.tally
    outcome.findings += told.findings
    outcome.situation(IN_FLIGHT, sum(_in_flight(told.history, at) > 0 for at in struck))
    return told


def _in_flight(history: list[Operation], instant: int) -> int:
    return sum(o.invoked < instant and (o.completed or instant + 1) > instant for o in history)


def seconds_until_back(strike: Callable[[], object], recover: Callable[[], object]) -> float:
    """From the fault until the store can be connected to again."""
    began = time.monotonic()
    strike()
    recover()
    return round(time.monotonic() - began, 3)


def control(
    outcome: Outcome, broken: str, attempt: Callable[[int], list[str]], *, times: int = 8
) -> None:
    """Try until the built-in fault is noticed; `attempt` answers what was found."""
    for number in range(1, times + 1):
        if found := attempt(number):
            outcome.controls.append(Control(broken, len(found)))
            return
    outcome.controls.append(Control(broken, 0))
