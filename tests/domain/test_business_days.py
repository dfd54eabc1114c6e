"""Business days are ended in turn, each once; and where a day moves that is none."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import business_days
from domain.banking_calendar import DAY_RULES, WEEKENDS, Calendar, DayRule
from domain.business_days import (
    NONE_ENDED,
    BusinessDays,
    EndBegun,
    Ended,
    StepTotals,
    begin_end,
    complete_end,
)
from domain.refusals import BookingDateInFuture, BusinessDayOutOfTurn

ONE = dt.timedelta(days=1)
DAY = dt.date(2026, 3, 31)
TOTALS = (StepTotals("holds", 2, 1, (("EUR", 5),)),)


def after(*facts: business_days.BusinessDayFact) -> BusinessDays:
    return business_days.restore(0, facts[-1], len(facts)) if facts else NONE_ENDED


def test_any_day_that_has_come_may_be_the_first() -> None:
    assert begin_end(NONE_ENDED, DAY, DAY) == [EndBegun(date=DAY)]


def test_a_day_to_come_is_refused() -> None:
    with pytest.raises(BookingDateInFuture):
        begin_end(NONE_ENDED, DAY + ONE, DAY)


def test_a_day_is_ended_after_the_day_before() -> None:
    days = after(EndBegun(date=DAY), Ended(date=DAY, ended=DAY, steps=TOTALS))

    assert begin_end(days, DAY + ONE, DAY + ONE) == [EndBegun(date=DAY + ONE, ended=DAY)]
    with pytest.raises(BusinessDayOutOfTurn, match="The end of 2026-04-01 comes before"):
        begin_end(days, DAY + 2 * ONE, DAY + 9 * ONE)


def test_a_day_whose_end_has_begun_comes_before_all_others() -> None:
    days = after(EndBegun(date=DAY))

    assert begin_end(days, DAY, DAY) == []
    with pytest.raises(BusinessDayOutOfTurn):
        begin_end(days, DAY + ONE, DAY + ONE)


def test_what_is_ended_is_ended_once() -> None:
    days = after(EndBegun(date=DAY))
    (ended,) = complete_end(days, DAY, TOTALS)
    over = business_days.restore(0, ended, 2)

    assert complete_end(over, DAY, TOTALS) == []
    assert begin_end(over, DAY, DAY) == []
    assert begin_end(over, DAY - 9 * ONE, DAY) == []


def test_the_state_is_known_from_the_newest_fact_alone() -> None:
    facts = (
        EndBegun(date=DAY),
        Ended(date=DAY, ended=DAY, steps=TOTALS),
        EndBegun(date=DAY + ONE, ended=DAY),
    )

    assert after(*facts[:1]) == BusinessDays(ending=DAY, version=1)
    assert after(*facts[:2]) == BusinessDays(ended=DAY, version=2)
    assert after(*facts) == BusinessDays(ending=DAY + ONE, ended=DAY, version=3)


@pytest.mark.parametrize(
    ("date", "following", "modified", "preceding"),
    [
        # Saturday the last of a month, a Sunday, a Monday that is a holiday, and a plain Tuesday.
        ("2026-01-31", "2026-02-02", "2026-01-30", "2026-01-30"),
        ("2026-03-15", "2026-03-16", "2026-03-16", "2026-03-13"),
        ("2026-04-06", "2026-04-07", "2026-04-07", "2026-04-03"),
        ("2026-03-31", "2026-03-31", "2026-03-31", "2026-03-31"),
    ],
)
def test_a_date_moves_by_its_rule(date: str, following: str, modified: str, preceding: str) -> None:
    calendar = Calendar(frozenset({dt.date(2026, 4, 6)}))

    moved = [str(calendar.moved(dt.date.fromisoformat(date), rule)) for rule in DAY_RULES]

    assert moved == [following, modified, preceding]


@given(st.dates(dt.date(2000, 1, 1), dt.date(2100, 1, 1)), st.sampled_from(DAY_RULES))
def test_a_moved_date_is_a_business_day_and_moves_no_further(date: dt.date, rule: DayRule) -> None:
    moved = WEEKENDS.moved(date, rule)

    assert WEEKENDS.is_business_day(moved)
    assert WEEKENDS.moved(moved, rule) == moved
    assert abs((moved - date).days) <= 2
