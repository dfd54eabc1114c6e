"""The checker is checked: a run as it was has no findings, and each way of being wrong is found."""

import datetime as dt
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from ledger.journal import Recorded
from tests.bank import Bank, told, transfer
from tests.faults.history import Operation, findings

History = list[Operation]
Log = list[Recorded]


@pytest.fixture(scope="module")
def run(module_database: str) -> tuple[History, Log]:
    """Forty transfers, one after the other, some of them refused."""
    history: History = []
    with Bank(module_database).with_accounts({1: 10, 2: 10, 3: 0}) as bank:
        for number in range(40):
            source, destination = 1 + number % 3, 1 + (number + 1) % 3
            operation = Operation(
                key=f"key-{number}",
                source=source,
                destination=destination,
                amount=100 * (1 + number % 7),
                invoked=time.monotonic_ns(),
            )
            answer = bank.submit(
                transfer(source, destination, operation.amount // 100, operation.key)
            )
            operation.completed = time.monotonic_ns()
            operation.position, operation.refused = answer.position, told(answer).refused
            operation.outcome = "done" if operation.refused is None else "refused"
            history.append(operation)
        log = bank.log()
    return history, log


def numbered(log: Log) -> Log:
    """Positions anew, so that only what else is wrong can be found."""
    return [msgspec.structs.replace(r, position=n) for n, r in enumerate(log, start=1)]


def last_sent(log: Log) -> int:
    return max(i for i, r in enumerate(log) if r.event.fact.TAG == "account.transfer-sent.1")


def changed(log: Log, index: int, **fields: Any) -> Log:
    recorded = log[index]
    event = msgspec.structs.replace(recorded.event, **fields)
    return [*log[:index], msgspec.structs.replace(recorded, event=event), *log[index + 1 :]]


def with_fact(log: Log, index: int, **fields: Any) -> Log:
    return changed(log, index, fact=msgspec.structs.replace(log[index].event.fact, **fields))


def one_done(history: History, **fields: Any) -> History:
    index = next(i for i, o in enumerate(history) if o.outcome == "done" and i > 10)
    return [
        *history[:index],
        msgspec.structs.replace(history[index], **fields),
        *history[index + 1 :],
    ]


def one_refused(history: History, **fields: Any) -> History:
    index = next(i for i, o in enumerate(history) if o.refused)
    return [
        *history[:index],
        msgspec.structs.replace(history[index], **fields),
        *history[index + 1 :],
    ]


def lie_of_poverty(history: History, log: Log) -> tuple[History, Log]:
    """One that was done is told as refused, and all of it is taken from the end of the log."""
    last = next(o for o in reversed(history) if o.outcome == "done")
    lied = msgspec.structs.replace(
        last, outcome="refused", refused="InsufficientFunds", position=None
    )
    kept = [r for r in log if r.event.command_id != last.key]
    return [lied if o is last else o for o in history if o.invoked <= last.invoked], kept


MUTANTS: dict[str, tuple[str, Callable[[History, Log], tuple[History, Log]]]] = {
    "the last transfer is dropped": ("is not there", lambda h, log: (h, log[: last_sent(log)])),
    "an event is dropped": ("stands where", lambda h, log: (h, [*log[:20], *log[21:]])),
    "an event is dropped and the rest renumbered": (
        "goes to version",
        lambda h, log: (h, numbered([*log[:20], *log[21:]])),
    ),
    "the tail is written twice": (
        "2 times",
        lambda h, log: (h, numbered([*log, *log[last_sent(log) :]])),
    ),
    "two transfers change places": (
        "before what was done before",
        lambda h, log: (
            h,
            numbered(
                [
                    *log[: last_sent(log) - 2],
                    *log[last_sent(log) :],
                    *log[last_sent(log) - 2 : last_sent(log)],
                ]
            ),
        ),
    ),
    "half a transfer is lost": (
        "in transit at the end",
        lambda h, log: (h, log[: last_sent(log) + 1]),
    ),
    "a balance is changed": (
        "its postings come to",
        lambda h, log: (h, with_fact(log, 15, balance=log[15].event.fact.balance + 1)),
    ),
    "an amount is changed": (
        "otherwise than it was asked",
        lambda h, log: (h, with_fact(log, last_sent(log), amount=1)),
    ),
    "an entry is changed": (
        "does not balance",
        lambda h, log: (h, changed(log, last_sent(log), entry=log[last_sent(log)].event.entry[:1])),
    ),
    "the clock goes back": (
        "time does not grow",
        lambda h, log: (
            h,
            changed(log, 20, recorded_at=log[20].event.recorded_at - dt.timedelta(days=1)),
        ),
    ),
    "something was never asked for": ("never asked for", lambda h, log: (h[1:], log)),
    "what was done is told as refused": (
        "told as refused and was done",
        lambda h, log: (one_done(h, outcome="refused"), log),
    ),
    "a wrong position is told": ("is not there", lambda h, log: (one_done(h, position=1), log)),
    "another transfer was asked for": (
        "otherwise than it was asked",
        lambda h, log: (one_done(h, destination=99), log),
    ),
    "what was refused is told as done": (
        "is not there",
        lambda h, log: (one_refused(h, outcome="done", position=9), log),
    ),
    "a refusal for want of money is a lie": ("that was there", lie_of_poverty),
}


def test_a_run_as_it_was_has_no_findings(run: tuple[History, Log]) -> None:
    history, log = run

    assert findings(history, log) == []
    assert {operation.outcome for operation in history} == {"done", "refused"}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_each_way_of_being_wrong_is_found(run: tuple[History, Log], mutant: str) -> None:
    words, mutate = MUTANTS[mutant]

    found = findings(*mutate(*run))

    assert any(words in finding for finding in found), found


def test_an_overdraft_is_found_wherever_it_stands(run: tuple[History, Log]) -> None:
    history, log = run
    index = last_sent(log)
    overdrawn = with_fact(log, index, balance=-1)

    found = findings(history, overdrawn)

    assert any("is overdrawn" in finding for finding in found)


def test_what_is_unknown_may_have_been_done_or_not(run: tuple[History, Log]) -> None:
    history, log = run
    last = next(o for o in reversed(history) if o.outcome == "done")
    unknown = msgspec.structs.replace(last, outcome="unknown", completed=None, position=None)
    heard_of = [unknown if o is last else o for o in history if o.invoked <= last.invoked]

    assert findings(heard_of, log) == []
    assert findings(heard_of, log[: last_sent(log)]) == []
