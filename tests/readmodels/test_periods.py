"""Periods closed by two people: what is read before, after and about it."""

import datetime as dt
from decimal import Decimal

import msgspec
import pytest

from application import accounts, clock, periods
from application.books import Command
from application.commands import Actor, Details
from domain.periods import Reopened, Sealed
from ledger.chart_of_accounts import RETAINED_EARNINGS
from ledger.trial_balance import TrialBalanceLine
from readmodels.moments import Moment
from readmodels.periods import period_events
from readmodels.reading import Connection
from readmodels.reports.financial import balance_sheet, income_statement
from readmodels.trial_balance import trial_balance
from tests.bank import Bank, ask, told
from tests.laws import naive_reading as naive
from tests.readmodels.asking import project, read

YEAR = clock.now().year - 1
DECEMBER, LAST_DAY = f"{YEAR}-12", dt.date(YEAR, 12, 31)
MAKER, CHECKER = Actor(8, "compliance"), Actor(9, "compliance")


class Closed:
    """A year with 3.00 of fees and 1.00 of interest paid, closed, its result taken over, and sealed."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        with Bank(conninfo) as bank:

            def posted(command: Command) -> int:
                answer = bank.submit(command)
                assert answer.position is not None, told(answer)
                return answer.position

            bank.with_accounts({1: 0})
            late = Details(booking_date=LAST_DAY, reason="found in a drawer")
            posted(accounts.deposit(ask(), 1, Decimal(100), late))
            posted(accounts.charge_fee(ask(), 1, Decimal(3), late))
            posted(accounts.credit_interest(ask(), 1, Decimal(1), late))
            self.before = posted(periods.close_period(ask(actor=MAKER), DECEMBER, None))
            posted(periods.close_period(ask(actor=CHECKER), DECEMBER, None))
            project(conninfo)
            result = self.trial(LAST_DAY)
            self.ended = posted(periods.end_year(ask(), DECEMBER, result, version=2))
            project(conninfo)
            self.sealed = self.trial(LAST_DAY)
            posted(periods.seal_period(ask(), DECEMBER, self.sealed, self.ended, version=3))
            self.refused = told(bank.submit(accounts.deposit(ask(), 1, Decimal(1), late))).refused
            self.head = posted(accounts.charge_fee(ask(), 1, Decimal(2), Details()))
            project(conninfo)
            self.log = bank.log()

    def trial(self, day: dt.date) -> list[TrialBalanceLine]:
        async def asked(connection: Connection) -> list[TrialBalanceLine]:
            row = await (
                await connection.execute("SELECT position FROM readmodels.projection")
            ).fetchone()
            assert row is not None
            return list(await trial_balance(connection, Moment(day, row[0], row[0])))

        return read(self.conninfo, asked)


@pytest.fixture(scope="module")
def closed(module_database: str) -> Closed:
    return Closed(module_database)


def test_a_closed_period_takes_no_more_and_its_seal_is_its_trial_balance(closed: Closed) -> None:
    newest = read(closed.conninfo, period_events)[-1].event.fact

    assert closed.refused == "PeriodClosed"
    assert isinstance(newest, Sealed)
    assert (newest.closed, newest.sealed, newest.asked) == ((DECEMBER,), (DECEMBER,), ())
    assert msgspec.json.decode(newest.trial_balance, type=list[TrialBalanceLine]) == closed.sealed
    assert closed.trial(LAST_DAY) == closed.sealed


def test_a_trial_balance_is_the_logs_before_and_after_the_year_was_ended(closed: Closed) -> None:
    async def compare(connection: Connection) -> None:
        for known_at in range(1, closed.head + 1):
            for day in (LAST_DAY - dt.timedelta(1), LAST_DAY, clock.now().date()):
                found = await trial_balance(connection, Moment(day, known_at, closed.head))
                assert found == naive.trial(closed.log, day, known_at)

    read(closed.conninfo, compare)


def test_the_result_of_an_ended_year_is_in_retained_earnings_and_stays_its_income(
    closed: Closed,
) -> None:
    async def asked(connection: Connection, day: dt.date, known_at: int) -> tuple[int, int, int]:
        moment = Moment(day, known_at, closed.head)
        (sheet,) = await balance_sheet(connection, moment)
        (income,) = await income_statement(connection, moment, dt.date(day.year, 1, 1))
        retained = sum(e.balance for e in sheet.equity if e.ledger_account == RETAINED_EARNINGS)
        assert sheet.assets_total == sheet.liabilities_total + sheet.equity_total + sheet.result
        return retained, sheet.result, income.result

    then = read(closed.conninfo, lambda c: asked(c, LAST_DAY, closed.before))
    ended = read(closed.conninfo, lambda c: asked(c, LAST_DAY, closed.head))
    now = read(closed.conninfo, lambda c: asked(c, clock.now().date(), closed.head))

    assert then == (0, 200, 200)
    assert ended == (200, 0, 200)
    assert now == (200, 200, 200)


def test_a_period_opened_again_keeps_all_that_happened_to_it(database: str) -> None:
    Closed(database)
    with Bank(database) as bank:
        bank.submit(periods.reopen_period(ask(actor=MAKER), DECEMBER, "an audit"))

    life = [recorded.event.fact for recorded in read(database, period_events)]

    assert [fact.TAG.split(".")[1] for fact in life] == [
        "close-asked",
        "closed",
        "year-ended",
        "sealed",
        "reopened",
    ]
    assert isinstance(life[-1], Reopened)
    assert (life[-1].closed, life[-1].sealed) == ((), ())
