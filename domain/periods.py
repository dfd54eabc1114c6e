"""Accounting periods: the calendar months of the bank's books, all in one stream.

A period is open until two different people have closed it. A closed period takes no booking; it can be
opened again, and both stay visible for ever. The seal of a closed period carries its trial balance and
the hash of it. Every fact carries which periods are closed after it, and who has asked to close which.
"""

import calendar
import datetime as dt
import re
from typing import Any, Final

import msgspec

from domain.actors import is_same_person
from domain.facts import Fact, stored_as
from domain.refusals import (
    PeriodAlreadyClosed,
    PeriodClosed,
    PeriodNotClosed,
    PeriodNotOver,
    SamePerson,
    UnknownPeriod,
)

STREAM: Final = "ledger-periods"
_NAME: Final = re.compile(r"((?:19|20|21)\d\d)-(0[1-9]|1[0-2])")


# --- Events: their tags are on disk for ever.


class PeriodFact(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """`closed` and `asked` (period and maker) are what stands after it."""

    period: str
    closed: tuple[str, ...] = ()
    asked: tuple[tuple[str, str], ...] = ()
    sealed: tuple[str, ...] = ()


@stored_as("period.close-asked.1")
class CloseAsked(PeriodFact, frozen=True, kw_only=True, omit_defaults=True):
    """The first of the two who close it."""

    maker: str


@stored_as("period.closed.1")
class Closed(PeriodFact, frozen=True, kw_only=True, omit_defaults=True):
    maker: str
    checker: str


@stored_as("period.year-ended.1")
class YearEnded(PeriodFact, frozen=True, kw_only=True, omit_defaults=True):
    """Its entry takes every income and expense account to retained earnings."""


@stored_as("period.sealed.1")
class Sealed(PeriodFact, frozen=True, kw_only=True, omit_defaults=True):
    """The trial balance at the end of the period, as known at a position, and its hash.

    `trial_balance` is canonical JSON; `sha256` is the hash of that text in hexadecimal.
    """

    known_at: int
    trial_balance: str
    sha256: str


@stored_as("period.reopened.1")
class Reopened(PeriodFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


# --- State


class Periods(msgspec.Struct, frozen=True):
    """Which periods are closed. All others are open."""

    closed: tuple[str, ...] = ()
    asked: tuple[tuple[str, str], ...] = ()
    sealed: tuple[str, ...] = ()
    version: int = 0


NONE_CLOSED: Final = Periods()


def name_of(date: dt.date) -> str:
    """The period in whose books a date falls: `2026-03`."""
    return f"{date.year:04}-{date.month:02}"


def last_day(name: str) -> dt.date:
    match = _NAME.fullmatch(name)
    if match is None:
        raise UnknownPeriod(period=name)
    year, month = int(match[1]), int(match[2])
    return dt.date(year, month, calendar.monthrange(year, month)[1])


def restore(_: int, newest: PeriodFact, version: int) -> Periods:
    return Periods(newest.closed, newest.asked, newest.sealed, version)


def first_open_day(periods: Periods, date: dt.date) -> dt.date:
    """The first day from `date` on whose books are open."""
    while name_of(date) in periods.closed:
        date = last_day(name_of(date)) + dt.timedelta(days=1)
    return date


def check_open(periods: Periods | None, booking_date: dt.date) -> None:
    """Refused: a booking date in a closed period."""
    if periods is not None and name_of(booking_date) in periods.closed:
        raise PeriodClosed(
            period=name_of(booking_date), first_open_day=first_open_day(periods, booking_date)
        )


# --- Decisions


def close(periods: Periods, name: str, by: str, today: dt.date) -> list[PeriodFact]:
    """The first call asks, the second, by another person, closes. Asking again is nothing new."""
    if last_day(name) >= today:
        raise PeriodNotOver(period=name, last_day=last_day(name))
    if name in periods.closed:
        raise PeriodAlreadyClosed(period=name)
    maker = dict(periods.asked).get(name)
    others = tuple(pair for pair in periods.asked if pair[0] != name)
    if maker is None:
        return [_fact(CloseAsked, periods, name, asked=(*others, (name, by)), maker=by)]
    if is_same_person(maker, by):
        raise SamePerson(action=f"close the period {name}")
    closed = tuple(sorted((*periods.closed, name)))
    return [_fact(Closed, periods, name, closed=closed, asked=others, maker=maker, checker=by)]


def end_year(periods: Periods, name: str) -> list[PeriodFact]:
    """The year's last period was closed: its result goes to retained earnings. Once."""
    _check_closed(periods, name)
    return [] if name in periods.sealed else [_fact(YearEnded, periods, name)]


def seal(
    periods: Periods, name: str, *, known_at: int, trial_balance: str, sha256: str
) -> list[PeriodFact]:
    """Keep the trial balance of a closed period. The second call is nothing new."""
    _check_closed(periods, name)
    if name in periods.sealed:
        return []
    sealed = tuple(sorted((*periods.sealed, name)))
    return [
        _fact(
            Sealed,
            periods,
            name,
            sealed=sealed,
            known_at=known_at,
            trial_balance=trial_balance,
            sha256=sha256,
        )
    ]


def reopen(periods: Periods, name: str) -> list[PeriodFact]:
    """It takes bookings again, until two people close it anew."""
    last_day(name)
    _check_closed(periods, name)
    return [
        _fact(
            Reopened,
            periods,
            name,
            closed=tuple(each for each in periods.closed if each != name),
            sealed=tuple(each for each in periods.sealed if each != name),
        )
    ]


def _check_closed(periods: Periods, name: str) -> None:
    if name not in periods.closed:
        raise PeriodNotClosed(period=name)


def _fact(kind: type[PeriodFact], periods: Periods, name: str, **changed: Any) -> PeriodFact:
    standing = {"closed": periods.closed, "asked": periods.asked, "sealed": periods.sealed}
    return kind(period=name, **{**standing, **changed})
