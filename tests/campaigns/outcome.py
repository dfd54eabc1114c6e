"""What a campaign was asked for, and what came of it: the figures of docs/reliability.md."""

import datetime as dt
import os
import platform
import time
from collections.abc import Iterator

import msgspec

from tests.faults.client_processes import Tally


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """So many rounds, from this seed; no new one begins after so many minutes."""

    times: int
    seed: int = 1
    minutes: float = 60.0

    def rounds(self) -> Iterator[int]:
        deadline = time.monotonic() + self.minutes * 60
        for number in range(1, self.times + 1):
            if time.monotonic() > deadline:
                return
            yield number


class Control(msgspec.Struct):
    """A fault that was built in, and how often the campaign noticed: it must have."""

    broken: str
    noticed: int


class Outcome(msgspec.Struct, kw_only=True):
    """What a campaign did and found.

    `situations` are those that must have occurred for the run to say anything; `findings` is all that
    was wrong, in words. `figures` are the campaign's own.
    """

    campaign: str
    seed: int
    began_at: dt.datetime
    seconds: float = 0.0
    machine: dict[str, str] = msgspec.field(default_factory=dict)
    tally: Tally | None = None
    faults: dict[str, int] = msgspec.field(default_factory=dict)
    situations: dict[str, int] = msgspec.field(default_factory=dict)
    recovery_seconds: list[float] = msgspec.field(default_factory=list)
    figures: dict[str, int | float | str] = msgspec.field(default_factory=dict)
    controls: list[Control] = msgspec.field(default_factory=list)
    findings: list[str] = msgspec.field(default_factory=list)

    def fault(self, kind: str, times: int = 1) -> None:
        """Count a fault that was made."""
        self.faults[kind] = self.faults.get(kind, 0) + times

    def situation(self, what: str, times: int) -> None:
        """Count how often a situation occurred; at none, the run has shown nothing."""
        self.situations[what] = self.situations.get(what, 0) + times


def shortcomings(outcome: Outcome) -> list[str]:
    """Why the outcome does not show what the campaign is to show; nothing where it does."""
    said = list(outcome.findings)
    if outcome.tally is not None:
        if outcome.tally.lost:
            said.append(f"{outcome.tally.lost} acknowledged operations are lost")
        if outcome.tally.duplicated:
            said.append(f"{outcome.tally.duplicated} operations were done more than once")
        if not outcome.tally.acknowledged:
            said.append("nothing was acknowledged")
    said += [
        f"it never happened: {what}" for what, times in outcome.situations.items() if not times
    ]
    said += [f"was not noticed: {c.broken}" for c in outcome.controls if not c.noticed]
    if not outcome.controls:
        said.append("no control was run")
    if not sum(outcome.faults.values()):
        said.append("there was no fault")
    return said


def machine() -> dict[str, str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
    }
