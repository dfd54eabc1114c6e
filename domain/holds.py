"""Holds: reservations of funds that change the available and not the ledger balance.

A hold is placed for an amount, until an instant where one is given; then it is settled (a debit of at
most that amount), released, or it expires. What is held is part of the account's standing: every fact
here carries all holds that are active after it.
"""

import datetime as dt
from typing import Final, TypeVar

import msgspec

from domain.account import Account, check_debit, check_open, evolve, moved
from domain.account_facts import (
    AccountFact,
    Hold,
    HoldExpired,
    HoldPlaced,
    HoldReleased,
    HoldSettled,
    PaymentSent,
)
from domain.refusals import (
    HoldAboveLimit,
    HoldOver,
    TooManyHolds,
)

Over = TypeVar("Over", HoldSettled, HoldReleased, HoldExpired)

# All of them are carried by each fact that changes one.
HOLDS_MAX: Final = 100


def place_hold(account: Account, hold: Hold) -> list[AccountFact]:
    """Reserve funds. Refused like a withdrawal of the amount."""
    check_debit(account, hold.amount, forced=False)
    if len(account.holds) >= HOLDS_MAX:
        raise TooManyHolds(account_id=account.account_id, limit=HOLDS_MAX)
    return [
        HoldPlaced(
            terms=account.terms,
            balance=account.balance,
            holds=(*account.holds, hold),
            hold_id=hold.hold_id,
        )
    ]


def settle_hold(
    account: Account, hold_id: int, amount: int | None, *, keep_rest: bool = False
) -> list[AccountFact]:
    """Debit the whole of what is held, or part of it; the rest is given back unless it is kept.

    What was reserved is paid, even where the bank's own debits have taken the money since.
    """
    hold = held(account, hold_id)
    amount = hold.amount if amount is None else amount
    if amount > hold.amount:
        raise HoldAboveLimit(
            hold_id=hold_id, held=account.money(hold.amount), requested=account.money(amount)
        )
    check_open(account)
    settled = over(HoldSettled, account, hold_id)
    rest = msgspec.structs.replace(hold, amount=hold.amount - amount)
    if keep_rest and rest.amount:
        settled = msgspec.structs.replace(settled, holds=(*settled.holds, rest))
    after = evolve(account, settled)
    check_debit(after, amount, forced=True)
    return [
        settled,
        moved(
            PaymentSent,
            after,
            amount,
            counterparty=hold.counterparty,
            forced=amount > after.available,
        ),
    ]


def release_hold(account: Account, hold_id: int) -> list[AccountFact]:
    held(account, hold_id)
    return [over(HoldReleased, account, hold_id)]


def expire_holds(account: Account, now: dt.datetime) -> list[AccountFact]:
    """Give back what was held until an instant that has passed; nothing where none has."""
    facts: list[AccountFact] = []
    for hold in account.holds:
        if hold.expires_at is not None and hold.expires_at <= now:
            facts.append(over(HoldExpired, account, hold.hold_id))
            account = evolve(account, facts[-1])
    return facts


def held(account: Account, hold_id: int) -> Hold:
    """The hold, of those that were placed on this account; one that is not active is over."""
    for hold in account.holds:
        if hold.hold_id == hold_id:
            return hold
    raise HoldOver(hold_id=hold_id)


def over(kind: type[Over], account: Account, hold_id: int) -> Over:
    """The fact of this kind after which the account holds all it did but this."""
    holds = tuple(hold for hold in account.holds if hold.hold_id != hold_id)
    return kind(terms=account.terms, balance=account.balance, holds=holds, hold_id=hold_id)
