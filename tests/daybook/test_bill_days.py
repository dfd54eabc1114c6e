"""Bills at the end of a day: paid by rule, late, and settled, once each however often it is run."""

import asyncio
import datetime as dt
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from application import autopay, clock
from application.autopay import WantedRule
from application.bill_payments import authorise
from application.billers import change_biller, register_biller
from application.payment_places import Place
from application.presenting import Outcome, PresentedBill, present_bill
from daybook.end_of_day import bills as steps
from daybook.end_of_day.run import Bank, DayRun, end_days
from domain.banking_calendar import WEEKENDS, Calendar
from domain.bills.biller import BillerTerms
from ledger.trial_balance import trial_balance
from tests import bank as banks
from tests.bank import ask, read_log, told
from tests.readmodels.asking import project

TODAY = clock.now().date()
pytestmark = pytest.mark.usefixtures("one_day")
YESTERDAY = TODAY - dt.timedelta(days=1)
STEPS = (steps.AUTOPAY, steps.LATE_FEES, steps.SETTLEMENTS)


def end(conninfo: str, *dates: dt.date) -> list[DayRun]:
    runs: list[DayRun] = []
    asyncio.run(end_days(Bank(conninfo=conninfo, steps=STEPS), dates, ended=runs.append))
    return runs


class Bills:
    """Two accounts of the one customer, a biller of each kind, and numbers as the tests choose them."""

    def __init__(self, bank: banks.Bank) -> None:
        self.bank = bank
        bank.with_accounts({1: 100, 2: 5})
        self.do(register_biller(ask(), 1, self._terms("Power", late_fee=Decimal("2.50"))))
        net: dict[str, Any] = {"settlement": "net", "commission_rate": Decimal(1)}
        self.do(register_biller(ask(), 2, self._terms("Water", **net)))

    def _terms(self, name: str, **more: Any) -> BillerTerms:
        return BillerTerms(name=name, currencies=("EUR",), settlement_days=0, **more)

    def do(self, command: Any) -> None:
        answer = self.bank.submit(command)
        assert answer.status == 201, told(answer)

    def present(self, bill_id: int, biller_id: int, amount: int, due_date: dt.date) -> None:
        presented = PresentedBill(
            biller_id=biller_id,
            user_id=banks.CUSTOMER,
            amount=Decimal(amount),
            currency="EUR",
            due_date=due_date,
        )
        self.do(present_bill(ask(), presented, bill_id=bill_id, known=None, outcome=Outcome()))

    def pay(self, bill_id: int, biller_id: int, amount: int, number: int) -> None:
        place = Place(number, bill_id, 1, biller_id)
        self.do(
            authorise(ask(), place, user_id=banks.CUSTOMER, hold_id=number, amount=Decimal(amount))
        )

    def balances(self) -> dict[int, int]:
        entries = [recorded.event.entry for recorded in self.bank.log()]
        return {line.ledger_account: line.balance for line in trial_balance(entries)}


@pytest.fixture
def conninfo(database: str) -> str:
    with psycopg.connect(database) as connection:
        # The tests choose numbers below these.
        for sequence in ("payment_ids", "hold_ids"):
            connection.execute(f"ALTER SEQUENCE {sequence} RESTART WITH 1000")
    return database


def test_a_rule_pays_what_is_due_into_the_books_of_the_day_and_once(conninfo: str) -> None:
    with banks.Bank(conninfo) as bank:
        made = Bills(bank)
        made.do(autopay.set_up(ask(), 1, WantedRule(banks.CUSTOMER, 1, 2, None, 1)))
        made.present(1, 1, 40, YESTERDAY)
        made.present(2, 2, 30, YESTERDAY)
        project(conninfo)

        run, _ = end(conninfo, YESTERDAY, TODAY)

        totals = {step.step: (step.done, step.refused) for step in run.steps}
        assert totals == {
            "autopay": (1, 0),
            "bill-late-fees": (0, 0),
            "biller-settlements": (1, 0),
        }
        assert made.balances()[2110] == 10_500 - 4_000
        assert (made.balances()[2410], made.balances()[1120]) == (0, -4_000)
        booked = [r.event for r in bank.log() if r.event.fact.TAG == "account.bill-paid.1"]
        assert [event.booking_date for event in booked] == [YESTERDAY]
        after = [r.event.fact.TAG for r in bank.log()][-2:]
        assert after == ["business-day.end-begun.1", "business-day.ended.1"]


def test_what_is_late_costs_more_once(conninfo: str) -> None:
    with banks.Bank(conninfo) as bank:
        made = Bills(bank)
        made.present(1, 1, 40, YESTERDAY - dt.timedelta(days=1))
        made.present(2, 1, 40, YESTERDAY)
        made.present(3, 2, 40, YESTERDAY - dt.timedelta(days=9))
        project(conninfo)

        end(conninfo, YESTERDAY, TODAY)

        late = [
            (r.originator_id, r.event.fact.amount, r.event.booking_date)
            for r in bank.log()
            if r.event.fact.TAG == "bill.late-fee-added.1"
        ]
        assert late == [("bill-1", 250, YESTERDAY), ("bill-2", 250, TODAY)]


def test_billers_are_paid_what_is_due_to_them_net_where_so_agreed(conninfo: str) -> None:
    with banks.Bank(conninfo) as bank:
        made = Bills(bank)
        for number, (biller_id, amount) in enumerate(((1, 20), (2, 30), (2, 10)), start=1):
            made.present(number, biller_id, amount, TODAY)
            made.pay(number, biller_id, amount, number)
        project(conninfo)

        before, run = end(conninfo, YESTERDAY, TODAY)

        assert before.steps[2].done == 0
        assert (run.steps[2].done, run.refused) == (2, 0)
        balances = made.balances()
        assert (balances[2410], balances[1120], balances[4240]) == (0, -5_960, 40)
        facts = [r.event.fact for r in read_log(conninfo)]
        settled = [f.payment_ids for f in facts if f.TAG == "biller.settled.1"]
        assert sorted(settled) == [(1,), (2, 3)]


def test_a_biller_is_not_paid_on_a_holiday_of_the_bank(conninfo: str) -> None:
    """The writer knows the calendar, so what it captures is settled by it."""
    days = frozenset(TODAY + dt.timedelta(days=n) for n in range(1, 8))
    with banks.Bank(conninfo, calendar=Calendar(days)) as bank:
        made = Bills(bank)
        power = BillerTerms(name="Power", currencies=("EUR",), settlement_days=1)
        made.do(change_biller(ask(), 1, power))
        made.present(1, 1, 20, TODAY)
        made.pay(1, 1, 20, 1)

        captured = [r.event.fact.payment for r in bank.log() if "captured" in r.event.fact.TAG]

    expected = WEEKENDS.following(TODAY + dt.timedelta(days=8))
    assert [payment.settles_on for payment in captured] == [expected]
