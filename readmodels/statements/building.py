"""Building a statement: opening balance and lines in, and nothing out that does not foot.

What is refused here is never a customer's doing: it means that what was read contradicts itself.
"""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from domain.money import MINOR_UNITS_MAX, decimals_of
from readmodels.statements.canonical import (
    FORM,
    Bank,
    CategoryTotal,
    ChargeTotal,
    Entry,
    StatedAccount,
    StatedHold,
    Statement,
    Totals,
)

# One statement is one document; more lines than this are several periods.
ENTRIES_MAX: Final = 100_000
ROOT: Final = re.compile(r"[0-9a-f]{64}")
CHARGES: Final = ("fee", "interest_charged", "interest_credited", "tax_withheld")


class InconsistentStatement(ValueError):
    """What a statement was to be built of contradicts itself; the message says where."""


class StatementTooLong(InconsistentStatement):
    """The period has more entries than one statement holds."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An entry before it stands in a statement. `amount` is signed, seen by the holder."""

    position: int
    transaction_id: int
    booking_date: dt.date
    value_date: dt.date
    recorded_at: dt.datetime
    kind: str
    amount: int
    counterparty: str | None = None
    counterparty_account: int | None = None
    description: str | None = None
    category: str | None = None
    tags: tuple[str, ...] = ()
    reference: str | None = None
    reverses: int | None = None
    reversed_by: int | None = None
    reversed_amount: int | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Which days a statement is about, and how much of the log it rests on.

    `known_at` is the instant at which the event at `position` was recorded, `root` that of the tree over
    the log up to there.
    """

    booked_from: dt.date
    booked_to: dt.date
    as_of: dt.date
    position: int
    root: str
    known_at: dt.datetime


def build_statement(
    bank: Bank,
    account: StatedAccount,
    standing: Standing,
    *,
    opening_balance: int,
    lines: Sequence[Line],
    closing_balance: int,
    overdraft_limit: int = 0,
    holds: Sequence[StatedHold] = (),
    number: int | None = None,
) -> Statement:
    """The statement of these lines, which come in the order of (booking date, position).

    The two balances are those the books give for the ends of the period, found without the lines.
    Raises `InconsistentStatement` where opening balance and lines do not come to the closing
    balance, and for lines out of order, out of the period or beyond the position.
    """
    _check_standing(standing, number)
    decimals_of(account.currency)
    _check_lines(lines, standing)
    entries = _entries(opening_balance, lines)
    reached = entries[-1].balance if entries else opening_balance
    if reached != closing_balance:
        raise InconsistentStatement(
            f"account {account.account_id}: {opening_balance} and {len(entries)} entries come to "
            f"{reached}, and the books say {closing_balance}"
        )
    held = sum(hold.amount for hold in holds)
    if overdraft_limit < 0 or any(hold.amount <= 0 for hold in holds):
        raise InconsistentStatement("an overdraft limit and a hold are not below zero")
    return Statement(
        form=FORM,
        bank=bank,
        account=account,
        number=number,
        booked_from=standing.booked_from,
        booked_to=standing.booked_to,
        as_of=standing.as_of,
        position=standing.position,
        root=standing.root,
        known_at=_utc(standing.known_at),
        opening_balance=opening_balance,
        entries=entries,
        totals=_totals(entries),
        closing_balance=closing_balance,
        holds=tuple(_hold_in_utc(hold) for hold in holds),
        held=held,
        overdraft_limit=overdraft_limit,
        available=closing_balance - held + overdraft_limit,
    )


def _check_standing(standing: Standing, number: int | None) -> None:
    if standing.booked_from > standing.booked_to:
        raise InconsistentStatement(
            f"a period from {standing.booked_from} to {standing.booked_to} has no day"
        )
    if standing.booked_to > standing.as_of:
        raise InconsistentStatement(
            f"as of {standing.as_of} nobody knows the bookings of {standing.booked_to}"
        )
    if standing.position < 1 or (number is not None and number < 1):
        raise InconsistentStatement("positions and numbers count from one")
    if not ROOT.fullmatch(standing.root):
        raise InconsistentStatement("a root is 64 hexadecimal digits")


def _check_lines(lines: Sequence[Line], standing: Standing) -> None:
    if len(lines) > ENTRIES_MAX:
        raise StatementTooLong(
            f"{len(lines)} entries are more than the {ENTRIES_MAX} of one statement: ask by month"
        )
    before = (standing.booked_from, 0)
    for line in lines:
        here = (line.booking_date, line.position)
        if here <= before or line.booking_date > standing.booked_to:
            raise InconsistentStatement(f"the line at {here} is out of order or of the period")
        if line.position > standing.position or line.recorded_at > standing.known_at:
            raise InconsistentStatement(f"the line at {here} was not known at {standing.position}")
        if not 0 < abs(line.amount) <= MINOR_UNITS_MAX:
            raise InconsistentStatement(f"the line at {here} has the amount {line.amount}")
        before = here


def _entries(opening_balance: int, lines: Iterable[Line]) -> tuple[Entry, ...]:
    entries = []
    balance = opening_balance
    for number, line in enumerate(lines, 1):
        balance += line.amount
        entries.append(
            Entry(
                number=number,
                position=line.position,
                transaction_id=line.transaction_id,
                booking_date=line.booking_date,
                value_date=line.value_date,
                recorded_at=_utc(line.recorded_at),
                kind=line.kind,
                side="credit" if line.amount > 0 else "debit",
                amount=abs(line.amount),
                balance=balance,
                counterparty=line.counterparty,
                counterparty_account=line.counterparty_account,
                description=line.description,
                category=line.category,
                tags=line.tags,
                reference=line.reference,
                reverses=line.reverses,
                reversed_by=line.reversed_by,
                reversed_amount=line.reversed_amount,
            )
        )
    return tuple(entries)


def _totals(entries: Sequence[Entry]) -> Totals:
    credited = [entry.amount for entry in entries if entry.side == "credit"]
    debited = [entry.amount for entry in entries if entry.side == "debit"]
    by_category: dict[str | None, list[Entry]] = {}
    by_charge: dict[str, list[Entry]] = {}
    for entry in entries:
        by_category.setdefault(entry.category, []).append(entry)
        if entry.kind in CHARGES:
            by_charge.setdefault(entry.kind, []).append(entry)
    # By the letters' code points, whatever the locale; those without a category come last.
    names = sorted(by_category, key=lambda name: (name is None, name or ""))
    return Totals(
        credits_count=len(credited),
        credits=sum(credited),
        debits_count=len(debited),
        debits=sum(debited),
        categories=tuple(_category_total(name, by_category[name]) for name in names),
        charges=tuple(
            ChargeTotal(kind, len(by_charge[kind]), sum(e.signed for e in by_charge[kind]))
            for kind in CHARGES
            if kind in by_charge
        ),
    )


def _category_total(category: str | None, entries: Sequence[Entry]) -> CategoryTotal:
    credited = sum(entry.amount for entry in entries if entry.side == "credit")
    debited = sum(entry.amount for entry in entries if entry.side == "debit")
    return CategoryTotal(category, len(entries), credited, debited)


def _utc(instant: dt.datetime) -> dt.datetime:
    if instant.tzinfo is None:
        raise InconsistentStatement(f"the instant {instant} has no offset from UTC")
    return instant.astimezone(dt.UTC)


def _hold_in_utc(hold: StatedHold) -> StatedHold:
    return msgspec.structs.replace(
        hold,
        placed_at=_utc(hold.placed_at),
        expires_at=None if hold.expires_at is None else _utc(hold.expires_at),
    )
