"""Commits are cut under clients; the single ones are in test_lost_commits.

The long run is a campaign: `nox -s campaigns -- cut-commits`.
"""

from pathlib import Path

import pytest

from tests.campaigns.cut_commits import cut_commits
from tests.campaigns.outcome import Asked, shortcomings


@pytest.mark.timeout(900)
def test_clients_whose_commits_are_cut_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    outcome = cut_commits(Asked(times=30), tmp_path)

    assert shortcomings(outcome) == []
    assert sum(outcome.faults.values()) >= 30
