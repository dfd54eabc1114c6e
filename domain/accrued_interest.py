"""The interest of one account: what was accrued of it day by day, and what of that was capitalised.

Accrued is all interest since the account was opened, in units (domain/interest.py); posted is that in
minor units, as the books have it, and settled what of it has gone to the account. Each accrual posts the
difference between the rounded total and what is posted, so roundings never add up, and a change in the
past is a difference too.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from domain.facts import Fact, stored_as
from domain.interest import ONE_DAY, ByDay, Interest, interest_of, minor_units
from domain.rate_plans import Rates, Rounding


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """How the interest of an account stands. Units are whole numbers, as decimals for their size.

    `balance` is the one by value date at the end of `through`, as known at the position `known_at`:
    all interest up to then rests on it. `since` is the day from which something is not settled.
    """

    through: dt.date
    known_at: int
    balance: int
    credit: Decimal = Decimal(0)
    debit: Decimal = Decimal(0)
    credit_posted: int = 0
    debit_posted: int = 0
    credit_settled: int = 0
    debit_settled: int = 0
    since: dt.date | None = None

    @property
    def credit_open(self) -> int:
        """Posted and not settled; below zero where more was paid than is due by now."""
        return self.credit_posted - self.credit_settled

    @property
    def debit_open(self) -> int:
        return self.debit_posted - self.debit_settled

    @property
    def is_settled(self) -> bool:
        """Whether nothing is open that could go to the account; what was overpaid could not."""
        return self.credit_open <= 0 and self.debit_open <= 0


# --- Events: their tags are on disk for ever.


class InterestFact(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """`standing` is after it; `credit` and `debit` are minor units, below zero where taken back."""

    currency: str
    standing: Standing
    credit: int = 0
    debit: int = 0


@stored_as("interest.accrued.1")
class Accrued(InterestFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("interest.capitalised.1")
class Capitalised(InterestFact, frozen=True, kw_only=True, omit_defaults=True):
    """It goes to the account, or is taken from it, next in the same transaction."""


@stored_as("interest.unclaimed.1")
class Unclaimed(InterestFact, frozen=True, kw_only=True, omit_defaults=True):
    """The account was closed: what it earned waits in suspense, what it owes is let go."""


# --- State


class AccruedInterest(msgspec.Struct, frozen=True):
    standing: Standing
    version: int


def stream_of(account_id: int) -> str:
    return f"interest-{account_id}"


def restore(_: int, newest: InterestFact, version: int) -> AccruedInterest:
    return AccruedInterest(newest.standing, version)


# --- Decisions


def accrue(
    state: AccruedInterest | None,
    earned: Interest,
    *,
    currency: str,
    through: dt.date,
    known_at: int,
    balance: int,
    rounding: Rounding,
) -> list[InterestFact]:
    """Add what was `earned` more than is accrued, up to the day `through`, and post the difference."""
    before = Standing(through, known_at, balance) if state is None else state.standing
    credit, debit = int(before.credit) + earned.credit, int(before.debit) + earned.debit
    after = msgspec.structs.replace(
        before,
        through=through,
        known_at=known_at,
        balance=balance,
        credit=Decimal(credit),
        debit=Decimal(debit),
        credit_posted=minor_units(credit, rounding),
        debit_posted=minor_units(debit, rounding),
    )
    after = msgspec.structs.replace(after, since=_since(before, after, through))
    return [
        Accrued(
            currency=currency,
            standing=after,
            credit=after.credit_posted - before.credit_posted,
            debit=after.debit_posted - before.debit_posted,
        )
    ]


def _since(before: Standing, after: Standing, through: dt.date) -> dt.date | None:
    if after.is_settled:
        return None
    return through if before.since is None else before.since


def settle(
    state: AccruedInterest | None, kind: type[InterestFact], posting_day: dt.date, currency: str
) -> list[InterestFact]:
    """What is open on a posting day is settled, a fact for each side of it.

    What was overpaid waits until it is earned.
    """
    if state is None or state.standing.since is None or state.standing.since > posting_day:
        return []
    facts: list[InterestFact] = []
    standing = state.standing
    for side in ("credit", "debit"):
        amount = getattr(standing, f"{side}_open")
        if amount > 0:
            settled: dict[str, Any] = {f"{side}_settled": getattr(standing, f"{side}_posted")}
            standing = msgspec.structs.replace(standing, **settled)
            if standing.is_settled:
                standing = msgspec.structs.replace(standing, since=None)
            moved: dict[str, Any] = {side: amount}
            facts.append(kind(currency=currency, standing=standing, **moved))
    return facts


# --- What was earned: from what was known when it was last accrued, and what is known now.


class Known(NamedTuple):
    """What interest rests on beside the balance: overdraft limits and rates, as known at a position."""

    limits: ByDay
    plan: tuple[Rates, ...]


class Moved(NamedTuple):
    """What was moved by value date: of that, what was known at the last accrual, and what is now."""

    day: dt.date
    before: int
    now: int


def earned_since(
    standing: Standing | None,
    moves: Sequence[Moved],
    before: Known,
    now: Known,
    *,
    start: dt.date,
    through: dt.date,
) -> tuple[Interest, int]:
    """What is earned by the end of `through` more than is accrued; and the balance by value date then.

    `moves` are all from `start` to `through`, by day; on the days before `start` nothing has changed
    since the last accrual.
    """
    accrued_through = start - ONE_DAY if standing is None else standing.through
    opening = 0 if standing is None else standing.balance
    opening -= sum(move.before for move in moves if move.day <= accrued_through)
    balances, old_balances = [(start, opening)], [(start, opening)]
    balance = old_balance = opening
    for move in moves:
        balance += move.now
        balances.append((move.day, balance))
        if move.day <= accrued_through:
            old_balance += move.before
            old_balances.append((move.day, old_balance))
    earned = interest_of(balances, now.limits, now.plan, start, through)
    accrued = interest_of(old_balances, before.limits, before.plan, start, accrued_through)
    return earned.minus(accrued), balance
