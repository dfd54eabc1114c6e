"""Standing orders: a fixed amount by a rule of the calendar, tried again where money lacks, then skipped.

Every fact carries the whole order as it is after it. The due date follows from the anchor, which is the
first one; the day of the attempt is that, moved to a business day, or a later one where it failed.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec

from domain.amortisation.due_dates import add_months
from domain.banking_calendar import Calendar, DayRule
from domain.facts import Fact, stored_as
from domain.refusals import StandingOrderNotFound, StandingOrderOver

Frequency: TypeAlias = Literal["weekly", "monthly", "quarterly", "yearly"]
Status: TypeAlias = Literal["active", "paused", "cancelled", "finished"]

MONTHS: Final[dict[str, int]] = {"monthly": 1, "quarterly": 3, "yearly": 12}
RETRY_DAYS_MAX: Final = 10
COUNT_MAX: Final = 1200
_ONE: Final = dt.timedelta(days=1)


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is agreed, and where it stands: `due` comes next and is tried on `attempt_on`.

    `amount` is minor units of the account's currency. `number` counts the due dates before `due`, and
    `tries` the attempts at it that failed. It ends with the due date `last_due`, or with `count` of
    them. With `catch_up` a due date that was overtaken by the next is paid all the same, a day later.
    """

    account_id: int
    currency: str
    amount: int
    frequency: Frequency
    first_due: dt.date
    due: dt.date
    attempt_on: dt.date
    to_account: int | None = None
    counterparty: str | None = None
    description: str | None = None
    day_rule: DayRule = "following"
    last_due: dt.date | None = None
    count: int | None = None
    retry_days: int = 3
    catch_up: bool = False
    status: Status = "active"
    number: int = 0
    tries: int = 0

    @property
    def is_over(self) -> bool:
        return self.status in ("cancelled", "finished")


# --- Events: their tags are on disk for ever.


class OrderFact(Fact, frozen=True, kw_only=True, omit_defaults=True):
    order: Order


@stored_as("standing-order.created.1")
class Created(OrderFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("standing-order.changed.1")
class Changed(OrderFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("standing-order.paused.1")
class Paused(OrderFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("standing-order.resumed.1")
class Resumed(OrderFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("standing-order.cancelled.1")
class Cancelled(OrderFact, frozen=True, kw_only=True, omit_defaults=True):
    why: str | None = None


class Outcome(OrderFact, frozen=True, kw_only=True, omit_defaults=True):
    """What became of the due date `due`."""

    due: dt.date


@stored_as("standing-order.executed.1")
class Executed(Outcome, frozen=True, kw_only=True, omit_defaults=True):
    """The movement of the account stands in the same transaction."""

    amount: int


@stored_as("standing-order.failed.1")
class Failed(Outcome, frozen=True, kw_only=True, omit_defaults=True):
    """It will be tried again."""

    why: str


@stored_as("standing-order.skipped.1")
class Skipped(Outcome, frozen=True, kw_only=True, omit_defaults=True):
    """It will not be tried again."""

    why: str


# --- State


class StandingOrder(msgspec.Struct, frozen=True):
    order_id: int
    order: Order
    version: int


def stream_of(order_id: int) -> str:
    return f"standing-order-{order_id}"


def restore(order_id: int, newest: OrderFact, version: int) -> StandingOrder:
    return StandingOrder(order_id, newest.order, version)


def found(state: StandingOrder | None, order_id: int) -> StandingOrder:
    if state is None:
        raise StandingOrderNotFound(standing_order_id=order_id)
    return state


def due_date(frequency: Frequency, first_due: dt.date, number: int) -> dt.date:
    """The due date after `number` others. The anchor day is kept: 31 January, 28 February, 31 March."""
    if frequency == "weekly":
        return first_due + dt.timedelta(weeks=number)
    return add_months(first_due, MONTHS[frequency] * number)


# --- Decisions


def create(order: Order, days: Calendar) -> list[OrderFact]:
    """The first due date comes first, on a business day."""
    placed = _with(
        order, due=order.first_due, attempt_on=days.moved(order.first_due, order.day_rule)
    )
    return [Created(order=placed)]


def change(state: StandingOrder, **changed: Any) -> list[OrderFact]:
    """Another amount, end, description or patience, from the next attempt on."""
    _check_not_over(state)
    order = _with(state.order, **changed)
    return [] if order == state.order else [Changed(order=_ended(order))]


def pause(state: StandingOrder) -> list[OrderFact]:
    _check_not_over(state)
    if state.order.status == "paused":
        return []
    return [Paused(order=_with(state.order, status="paused"))]


def resume(state: StandingOrder, days: Calendar, today: dt.date) -> list[OrderFact]:
    """It goes on with the first due date from today; those that passed meanwhile are not made up."""
    _check_not_over(state)
    if state.order.status == "active":
        return []
    order = state.order
    while order.due < today and not order.is_over:
        order = _advanced(order, days)
    return [Resumed(order=order if order.is_over else _with(order, status="active", tries=0))]


def cancel(state: StandingOrder, why: str | None = None) -> list[OrderFact]:
    if state.order.is_over:
        return []
    return [Cancelled(order=_with(state.order, status="cancelled"), why=why)]


def is_due(order: Order, day: dt.date) -> bool:
    return order.status == "active" and order.attempt_on <= day


def overtaken(state: StandingOrder, days: Calendar, day: dt.date) -> list[OrderFact]:
    """Due dates whose next one has come too are skipped, unless they are to be made up for."""
    facts: list[OrderFact] = []
    order = state.order
    while is_due(order, day) and not order.catch_up:
        following = _advanced(order, days)
        if not is_due(following, day):
            break
        facts.append(Skipped(order=following, due=order.due, why="The next one is due already."))
        order = following
    return facts


def executed(state: StandingOrder, days: Calendar) -> list[OrderFact]:
    order = state.order
    return [Executed(order=_advanced(order, days), due=order.due, amount=order.amount)]


def failed(state: StandingOrder, why: str, days: Calendar, day: dt.date) -> list[OrderFact]:
    """Tried again on the next business day, as often as agreed; then skipped."""
    order = state.order
    if order.tries >= order.retry_days:
        return [Skipped(order=_advanced(order, days), due=order.due, why=why)]
    again = _with(order, tries=order.tries + 1, attempt_on=days.following(day + _ONE))
    return [Failed(order=again, due=order.due, why=why)]


def _advanced(order: Order, days: Calendar) -> Order:
    """The order with its next due date to come, or finished."""
    number = order.number + 1
    due = due_date(order.frequency, order.first_due, number)
    attempt_on = days.moved(due, order.day_rule)
    return _ended(_with(order, number=number, due=due, attempt_on=attempt_on, tries=0))


def _ended(order: Order) -> Order:
    is_past = order.last_due is not None and order.due > order.last_due
    if is_past or (order.count is not None and order.number >= order.count):
        return _with(order, status="finished")
    return order


def _with(order: Order, **changed: Any) -> Order:
    return msgspec.structs.replace(order, **changed)


def _check_not_over(state: StandingOrder) -> None:
    if state.order.is_over:
        raise StandingOrderOver(standing_order_id=state.order_id, status=state.order.status)


def active_of(states: Sequence[object]) -> int:
    """How many of these are standing orders that are not over."""
    return sum(isinstance(state, StandingOrder) and not state.order.is_over for state in states)
