"""What was measured, and what it takes to say so: rounds, medians and percentiles."""

import datetime as dt
import statistics
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import msgspec

Unit: TypeAlias = Literal[
    "transactions/s",
    "transfers/s",
    "accounts/s",
    "events/s",
    "rows/s",
    "ms",
    "s",
    "events",
    "MB",
    "bytes",
    "times",
]

TPC_B: Final = "tpc-b"


class Measured(msgspec.Struct, kw_only=True):
    """One figure, measured once a round. `key` names it for the targets; latencies are milliseconds."""

    item: str
    key: str
    label: str
    unit: Unit
    values: list[float] = []
    p50_ms: list[float] = []
    p99_ms: list[float] = []
    # Transfers that the balance of their source did not allow: right answers, and not counted.
    refused: int = 0
    # Answers that were not what was asked for.
    failed: int = 0
    note: str = ""
    # The yardstick right before and right after, where it was measured for this figure alone.
    tpc_b: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def p99_median_ms(self) -> float:
        return statistics.median(self.p99_ms)


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """How much of everything."""

    accounts: int
    # Transfers with dates of the past two years, for the reads; each is four journal lines.
    past_transfers: int
    rounds: int
    seconds: float
    in_flight: tuple[int, ...]
    connections: tuple[int, ...]
    readings: int
    # Journal lines of the five years that are kept, smallest first; an account for every hundred.
    histories: tuple[int, ...]
    # Loans whose days are ended.
    loans: int
    pgbench_scale: int
    pgbench_seconds: int


FULL: Final = Scale(
    accounts=100_000,
    past_transfers=200_000,
    rounds=3,
    seconds=5.0,
    in_flight=(64, 256, 1024, 4096),
    connections=(1, 16, 64),
    readings=2_000,
    histories=(100_000, 1_000_000, 10_000_000),
    loans=100_000,
    pgbench_scale=10,
    pgbench_seconds=8,
)
QUICK: Final = Scale(
    accounts=5_000,
    past_transfers=10_000,
    rounds=1,
    seconds=1.0,
    in_flight=(64, 1024),
    connections=(1, 16, 64),
    readings=200,
    histories=(10_000, 100_000),
    loans=2_000,
    pgbench_scale=10,
    pgbench_seconds=2,
)


class Results(msgspec.Struct, kw_only=True):
    began_at: dt.datetime
    seconds: float
    scale: Scale
    machine: dict[str, str]
    measured: list[Measured]


def percentile_ms(seconds: Sequence[float], share: float) -> float:
    """The latency that this share of answers was not slower than, of latencies in rising order."""
    return seconds[min(len(seconds) - 1, int(share * len(seconds)))] * 1000
