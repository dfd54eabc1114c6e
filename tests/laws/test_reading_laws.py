"""What is read as of any day, as known at any position, is what the whole log says."""

import itertools
from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import strategies as st

from application import clock
from ledger.journal import Recorded
from readmodels import account_lines, balances, holds, journal, transactions
from readmodels.accounts import account
from readmodels.moments import Moment
from readmodels.reading import Connection
from readmodels.transaction_filters import Filters
from readmodels.trial_balance import trial_balance
from tests.bank import Bank, register, transfer
from tests.laws import naive_reading as naive
from tests.laws.histories import CATEGORIES, History, of_any_history
from tests.readmodels.asking import project, read


@pytest.fixture(scope="module")
def bank(module_database: str) -> Iterator[Bank]:
    with Bank(module_database) as bank:
        bank.submit(register(1))
        yield bank


@of_any_history()
async def test_a_balance_at_any_moment_is_what_the_log_says(
    connection: Connection, history: History
) -> None:
    for moment, number in itertools.product(history.moments(), history.numbers):
        row = await balances.balance(connection, number, moment)
        found = None if row is None else (row.balance, row.held, row.available)
        assert found == naive.balance(history.log, number, moment), (number, moment)
    now = moment_of_now(history.log)
    for number in history.numbers:
        stands = await account(connection, number, now=now.now)
        row = await balances.balance(connection, number, now)
        assert stands is not None
        assert row is not None
        assert (stands.balance, stands.held, stands.available) == (
            row.balance,
            row.held,
            row.available,
        )


@of_any_history()
async def test_a_balance_by_value_date_is_of_the_lines_that_count_by_then(
    connection: Connection, history: History
) -> None:
    for moment, number in itertools.product(history.moments(), history.numbers):
        row = await balances.balance(connection, number, moment, basis="value")
        found = None if row is None else row.balance
        assert found == naive.value_balance(history.log, number, moment), (number, moment)


@of_any_history()
async def test_holds_at_any_moment_are_those_placed_and_not_over_with_what_is_left_of_them(
    connection: Connection, history: History
) -> None:
    moments = [m for m in history.moments() if m.as_of >= history.today]
    # The day may be over at the end of it, or now.
    asked = [msgspec.structs.replace(m, now=clock.now()) for m in moments]
    for moment, number in itertools.product([*moments, *asked], history.numbers):
        rows = await holds.holds(connection, number, moment)
        found = {row.hold_id: row.remaining for row in rows}
        assert found == naive.holds(history.log, number, moment), (number, moment)


@of_any_history()
async def test_lines_at_any_moment_and_page_by_page_are_what_the_log_says(
    connection: Connection, history: History
) -> None:
    asked = history.draw(
        st.lists(st.sampled_from(list(history.moments())), min_size=12, max_size=12)
    )

    moments = [*asked, moment_of_now(history.log)]
    for moment, number in itertools.product(moments, history.numbers):
        found = []
        before = None
        while page := await account_lines.lines(connection, number, moment, limit=3, before=before):
            found += page
            before = (page[-1].booking_date, page[-1].position)
        shown = [
            naive.Line(row.booking_date, row.position, row.amount, row.balance) for row in found
        ]
        assert shown == naive.lines(history.log, number, moment.as_of, moment.known_at)
        for row in found:
            event = history.log[row.position - 1].event
            labels = naive.labels(history.log, event, moment.known_at)
            assert (row.category, tuple(row.tags)) == labels


@of_any_history()
async def test_filtered_transactions_at_any_moment_and_page_by_page_are_what_the_log_says(
    connection: Connection, history: History
) -> None:
    asked = history.draw(st.lists(st.sampled_from(list(history.moments())), min_size=4, max_size=6))
    day = st.none() | st.none() | st.sampled_from(history.days)
    filters = st.builds(
        Filters,
        account_id=st.none() | st.sampled_from(history.numbers),
        category=st.sampled_from([*CATEGORIES, None, None]),
        tag=st.sampled_from([None, None, None, "a", "b"]),
        amount_min=st.none() | st.none() | st.decimals(0, 30, places=3),
        amount_max=st.none() | st.none() | st.decimals(10, 40, places=3),
        booked_from=day,
        booked_to=day,
        status=st.sampled_from([None, None, None, "completed", "reversed"]),
        text=st.sampled_from([None, None, None, None, "%_\\", "1%", "2"]),
    )
    customer = st.sampled_from([None, history.user_id, history.user_id])
    wanted = history.draw(st.lists(st.tuples(customer, filters), min_size=5, max_size=5))

    for moment, (user_id, chosen) in itertools.product(asked, wanted):
        found: list[tuple[int, str, int | None, str | None, list[str]]] = []
        before = None
        while page := await transactions.history(
            connection, user_id=user_id, filters=chosen, moment=moment, limit=2, before=before
        ):
            found += [
                (r.transaction_id, r.status, r.reversed_amount, r.category, r.tags) for r in page
            ]
            before = page[-1].transaction_id
        assert found == expected_history(history, user_id, chosen, moment), (chosen, moment)


@of_any_history()
async def test_a_trial_balance_at_any_moment_is_that_of_the_entries_known_and_its_sums_are_equal(
    connection: Connection, history: History
) -> None:
    for moment in list(history.moments())[::5]:
        found = await trial_balance(connection, moment)
        assert found == naive.trial(history.log, moment.as_of, moment.known_at)
        assert sum(line.debits for line in found) == sum(line.credits for line in found)


@of_any_history()
async def test_the_journal_holds_every_entry_of_the_log(
    connection: Connection, history: History
) -> None:
    own = [r for r in history.log if r.originator_id == f"account-{history.numbers[0]}"]

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


def test_sums_over_runs_and_an_unfinished_run_make_one_trial_balance(database: str) -> None:
    with Bank(database) as bank:
        bank.with_accounts({1: 100, 2: 100})
        for _ in range(17):
            bank.submit_all([transfer(1 + n % 2, 2 - n % 2, 1) for n in range(500)])
        project(database, batch_events=1000)
        log = bank.log()
    today = clock.now().date()

    async def compare(connection: Connection) -> None:
        for known_at in (1, 1023, 1024, 1025, 4096, 16382, 16383, 16384, 16385, len(log)):
            found = await trial_balance(connection, Moment(today, known_at, len(log)))
            assert found == naive.trial(log, today, known_at), known_at

    read(database, compare)
    with psycopg.connect(database) as connection:
        runs = connection.execute(
            "SELECT level, count(DISTINCT run) FROM readmodels.ledger_totals GROUP BY 1 ORDER BY 1"
        )
        assert runs.fetchall() == [(0, 17), (1, 1)]


def moment_of_now(log: list[Recorded]) -> Moment:
    now = clock.now()
    return Moment(now.date(), len(log), len(log), now)


def posting_of(posting: Any) -> tuple[int, int, int]:
    debit = posting.amount if posting.side == "D" else 0
    return posting.ledger_account, debit, posting.amount - debit


def expected_history(
    history: History, user_id: int | None, filters: Filters, moment: Moment
) -> list[tuple[int, str, int | None, str | None, list[str]]]:
    chosen: tuple[int, ...] | None = None if user_id is None else history.numbers
    if filters.account_id is not None:
        chosen = (filters.account_id,)
    found = []
    told = naive.history(history.log, chosen, moment.as_of, moment.known_at)
    for number, status, back, event in told:
        category, tags = naive.labels(history.log, event, moment.known_at)
        if (
            filters.category in (None, category)
            and (filters.tag is None or filters.tag in tags)
            and filters.status in (None, status)
            and (filters.text is None or filters.text in (event.description or ""))
            and (filters.amount_min is None or event.fact.amount >= 100 * filters.amount_min)
            and (filters.amount_max is None or event.fact.amount <= 100 * filters.amount_max)
            and (filters.booked_from is None or event.booking_date >= filters.booked_from)
            and (filters.booked_to is None or event.booking_date <= filters.booked_to)
        ):
            found.append((number, status, back, category, list(tags)))
    return found
