"""Every question answered from the whole log, the slow and obvious way."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec

from domain.account_facts import HoldPlaced, HoldReleased, HoldSettled, PaymentSent, TermsFact
from ledger.journal import JournalEvent, Recorded
from ledger.trial_balance import TrialBalanceLine, trial_balance
from readmodels.moments import Moment


class Line(msgspec.Struct, frozen=True):
    booking_date: dt.date
    position: int
    amount: int
    balance: int


def lines(log: Sequence[Recorded], account_id: int, as_of: dt.date, known_at: int) -> list[Line]:
    """Newest first in the order of the books, each with the balance after it."""
    stream = f"account-{account_id}"
    moves = sorted(
        (r.event.booking_date, r.position, p.amount if p.side == "C" else -p.amount)
        for r in log
        if r.position <= known_at and r.event.booking_date <= as_of
        for p in r.event.entry
        if p.sub_account == stream
    )
    balance, found = 0, []
    for day, position, amount in moves:
        balance += amount
        found.append(Line(day, position, amount, balance))
    return found[::-1]


def balance(
    log: Sequence[Recorded], account_id: int, moment: Moment
) -> tuple[int, int, int] | None:
    """Booked, held and available, or None for an account that was not known."""
    known = [r for r in log[: moment.known_at] if r.originator_id == f"account-{account_id}"]
    if not known:
        return None
    found = lines(log, account_id, moment.as_of, moment.known_at)
    booked = found[0].balance if found else 0
    limits = [
        r.event.fact.terms.overdraft_limit
        for r in known
        if isinstance(r.event.fact, TermsFact)
        and not hasattr(r.event.fact, "hold_id")
        and r.event.booking_date <= moment.as_of
    ]
    held = sum(holds(log, account_id, moment).values())
    return booked, held, booked - held + (limits[-1] if limits else 0)


def value_balance(log: Sequence[Recorded], account_id: int, moment: Moment) -> int | None:
    stream = f"account-{account_id}"
    known = [r for r in log[: moment.known_at] if r.originator_id == stream]
    if not known:
        return None
    return sum(
        p.amount if p.side == "C" else -p.amount
        for r in known
        for p in r.event.entry
        if p.sub_account == stream and r.event.value_date <= moment.as_of
    )


def holds(log: Sequence[Recorded], account_id: int, moment: Moment) -> dict[int, int]:
    """What is left of each hold that was placed by the day, not ended by it, and has time left."""
    left: dict[int, int] = {}
    ended = set()
    known = [
        r.event
        for r in log[: moment.known_at]
        if r.originator_id == f"account-{account_id}" and r.event.booking_date <= moment.as_of
    ]
    for event in known:
        fact = event.fact
        if isinstance(fact, HoldPlaced):
            hold = next(h for h in fact.holds if h.hold_id == fact.hold_id)
            left[hold.hold_id] = hold.amount
            if hold.expires_at is not None and hold.expires_at <= moment.instant:
                ended.add(hold.hold_id)
        elif isinstance(fact, HoldReleased):
            ended.add(fact.hold_id)
        elif isinstance(fact, HoldSettled):
            paid = [
                e.fact.amount
                for e in known
                if e.transaction_id == event.transaction_id and isinstance(e.fact, PaymentSent)
            ]
            left[fact.hold_id] = left.get(fact.hold_id, 0) - sum(paid)
            if fact.hold_id not in {h.hold_id for h in fact.holds}:
                ended.add(fact.hold_id)
    placed = {e.fact.hold_id for e in known if isinstance(e.fact, HoldPlaced)}
    return {number: rest for number, rest in left.items() if number in placed - ended}


def labels(
    log: Sequence[Recorded], event: JournalEvent[Any], known_at: int
) -> tuple[str | None, tuple[str, ...]]:
    """Category and tags of the transaction of an event, as known at a position."""
    given = [
        r.event.fact
        for r in log[:known_at]
        if r.originator_id == f"transaction-{event.transaction_id}"
    ]
    said = given[-1] if given else event
    return said.category, said.tags


def trial(log: Sequence[Recorded], as_of: dt.date, known_at: int) -> list[TrialBalanceLine]:
    known = [r.event for r in log[:known_at] if r.event.booking_date <= as_of]
    return trial_balance(event.entry for event in known)


def history(
    log: Sequence[Recorded], account_ids: Sequence[int] | None, as_of: dt.date, known_at: int
) -> list[tuple[int, str, int | None, JournalEvent[Any]]]:
    """Transaction id, status, what was taken back of it and first event with an entry, newest first."""
    streams = None if account_ids is None else {f"account-{number}" for number in account_ids}
    posted = [r.event for r in log[:known_at] if r.event.entry]
    back = {
        event.fact.reverses: event.fact.amount
        for event in posted
        if hasattr(event.fact, "reverses")
    }
    first: dict[int, JournalEvent[Any]] = {}
    touching: set[int] = set()
    for event in posted:
        first.setdefault(event.transaction_id, event)
        if streams is None or any(p.sub_account in streams for p in event.entry):
            touching.add(event.transaction_id)
    return [
        (
            number,
            "reversed" if back.get(number) == first[number].fact.amount else "completed",
            back.get(number),
            first[number],
        )
        for number in sorted(touching, reverse=True)
        if first[number].booking_date <= as_of
    ]
