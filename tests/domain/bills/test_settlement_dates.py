"""When a biller is paid: so many business days of the bank after the capture."""

import datetime as dt

import hypothesis.strategies as st
import pytest
from hypothesis import given

from domain.banking_calendar import WEEKENDS, Calendar
from domain.bills.biller import BillerTerms, settlement_date

ONE = dt.timedelta(days=1)
FRIDAY = dt.date(2024, 3, 29)
EASTER = Calendar(frozenset({FRIDAY, dt.date(2024, 4, 1)}))
DATES = st.dates(dt.date(2024, 1, 1), dt.date(2024, 12, 31))


def terms(days: int) -> BillerTerms:
    return BillerTerms(name="Power", currencies=("EUR",), settlement_days=days)


@pytest.mark.parametrize(
    ("calendar", "captured_on", "days", "expected"),
    [
        (WEEKENDS, dt.date(2024, 3, 28), 1, FRIDAY),
        (EASTER, dt.date(2024, 3, 28), 1, dt.date(2024, 4, 2)),
        (EASTER, dt.date(2024, 3, 28), 2, dt.date(2024, 4, 3)),
        (EASTER, FRIDAY, 1, dt.date(2024, 4, 2)),
        (WEEKENDS, FRIDAY, 1, dt.date(2024, 4, 1)),
        (EASTER, FRIDAY, 0, FRIDAY),
    ],
)
def test_holidays_are_no_business_days(
    calendar: Calendar, captured_on: dt.date, days: int, expected: dt.date
) -> None:
    assert settlement_date(terms(days), captured_on, calendar) == expected


@given(captured_on=DATES, days=st.integers(1, 30), holidays=st.frozensets(DATES, max_size=30))
def test_it_is_a_business_day_with_as_many_after_the_capture(
    captured_on: dt.date, days: int, holidays: frozenset[dt.date]
) -> None:
    calendar = Calendar(holidays)

    found = settlement_date(terms(days), captured_on, calendar)

    after = [captured_on + n * ONE for n in range(1, (found - captured_on).days + 1)]
    assert calendar.is_business_day(found)
    assert sum(map(calendar.is_business_day, after)) == days
