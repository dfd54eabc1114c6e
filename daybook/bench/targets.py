"""What each figure is to reach. A target that is not met is told as such, and explained beside the table."""

from typing import Final, Literal

import msgspec

from daybook.bench.figures import TPC_B, Measured


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A bound on the median of a figure, or on that of its p99; `times` another figure where named."""

    key: str
    least: float | None = None
    most: float | None = None
    of: Literal["value", "p99"] = "value"
    times: str | None = None

    def __str__(self) -> str:
        bound = f"at least {self.least:,g}" if self.least is not None else f"under {self.most:,g}"
        if self.times is not None:
            return f"{bound} times {NAMES[self.times]}"
        return f"p99 {bound} ms" if self.of == "p99" else bound


NAMES: Final = {TPC_B: "TPC-B", "write.best": "(a)", "http.64": "one process"}

TARGETS: Final = (
    Target(key="write.best", least=6.0, times=TPC_B),
    Target(key="write.beside", least=2.5, times=TPC_B),
    Target(key="write.hot", least=0.8, times="write.best"),
    Target(key="http.64", least=1.0, times=TPC_B),
    Target(key="http.64", most=50.0, of="p99"),
    Target(key="http.two", least=1.0, times="http.64"),
    Target(key="batch.best", least=4.0, times=TPC_B),
    Target(key="rebuild", least=50_000),
    Target(key="replay", least=150_000),
    Target(key="berka.seconds", most=10.0),
    Target(key="end-of-day", most=60.0),
    Target(key="memory", most=400.0),
)
# By how the key begins: the same question, asked in several ways or of several sizes.
OF_ALL: Final = (
    Target(key="reads.", most=5.0, of="p99"),
    Target(key="years.balance", most=5.0, of="p99"),
    Target(key="years.statement, json", most=15.0, of="p99"),
    Target(key="years.statement, pdf", most=150.0, of="p99"),
    Target(key="years.trial balance", most=1000.0, of="p99"),
    Target(key="years.late to new", most=1.1),
    # The logarithm of ten million over that of a hundred thousand.
    Target(key="growth.", most=1.4),
)


def targets_of(measured: Measured) -> list[Target]:
    """Its own, and those of all that are named alike."""
    return [
        *(target for target in TARGETS if target.key == measured.key),
        *(target for target in OF_ALL if measured.key.startswith(target.key)),
    ]


def is_met(target: Target, measured: Measured, all_measured: dict[str, Measured]) -> bool:
    """Whether the median is within the bound. A figure with wrong answers meets nothing."""
    value = measured.p99_median_ms if target.of == "p99" else measured.median
    if target.times == TPC_B and measured.tpc_b is not None:
        value /= measured.tpc_b
    elif target.times is not None:
        value /= all_measured[target.times].median
    if measured.failed:
        return False
    return value >= target.least if target.least is not None else value < (target.most or 0.0)
