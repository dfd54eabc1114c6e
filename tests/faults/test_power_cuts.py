"""The power is cut: nothing that was acknowledged is lost, and a server that does not wait for its disk is seen.

The long run is a campaign: `nox -s campaigns -- power-cuts`.
"""

import os
from pathlib import Path

import pytest

from tests.campaigns.outcome import Asked, shortcomings
from tests.campaigns.power_cuts import ForgetfulMount, cut_power, why_not

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


def test_the_folder_forgets_what_was_not_synced_and_nothing_else(tmp_path: Path) -> None:
    disk, place = tmp_path / "disk", tmp_path / "place"
    for folder in (disk, place):
        folder.mkdir()
    mount = ForgetfulMount(place, disk)
    mount.mount()
    (place / "unsynced").write_bytes(b"a" * 10_000)
    with (place / "synced").open("wb", buffering=0) as file:
        file.write(b"b" * 5_000)
        os.fdatasync(file.fileno())
        file.write(b"c" * 5_000)
        file.seek(10)
        file.write(b"d")
        before = (place / "synced").read_bytes()

    lost, survived = mount.cut(1, 0.0)
    mount.mount()
    after = {file.name: file.read_bytes() for file in place.iterdir()}
    mount.unmount()

    assert before == b"b" * 10 + b"d" + b"b" * 4_989 + b"c" * 5_000
    assert after == {"unsynced": b"", "synced": b"b" * 5_000}
    assert (lost, survived) == (6, 0)


@pytest.mark.timeout(900)
def test_a_bank_whose_power_is_cut_loses_nothing(tmp_path: Path) -> None:
    outcome = cut_power(Asked(times=2), tmp_path)

    assert shortcomings(outcome) == []
    assert sum(outcome.faults.values()) == 2
