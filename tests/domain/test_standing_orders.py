"""Standing orders: which dates, what becomes of them, and how they end."""

import datetime as dt
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import standing_orders
from domain.banking_calendar import DAY_RULES, WEEKENDS, Calendar, DayRule
from domain.refusals import StandingOrderOver
from domain.standing_orders import (
    Cancelled,
    Created,
    Executed,
    Failed,
    Frequency,
    Order,
    Skipped,
    StandingOrder,
    due_date,
    executed,
    failed,
    is_due,
    overtaken,
)

ONE = dt.timedelta(days=1)
JANUARY = dt.date(2026, 1, 31)


def order_of(**changed: Any) -> StandingOrder:
    order = Order(
        account_id=1,
        currency="EUR",
        amount=100,
        frequency="monthly",
        first_due=JANUARY,
        due=JANUARY,
        attempt_on=JANUARY,
        counterparty="XX",
    )
    (created,) = standing_orders.create(msgspec.structs.replace(order, **changed), WEEKENDS)
    return standing_orders.restore(7, created, 1)


def after(state: StandingOrder, *facts: standing_orders.OrderFact) -> StandingOrder:
    for fact in facts:
        state = standing_orders.restore(7, fact, state.version + 1)
    return state


@pytest.mark.parametrize(
    ("frequency", "first", "dates"),
    [
        ("monthly", "2026-01-31", ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]),
        ("monthly", "2027-12-30", ["2027-12-30", "2028-01-30", "2028-02-29", "2028-03-30"]),
        ("quarterly", "2026-11-30", ["2026-11-30", "2027-02-28", "2027-05-30", "2027-08-30"]),
        ("yearly", "2024-02-29", ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28"]),
        ("weekly", "2026-12-24", ["2026-12-24", "2026-12-31", "2027-01-07", "2027-01-14"]),
    ],
)
def test_the_anchor_day_is_kept(frequency: Frequency, first: str, dates: list[str]) -> None:
    found = [due_date(frequency, dt.date.fromisoformat(first), number) for number in range(4)]

    assert [str(date) for date in found] == dates


@given(
    st.dates(dt.date(2000, 1, 1), dt.date(2100, 1, 1)),
    st.sampled_from(["weekly", "monthly", "quarterly", "yearly"]),
    st.integers(0, 100),
    st.sampled_from(DAY_RULES),
)
def test_due_dates_grow_and_so_do_the_days_they_are_tried_on(
    first: dt.date, frequency: Frequency, number: int, rule: DayRule
) -> None:
    one, other = (due_date(frequency, first, n) for n in (number, number + 1))

    assert one < other
    assert WEEKENDS.moved(one, rule) <= WEEKENDS.moved(other, rule)
    if frequency != "weekly":
        assert other.day == first.day or (other + ONE).day == 1


def test_a_first_due_date_on_a_weekend_is_tried_by_the_rule() -> None:
    tried = [str(order_of(day_rule=rule).order.attempt_on) for rule in DAY_RULES]

    # The 31st of January 2026 is a Saturday.
    assert tried == ["2026-02-02", "2026-01-30", "2026-01-30"]


def test_what_was_executed_is_followed_by_the_next() -> None:
    state = order_of()

    (fact,) = executed(state, WEEKENDS)

    assert isinstance(fact, Executed)
    assert (fact.due, fact.amount) == (JANUARY, 100)
    assert (fact.order.due, fact.order.number) == (dt.date(2026, 2, 28), 1)


def test_what_failed_is_tried_on_the_next_business_days_and_then_skipped() -> None:
    calendar = Calendar(frozenset({dt.date(2026, 2, 4)}))
    state = order_of(retry_days=3)
    seen = []

    while state.order.number == 0:
        day = state.order.attempt_on
        (fact,) = failed(state, "no money", calendar, day)
        state = after(state, fact)
        seen.append((type(fact), str(day)))

    # A Monday, then Tuesday, Thursday (Wednesday is a holiday), Friday.
    assert seen == [
        (Failed, "2026-02-02"),
        (Failed, "2026-02-03"),
        (Failed, "2026-02-05"),
        (Skipped, "2026-02-06"),
    ]
    assert (state.order.due, state.order.tries) == (dt.date(2026, 2, 28), 0)


def test_two_periods_are_not_made_up_for_at_once() -> None:
    state = order_of()
    april = dt.date(2026, 4, 2)

    facts = overtaken(state, WEEKENDS, april)

    assert [(type(fact), str(fact.due)) for fact in facts if isinstance(fact, Skipped)] == [
        (Skipped, "2026-01-31"),
        (Skipped, "2026-02-28"),
    ]
    assert after(state, *facts).order.due == dt.date(2026, 3, 31)
    assert overtaken(order_of(catch_up=True), WEEKENDS, april) == []


def test_it_ends_with_its_count_or_its_last_due_date() -> None:
    by_count, by_date = order_of(count=1), order_of(last_due=dt.date(2026, 2, 27))

    for state in (by_count, by_date):
        (fact,) = executed(state, WEEKENDS)
        assert fact.order.status == "finished"
        assert not is_due(fact.order, dt.date(2030, 1, 1))


def test_a_pause_is_over_with_the_next_due_date_from_today() -> None:
    state = order_of()
    paused = after(state, *standing_orders.pause(state))
    today = dt.date(2026, 5, 1)

    resumed = after(paused, *standing_orders.resume(paused, WEEKENDS, today))

    assert not is_due(paused.order, dt.date(2030, 1, 1))
    assert resumed.order.status == "active"
    assert resumed.order.due == dt.date(2026, 5, 31)


def test_twice_is_once() -> None:
    state = order_of()
    paused = after(state, *standing_orders.pause(state))
    cancelled = after(state, *standing_orders.cancel(state))

    assert standing_orders.pause(paused) == []
    assert standing_orders.resume(state, WEEKENDS, JANUARY) == []
    assert standing_orders.cancel(cancelled) == []
    assert standing_orders.change(state, amount=100) == []


def test_what_is_over_is_over() -> None:
    state = order_of()
    (fact,) = standing_orders.cancel(state, "why")
    over = after(state, fact)

    assert isinstance(fact, Cancelled)
    with pytest.raises(StandingOrderOver, match="Standing order 7 is cancelled"):
        standing_orders.change(over, amount=5)
    with pytest.raises(StandingOrderOver):
        standing_orders.pause(over)
    with pytest.raises(StandingOrderOver):
        standing_orders.resume(over, WEEKENDS, JANUARY)


def test_an_end_before_the_next_due_date_ends_it_at_once() -> None:
    state = order_of()
    state = after(state, *executed(state, WEEKENDS))

    (fact,) = standing_orders.change(state, last_due=dt.date(2026, 2, 1))

    assert fact.order.status == "finished"


def test_the_first_fact_is_that_it_was_created() -> None:
    (fact,) = standing_orders.create(order_of().order, WEEKENDS)

    assert isinstance(fact, Created)
