"""A statement tells what was held at the end of its last day, and what was available with it."""

import datetime as dt
from decimal import Decimal

from application import clock, holds
from application.books import Command
from application.commands import NO_DETAILS
from readmodels.moments import Moment
from readmodels.statements.account_statement import account_statement
from readmodels.statements.canonical import Statement
from tests.bank import Bank, ask
from tests.readmodels.asking import project, read
from tests.statements.made import BANK


def stated(conninfo: str, last: dt.date, known_at: int) -> Statement:
    statement = read(
        conninfo,
        lambda c: account_statement(
            c,
            1,
            bank=BANK,
            booked_from=last - dt.timedelta(30),
            booked_to=last,
            moment=Moment(last, known_at, known_at),
        ),
    )
    assert statement is not None
    return statement


def place(hold_id: int, euros: int, until: dt.datetime | None) -> Command:
    return holds.place_hold(
        *(ask(), 1, hold_id, Decimal(euros)),
        expires_at=until,
        counterparty=None,
        description="a bicycle",
    )


def test_holds_with_what_is_left_of_them_are_stated_until_they_run_out(database: str) -> None:
    now = clock.now()
    with Bank(database) as bank:
        bank.with_accounts({1: 100})
        bank.submit(place(1, 40, now + dt.timedelta(days=2)))
        placed = bank.submit(place(2, 20, None)).position
        part = holds.settle_hold(ask(), 1, 2, Decimal(5), NO_DETAILS, keep_rest=True)
        head = bank.submit(part).position
    project(database)
    assert placed is not None
    assert head is not None

    today = stated(database, now.date(), head)
    then = stated(database, now.date(), placed)
    later = stated(database, now.date() + dt.timedelta(2), head)
    before = stated(database, now.date() - dt.timedelta(1), head)

    assert [(hold.hold_id, hold.amount) for hold in today.holds] == [(1, 4000), (2, 1500)]
    assert (today.closing_balance, today.held, today.available) == (9500, 5500, 4000)
    assert (then.closing_balance, then.held, then.available) == (10000, 6000, 4000)
    assert [hold.hold_id for hold in later.holds] == [2]
    assert (before.holds, before.held, before.available) == ((), 0, 0)
    assert today.holds[0].description == "a bicycle"
    assert today.holds[0].expires_at == now + dt.timedelta(days=2)
