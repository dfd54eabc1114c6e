"""Redis goes away under a served bank: nothing about money notices, and guesses stay bounded.

The long run is a campaign: `nox -s campaigns -- redis`.
"""

from pathlib import Path

import pytest

from tests.campaigns.outcome import Asked, shortcomings
from tests.campaigns.redis_gone import lose_redis, why_not


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
@pytest.mark.timeout(900)
def test_a_bank_whose_redis_goes_away_goes_on(tmp_path: Path) -> None:
    outcome = lose_redis(Asked(times=3), tmp_path)

    assert shortcomings(outcome) == []
    assert len(outcome.faults) == 3
