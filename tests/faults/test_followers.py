"""A follower that reads by position misses nothing, however many write (V2)."""

import threading
from pathlib import Path

import psycopg
import pytest

from application.event_store import Ledger, LogRecorder, open_ledger
from daybook.server_check import ServerRefused, check_server
from tests.bank import Bank, read_log
from tests.durable_postgres import DurablePostgres
from tests.faults.client_processes import ClientProcesses

PAGE = 50


def _follow(conninfo: str, seen: list[int], stop: threading.Event) -> None:
    """Ask for what is after the last position seen, for ever, and once more at the end."""
    ledger = open_ledger(conninfo)
    last: int | None = None
    ended = False
    while not ended:
        ended = stop.is_set()
        while page := ledger.recorder.select_notifications(
            start=last, limit=PAGE, inclusive_of_start=False
        ):
            seen += [notification.id for notification in page]
            last = seen[-1]
    ledger.close()


def test_followers_of_three_writing_processes_see_every_position_once(
    database: str, tmp_path: Path
) -> None:
    seen: list[list[int]] = [[], []]
    stop = threading.Event()
    followers = [threading.Thread(target=_follow, args=(database, each, stop)) for each in seen]

    with ClientProcesses(database, tmp_path) as clients:
        for follower in followers:
            follower.start()
        for _ in range(3):
            clients.start_clients()
        while clients.operations() < 3000:
            stop.wait(0.05)
        clients.finish()
    stop.set()
    for follower in followers:
        follower.join(30)

    positions = [recorded.position for recorded in read_log(database)]
    assert len(positions) > 1000
    assert seen == [positions, positions]


def test_a_subscription_of_the_library_delivers_what_is_written_while_it_runs(
    database: str,
) -> None:
    ledger = open_ledger(database, pool_size=4)

    with Bank(database) as bank, ledger.recorder.subscribe(gt=0) as subscription:
        bank.with_accounts(dict.fromkeys(range(1, 31), 1))
        delivered = [next(subscription).id for _ in range(61)]
    ledger.close()

    assert delivered == list(range(1, 62))


@pytest.mark.parametrize(
    "name", ["POSTGRES_ENABLE_DB_FUNCTIONS", "DAYBOOK_POSTGRES_ENABLE_DB_FUNCTIONS"]
)
def test_the_mode_that_loses_events_is_refused_at_the_start(
    durable_postgres: DurablePostgres, name: str
) -> None:
    with pytest.raises(ServerRefused, match="events are lost"):
        check_server(durable_postgres.conninfo, {name: "y"})

    assert not [w for w in check_server(durable_postgres.conninfo, {}) if name in w]


@pytest.mark.parametrize(
    "name", ["POSTGRES_ENABLE_DB_FUNCTIONS", "DAYBOOK_POSTGRES_ENABLE_DB_FUNCTIONS"]
)
def test_the_ledger_does_not_hear_of_it(
    database: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "y")
    monkeypatch.setenv("CREATE_TABLE", "y")
    monkeypatch.setenv("PERSISTENCE_MODULE", "eventsourcing.popo")

    ledger = open_ledger(database)
    recorder = ledger.recorder
    datastore_flag = ledger.factory.env.get("POSTGRES_ENABLE_DB_FUNCTIONS")
    ledger.close()

    assert isinstance(ledger, Ledger)
    assert isinstance(recorder, LogRecorder)
    assert datastore_flag is None
    with psycopg.connect(database) as connection:
        functions = connection.execute(
            "SELECT proname FROM pg_proc WHERE proname LIKE 'es\\_%'"
        ).fetchall()
    assert functions == []
