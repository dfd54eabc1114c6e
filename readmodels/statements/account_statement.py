"""The statement of an account, read from the views and the log, at any moment."""

import datetime as dt
from collections.abc import Sequence

import msgspec

from readmodels.account_lines import LineRow, lines
from readmodels.accounts import account
from readmodels.audited import check_stream
from readmodels.balances import balance
from readmodels.holds import HoldRow, holds
from readmodels.log_roots import LogAt, log_at
from readmodels.moments import Moment
from readmodels.reading import PAGE_MAX, BookingOrder, Connection
from readmodels.statements.building import (
    ENTRIES_MAX,
    InconsistentStatement,
    Line,
    Standing,
    StatementTooLong,
    build_statement,
)
from readmodels.statements.canonical import Bank, StatedAccount, StatedHold, Statement
from readmodels.transaction_filters import Filters


async def account_statement(
    connection: Connection,
    account_id: int,
    *,
    bank: Bank,
    booked_from: dt.date,
    booked_to: dt.date,
    moment: Moment,
    holders: Sequence[str] = (),
    number: int | None = None,
) -> Statement | None:
    """The statement as of and as known at the moment; None where there was no such account.

    `booked_to` is not after `moment.as_of`. Opening and closing balance are asked of the books apart
    from the lines. Raises `InconsistentStatement` where these do not come to the same.

    What is held is held at the end of the last day in UTC, also where that day is not over yet: the
    statement is the same whenever it is asked for. Raises `LogDamaged` where an audit has found damage
    in what the account rests on.
    """
    await check_stream(connection, f"account-{account_id}", moment.known_at)
    row = await account(connection, account_id)
    before = msgspec.structs.replace(moment, as_of=booked_from - dt.timedelta(1))
    end = msgspec.structs.replace(moment, as_of=booked_to, now=None)
    opening = await balance(connection, account_id, before)
    closing = await balance(connection, account_id, end)
    if row is None or opening is None or closing is None:
        return None
    held = await holds(connection, account_id, end)
    found = await _lines(connection, account_id, moment, booked_from, booked_to)
    log = await _standing_on(connection, moment.known_at)
    return build_statement(
        bank,
        StatedAccount(account_id, row.reference, row.account_type, row.currency, tuple(holders)),
        Standing(
            booked_from=booked_from,
            booked_to=booked_to,
            as_of=moment.as_of,
            position=moment.known_at,
            root=log.root.hex(),
            known_at=log.recorded_at,
        ),
        opening_balance=opening.balance,
        lines=[_line(line, account_id) for line in found],
        closing_balance=closing.balance,
        overdraft_limit=closing.available - closing.balance + closing.held,
        holds=[_hold(each) for each in held],
        number=number,
    )


async def _lines(
    connection: Connection, account_id: int, moment: Moment, first: dt.date, last: dt.date
) -> list[LineRow]:
    """All lines of the period, oldest first."""
    filters = Filters(booked_from=first, booked_to=last)
    found: list[LineRow] = []
    before: BookingOrder | None = None
    while True:
        page = await lines(
            connection, account_id, moment, filters=filters, limit=PAGE_MAX, before=before
        )
        found += page
        if len(page) < PAGE_MAX:
            return found[::-1]
        if len(found) > ENTRIES_MAX:
            raise StatementTooLong(
                f"more than the {ENTRIES_MAX} entries of one statement: ask by month"
            )
        before = (page[-1].booking_date, page[-1].position)


async def _standing_on(connection: Connection, position: int) -> LogAt:
    found = await log_at(connection, position)
    if found is None:
        raise InconsistentStatement(f"the log has not come to position {position}")
    return found


def _hold(row: HoldRow) -> StatedHold:
    what = row.description or row.counterparty
    return StatedHold(row.hold_id, row.remaining, row.placed_at, row.expires_at, what)


def _line(line: LineRow, account_id: int) -> Line:
    others = {line.source_account_id, line.destination_account_id} - {None, account_id}
    return Line(
        position=line.position,
        transaction_id=line.transaction_id,
        booking_date=line.booking_date,
        value_date=line.value_date,
        recorded_at=line.recorded_at,
        kind=line.kind,
        amount=line.amount,
        counterparty=line.counterparty,
        counterparty_account=others.pop() if others else None,
        description=line.description,
        category=line.category,
        tags=tuple(line.tags),
        reference=line.reference,
        reverses=line.reverses,
        reversed_by=line.reversed_by,
        reversed_amount=line.reversed_amount,
    )
