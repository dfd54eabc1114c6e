"""Which moment a question means, and which moments nobody can speak for."""

import asyncio
import datetime as dt
import time

import psycopg
import pytest

from application import clock
from readmodels.moments import Moment, MomentAhead, UnanswerableMoment, resolve
from readmodels.projection import lag, wait_for
from tests.bank import Bank, deposit, read_log, transfer
from tests.readmodels.asking import project, read

TODAY = clock.now().date()
pytestmark = pytest.mark.usefixtures("one_day")


@pytest.fixture(scope="module")
def database_with_log(module_database: str) -> str:
    with Bank(module_database) as bank:
        bank.with_accounts({1: 100, 2: 0})
        bank.submit_all([transfer(1, 2, 1) for _ in range(3)])
    project(module_database)
    return module_database


def resolved(
    conninfo: str, as_of: dt.date | None = None, known_at: dt.datetime | int | None = None
) -> Moment:
    return read(conninfo, lambda c: resolve(c, as_of=as_of, known_at=known_at, today=TODAY))


def test_a_moment_is_today_and_all_that_is_known_unless_it_is_named(database_with_log: str) -> None:
    day = TODAY - dt.timedelta(3)

    assert resolved(database_with_log) == Moment(TODAY, 10, 10)
    assert resolved(database_with_log, day, 4) == Moment(day, 4, 10)
    assert resolved(database_with_log, known_at=0) == Moment(TODAY, 0, 10)


def test_an_instant_means_the_last_event_recorded_at_it_or_before(database_with_log: str) -> None:
    for recorded in read_log(database_with_log):
        at = recorded.event.recorded_at
        elsewhere = at.astimezone(dt.timezone(dt.timedelta(hours=-9)))

        assert resolved(database_with_log, known_at=at).known_at == recorded.position
        assert resolved(database_with_log, known_at=elsewhere).known_at == recorded.position
        before = resolved(database_with_log, known_at=at - dt.timedelta(microseconds=1))
        assert before.known_at == recorded.position - 1
    assert resolved(database_with_log, known_at=clock.now()).known_at == 10


@pytest.mark.parametrize(
    ("as_of", "known_at", "reason"),
    [
        (TODAY + dt.timedelta(1), None, "after today"),
        (None, 11, "has not come to position 11"),
        (None, -1, "no position -1"),
        (None, dt.datetime(2026, 1, 1), "offset"),
    ],
)
def test_a_moment_nobody_can_speak_for_is_refused(
    database_with_log: str, as_of: dt.date | None, known_at: dt.datetime | int | None, reason: str
) -> None:
    with pytest.raises(UnanswerableMoment, match=reason):
        resolved(database_with_log, as_of, known_at)


def test_what_the_log_has_and_the_views_have_not_is_waited_for(database: str) -> None:
    with Bank(database) as bank:
        bank.with_accounts({1: 0})
        project(database)
        bank.submit(deposit(1, 1))

    with pytest.raises(MomentAhead) as by_position:
        resolved(database, known_at=3)
    with pytest.raises(MomentAhead) as by_instant:
        resolved(database, known_at=clock.now())
    behind = read(database, lambda c: lag(c, clock.now() + dt.timedelta(seconds=5)))

    assert by_position.value.position == by_instant.value.position == 3
    assert (behind.position, behind.head, behind.events) == (2, 3, 1)
    assert 5 <= behind.seconds < 60
    project(database)
    level = read(database, lambda c: lag(c, clock.now()))
    assert (level.events, level.seconds) == (0, 0)


def test_a_writer_reads_his_own_write_as_soon_as_it_is_there(database: str) -> None:
    with Bank(database) as bank:
        bank.with_accounts({1: 0})

    async def both() -> tuple[bool, bool]:
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as connection:
            too_soon = await wait_for(connection, 2, 0.05)
            waiting = asyncio.create_task(wait_for(connection, 2, 20))
            await asyncio.to_thread(project, database)
            return too_soon, await waiting

    begun = time.monotonic()
    assert asyncio.run(both()) == (False, True)
    assert time.monotonic() - begun < 15
