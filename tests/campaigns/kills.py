"""kill -9: of processes that write, and of the whole server of Postgres."""

import random
import time
from functools import partial
from pathlib import Path

from application import clock
from migrations.runner import migrate
from tests.campaigns.outcome import Asked, Outcome
from tests.campaigns.under_clients import control, seconds_until_back, strike_under_clients
from tests.durable_postgres import DurablePostgres
from tests.faults.client_processes import ClientProcesses, Told
from tests.faults.clients import TELLS_BEFORE_THE_COMMIT

# What is acknowledged then waits in memory to be written, for as long as the server may set it.
FORGETFUL = {"synchronous_commit": "off", "wal_writer_delay": "10s"}


def kill_postgres(asked: Asked, folder: Path) -> Outcome:
    """Every process of the server at once, in the midst of commits; the next start recovers."""
    outcome = Outcome(campaign="kill-postgres", seed=asked.seed, began_at=clock.now())
    postgres = DurablePostgres(folder / "durable")
    postgres.start()

    def strike(_: int) -> None:
        outcome.fault("kill -9 of Postgres")
        outcome.recovery_seconds.append(seconds_until_back(postgres.kill, postgres.start))

    try:
        strike_under_clients(outcome, asked, postgres, folder / "histories", strike)
    finally:
        postgres.stop()
    control(outcome, "commits that do not wait for the disk", partial(_forgetful, folder))
    return outcome


def _forgetful(folder: Path, number: int) -> list[str]:
    postgres = DurablePostgres(folder / f"forgetful-{number}", FORGETFUL)
    postgres.start()

    def strike(_: int) -> None:
        postgres.kill()
        postgres.start()

    try:
        asked = Asked(times=1, seed=number)
        unused = Outcome(campaign="", seed=number, began_at=clock.now())
        return strike_under_clients(
            unused, asked, postgres, folder / f"forgotten-{number}", strike, processes=1
        ).findings
    finally:
        postgres.stop()


def kill_writers(asked: Asked, folder: Path) -> Outcome:
    """A process that writes, beside another that is left to live; its clients die with it."""
    outcome = Outcome(campaign="kill-writers", seed=asked.seed, began_at=clock.now())
    postgres = DurablePostgres(folder / "durable")
    postgres.start()
    migrate(postgres.conninfo)
    try:
        told = _kill_writers(asked, outcome, postgres, folder / "histories")
        outcome.tally = told.tally
        outcome.findings += told.findings
        done = told.tally.unknown_and_done
        outcome.situation("killed before it could say what was done", done)
        outcome.situation("killed before it was done", told.tally.unknown - done)
    finally:
        postgres.stop()
    control(outcome, "answers that do not wait for the commit", partial(_hasty, folder))
    return outcome


def _kill_writers(
    asked: Asked, outcome: Outcome, postgres: DurablePostgres, folder: Path, broken: str = ""
) -> Told:
    chance = random.Random(asked.seed)
    folder.mkdir(parents=True, exist_ok=True)
    with ClientProcesses(postgres.conninfo, folder, broken=broken) as clients:
        clients.start_clients()
        for _ in asked.rounds():
            victim = clients.start_clients()
            clients.wait_for_lines_of(victim)
            time.sleep(chance.uniform(0, 0.1))
            clients.kill(victim)
            outcome.fault("kill -9 of a writer")
        clients.wait_for_progress()
        return clients.finish()


def _hasty(folder: Path, number: int) -> list[str]:
    postgres = DurablePostgres(folder / f"hasty-{number}")
    postgres.start()
    migrate(postgres.conninfo)
    unused = Outcome(campaign="", seed=number, began_at=clock.now())
    try:
        return _kill_writers(
            Asked(times=2, seed=number),
            unused,
            postgres,
            folder / f"told-early-{number}",
            TELLS_BEFORE_THE_COMMIT,
        ).findings
    finally:
        postgres.stop()
