"""What is held, on any day and as known at any position, through the whole life of holds."""

import datetime as dt
from decimal import Decimal

import pytest

from application import clock, holds
from application.books import Command
from application.commands import NO_DETAILS
from readmodels.accounts import account
from readmodels.balances import balance
from readmodels.holds import HoldRow, hold
from readmodels.holds import holds as holds_of
from readmodels.moments import Moment
from tests.bank import Bank, ask, deposit
from tests.readmodels.asking import booked, project, read

IN_TWO_DAYS = dt.timedelta(days=2)


class Held:
    """One account with 100.00: a hold of 40 for two days, one of 20 settled in parts, one released."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        self.now = clock.now()
        with Bank(conninfo) as bank:
            bank.with_accounts({1: 100})
            self.positions: dict[str, int] = {}

            def done(name: str, command: Command) -> None:
                position = bank.submit(command).position
                assert position is not None, name
                self.positions[name] = position

            done("placed", self.place(1, 40, self.now + IN_TWO_DAYS))
            done("second", self.place(2, 20, None))
            done("third", self.place(3, 10, None))
            part = holds.settle_hold(ask(), 1, 2, Decimal(5), NO_DETAILS, keep_rest=True)
            done("part", part)
            done("released", holds.release_hold(ask(), 1, 3))
            done("rest", holds.settle_hold(ask(), 1, 2, None, NO_DETAILS))
        project(conninfo)

    def place(self, hold_id: int, euros: int, until: dt.datetime | None) -> Command:
        return holds.place_hold(
            ask(),
            1,
            hold_id,
            Decimal(euros),
            expires_at=until,
            counterparty="a shop",
            description="a bicycle",
        )

    def standing(self, name: str, days_on: int = 0) -> tuple[int, int, int]:
        """Booked, held and available, as known after a step, at the end of a day from today on."""
        position = self.positions[name]
        day = self.now.date() + dt.timedelta(days_on)
        row = read(self.conninfo, lambda c: balance(c, 1, Moment(day, position, position)))
        assert row is not None
        return row.balance, row.held, row.available

    def hold(self, hold_id: int, after: dt.timedelta = dt.timedelta()) -> HoldRow:
        row = read(self.conninfo, lambda c: hold(c, hold_id, self.now + after))
        assert row is not None
        return row


@pytest.fixture(scope="module")
def held(module_database: str) -> Held:
    return Held(module_database)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("placed", (10000, 4000, 6000)),
        ("third", (10000, 7000, 3000)),
        ("part", (9500, 6500, 3000)),
        ("released", (9500, 5500, 4000)),
        ("rest", (8000, 4000, 4000)),
    ],
)
def test_what_is_held_is_what_was_known_to_be(
    held: Held, name: str, expected: tuple[int, int, int]
) -> None:
    assert held.standing(name) == expected


def test_a_hold_runs_out_on_its_day_although_no_event_says_so(held: Held) -> None:
    by_day = [held.standing("rest", days) for days in (-1, 0, 1, 2, 3)]

    assert by_day == [
        (0, 0, 0),
        (8000, 4000, 4000),
        (8000, 4000, 4000),
        (8000, 0, 8000),
        (8000, 0, 8000),
    ]


def test_a_hold_tells_how_it_stands(held: Held) -> None:
    first, late = held.hold(1), held.hold(1, IN_TWO_DAYS)

    assert (first.status, first.remaining, first.amount) == ("active", 4000, 4000)
    assert (first.account_id, first.counterparty, first.currency) == (1, "a shop", "EUR")
    assert (late.status, late.remaining) == ("expired", 0)
    assert (held.hold(2).status, held.hold(2).remaining) == ("settled", 0)
    assert held.hold(3).status == "released"
    assert read(held.conninfo, lambda c: hold(c, 9, held.now)) is None


def test_holds_are_listed_with_what_is_left_of_them(held: Held) -> None:
    known = held.positions["part"]
    moment = Moment(held.now.date(), known, known, held.now)

    rows = read(held.conninfo, lambda c: holds_of(c, 1, moment))

    assert [(row.hold_id, row.remaining) for row in rows] == [(1, 4000), (2, 1500), (3, 1000)]
    assert rows[0].description == "a bicycle"


def test_an_account_that_nobody_touches_holds_nothing_any_more_when_time_is_up(held: Held) -> None:
    now = read(held.conninfo, lambda c: account(c, 1, now=held.now))
    later = read(held.conninfo, lambda c: account(c, 1, now=held.now + IN_TWO_DAYS))

    assert now is not None
    assert later is not None
    assert (now.held, now.available) == (4000, 4000)
    assert (later.held, later.available) == (0, 8000)


def test_what_lapses_in_a_late_entry_was_held_until_its_own_time(database: str) -> None:
    """The event that says so is booked on the late entry's day, before the hold was placed."""
    with Bank(database) as bank:
        bank.with_accounts({1: 100})
        soon = clock.now() + dt.timedelta(milliseconds=300)
        bank.submit(
            holds.place_hold(
                ask(), 1, 1, Decimal(30), expires_at=soon, counterparty=None, description=None
            )
        )
        while clock.now() <= soon:
            pass
        bank.submit(booked(1, 5, 3))
        bank.submit(deposit(1, 1))
        events = [r for r in bank.log() if r.event.fact.TAG == "account.hold-expired.1"]
    project(database)
    today, head = clock.now().date(), events[0].position
    at_the_time = Moment(today, head, head, soon - dt.timedelta(milliseconds=1))

    before = read(database, lambda c: balance(c, 1, at_the_time))
    after = read(database, lambda c: balance(c, 1, Moment(today, head, head, soon)))

    assert events[0].event.booking_date < today
    assert before is not None
    assert after is not None
    assert (before.held, after.held) == (3000, 0)
