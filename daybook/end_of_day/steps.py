"""What a step of the end of day is: it reads what is due from the read models, and asks for it.

A step yields commands. Each is under a key that follows from the day, the step and whom it is about,
`end-of-day/2026-03-31/interest/account-17`, so that however often a day is run, each is done once; and
its request is the same each time, so that what was refused is refused again. What is done no longer
stands among what is due, so a run that goes on asks for the rest alone.
"""

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import msgspec

from application.books import Answer, Command, Posted
from application.commands import SYSTEM, Ask, Details
from domain.banking_calendar import Calendar
from domain.refusals import Refused
from ledger.chart_of_accounts import TRANSFERS_IN_TRANSIT
from readmodels.reading import PAGE_MAX, Connection

_ENCODER: Final = msgspec.json.Encoder()


class Outcome(msgspec.Struct, omit_defaults=True):
    """What an item answers, and its key keeps: minor units moved by currency, or why it was refused."""

    moved: dict[str, int] = {}
    refused: str | None = None


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """A business day as a step sees it.

    `known_at` is the position at which the views stood when the step began, and all of it is read up
    to there or later; `instant` is the end of the day, or now where that is earlier.
    """

    date: dt.date
    step: str
    connection: Connection
    known_at: int
    instant: dt.datetime
    calendar: Calendar

    @property
    def details(self) -> Details:
        """For what is booked: into the books of this day, whenever it is run."""
        return Details(booking_date=self.date, reason=f"end of day {self.date}")

    def ask(self, subject: str) -> Ask:
        """Who asks for an item: `subject` is what it is about, as in `account-17`, once a step."""
        return ask(f"{prefix_of(self.date, self.step)}{subject}")

    async def pages(self, query: str, **parameters: Any) -> AsyncIterator[list[tuple[Any, ...]]]:
        """The rows of a query in pages, by its first column, which is a number that grows.

        The query has `%(after)s`, below that column, and `%(limit)s`; `%(date)s`, `%(known_at)s` and
        `%(instant)s` are those of the day.
        """
        after = 0
        while True:
            found = await self.connection.execute(
                query,
                {
                    "date": self.date,
                    "known_at": self.known_at,
                    "instant": self.instant,
                    **parameters,
                    "after": after,
                    "limit": PAGE_MAX,
                },
            )
            rows = await found.fetchall()
            if rows:
                yield rows
                after = rows[-1][0]
            if len(rows) < PAGE_MAX:
                return

    async def rows(self, query: str, **parameters: Any) -> AsyncIterator[tuple[Any, ...]]:
        """The same, row by row."""
        async for page in self.pages(query, **parameters):
            for row in page:
                yield row


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """`name` stands in keys and events for ever. `due` yields the commands, in any order.

    `count` answers about how many there are, for whoever watches.
    """

    name: str
    due: Callable[[Day], AsyncIterator[Command]]
    count: Callable[[Day], Awaitable[int]] | None = None


def ask(key: str | None = None) -> Ask:
    """The program asks, and is answered an `Outcome`."""
    return Ask(SYSTEM, _answer, _refuse, key)


def prefix_of(date: dt.date, step: str) -> str:
    """How the keys of a step's items begin."""
    return f"end-of-day/{date}/{step}/"


def _answer(posted: list[Posted]) -> Answer:
    """What went through the transfers in transit is counted once, where it arrives."""
    moved: dict[str, int] = {}
    for one in posted:
        for draft in one.transaction.drafts:
            for posting in draft.entry:
                if posting.side == "D" and posting.ledger_account != TRANSFERS_IN_TRANSIT:
                    moved[posting.currency] = moved.get(posting.currency, 0) + posting.amount
    return Answer(201 if posted else 200, _ENCODER.encode(Outcome(moved=moved)))


def _refuse(refusal: Refused) -> Answer:
    return Answer(409, _ENCODER.encode(Outcome(refused=str(refusal))))
