"""What was booked late counts from its day, and is known only from when it was recorded."""

import datetime as dt

import pytest

from application import clock
from readmodels.account_lines import lines
from tests.bank import Bank, open_account
from tests.readmodels.asking import balance_of, booked, moment, project, read

DAY_1, DAY_5, DAY_6, DAY_10, DAY_11 = 19, 15, 14, 10, 9


@pytest.fixture(scope="module")
def late_entry(module_database: str) -> tuple[str, int, int]:
    """Day 1: +100, day 10: +50, and then, booked on day 5: +7; the positions before and after it."""
    with Bank(module_database) as bank:
        bank.with_accounts({})
        bank.submit(open_account(1))
        bank.submit(booked(1, 100, DAY_1))
        before = bank.submit(booked(1, 50, DAY_10)).position
        after = bank.submit(booked(1, 7, DAY_5)).position
    project(module_database)
    assert before is not None
    assert after is not None
    return module_database, before, after


@pytest.mark.parametrize(
    ("days_ago", "known", "expected"),
    [
        (DAY_6, "after", 10700),
        (DAY_11, "after", 15700),
        (DAY_6, "before", 10000),
        (DAY_11, "before", 15000),
        (DAY_5, "after", 10700),
        (DAY_1, "after", 10000),
        (DAY_1 + 1, "after", 0),
    ],
)
def test_the_balance_as_of_a_day_is_that_of_the_day_and_of_what_was_known(
    late_entry: tuple[str, int, int], days_ago: int, known: str, expected: int
) -> None:
    conninfo, before, after = late_entry
    day = clock.now().date() - dt.timedelta(days_ago)

    balance = balance_of(conninfo, 1, moment(after if known == "after" else before, day))

    assert balance == expected


def test_lines_stand_in_the_order_of_the_books_with_the_balance_after_each(
    late_entry: tuple[str, int, int],
) -> None:
    conninfo, before, after = late_entry

    now = read(conninfo, lambda c: lines(c, 1, moment(after), limit=10))
    then = read(conninfo, lambda c: lines(c, 1, moment(before), limit=10))

    assert [(line.amount, line.balance, line.late) for line in now] == [
        (5000, 15700, False),
        (700, 10700, True),
        (10000, 10000, False),
    ]
    assert [(line.amount, line.balance) for line in then] == [(5000, 15000), (10000, 10000)]


def test_an_account_is_not_known_before_it_was_opened(late_entry: tuple[str, int, int]) -> None:
    conninfo, _, after = late_entry

    assert balance_of(conninfo, 1, moment(1)) is None
    assert balance_of(conninfo, 1, moment(2)) == 0
    assert balance_of(conninfo, 2, moment(after)) is None
