"""Our recorder, mapper and ledger are what the event store library expects of them."""

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from eventsourcing.persistence import ApplicationRecorder, IntegrityError, StoredEvent
from eventsourcing.tests.persistence import (
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
)

from application.event_store import Ledger, LogRecorder, open_ledger
from domain.account import Account, evolve
from ledger.journal import Recorded
from tests.bank import Bank, deposit, transfer


def _recorder_of(ledger: Ledger) -> LogRecorder:
    recorder = ledger.recorder
    assert isinstance(recorder, LogRecorder)
    return recorder


class _OnOurLog:
    """Text ids, and the log of the one test that is run."""

    ledger: Ledger

    def new_originator_id(self) -> str:
        return f"account-{uuid4().int}"

    def create_recorder(self) -> Any:
        return _recorder_of(self.ledger)


class _CountingFromZero(_OnOurLog):
    """For cases of the library that count versions from 0; ours count from 1, and the table insists."""

    def create_recorder(self) -> Any:
        recorder = _recorder_of(self.ledger)
        insert = recorder.insert_events

        def insert_one_higher(stored_events: Any, **kwargs: Any) -> Any:
            one_higher = [
                replace(e, originator_version=e.originator_version + 1) for e in stored_events
            ]
            return insert(one_higher, **kwargs)

        recorder.insert_events = insert_one_higher  # type: ignore[method-assign]
        return recorder


class ConcurrentCase(_CountingFromZero, ApplicationRecorderTestCase[ApplicationRecorder]):
    __test__ = False


class RecorderCase(_OnOurLog, ApplicationRecorderTestCase[ApplicationRecorder]):
    __test__ = False


class NonInterleavingCase(_CountingFromZero, NonInterleavingNotificationIDsBaseCase):
    __test__ = False
    insert_num = 1000


def run_case(case: type[Any], name: str, conninfo: str) -> None:
    test = case(name)
    test.ledger = open_ledger(conninfo, pool_size=10)
    try:
        test.debug()
    finally:
        test.ledger.close()


def test_the_recorder_inserts_and_selects_as_the_library_expects(database: str) -> None:
    run_case(RecorderCase, "test_insert_select", database)


def test_the_recorder_takes_concurrent_appends_as_the_library_expects(database: str) -> None:
    run_case(ConcurrentCase, "test_concurrent_no_conflicts", database)


def test_positions_of_two_long_appends_do_not_interleave(database: str) -> None:
    run_case(NonInterleavingCase, "test", database)


def test_a_version_that_is_taken_is_a_conflict_and_nothing_is_written(database: str) -> None:
    ledger = open_ledger(database)
    recorder = _recorder_of(ledger)
    first, second = (StoredEvent("account-1", version, "t", b"{}") for version in (1, 2))
    recorder.insert_events([first])

    with pytest.raises(IntegrityError):
        recorder.insert_events([second, first])

    stored = recorder.select_events("account-1")
    following = recorder.insert_events([second])
    ledger.close()
    assert [(event.originator_version, event.topic) for event in stored] == [(1, "t")]
    assert following == [2]


def test_the_repository_folds_an_account_from_the_log(database: str) -> None:
    with Bank(database).with_accounts({1: 10, 2: 0}) as bank:
        bank.submit(transfer(1, 2, 4))
    ledger = open_ledger(database)

    def fold(account: Any, events: Any) -> Any:
        for recorded in events:
            account = evolve(account, recorded.event.fact, 1)
        return account

    account: Any = ledger.repository.get("account-1", projector_func=fold)
    at_opening: Any = ledger.repository.get("account-1", version=1, projector_func=fold)
    ledger.close()

    assert isinstance(account, Account)
    assert (account.balance, account.version) == (600, 3)
    assert (at_opening.balance, at_opening.version) == (0, 1)


def test_the_notification_log_gives_events_by_position(database: str) -> None:
    with Bank(database).with_accounts({1: 10}) as bank:
        bank.submit(deposit(1, 1))
    ledger = open_ledger(database)

    notifications = ledger.notification_log.select(start=1, limit=10)
    recorded: Any = ledger.mapper.to_domain_event(notifications[-1])
    ledger.close()

    assert [n.id for n in notifications] == [1, 2, 3, 4]
    assert isinstance(recorded, Recorded)
    assert (recorded.position, recorded.event.fact.balance) == (4, 1100)
    assert recorded == bank.log()[-1]


def test_an_append_of_the_library_and_one_of_the_writer_share_one_order(database: str) -> None:
    ledger = open_ledger(database)
    recorder = _recorder_of(ledger)

    with Bank(database).with_accounts({1: 10}) as bank:
        head = bank.log()[-1]
        newest = ledger.mapper.to_stored_event(head)
        copied = StoredEvent("account-9", 1, newest.topic, newest.state)
        positions = recorder.insert_events([copied])
        bank.submit(deposit(1, 1))
    ledger.close()

    assert positions == [4]
    assert [recorded.position for recorded in bank.log()] == [1, 2, 3, 4, 5]
