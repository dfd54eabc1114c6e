"""A backup is restored to an instant: what was acknowledged before is there, and the signed tree fits.

The long run is a campaign: `nox -s campaigns -- restores`.
"""

from pathlib import Path

import pytest

from daybook.postgres_programs import find_programs
from tests.campaigns.outcome import Asked, shortcomings
from tests.campaigns.restores import restore


@pytest.mark.skipif(
    not (find_programs() / "pg_basebackup").exists(), reason="there is no pg_basebackup here"
)
@pytest.mark.timeout(900)
def test_a_restored_bank_is_the_one_of_the_instant_and_a_damaged_archive_is_noticed(
    tmp_path: Path,
) -> None:
    outcome = restore(Asked(times=2), tmp_path)

    assert shortcomings(outcome) == []
    assert outcome.faults["a restore to a random instant"] == 2
