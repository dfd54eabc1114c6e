"""The page of reliability is made of the figures that lie beside it, and says where they fall short."""

import datetime as dt
from pathlib import Path

import msgspec

from tests.campaigns.outcome import Control, Outcome, shortcomings
from tests.campaigns.page import page_of, read_outcomes
from tests.faults.client_processes import Tally

ROOT = Path(__file__).parents[2]
TALLY = Tally(
    attempted=10, acknowledged=7, refused=2, unknown=1, unknown_and_done=1, lost=0, duplicated=0
)
GOOD = Outcome(
    campaign="made up",
    seed=7,
    began_at=dt.datetime(2026, 11, 28, tzinfo=dt.UTC),
    tally=TALLY,
    faults={"a fault": 3},
    situations={"a situation": 1},
    recovery_seconds=[1.0, 3.0, 2.0],
    controls=[Control("something broken", 4)],
)


def but(**changed: object) -> Outcome:
    return msgspec.structs.replace(GOOD, **changed)


def test_the_page_is_that_of_the_committed_figures() -> None:
    outcomes = read_outcomes(ROOT / "docs" / "reliability")

    assert (ROOT / "docs" / "reliability.md").read_text("utf-8") == page_of(outcomes)
    assert [each for outcome in outcomes for each in shortcomings(outcome)] == []


def test_figures_are_told_in_tables() -> None:
    page = page_of([GOOD])

    assert "| made up | 3 | 10 | 7 | 2 | 1 (1) | **0** | **0** | 7 |" in page
    assert "| made up | 3 | 2.00 | 3.00 | 3.00 |" in page
    assert "It shows what it is to show." in page


def test_what_falls_short_is_said() -> None:
    lost = msgspec.structs.replace(TALLY, lost=2)

    assert shortcomings(GOOD) == []
    assert shortcomings(but(tally=lost)) == ["2 acknowledged operations are lost"]
    assert shortcomings(but(situations={"a": 0})) == ["it never happened: a"]
    assert shortcomings(but(controls=[Control("b", 0)])) == ["was not noticed: b"]
    assert shortcomings(but(controls=[])) == ["no control was run"]
    assert shortcomings(but(faults={})) == ["there was no fault"]
    assert "**It falls short:** 2 acknowledged operations are lost." in page_of([but(tally=lost)])
