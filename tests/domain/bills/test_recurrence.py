"""Bills that come again keep the day of the month they began with."""

import calendar
import datetime as dt
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bills.bill_refusals import TermsContradictory
from domain.bills.recurrence import Recurrence, check_recurrence, due_dates, estimate, next_due

RECURRENCES = st.builds(Recurrence, st.integers(1, 12), st.integers(1, 31))
DATES = st.dates(dt.date(1990, 1, 1), dt.date(2080, 12, 31))


def test_the_31st_is_followed_by_the_last_of_february_and_the_31st_again() -> None:
    monthly = Recurrence(1, 31)

    assert due_dates(monthly, dt.date(2024, 1, 31), dt.date(2024, 5, 31)) == [
        dt.date(2024, 2, 29),
        dt.date(2024, 3, 31),
        dt.date(2024, 4, 30),
        dt.date(2024, 5, 31),
    ]
    assert next_due(monthly, dt.date(2025, 1, 31)) == dt.date(2025, 2, 28)
    assert next_due(Recurrence(3, 30), dt.date(2023, 11, 30)) == dt.date(2024, 2, 29)


@given(RECURRENCES, DATES, st.integers(0, 800))
def test_each_is_in_its_month_on_its_day_or_the_last_and_none_is_left_out(
    recurrence: Recurrence, after: dt.date, days: int
) -> None:
    until = after + dt.timedelta(days=days)

    dates = due_dates(recurrence, after, until)

    month = after.year * 12 + after.month - 1
    for date in dates:
        month += recurrence.months
        assert (date.year, date.month) == (month // 12, month % 12 + 1)
        last = calendar.monthrange(date.year, date.month)[1]
        assert date.day == min(recurrence.anchor_day, last)
        assert after < date <= until
    assert next_due(recurrence, dates[-1] if dates else after) > until


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=6))
def test_an_estimate_is_the_nearest_to_the_mean_of_three_or_the_last(amounts: list[int]) -> None:
    found = estimate(amounts)

    if len(amounts) < 3:
        assert found == amounts[0]
    else:
        assert abs(found - Fraction(sum(amounts[:3]), 3)) <= Fraction(1, 3)


@pytest.mark.parametrize("wrong", [(0, 1), (13, 1), (1, 0), (1, 32)])
def test_a_recurrence_that_is_none_is_refused(wrong: tuple[int, int]) -> None:
    with pytest.raises(TermsContradictory):
        check_recurrence(Recurrence(*wrong))
