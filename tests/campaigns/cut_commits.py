"""Cut commits: the connection to Postgres is lost at COMMIT, before it arrives or before its answer does."""

import random
import time
from pathlib import Path
from typing import Final

from application import clock
from migrations.runner import migrate
from tests.campaigns.outcome import Asked, Outcome
from tests.campaigns.under_clients import control
from tests.durable_postgres import DurablePostgres
from tests.faults.client_processes import ClientProcesses, Told
from tests.faults.clients import RENAMES_WHAT_IT_RUNS_AGAIN
from tests.faults.proxy import Cut, Proxy

# Of all commits; a batch is given up when it is cut again and again for ten seconds.
ANSWERS_CUT: Final = 0.2
REQUESTS_CUT: Final = 0.1


def cut_commits(asked: Asked, folder: Path) -> Outcome:
    """Two processes of clients behind a proxy that cuts, until so many commits were cut."""
    outcome = Outcome(campaign="cut-commits", seed=asked.seed, began_at=clock.now())
    postgres = DurablePostgres(folder / "durable")
    postgres.start()
    try:
        told = _behind_a_proxy(asked, outcome, postgres.conninfo, folder / "histories")
        outcome.tally = told.tally
        outcome.findings += told.findings
    finally:
        postgres.stop()

    def forgetful(number: int) -> list[str]:
        postgres = DurablePostgres(folder / f"forgetful-{number}")
        postgres.start()
        unused = Outcome(campaign="", seed=number, began_at=clock.now())
        try:
            told = _behind_a_proxy(
                Asked(times=20, seed=number),
                unused,
                postgres.conninfo,
                folder / f"forgotten-{number}",
                RENAMES_WHAT_IT_RUNS_AGAIN,
            )
            return [finding for finding in told.findings if "never asked for" in finding]
        finally:
            postgres.stop()

    control(outcome, "a writer that runs again under a fresh key", forgetful)
    return outcome


def _behind_a_proxy(
    asked: Asked, outcome: Outcome, conninfo: str, folder: Path, broken: str = ""
) -> Told:
    folder.mkdir(parents=True)
    migrate(conninfo)
    chance = random.Random(asked.seed)
    cutting = False
    deadline = time.monotonic() + asked.minutes * 60

    def cut(_: int) -> Cut | None:
        if not cutting:
            return None
        drawn = chance.random()
        if drawn < ANSWERS_CUT:
            return "answer"
        return "request" if drawn < ANSWERS_CUT + REQUESTS_CUT else None

    # The path of a Unix socket is short.
    with (
        Proxy(conninfo, folder, cut) as proxy,
        ClientProcesses(proxy.conninfo, folder, broken=broken) as clients,
    ):
        for _ in range(2):
            clients.start_clients()
        clients.wait_for_progress()
        cutting = True
        while (proxy.answers_lost + proxy.requests_lost < asked.times) and (
            time.monotonic() < deadline
        ):
            clients.wait_for_progress(10)
        cutting = False
        clients.wait_for_progress()
        told = clients.finish()
        outcome.fault("a COMMIT whose answer is lost", proxy.answers_lost)
        outcome.fault("a COMMIT that does not arrive", proxy.requests_lost)
        outcome.situation("an answer lost", proxy.answers_lost)
        outcome.situation("a request lost", proxy.requests_lost)
        outcome.figures["commits seen"] = proxy.commits
    return told
