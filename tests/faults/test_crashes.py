"""Processes are killed in the middle of their work; nothing acknowledged is lost, nothing is done twice."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from migrations.runner import migrate
from tests.durable_postgres import DurablePostgres
from tests.faults.campaign import Campaign

CYCLES = 12


def wait_until(reached: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, "the clients have come to a halt"
        time.sleep(0.02)


def wait_for_progress(campaign: Campaign, lines: int = 100) -> None:
    before = campaign.operations()
    wait_until(lambda: campaign.operations() >= before + lines)


def wait_for_first_lines(history: Path) -> None:
    wait_until(lambda: history.exists() and history.read_bytes().count(b"\n") > 50)


def test_three_processes_side_by_side_are_one_bank(database: str, tmp_path: Path) -> None:
    with Campaign(database, tmp_path) as campaign:
        for _ in range(3):
            campaign.start_clients()
        wait_for_progress(campaign, 6000)

        history, found = campaign.finish()

    assert found == []
    assert len(history) > 1000
    assert {o.outcome for o in history} == {"done", "refused"}


def test_writers_that_are_killed_lose_nothing(database: str, tmp_path: Path) -> None:
    chance = random.Random(1)

    with Campaign(database, tmp_path) as campaign:
        campaign.start_clients()
        for _ in range(CYCLES):
            victim = campaign.start_clients()
            wait_for_first_lines(tmp_path / f"clients-{len(campaign.processes)}.jsonl")
            time.sleep(chance.uniform(0, 0.1))
            campaign.kill(victim)

        history, found = campaign.finish()

    assert found == []
    assert any(o.outcome == "unknown" for o in history)


@pytest.mark.timeout(240)
def test_a_postgres_that_is_killed_loses_nothing(
    durable_postgres: DurablePostgres, tmp_path: Path
) -> None:
    chance = random.Random(2)
    folder = tmp_path / "histories"
    folder.mkdir()
    migrate(durable_postgres.conninfo)

    with Campaign(durable_postgres.conninfo, folder) as campaign:
        for _ in range(2):
            campaign.start_clients()
        for _ in range(CYCLES):
            wait_for_progress(campaign)
            time.sleep(chance.uniform(0, 0.1))
            durable_postgres.kill()
            durable_postgres.start()
        wait_for_progress(campaign)

        history, found = campaign.finish()

    assert found == []
    assert len([o for o in history if o.outcome == "done"]) > CYCLES
