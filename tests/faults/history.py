"""Was it one bank? A checker of what clients were told against what the log holds.

A history is what each client asked, when, and what it was told. The log is read once, after the run. Every
way in which the two cannot both be true is one finding, in words; a clean run has none.
"""

import itertools
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from domain.account_facts import Debit
from ledger.chart_of_accounts import TRANSFERS_IN_TRANSIT
from ledger.journal import Recorded

Outcome = Literal["done", "refused", "unknown"]


class Operation(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A transfer asked for under a key; times are of one monotonic clock, in nanoseconds.

    `unknown` is also one whose client was killed: it may have happened, at any later time.
    """

    key: str
    source: int
    destination: int
    amount: int
    invoked: int
    completed: int | None = None
    outcome: Outcome = "unknown"
    position: int | None = None
    refused: str | None = None


def read_history(paths: Iterable[Path]) -> list[Operation]:
    """Operations from lines of what happened; the last line of a killed client may be half of one."""
    operations: dict[str, Operation] = {}
    for path in paths:
        for line in path.read_bytes().split(b"\n"):
            try:
                said = msgspec.json.decode(line, type=Operation)
            except msgspec.DecodeError:
                continue
            first = operations.get(said.key, said)
            said.invoked = first.invoked
            if first.completed is None:
                operations[said.key] = said
    return list(operations.values())


def findings(history: Sequence[Operation], log: Sequence[Recorded]) -> list[str]:
    """All that is wrong; nothing where the run was strictly serialisable."""
    sent: dict[str, list[Recorded]] = defaultdict(list)
    for recorded in log:
        if recorded.event.fact.TAG == "account.transfer-sent.1":
            sent[recorded.event.command_id].append(recorded)
    return [
        *_log_is_whole(log),
        *_each_once_and_as_asked(history, sent),
        *_acknowledged_are_stored(history, sent),
        *_in_real_time_order(history, sent),
        *_refusals_were_true(history, sent, log),
    ]


def _log_is_whole(log: Sequence[Recorded]) -> Iterable[str]:
    """No gap in positions or versions; replay equals what each event says; nothing overdrawn."""
    balances: dict[str, int] = defaultdict(int)
    versions: dict[str, int] = defaultdict(int)
    transit = 0
    for expected, recorded in enumerate(log, start=1):
        stream, event = recorded.originator_id, recorded.event
        if recorded.position != expected:
            yield f"position {recorded.position} stands where {expected} should"
            return
        versions[stream] += 1
        if recorded.originator_version != versions[stream]:
            yield f"{stream} goes to version {recorded.originator_version} at {expected}"
        signed = [(p, p.amount if p.side == "C" else -p.amount) for p in event.entry]
        if sum(amount for _, amount in signed):
            yield f"the entry at {expected} does not balance"
        for posting, amount in signed:
            if posting.sub_account is not None:
                balances[posting.sub_account] += amount
            if posting.ledger_account == TRANSFERS_IN_TRANSIT:
                transit += amount
        if transit and event.fact.TAG != "account.transfer-sent.1":
            yield f"money is in transit after the transaction that ends at {expected}"
        said = getattr(event.fact, "balance", 0)
        if said != balances[stream]:
            yield f"{stream} says {said} at {expected}; its postings come to {balances[stream]}"
        if isinstance(event.fact, Debit) and not event.fact.forced and said < 0:
            yield f"{stream} is overdrawn at {expected}"
    if transit:
        yield "money is in transit at the end of the log"
    instants = [recorded.event.recorded_at for recorded in log]
    if any(one >= later for one, later in itertools.pairwise(instants)):
        yield "time does not grow with the position"


def _each_once_and_as_asked(
    history: Sequence[Operation], sent: dict[str, list[Recorded]]
) -> Iterable[str]:
    asked = {operation.key: operation for operation in history}
    for key, stored in sent.items():
        operation = asked.get(key)
        if operation is None:
            yield f"{key} is stored and was never asked for"
            continue
        if len(stored) > 1:
            yield f"{key} is stored {len(stored)} times"
        for recorded in stored:
            fact = recorded.event.fact
            was = (recorded.originator_id, fact.to_account, fact.amount)
            if was != (f"account-{operation.source}", operation.destination, operation.amount):
                yield f"{key} is stored otherwise than it was asked for"


def _acknowledged_are_stored(
    history: Sequence[Operation], sent: dict[str, list[Recorded]]
) -> Iterable[str]:
    for operation in history:
        # The position told is that of the transaction's second and last event.
        positions = [recorded.position + 1 for recorded in sent.get(operation.key, ())]
        if operation.outcome == "done" and operation.position not in positions:
            yield f"{operation.key} was told as done at {operation.position} and is not there"
        if operation.outcome == "refused" and positions:
            yield f"{operation.key} was told as refused and was done"


def _in_real_time_order(
    history: Sequence[Operation], sent: dict[str, list[Recorded]]
) -> Iterable[str]:
    """What was done before another was asked for stands before it in the log."""
    seen = _positions_by_completion(history)
    for operation in history:
        for recorded in sent.get(operation.key, ()):
            before = _last_before(seen, operation.invoked)
            if before >= recorded.position:
                yield f"{operation.key} stands before what was done before it was asked for"


def _refusals_were_true(
    history: Sequence[Operation], sent: dict[str, list[Recorded]], log: Sequence[Recorded]
) -> Iterable[str]:
    """For want of money only where, at some moment between asking and answer, it was wanting."""
    balances: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for recorded in log:
        if recorded.originator_id.startswith("account-"):
            positions, after = balances[int(recorded.originator_id[8:])]
            positions.append(recorded.position)
            after.append(recorded.event.fact.balance)
    completions = _positions_by_completion(history)
    invocations = sorted(
        (operation.invoked, recorded.position)
        for operation in history
        for recorded in sent.get(operation.key, ())
    )
    latest = list(itertools.accumulate((position for _, position in invocations), max))
    for operation in history:
        if operation.refused != "InsufficientFunds" or operation.completed is None:
            continue
        first = _last_before(completions, operation.invoked)
        asked_before = bisect_right(invocations, (operation.completed, 0))
        last = max(latest[asked_before - 1] if asked_before else 0, first)
        positions, after = balances[operation.source]
        low, high = bisect_right(positions, first), bisect_right(positions, last)
        if min(after[max(low - 1, 0) : high], default=0) >= operation.amount:
            yield f"{operation.key} was refused for want of money that was there"


def _positions_by_completion(history: Sequence[Operation]) -> tuple[list[int], list[int]]:
    """When each known position had been told, and the highest told by then."""
    told = sorted((o.completed, o.position) for o in history if o.completed and o.position)
    highest = itertools.accumulate((position for _, position in told), max)
    return [completed for completed, _ in told], list(highest)


def _last_before(told: tuple[list[int], list[int]], instant: int) -> int:
    times, highest = told
    index = bisect_right(times, instant)
    return highest[index - 1] if index else 0
