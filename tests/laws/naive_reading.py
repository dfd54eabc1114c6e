"""Every question answered from the whole log, the slow and obvious way."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec

from ledger.journal import JournalEvent, Recorded
from ledger.trial_balance import TrialBalanceLine, trial_balance


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
    log: Sequence[Recorded], account_id: int, as_of: dt.date, known_at: int
) -> tuple[int, int] | None:
    """Booked and available, or None for an account that was not known."""
    known = [r for r in log[:known_at] if r.originator_id == f"account-{account_id}"]
    if not known:
        return None
    found = lines(log, account_id, as_of, known_at)
    booked = found[0].balance if found else 0
    limits = [
        r.event.fact.terms.overdraft_limit
        for r in known
        if not r.event.entry and r.event.booking_date <= as_of
    ]
    return booked, booked + (limits[-1] if limits else 0)


def trial(log: Sequence[Recorded], as_of: dt.date, known_at: int) -> list[TrialBalanceLine]:
    known = [r.event for r in log[:known_at] if r.event.booking_date <= as_of]
    return trial_balance(event.entry for event in known)


def history(
    log: Sequence[Recorded], account_ids: Sequence[int] | None, as_of: dt.date, known_at: int
) -> list[tuple[int, str, JournalEvent[Any]]]:
    """Transaction id, status and first event with an entry, newest first."""
    streams = None if account_ids is None else {f"account-{number}" for number in account_ids}
    posted = [r.event for r in log[:known_at] if r.event.entry]
    reversed_ = {getattr(event.fact, "reverses", None) for event in posted}
    first: dict[int, JournalEvent[Any]] = {}
    touching: set[int] = set()
    for event in posted:
        first.setdefault(event.transaction_id, event)
        if streams is None or any(p.sub_account in streams for p in event.entry):
            touching.add(event.transaction_id)
    return [
        (number, "reversed" if number in reversed_ else "completed", first[number])
        for number in sorted(touching, reverse=True)
        if first[number].booking_date <= as_of
    ]
