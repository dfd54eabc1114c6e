"""Two accounts of a customer that live through anything, and the moments at which they can be asked."""

import datetime as dt
import itertools
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any, TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application import accounts, clock, corrections, holds
from application.books import Command
from readmodels.moments import Moment
from readmodels.reading import Connection
from tests.bank import Bank, ask, open_account, register
from tests.readmodels.asking import booked, details, project, read

DAYS = 8
CATEGORIES = [None, "food", "rent"]
TAGS: list[tuple[str, ...]] = [(), ("a",), ("a", "b")]
CALLS = [
    *(["move"] * 4 + ["transfer", "transfer", "reverse", "reverse", "reverse part"]),
    *("hold", "hold", "settle", "settle part", "release", "label", "tag"),
    *("limit", "sleep", "pay", "fee", "interest", "adjust"),
]
# A hold that runs out at once, tomorrow, and never.
LIVES = [dt.timedelta(milliseconds=20), dt.timedelta(hours=30), None]
moves = st.tuples(
    st.sampled_from(CALLS),
    st.integers(0, 1),
    st.integers(-30, 40).filter(bool),
    # How many days late; the days themselves go on from move to move.
    st.sampled_from([0, 0, 0, 1, 2, 4]),
    st.sampled_from(CATEGORIES),
    # How many days the value date is from the booking date.
    st.sampled_from([None, None, -3, -1, 0, 2, 9]),
)
histories = st.tuples(st.lists(moves, max_size=25), st.integers(1, 9))
users = itertools.count(100)
account_ids = itertools.count(1000, 10)
hold_ids = itertools.count(1)
settled = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
few = settings(settled, max_examples=15)


class History:
    """Two fresh accounts of a fresh customer that lived through some moves, projected.

    What else a law needs by chance, such as what it asks about, it draws.
    """

    def __init__(
        self, bank: Bank, lived: list[tuple[Any, ...]], batch_events: int, data: st.DataObject
    ) -> None:
        self.bank = bank
        self.draw = data.draw
        self.user_id, first = next(users), next(account_ids)
        self.numbers = (first, first + 1)
        self.begin = len(bank.log())
        self.holds: list[tuple[int, int]] = []
        self.today = clock.now().date()
        bank.submit(register(self.user_id))
        long_ago = self.today - dt.timedelta(30)
        for number in self.numbers:
            bank.submit(open_account(number, user_id=self.user_id, opened_on=long_ago))
            bank.submit(accounts.change_overdraft_limit(ask(), number, Decimal(50)))
        for number, (call, which, amount, late, category, drift) in enumerate(lived):
            days = (DAYS - 4) * (len(lived) - 1 - number) // len(lived) + late
            command = self._command(call, which, amount, days, category, drift)
            if command is not None:
                # A refused move is a move too: it leaves nothing behind.
                bank.submit(command)
        project(bank.conninfo, batch_events=batch_events)
        self.log = bank.log()
        self.positions = range(self.begin, len(self.log) + 1)
        self.days = [self.today - dt.timedelta(days) for days in range(-1, DAYS + 1)]

    def _command(
        self, call: str, which: int, amount: int, days: int, category: Any, drift: int | None
    ) -> Command | None:
        own, other, euros = self.numbers[which], self.numbers[1 - which], Decimal(abs(amount))
        said: dict[str, Any] = {"category": category}
        if drift is not None:
            said["value_date"] = self.today + dt.timedelta(drift - days)
        at = details(days, **said)
        match call:
            case "move":
                return booked(own, amount, days, description=f"{amount}%_\\", **said)
            case "transfer":
                return accounts.transfer(ask(), own, other, euros, at)
            case "pay":
                return accounts.send_payment(ask(), own, euros, at, f"shop {which}")
            case "fee":
                return accounts.charge_fee(ask(), own, euros, at)
            case "interest":
                credit = accounts.credit_interest if amount > 0 else accounts.charge_interest
                return credit(ask(), own, euros, at)
            case "adjust":
                adjust = accounts.credit_adjustment if amount > 0 else accounts.debit_adjustment
                return adjust(ask(), own, euros, at)
            case "limit":
                return accounts.change_overdraft_limit(ask(), own, Decimal(50 + amount))
            case "sleep":
                return accounts.make_dormant(ask(), own, "no sign of life")
            case "hold":
                return self._hold(own, amount)
            case "settle" | "settle part" | "release":
                return self._after_a_hold(call, amount, days)
            case _:
                return self._correction(call, amount, days, category)

    def _hold(self, number: int, amount: int) -> Command:
        hold_id, life = next(hold_ids), LIVES[amount % 3]
        self.holds.append((number, hold_id))
        return holds.place_hold(
            ask(),
            number,
            hold_id,
            Decimal(abs(amount)),
            expires_at=None if life is None else clock.now() + life,
            counterparty="a shop",
            description=None,
        )

    def _after_a_hold(self, call: str, amount: int, days: int) -> Command | None:
        if not self.holds:
            return None
        number, hold_id = self.holds[amount % len(self.holds)]
        if call == "release":
            return holds.release_hold(ask(), number, hold_id)
        part = Decimal(abs(amount)) / 10 if call == "settle part" else None
        return holds.settle_hold(
            ask(), number, hold_id, part, details(days), keep_rest=amount % 2 == 0
        )

    def _correction(self, call: str, amount: int, days: int, category: Any) -> Command | None:
        moved = [r for r in self.bank.log()[self.begin :] if r.event.entry]
        if not moved:
            return None
        # Few are labelled, so that some are labelled again and again.
        choices = min(len(moved), 2) if call in ("label", "tag") else len(moved)
        wanted = moved[amount % choices].event.transaction_id
        original = [r for r in moved if r.event.transaction_id == wanted]
        if call == "label":
            return corrections.categorise(ask(), original, category)
        if call == "tag":
            return corrections.tag(ask(), original, TAGS[amount % 3])
        part = Decimal(abs(amount)) / 4 if call == "reverse part" else None
        return corrections.reverse(ask(), original, details(days), part)

    def moments(self) -> Iterator[Moment]:
        head = len(self.log)
        for known_at in self.positions:
            for day in self.days:
                yield Moment(day, known_at, head)


Law: TypeAlias = Callable[[Connection, History], Awaitable[None]]


def of_any_history(rounds: settings = settled) -> Callable[[Law], Callable[..., None]]:
    """A test of the law: it is asked on a connection about two accounts that lived through anything."""

    def test_of(law: Law) -> Callable[..., None]:
        def test(bank: Bank, lived: tuple[list[Any], int], data: st.DataObject) -> None:
            history = History(bank, *lived, data)
            read(bank.conninfo, lambda connection: law(connection, history))

        # What failed once is remembered, and tried first, under the name of its law.
        test.__name__, test.__qualname__ = law.__name__, law.__qualname__
        return rounds(given(histories, st.data())(test))

    return test_of
