"""Sums over runs of positions are those of what the runs hold, at every level and for every day."""

import datetime as dt
import itertools
from collections.abc import Iterable
from typing import TypeAlias

import psycopg
from hypothesis import given
from hypothesis import strategies as st

from ledger.trial_balance import TrialBalanceLine
from readmodels.fold import Batch
from readmodels.moments import Moment
from readmodels.reading import Connection
from readmodels.trial_balance import (
    LEVEL_BITS,
    LEVELS,
    RUN_BITS,
    LedgerTotal,
    bits_of,
    ledger_totals,
    trial_balance,
    whole_runs,
)
from readmodels.view_tables import LIVE, write
from tests.laws.histories import settled
from tests.readmodels.asking import read

FIRST = dt.date(2019, 12, 28)
# Two whole runs of the third level, and of each level below them more than none.
RUNS = (2 << 3 * LEVEL_BITS) + (3 << 2 * LEVEL_BITS) + (5 << LEVEL_BITS) + 7

# A posting as the sums see it: its run, booking day, ledger account, kind, and its two amounts.
Posted: TypeAlias = tuple[int, int, int, str, int, int]

posted = st.tuples(
    st.integers(0, RUNS - 1) | st.integers(0, 40),
    st.integers(0, 9) | st.integers(0, 900),
    st.sampled_from([1010, 2110]),
    st.sampled_from(["deposit", "fee"]),
    st.integers(0, 50),
    st.integers(0, 50),
)


@given(st.integers(0, (1 << bits_of(LEVELS)) - 1))
@settled
def test_the_whole_runs_before_a_position_lie_side_by_side_from_the_first_on(known_at: int) -> None:
    end = 0
    counts: dict[int, int] = {}
    for level, run in whole_runs(known_at):
        assert run << bits_of(level) == end
        end = run + 1 << bits_of(level)
        counts[level] = counts.get(level, 0) + 1
    left = (known_at >> RUN_BITS) - (end >> RUN_BITS)
    assert 0 <= left < 1 << LEVEL_BITS
    assert all(count < 1 << LEVEL_BITS for count in counts.values())


@given(
    st.lists(posted, max_size=40),
    st.lists(st.integers(1, RUNS), max_size=4),
    st.lists(st.tuples(st.integers(0, RUNS), st.integers(0, 900), st.integers(0, 900)), max_size=8),
)
@settled
def test_totals_at_any_run_and_day_are_those_of_the_postings_known_and_booked(
    module_database: str, lived: list[Posted], cuts: list[int], asked: list[tuple[int, int, int]]
) -> None:
    project(module_database, lived, cuts)
    ends = [(RUNS, 900, 0), *((run + 1, day, day) for run, day, *_ in lived), *asked]

    async def compare(connection: Connection) -> None:
        for run, day, first in ends:
            moment = Moment(day_of(day), run << RUN_BITS, RUNS << RUN_BITS)
            known = [each for each in lived if each[0] < run and each[1] <= day]
            assert await trial_balance(connection, moment) == trial(known), (run, day)
            totals = await ledger_totals(connection, moment, day_of(first))
            assert totals == by_kind(known, first), (run, day, first)

    read(module_database, compare)


def project(conninfo: str, lived: Iterable[Posted], cuts: Iterable[int]) -> None:
    """Have the views sum what was posted, in batches that end where a run does at each of the cuts."""
    with psycopg.connect(conninfo) as connection:
        connection.execute("TRUNCATE readmodels.ledger_totals")
        edges = sorted({0, RUNS, *cuts})
        for begin, end in itertools.pairwise(edges):
            batch = Batch((begin << RUN_BITS) - 1)
            batch.last = (end << RUN_BITS) - 1
            for run, day, account, kind, debit, credit in lived:
                if begin <= run < end:
                    batch.turn_to(run, day_of(day))
                    sums = batch.sums.setdefault((account, "EUR", kind), [0, 0])
                    sums[0] += debit
                    sums[1] += credit
            write(connection, LIVE, batch, ("ledger_totals",))


def day_of(number: int) -> dt.date:
    return FIRST + dt.timedelta(number)


def trial(known: Iterable[Posted]) -> list[TrialBalanceLine]:
    sums: dict[int, list[int]] = {}
    for _, _, account, _, debit, credit in known:
        sums.setdefault(account, [0, 0])
        sums[account][0] += debit
        sums[account][1] += credit
    return [TrialBalanceLine(account, "EUR", *total) for account, total in sorted(sums.items())]


def by_kind(known: Iterable[Posted], first: int) -> list[LedgerTotal]:
    sums: dict[tuple[int, str, bool], list[int]] = {}
    for _, day, account, kind, debit, credit in known:
        total = sums.setdefault((account, kind, day >= first), [0, 0])
        total[0] += debit
        total[1] += credit
    return [
        LedgerTotal(account, "EUR", kind, not within, *total)
        for (account, kind, within), total in sorted(sums.items())
        if any(total)
    ]
