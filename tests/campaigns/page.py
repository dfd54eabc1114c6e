"""The page of reliability: tables from the figures of the campaigns, between the paragraphs of a template."""

from pathlib import Path
from string import Template
from typing import Final

import msgspec

from tests.campaigns.outcome import Outcome, shortcomings

FOLDER: Final = Path("docs/reliability")
PAGE: Final = Path("docs/reliability.md")
TEMPLATE: Final = Path(__file__).with_name("reliability.template.md")
COUNTS: Final = "| campaign | faults | attempted | acknowledged | refused | unknown (done) | lost | duplicated | seed |"
RULE: Final = "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
TIMES: Final = "| campaign | faults | p50 s | p99 s | longest s |"
TIMES_RULE: Final = "| --- | ---: | ---: | ---: | ---: |"


def read_outcomes(folder: Path) -> list[Outcome]:
    """The outcomes that lie there, by name."""
    files = sorted(folder.glob("*.json"))
    return [msgspec.json.decode(file.read_bytes(), type=Outcome) for file in files]


def write_page(folder: Path, page: Path) -> None:
    page.write_text(page_of(read_outcomes(folder)), encoding="utf-8")


def page_of(outcomes: list[Outcome]) -> str:
    """The whole page, in Markdown."""
    return Template(TEMPLATE.read_text("utf-8")).substitute(
        counts="\n".join([COUNTS, RULE, *(_counts(o) for o in outcomes if o.tally)]),
        times="\n".join([TIMES, TIMES_RULE, *(_times(o) for o in outcomes if o.recovery_seconds)]),
        campaigns="\n\n".join(_campaign(outcome) for outcome in outcomes),
    )


def _counts(outcome: Outcome) -> str:
    tally = outcome.tally
    assert tally is not None, "only those with counts are in the table"
    return _cells(
        outcome.campaign,
        f"{sum(outcome.faults.values()):,}",
        f"{tally.attempted:,}",
        f"{tally.acknowledged:,}",
        f"{tally.refused:,}",
        f"{tally.unknown:,} ({tally.unknown_and_done:,})",
        f"**{tally.lost:,}**",
        f"**{tally.duplicated:,}**",
        str(outcome.seed),
    )


def _times(outcome: Outcome) -> str:
    seconds = sorted(outcome.recovery_seconds)
    return _cells(
        outcome.campaign,
        f"{len(seconds):,}",
        f"{seconds[len(seconds) // 2]:.2f}",
        f"{seconds[min(len(seconds) - 1, int(0.99 * len(seconds)))]:.2f}",
        f"{seconds[-1]:.2f}",
    )


def _campaign(outcome: Outcome) -> str:
    rows: list[tuple[str, int | float | str]] = [
        (f"fault: {kind}", times) for kind, times in outcome.faults.items()
    ]
    rows += [(f"it happened: {what}", times) for what, times in outcome.situations.items()]
    rows += list(outcome.figures.items())
    rows += [(f"built in and noticed: {c.broken}", c.noticed) for c in outcome.controls]
    said = shortcomings(outcome)
    verdict = (
        "It shows what it is to show." if not said else f"**It falls short:** {'; '.join(said)}."
    )
    where = ", ".join(f"{name} {value}" for name, value in outcome.machine.items())
    table = "\n".join(_cells(name, _told(value)) for name, value in rows)
    return (
        f"### {outcome.campaign}\n\n"
        f"{outcome.began_at:%Y-%m-%d}, {outcome.seconds / 60:.1f} minutes, seed {outcome.seed}; {where}. "
        f"{verdict}\n\n| what | |\n| --- | ---: |\n{table}"
    )


def _told(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
