"""The campaigns, from the command line: `python -m tests.campaigns NAME --times N --seed S --minutes M`.

Each leaves its figures as JSON in docs/reliability, and the page docs/reliability.md is written anew from
what lies there; `page` alone only writes the page.
"""

import argparse
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import structlog

from tests.campaigns import (
    cut_commits,
    full_disks,
    kills,
    power_cuts,
    redis_gone,
    restores,
    served,
    tampering,
)
from tests.campaigns.outcome import Asked, Outcome, machine, shortcomings
from tests.campaigns.page import FOLDER, PAGE, write_page


class Campaign(NamedTuple):
    """What runs it, how many rounds a long run has, and why it cannot run here, if it cannot."""

    run: Callable[[Asked, Path], Outcome]
    times: int
    why_not: Callable[[], str | None] = lambda: None


CAMPAIGNS: Final = {
    "kill-writers": Campaign(kills.kill_writers, 300),
    "kill-postgres": Campaign(kills.kill_postgres, 300),
    "kill-server": Campaign(served.kill_server, 200),
    "cut-commits": Campaign(cut_commits.cut_commits, 3000),
    "power-cuts": Campaign(power_cuts.cut_power, 300, power_cuts.why_not),
    "full-disks": Campaign(full_disks.fill_disks, 20, full_disks.why_not),
    "redis": Campaign(redis_gone.lose_redis, 30, redis_gone.why_not),
    "restores": Campaign(restores.restore, 100),
    "tampering": Campaign(tampering.tamper_with_a_bank, 10_000),
}


def main() -> int:
    names = ", ".join(CAMPAIGNS)
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns", description=__doc__)
    parser.add_argument("name", help=f"one of {names}; or page")
    parser.add_argument("--times", type=int, help="rounds; a long run's unless given")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60.0, help="no round begins after these")
    parser.add_argument("--into", type=Path, default=FOLDER, help="the folder of the figures")
    asked = parser.parse_args()
    if asked.name == "page":
        write_page(asked.into, PAGE)
        return 0
    if asked.name not in CAMPAIGNS:
        parser.error(f"{asked.name} is not one of {names}")
    campaign = CAMPAIGNS[asked.name]
    if reason := campaign.why_not():
        parser.error(f"{asked.name} cannot run here: {reason}")
    _be_quiet()
    outcome = run(
        campaign,
        Asked(times=asked.times or campaign.times, seed=asked.seed, minutes=asked.minutes),
    )
    asked.into.mkdir(parents=True, exist_ok=True)
    file = asked.into / f"{asked.name}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(outcome)) + b"\n")
    if asked.into == FOLDER:
        write_page(asked.into, PAGE)
    print(file.read_text())
    said = shortcomings(outcome)
    for each in said:
        print(f"{asked.name}: {each}", file=sys.stderr)
    return 1 if said else 0


def run(campaign: Campaign, asked: Asked) -> Outcome:
    """The campaign in a folder of its own, timed."""
    began = time.monotonic()
    # Not in memory: that a disk is waited for is half of what is tested.
    folder = Path(tempfile.mkdtemp(prefix="daybook-campaign-", dir="/var/tmp"))
    folder.chmod(0o711)
    try:
        outcome = campaign.run(asked, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    outcome.seconds = round(time.monotonic() - began, 1)
    outcome.machine = machine()
    return outcome


def _be_quiet() -> None:
    """Faults are made on purpose here; what the program says of each is of no interest."""
    logging.getLogger().setLevel(logging.CRITICAL)
    for name in ("psycopg", "psycopg.pool", "application", "api", "daybook", "readmodels"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


if __name__ == "__main__":
    sys.exit(main())
