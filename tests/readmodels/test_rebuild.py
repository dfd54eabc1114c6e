"""A rebuilt view is the live one, whatever was written, read or killed meanwhile."""

import threading
import time
from decimal import Decimal

import psycopg
import pytest

from application import corrections, holds
from application.commands import NO_DETAILS
from readmodels.rebuild import NEXT, RebuildRefused, Rebuilt, rebuild
from readmodels.view_tables import VIEWS
from tests.bank import Bank, ask, deposit, transfer
from tests.readmodels.asking import TABLES, dump, project
from tests.readmodels.processes import (
    head,
    process,
    project_until_killed,
    reached,
    rebuild_slowly,
    write_transfers,
)

FIVE = dict.fromkeys(range(1, 6), 1000)
INDEXES = """
    SELECT replace(indexdef, 'readmodels.', '') FROM pg_indexes
     WHERE schemaname = 'readmodels' ORDER BY indexdef
"""
OPTIONS = """
    SELECT relname, reloptions FROM pg_class
     WHERE relnamespace = 'readmodels'::regnamespace ORDER BY relname
"""


def schema_of(conninfo: str) -> list[object]:
    with psycopg.connect(conninfo) as connection:
        return [
            *connection.execute(INDEXES).fetchall(),
            *connection.execute(OPTIONS).fetchall(),
        ]


def spoil(conninfo: str, *tables: str) -> None:
    with psycopg.connect(conninfo) as connection:
        for table in tables:
            connection.execute(f"DELETE FROM readmodels.{table}")


@pytest.fixture
def projected(database: str) -> str:
    with Bank(database) as bank:
        bank.with_accounts(FIVE)
        bank.submit_all([transfer(1 + n % 5, 1 + (n + 1) % 5, 1) for n in range(50)])
    project(database)
    return database


def test_a_rebuild_restores_every_row_every_index_and_every_option(projected: str) -> None:
    views, schema = dump(projected), schema_of(projected)
    spoil(projected, *TABLES)

    rebuilt = rebuild(projected)

    assert dump(projected) == views
    assert schema_of(projected) == schema
    assert rebuilt == Rebuilt(head(projected), {table: len(views[table]) for table in TABLES})


def test_holds_and_labels_are_the_same_in_batches_of_any_size_and_after_a_rebuild(
    database: str,
) -> None:
    with Bank(database) as bank:
        bank.with_accounts({1: 100})
        for hold_id in (1, 2, 3):
            bank.submit(
                holds.place_hold(
                    *(ask(), 1, hold_id, Decimal(10)),
                    expires_at=None,
                    counterparty="a shop",
                    description="back\\slash",
                )
            )
            part = holds.settle_hold(ask(), 1, hold_id, Decimal(4), NO_DETAILS, keep_rest=True)
            bank.submit(part)
        bank.submit(holds.settle_hold(ask(), 1, 2, None, NO_DETAILS))
        bank.submit(holds.release_hold(ask(), 1, 3))
        paid = [r for r in bank.log() if r.event.entry][-1:]
        bank.submit(corrections.categorise(ask(), paid, "rent"))
        bank.submit(corrections.tag(ask(), paid, ("a", 'b"')))
    project(database, batch_events=1)
    views = dump(database)

    rebuild(database)

    assert dump(database) == views
    assert [len(views[table]) for table in ("holds", "hold_settlements")] == [3, 4]
    assert len(views["transaction_labels"]) == 2


@pytest.mark.parametrize("view", VIEWS)
def test_one_view_is_rebuilt_alone(projected: str, view: str) -> None:
    views = dump(projected)
    spoil(projected, *VIEWS[view])
    others = {table: id_of(projected, table) for table in TABLES if table not in VIEWS[view]}

    rebuild(projected, view)

    assert dump(projected) == views
    assert {table: id_of(projected, table) for table in others} == others


def id_of(conninfo: str, table: str) -> object:
    with psycopg.connect(conninfo) as connection:
        return connection.execute("SELECT %s::regclass::oid", [f"readmodels.{table}"]).fetchone()


def test_one_view_is_built_to_where_the_others_stand_and_no_further(projected: str) -> None:
    with Bank(projected) as bank:
        bank.submit(deposit(1, 1))
    before = dump(projected)

    rebuild(projected, "transactions")

    assert dump(projected) == before


def test_a_rebuild_of_all_goes_on_to_the_head_of_the_log(projected: str) -> None:
    with Bank(projected) as bank:
        bank.submit(deposit(1, 1))

    rebuilt = rebuild(projected)

    assert rebuilt.position == reached(projected) == head(projected)
    assert project(projected) == 0


@pytest.mark.parametrize("view", [None, "journal_lines", "accounts"])
def test_a_rebuild_while_a_writer_writes_and_a_projector_projects_equals_the_live_views(
    database: str, view: str | None
) -> None:
    with Bank(database) as bank:
        bank.with_accounts(FIVE)
    with (
        process(project_until_killed, database, 100),
        process(write_transfers, database, 3, 3000) as writer,
    ):
        time.sleep(1)
        rebuilds = 0
        while writer.is_alive() or rebuilds < 2:
            rebuild(database, view)
            rebuilds += 1
        while reached(database) < head(database):
            time.sleep(0.02)
    live = dump(database)

    rebuild(database)

    assert dump(database) == live
    assert len(live["transactions"]) > 1000


def test_a_reader_meanwhile_sees_the_whole_view_and_never_an_error(projected: str) -> None:
    stop, seen = threading.Event(), set()

    def read_on() -> None:
        with psycopg.connect(projected, autocommit=True) as connection:
            while not stop.is_set():
                seen.add(
                    connection.execute(
                        "SELECT count(*), (SELECT count(*) FROM readmodels.transactions)"
                        "  FROM readmodels.journal_lines",
                        prepare=True,
                    ).fetchone()
                )

    reader = threading.Thread(target=read_on)
    reader.start()
    for _ in range(5):
        rebuild(projected)
    stop.set()
    reader.join()

    assert seen == {(210, 55)}


def test_a_killed_rebuild_harms_nothing_and_the_next_one_clears_up(projected: str) -> None:
    views = dump(projected)
    with process(rebuild_slowly, projected):
        until_next_exists(projected)
    after_the_kill = dump(projected)
    rebuild(projected)

    assert after_the_kill == views
    assert dump(projected) == views
    assert not next_exists(projected)


def until_next_exists(conninfo: str) -> None:
    deadline = time.monotonic() + 20
    while not next_exists(conninfo):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def next_exists(conninfo: str) -> bool:
    with psycopg.connect(conninfo) as connection:
        asked = "SELECT count(*) FROM pg_tables WHERE schemaname = %s"
        row = connection.execute(asked, [NEXT]).fetchone()
    return bool(row and row[0])


def test_two_rebuilds_at_once_and_a_view_that_is_none_are_refused(projected: str) -> None:
    with process(rebuild_slowly, projected):
        until_next_exists(projected)
        with pytest.raises(RebuildRefused, match="another rebuild"):
            rebuild(projected)

    with pytest.raises(RebuildRefused, match="no view balances"):
        rebuild(projected, "balances")


def test_a_reader_that_holds_a_view_for_long_delays_the_swap_and_not_the_other_readers(
    projected: str,
) -> None:
    rebuilt = threading.Event()

    def go() -> None:
        rebuild(projected)
        rebuilt.set()

    with psycopg.connect(projected) as holder:
        holder.execute("SELECT count(*) FROM readmodels.transactions")
        thread = threading.Thread(target=go)
        thread.start()
        waited = []
        for _ in range(15):
            begun = time.monotonic()
            with psycopg.connect(projected, autocommit=True) as reader:
                reader.execute("SELECT count(*) FROM readmodels.transactions")
            waited.append(time.monotonic() - begun)
            time.sleep(0.2)
        delayed = not rebuilt.is_set()
    thread.join(60)

    assert delayed
    assert rebuilt.is_set()
    assert max(waited) < 5
