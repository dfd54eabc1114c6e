"""The use cases of business days: the end of one begins, and is complete.

Neither is told by an idempotency key but by the state of the days: a run that was refused today, because
the day had not come, may be made tomorrow.
"""

import datetime as dt
from collections.abc import Callable

from application.books import Books, Command, Transaction
from application.commands import Ask, note
from domain import business_days, periods
from domain.business_days import NONE_ENDED, BusinessDayFact, BusinessDays, StepTotals


def begin_end_of_day(ask: Ask, date: dt.date) -> Command:
    """Refused: a day to come, one out of turn, and one in a closed period."""

    def decision(days: BusinessDays, books: Books) -> list[BusinessDayFact]:
        facts = business_days.begin_end(days, date, books.today)
        if facts:
            periods.check_open(books.periods(), date)
        return facts

    return _change(ask, "begin", date, decision)


def complete_end_of_day(ask: Ask, date: dt.date, steps: tuple[StepTotals, ...]) -> Command:
    return _change(
        ask, "complete", date, lambda days, _: business_days.complete_end(days, date, steps)
    )


def _change(
    ask: Ask,
    call: str,
    date: dt.date,
    decision: Callable[[BusinessDays, Books], list[BusinessDayFact]],
) -> Command:
    def decide(books: Books) -> list[Transaction]:
        days = books.state(business_days.STREAM) or NONE_ENDED
        return note(ask, books, business_days.STREAM, decision(days, books))

    request = {"call": f"end-of-day/{call}", "date": date}
    return ask.command(request, (business_days.STREAM, periods.STREAM), decide)
