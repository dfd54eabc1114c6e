"""Processes are killed in the middle of their work; nothing acknowledged is lost, nothing is done twice.

The long runs are campaigns: `nox -s campaigns -- kill-writers`, or kill-postgres.
"""

from pathlib import Path

import pytest

from tests.campaigns.kills import kill_postgres, kill_writers
from tests.campaigns.outcome import Asked, shortcomings
from tests.faults.client_processes import ClientProcesses


def test_three_processes_side_by_side_are_one_bank(database: str, tmp_path: Path) -> None:
    with ClientProcesses(database, tmp_path) as clients:
        for _ in range(3):
            clients.start_clients()
        clients.wait_for_progress(3000)

        told = clients.finish()

    assert told.findings == []
    assert told.tally.acknowledged > 500
    assert told.tally.unknown == 0


@pytest.mark.timeout(900)
def test_writers_that_are_killed_lose_nothing(tmp_path: Path) -> None:
    outcome = kill_writers(Asked(times=4), tmp_path)

    # Whether so few of them were killed between the commit and the answer is a matter of luck.
    assert [each for each in shortcomings(outcome) if "it never happened" not in each] == []
    assert outcome.faults == {"kill -9 of a writer": 4}


@pytest.mark.timeout(900)
def test_a_postgres_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    outcome = kill_postgres(Asked(times=3, seed=2), tmp_path)

    assert shortcomings(outcome) == []
    assert outcome.faults == {"kill -9 of Postgres": 3}
