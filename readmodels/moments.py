"""The moment a question is about: as of a booking date, as known at a position of the log."""

import datetime as dt
from typing import Final

import msgspec

from readmodels.projection import position
from readmodels.reading import Connection

# The last event recorded at or before an instant, and the head of the log.
KNOWN_AT: Final = """
    SELECT coalesce((SELECT least(last_position, first_position
                     + (extract(epoch FROM %(instant)s - recorded_at) * 1000000)::bigint)
              FROM commits WHERE recorded_at <= %(instant)s
             ORDER BY recorded_at DESC, first_position DESC LIMIT 1), 0)
"""
HEAD: Final = """
    SELECT coalesce((SELECT last_position FROM commits
                      ORDER BY last_position DESC LIMIT 1), 0)
"""


class UnanswerableMoment(Exception):
    """No true answer can be given for the moment asked about; the message says why."""


class MomentAhead(UnanswerableMoment):
    """The log has come to `position` and the views have not yet: wait for them and ask again."""

    def __init__(self, wanted: int, head: int) -> None:
        super().__init__(f"The views stand at position {head}, not yet at {wanted}.")
        self.position = wanted


class Moment(msgspec.Struct, frozen=True):
    """Everything booked up to the end of the day `as_of`, among the first `known_at` events.

    `head` is the position the views stood at when the moment was resolved, never below `known_at`.
    `now` is the instant of the question: on a day that is not over, time has run out up to then only.
    """

    as_of: dt.date
    known_at: int
    head: int
    now: dt.datetime | None = None

    @property
    def instant(self) -> dt.datetime:
        """Up to when time has run out at this moment: the end of the day in UTC, or now."""
        tomorrow = self.as_of + dt.timedelta(days=1)
        end = dt.datetime.combine(tomorrow, dt.time(), dt.UTC)
        return end if self.now is None else min(end, self.now)


async def resolve(
    connection: Connection,
    *,
    as_of: dt.date | None,
    known_at: dt.datetime | int | None,
    today: dt.date,
    now: dt.datetime | None = None,
) -> Moment:
    """The moment meant: `as_of` is `today` and `known_at` is the head of the views unless given.

    `now` is the instant of the question, for what ends by time; without it days count as over.

    An instant means the last event recorded at or before it. Raises `UnanswerableMoment` for a
    date after `today`, an instant without a zone and a position outside the log, and `MomentAhead`
    where the log has what is asked for and the views do not hold it yet.
    """
    if as_of is not None and as_of > today:
        raise UnanswerableMoment(f"The date {as_of} is after today, {today}.")
    head = await position(connection)
    if known_at is None:
        return Moment(as_of or today, head, head, now)
    if isinstance(known_at, int):
        known = known_at
        if known > head and known > await _one(connection, HEAD, {}):
            raise UnanswerableMoment(f"The log has not come to position {known}.")
    elif known_at.tzinfo is None:
        raise UnanswerableMoment("An instant needs its offset from UTC.")
    else:
        known = await _one(connection, KNOWN_AT, {"instant": known_at})
    if known < 0:
        raise UnanswerableMoment(f"There is no position {known}.")
    if known > head:
        raise MomentAhead(known, head)
    return Moment(as_of or today, known, head, now)


async def _one(connection: Connection, query: str, parameters: dict[str, dt.datetime]) -> int:
    row = await (await connection.execute(query, parameters)).fetchone()
    assert row is not None, "an aggregate without a row"
    return int(row[0])
