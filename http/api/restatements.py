"""Restatements: what an issued statement said then, what would be said now, and why they differ."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec
from litestar import get
from litestar.params import FromPath
from litestar.types import ASGIApp, ControllerRouterHandler

from api.call import Call, told
from api.documents import answers, described
from api.parameters import KnownAt
from api.statement_forms import bank_of
from api.statements import reproduced
from api.visibility import reading
from domain.money import decimal_of
from domain.statement import StatementIssued
from readmodels.moments import UnanswerableMoment
from readmodels.restatement import LaterLine, later_lines
from readmodels.statements.account_statement import account_statement
from readmodels.statements.building import InconsistentStatement
from readmodels.statements.canonical import Statement


class StatedSide(msgspec.Struct, kw_only=True):
    """`position` is what it stands on, `as_of` the day it was, or would be, stated."""

    position: int
    as_of: dt.date
    opening_balance: Decimal
    entries: int
    credits: Decimal
    debits: Decimal
    closing_balance: Decimal


class StatedDifference(msgspec.Struct, kw_only=True):
    """Now less then."""

    opening_balance: Decimal
    entries: int
    credits: Decimal
    debits: Decimal
    closing_balance: Decimal


class ExplainingEvent(msgspec.Struct, kw_only=True):
    """What became known later. Booked before the period it moves the opening balance, and within it
    it is one entry more: both move the closing balance by the amount, seen by the holder."""

    position: int
    transaction_id: int
    type: str
    effect: Literal["opening balance", "entry"]
    amount: Annotated[Decimal, msgspec.Meta(description="Signed, seen by the holder.")]
    booking_date: dt.date
    value_date: dt.date
    timestamp: dt.datetime
    description: str | None
    reason: str | None
    actor: str
    reverses: int | None


class Restatement(msgspec.Struct, kw_only=True):
    """The amounts of `events` come to the difference of the closing balances."""

    statement_id: int
    account_id: int
    number: int
    currency: str
    booked_from: dt.date = msgspec.field(name="from")
    booked_to: dt.date = msgspec.field(name="to")
    sha256: str
    then: StatedSide
    now: StatedSide
    difference: StatedDifference
    events: list[ExplainingEvent]


@get(
    "/statements/{statement_id:int}/restatement",
    **described("A restatement", answers(200, Restatement, 401, 404, 422, 429, 503)),
)
async def restatement(
    request: Call, statement_id: FromPath[int], known_at: KnownAt = None
) -> ASGIApp:
    """What was said then beside what is known now, or at `known_at`, with the events that explain
    every cent of the difference."""
    then, issued = await reproduced(request, statement_id)
    fact: StatementIssued = issued.event.fact
    account_id = then.account.account_id
    async with reading(request, account_id, known_at=known_at) as (connection, moment):
        if moment.known_at < fact.known_at:
            raise UnanswerableMoment(
                f"The statement stands on position {fact.known_at}, and {moment.known_at} is "
                "before that."
            )
        now = await account_statement(
            connection,
            account_id,
            bank=bank_of(fact.bank),
            booked_from=fact.booked_from,
            booked_to=fact.booked_to,
            moment=moment,
            number=fact.number,
        )
        lines = await later_lines(
            connection, account_id, after=fact.known_at, booked_to=fact.booked_to, moment=moment
        )
    assert now is not None, "what was stated once was there"
    check_explained(then, now, lines)
    out = Restatement(
        statement_id=statement_id,
        account_id=account_id,
        number=fact.number,
        currency=then.account.currency,
        booked_from=fact.booked_from,
        booked_to=fact.booked_to,
        sha256=fact.sha256,
        then=_side(then),
        now=_side(now),
        difference=_difference(then, now),
        events=[_event(line, then, staff=request.actor.role != "user") for line in lines],
    )
    return told(out, position=moment.known_at)


def check_explained(then: Statement, now: Statement, lines: list[LaterLine]) -> None:
    """Raise `InconsistentStatement` unless the lines explain every cent between the two."""
    opening = sum(line.amount for line in lines if line.booking_date < then.booked_from)
    both = sum(line.amount for line in lines)
    known = {entry.position for entry in then.entries}
    added = [line.position for line in lines if line.booking_date >= then.booked_from]
    if (
        now.opening_balance - then.opening_balance != opening
        or now.closing_balance - then.closing_balance != both
        or {entry.position for entry in now.entries} != known.union(added)
    ):
        raise InconsistentStatement(
            f"account {then.account.account_id}: {len(lines)} lines do not explain how the "
            f"statement of {then.booked_from} to {then.booked_to} differs between positions "
            f"{then.position} and {now.position}"
        )


def _side(stated: Statement) -> StatedSide:
    currency = stated.account.currency
    return StatedSide(
        position=stated.position,
        as_of=stated.as_of,
        opening_balance=decimal_of(stated.opening_balance, currency),
        entries=len(stated.entries),
        credits=decimal_of(stated.totals.credits, currency),
        debits=decimal_of(stated.totals.debits, currency),
        closing_balance=decimal_of(stated.closing_balance, currency),
    )


def _difference(then: Statement, now: Statement) -> StatedDifference:
    currency = then.account.currency

    def less(name: str, one: object, other: object) -> Decimal:
        return decimal_of(getattr(one, name) - getattr(other, name), currency)

    return StatedDifference(
        opening_balance=less("opening_balance", now, then),
        entries=len(now.entries) - len(then.entries),
        credits=less("credits", now.totals, then.totals),
        debits=less("debits", now.totals, then.totals),
        closing_balance=less("closing_balance", now, then),
    )


def _event(line: LaterLine, then: Statement, *, staff: bool) -> ExplainingEvent:
    return ExplainingEvent(
        position=line.position,
        transaction_id=line.transaction_id,
        type=line.kind,
        effect="opening balance" if line.booking_date < then.booked_from else "entry",
        amount=decimal_of(line.amount, then.account.currency),
        booking_date=line.booking_date,
        value_date=line.value_date,
        timestamp=line.recorded_at,
        description=line.description,
        # What the staff said among themselves, and who it was, is not for customers.
        reason=line.reason if staff else None,
        actor=line.actor if staff else line.actor.partition("-")[0],
        reverses=line.reverses,
    )


HANDLERS: Final[list[ControllerRouterHandler]] = [restatement]
