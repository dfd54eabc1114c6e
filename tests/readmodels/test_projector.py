"""Each event counts once, whatever is killed, lost, swapped or doubled."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

import psycopg
import pytest
from eventsourcing.projection import ApplicationSubscription

from application.event_store import open_ledger
from readmodels.fold import LogGap, PoisonedEvent
from readmodels.projector import Projector
from readmodels.rebuild import rebuild
from tests.bank import Bank, deposit, transfer
from tests.readmodels.asking import balance_of, dump, moment, project
from tests.readmodels.processes import (
    head,
    process,
    project_until_killed,
    reached,
    write_transfers,
)

FIVE = dict.fromkeys(range(1, 6), 1000)
# An event of the log as it stands, but for its place in it.
APPEND = """
    WITH copied AS (
        INSERT INTO daybook_events (originator_id, originator_version, topic, state, notification_id)
        SELECT %s, 1, %s, state, %s FROM daybook_events WHERE notification_id = 1)
    INSERT INTO commits (last_position, first_position, recorded_at, peaks)
    SELECT %s, %s, recorded_at + interval '1 second', peaks FROM commits ORDER BY last_position DESC LIMIT 1
"""


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.01)


@contextmanager
def running(conninfo: str) -> Iterator[Projector]:
    projector, stop = Projector(conninfo), threading.Event()
    thread = threading.Thread(target=projector.run, args=(stop,))
    thread.start()
    try:
        yield projector
    finally:
        stop.set()
        thread.join(20)
        projector.close()
        assert not thread.is_alive()


def append(conninfo: str, position: int, tag: str = "customer.registered.1") -> None:
    """Put an event in the log that nobody announces."""
    with psycopg.connect(conninfo) as connection:
        connection.execute(APPEND, (f"customer-{position}", tag, position, position, position))


def project_all(projector: Projector) -> None:
    while projector.catch_up():
        pass


@pytest.mark.parametrize("batch_events", [1, 2, 3, 7, 1000])
def test_batches_of_any_size_make_the_same_views(database: str, batch_events: int) -> None:
    with Bank(database) as bank:
        bank.with_accounts(FIVE)
        bank.submit_all([transfer(1 + n % 5, 1 + (n + 1) % 5, 1) for n in range(20)])

    events = project(database, batch_events=batch_events)

    views = dump(database)
    rebuild(database)
    assert events == head(database) == reached(database)
    assert dump(database) == views
    assert len(views["transactions"]) == 25
    assert len(views["journal_lines"]) == 90


def test_a_batch_ends_with_a_transaction_even_where_it_had_to_be_longer(database: str) -> None:
    with Bank(database) as bank:
        bank.with_accounts({1: 100, 2: 0})
        bank.submit(transfer(1, 2, 5))

    with Projector(database, batch_events=5) as projector:
        first = projector.project_once()
        second = projector.project_once()

    assert (first, second) == (4, 2)


def test_a_projector_killed_at_any_time_leaves_no_event_out_and_none_twice(database: str) -> None:
    chance = random.Random(4711)
    with Bank(database) as bank:
        bank.with_accounts(FIVE)
    with process(write_transfers, database, 1, 4000) as writer:
        kills = 0
        while writer.is_alive() or kills < 5:
            with process(project_until_killed, database, chance.choice([10, 100, 1000])):
                time.sleep(0.4 + chance.random())
            kills += 1
    project(database)

    views = dump(database)
    rebuild(database)

    assert reached(database) == head(database)
    assert len(views["transactions"]) > 1000
    assert dump(database) == views


def test_a_second_projector_stands_by_until_the_first_is_gone(database: str) -> None:
    with Bank(database) as bank, Projector(database) as second:
        bank.with_accounts(FIVE)
        with Projector(database) as first:
            projected = first.catch_up()
            bank.submit(deposit(1, 1))
            while_standing_by = second.catch_up()

        until(lambda: second.catch_up() == 1)

    assert projected == 11
    assert while_standing_by == 0
    assert reached(database) == 12


def test_two_projectors_under_load_count_each_event_once(database: str) -> None:
    with Bank(database) as bank:
        bank.with_accounts(FIVE)
    with running(database) as one, running(database) as other:
        with process(write_transfers, database, 2, 1500) as writer:
            writer.join(60)
        until(lambda: reached(database) == head(database))
        leading = (one.leads, other.leads)

    views = dump(database)
    rebuild(database)
    assert sorted(leading) == [False, True]
    assert dump(database) == views


def test_a_projector_whose_connections_are_cut_connects_again(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    with Bank(database) as bank, running(database):
        bank.with_accounts(FIVE)
        until(lambda: reached(database) == head(database))
        for _ in range(3):
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name LIKE 'daybook proj%'"
                )
            bank.submit(deposit(1, 1))
            until(lambda: reached(database) == head(database))

    assert balance_of(database, 1, moment(head(database))) == 100300


def test_an_event_that_nobody_announced_is_projected_all_the_same(database: str) -> None:
    with Bank(database) as bank, running(database) as projector:
        bank.with_accounts({})
        until(lambda: projector.position == 1)
        append(database, 2)

        until(lambda: reached(database) == 2, seconds=5)


def test_news_is_projected_much_sooner_than_it_would_be_looked_for(database: str) -> None:
    with Bank(database) as bank, running(database):
        bank.with_accounts({1: 0})
        until(lambda: reached(database) == head(database))
        waited = []
        for _ in range(20):
            position = bank.submit(deposit(1, 1)).position
            begun = time.monotonic()
            until(lambda wanted=position: reached(database) == wanted)  # type: ignore[misc]
            waited.append(time.monotonic() - begun)

    assert sorted(waited)[10] < 0.2


def test_a_poisoned_event_is_named_and_the_views_stop_before_it(database: str) -> None:
    with Bank(database) as bank:
        bank.with_accounts({1: 100})
    last = head(database)
    append(database, last + 1, "nobody.knows.1")
    append(database, last + 2)

    with (
        Projector(database) as projector,
        pytest.raises(PoisonedEvent, match=f"position {last + 1} .nobody.knows.1"),
    ):
        project_all(projector)

    assert last - 1 <= reached(database) <= last


def test_an_event_that_contradicts_the_one_before_it_is_poison(database: str) -> None:
    with Bank(database) as bank:
        bank.with_accounts({1: 100})
        with psycopg.connect(database) as connection:
            connection.execute("ALTER TABLE daybook_events DISABLE TRIGGER USER")
            connection.execute(
                """UPDATE daybook_events SET state = replace(convert_from(state, 'UTF8'),
                       '"balance":10000', '"balance":10001')::bytea WHERE notification_id = 3"""
            )

        with Projector(database) as projector, pytest.raises(PoisonedEvent, match="10001"):
            project_all(projector)

    assert reached(database) < 3


def test_a_gap_in_the_log_is_never_stepped_over(database: str) -> None:
    with Bank(database) as bank:
        bank.with_accounts({1: 100})
    last = head(database)
    append(database, last + 2)

    with Projector(database) as projector, pytest.raises(LogGap, match=f"goes on at {last + 2}"):
        project_all(projector)


def test_a_subscription_of_the_library_sees_every_position_of_three_writers(database: str) -> None:
    with Bank(database) as bank:
        bank.with_accounts({**FIVE, 6: 0})
    ledger = open_ledger(database)
    seen: list[int] = []
    with (
        process(write_transfers, database, 1, 500) as one,
        process(write_transfers, database, 2, 500) as two,
        process(write_transfers, database, 3, 500) as three,
        ApplicationSubscription(ledger, gt=0) as subscription,
    ):
        ending = threading.Thread(target=end_after, args=(database, [one, two, three]))
        ending.start()
        for event, tracking in subscription:
            seen.append(tracking.notification_id)
            if tracking.notification_id > 12 and event.originator_id == "account-6":
                break
        ending.join(60)
    ledger.close()

    assert seen == list(range(1, head(database) + 1))
    assert len(seen) > 2000


def end_after(conninfo: str, writers: list[BaseProcess]) -> None:
    """When all writers are done, one more event, by which a follower knows that it was the last."""
    for writer in writers:
        writer.join(120)
    with Bank(conninfo) as bank:
        bank.submit(deposit(6, 1))
