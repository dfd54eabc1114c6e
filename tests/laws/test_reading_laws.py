"""What is read as of any day, as known at any position, is what the whole log says."""

import datetime as dt
import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application import accounts, clock, corrections
from ledger.journal import Recorded
from readmodels import account_lines, balances, journal, transactions
from readmodels.accounts import account
from readmodels.moments import Moment
from readmodels.reading import Connection
from readmodels.transaction_filters import Filters
from readmodels.trial_balance import trial_balance
from tests.bank import Bank, ask, open_account, register, transfer
from tests.laws import naive_reading as naive
from tests.readmodels.asking import booked, details, project, read

DAYS = 8
CATEGORIES = [None, "food", "rent"]
numbers = st.integers(0, 1)
moves = st.tuples(
    st.sampled_from(
        ["move"] * 4 + ["transfer", "transfer", "reverse", "reverse", "limit", "sleep"]
    ),
    numbers,
    st.integers(-30, 40).filter(bool),
    # How many days late; the days themselves go on from move to move.
    st.sampled_from([0, 0, 0, 1, 2, 4]),
    st.sampled_from(CATEGORIES),
)
users = itertools.count(100)
account_ids = itertools.count(1000, 10)
settled = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def bank(module_database: str) -> Iterator[Bank]:
    with Bank(module_database) as bank:
        bank.submit(register(1))
        yield bank


class History:
    """Two fresh accounts of a fresh customer that lived through some moves, projected."""

    def __init__(self, bank: Bank, lived: list[tuple[Any, ...]], batch_events: int) -> None:
        self.user_id, first = next(users), next(account_ids)
        self.numbers = (first, first + 1)
        begin = len(bank.log())
        bank.submit(register(self.user_id))
        for number in self.numbers:
            bank.submit(open_account(number, user_id=self.user_id))
            bank.submit(accounts.change_overdraft_limit(ask(), number, Decimal(50)))
        for number, (kind, which, amount, late, category) in enumerate(lived):
            on_time = (DAYS - 4) * (len(lived) - 1 - number) // len(lived)
            self._live(bank, begin, kind, which, amount, on_time + late, category)
        project(bank.conninfo, batch_events=batch_events)
        self.log = bank.log()
        self.positions = range(begin, len(self.log) + 1)
        today = clock.now().date()
        self.days = [today - dt.timedelta(days) for days in range(DAYS + 1)]

    def _live(
        self, bank: Bank, begin: int, kind: str, which: int, amount: int, days: int, category: Any
    ) -> None:
        """A refused move is a move too: it leaves nothing behind."""
        own, other = self.numbers[which], self.numbers[1 - which]
        if kind == "move":
            command = booked(own, amount, days, category=category, description=f"{amount}%_\\")
        elif kind == "transfer":
            command = accounts.transfer(ask(), own, other, Decimal(abs(amount)), details(days))
        elif kind == "limit":
            command = accounts.change_overdraft_limit(ask(), own, Decimal(50 + amount))
        elif kind == "sleep":
            command = accounts.make_dormant(ask(), own, "no sign of life")
        else:
            moved = [r for r in bank.log()[begin:] if r.event.entry]
            if not moved:
                return
            wanted = moved[amount % len(moved)].event.transaction_id
            original = [r for r in moved if r.event.transaction_id == wanted]
            command = corrections.reverse(ask(), original, details(days))
        bank.submit(command)

    def moments(self) -> Iterator[Moment]:
        head = len(self.log)
        for known_at in self.positions:
            for day in self.days:
                yield Moment(day, known_at, head)


histories = st.tuples(st.lists(moves, max_size=20), st.integers(1, 9))


@given(histories)
@settled
def test_a_balance_at_any_moment_is_what_the_log_says(
    bank: Bank, lived: tuple[list[Any], int]
) -> None:
    history = History(bank, *lived)

    async def compare(connection: Connection) -> None:
        for moment in history.moments():
            for number in history.numbers:
                row = await balances.balance(connection, number, moment)
                found = None if row is None else (row.balance, row.available)
                expected = naive.balance(history.log, number, moment.as_of, moment.known_at)
                assert found == expected, (number, moment)
        for number in history.numbers:
            now = await account(connection, number)
            row = await balances.balance(connection, number, moment_of_now(history.log))
            assert now is not None
            assert row is not None
            assert (now.balance, now.available) == (row.balance, row.available)

    read(bank.conninfo, compare)


@given(histories, st.data())
@settled
def test_lines_at_any_moment_and_page_by_page_are_what_the_log_says(
    bank: Bank, lived: tuple[list[Any], int], data: st.DataObject
) -> None:
    history = History(bank, *lived)
    asked = data.draw(st.lists(st.sampled_from(list(history.moments())), min_size=12, max_size=12))

    async def compare(connection: Connection) -> None:
        for moment in [*asked, moment_of_now(history.log)]:
            for number in history.numbers:
                found = []
                before = None
                while page := await account_lines.lines(
                    connection, number, moment, limit=3, before=before
                ):
                    found += page
                    before = (page[-1].booking_date, page[-1].position)
                shown = [
                    naive.Line(row.booking_date, row.position, row.amount, row.balance)
                    for row in found
                ]
                assert shown == naive.lines(history.log, number, moment.as_of, moment.known_at)

    read(bank.conninfo, compare)


@given(histories, st.data())
@settled
def test_filtered_transactions_at_any_moment_and_page_by_page_are_what_the_log_says(
    bank: Bank, lived: tuple[list[Any], int], data: st.DataObject
) -> None:
    history = History(bank, *lived)
    asked = data.draw(st.lists(st.sampled_from(list(history.moments())), min_size=4, max_size=6))
    day = st.none() | st.sampled_from(history.days)
    filters = st.builds(
        Filters,
        account_id=st.sampled_from([None, None, *history.numbers]),
        category=st.sampled_from([None, None, "food"]),
        amount_min=st.sampled_from([None, None, 1000]),
        amount_max=st.sampled_from([None, None, 3000]),
        booked_from=day,
        booked_to=day,
        status=st.sampled_from([None, None, "completed", "reversed"]),
        text=st.sampled_from([None, None, None, "%_\\", "1%"]),
    )
    customer = st.sampled_from([None, history.user_id, history.user_id])
    wanted = data.draw(st.lists(st.tuples(customer, filters), min_size=5, max_size=5))

    async def compare(connection: Connection) -> None:
        for moment, (user_id, chosen) in itertools.product(asked, wanted):
            found: list[tuple[int, str]] = []
            before = None
            while page := await transactions.history(
                connection, user_id=user_id, filters=chosen, moment=moment, limit=2, before=before
            ):
                found += [(row.transaction_id, row.status) for row in page]
                before = page[-1].transaction_id
            assert found == expected_history(history, user_id, chosen, moment), (chosen, moment)

    read(bank.conninfo, compare)


@given(histories)
@settled
def test_a_trial_balance_at_any_moment_is_that_of_the_entries_known_and_its_sums_are_equal(
    bank: Bank, lived: tuple[list[Any], int]
) -> None:
    history = History(bank, *lived)

    async def compare(connection: Connection) -> None:
        for moment in list(history.moments())[::5]:
            found = await trial_balance(connection, moment)
            assert found == naive.trial(history.log, moment.as_of, moment.known_at)
            assert sum(line.debits for line in found) == sum(line.credits for line in found)

    read(bank.conninfo, compare)


@given(histories)
@settled
def test_the_journal_holds_every_entry_of_the_log(bank: Bank, lived: tuple[list[Any], int]) -> None:
    history = History(bank, *lived)
    own = [r for r in history.log if r.originator_id == f"account-{history.numbers[0]}"]

    async def compare(connection: Connection) -> None:
        entries = await journal.journal(
            connection,
            moment=moment_of_now(history.log),
            account_id=history.numbers[0],
            limit=100,
        )
        found = [
            (e.position, e.recorded_at, [(p.ledger_account, p.debit, p.credit) for p in e.postings])
            for e in entries[::-1]
        ]
        assert found == [
            (r.position, r.event.recorded_at, [posting_of(p) for p in r.event.entry])
            for r in own
            if r.event.entry
        ]

    read(bank.conninfo, compare)


def test_sums_over_runs_and_an_unfinished_run_make_one_trial_balance(database: str) -> None:
    with Bank(database) as bank:
        bank.with_accounts({1: 100, 2: 100})
        for _ in range(5):
            bank.submit_all([transfer(1 + n % 2, 2 - n % 2, 1) for n in range(500)])
        project(database, batch_events=1000)
        log = bank.log()
    today = clock.now().date()

    async def compare(connection: Connection) -> None:
        for known_at in (1, 4094, 4095, 4096, 4097, len(log)):
            found = await trial_balance(connection, Moment(today, known_at, len(log)))
            assert found == naive.trial(log, today, known_at), known_at

    read(database, compare)
    with psycopg.connect(database) as connection:
        runs = connection.execute("SELECT count(DISTINCT run) FROM readmodels.ledger_totals")
        assert runs.fetchone() == (2,)


def moment_of_now(log: list[Recorded]) -> Moment:
    return Moment(clock.now().date(), len(log), len(log))


def posting_of(posting: Any) -> tuple[int, int, int]:
    debit = posting.amount if posting.side == "D" else 0
    return posting.ledger_account, debit, posting.amount - debit


def expected_history(
    history: History, user_id: int | None, filters: Filters, moment: Moment
) -> list[tuple[int, str]]:
    chosen: tuple[int, ...] | None = None if user_id is None else history.numbers
    if filters.account_id is not None:
        chosen = (filters.account_id,)
    found = naive.history(history.log, chosen, moment.as_of, moment.known_at)
    return [
        (number, status)
        for number, status, event in found
        if filters.category in (None, event.category)
        and filters.status in (None, status)
        and (filters.text is None or filters.text in (event.description or ""))
        and (filters.amount_min is None or event.fact.amount >= filters.amount_min)
        and (filters.amount_max is None or event.fact.amount <= filters.amount_max)
        and (filters.booked_from is None or event.booking_date >= filters.booked_from)
        and (filters.booked_to is None or event.booking_date <= filters.booked_to)
    ]
