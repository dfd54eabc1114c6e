"""The disk is full: writes are refused as not done, reads go on, and so do writes once there is space.

The long run is a campaign: `nox -s campaigns -- full-disks`.
"""

from pathlib import Path

import pytest

from tests.campaigns.full_disks import fill_disks, why_not
from tests.campaigns.outcome import Asked, shortcomings


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
@pytest.mark.timeout(900)
def test_a_bank_whose_disks_are_full_loses_nothing_and_goes_on_with_space(tmp_path: Path) -> None:
    outcome = fill_disks(Asked(times=2), tmp_path)

    assert shortcomings(outcome) == []
    assert len(outcome.faults) == 2
