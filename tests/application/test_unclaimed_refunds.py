"""What is given back after the account was closed waits in suspense until its customer comes for it."""

from decimal import Decimal
from typing import Any

import pytest

from application import accounts
from application import bill_refunds as refunds
from application.commands import NO_DETAILS
from domain.bills.bill_refusals import RefundNotDue
from domain.refusals import AccountClosed
from tests.bill_desk import TELLER, Desk, ask


def paid_and_closed(*, settled: bool, **terms: Any) -> tuple[Desk, int]:
    """A bill of 100 that was paid with a fee of 0.50, by an account that is no more."""
    desk = Desk()
    fee = terms.get("fee", Decimal(0))
    account_id = desk.new_account(10_000 + int(fee * 100))
    bill_id = desk.new_bill(desk.biller(**terms))
    desk.pay(bill_id, account_id, 10_000)
    if settled:
        desk.settle(desk.bill(bill_id).standing.biller_id)
    desk.do(accounts.close(ask(TELLER), account_id, "moved away"))
    return desk, bill_id


def waits(desk: Desk, bill_id: int) -> int:
    place = desk.place(bill_id)
    waiting = desk.bill(bill_id).payment(place.payment_id).unclaimed
    assert desk.owed(2910) == ({f"payment-{place.payment_id}": waiting} if waiting else {})
    return waiting


def test_before_the_settlement_the_biller_is_owed_less() -> None:
    desk, bill_id = paid_and_closed(settled=False, fee=Decimal("0.50"), fee_returned=True)

    desk.news(refunds.refunded, desk.place(bill_id), Decimal(30), "wrong house")

    assert waits(desk, bill_id) == 3_000
    assert desk.balances()[2410] == 7_000
    desk.news(refunds.refunded, desk.place(bill_id), None, "all of it")
    assert waits(desk, bill_id) == 10_050
    assert (desk.balances()[2410], desk.balances()[4210]) == (0, 0)
    assert desk.bill(bill_id).standing.payments[0].state == "refunded"


@pytest.mark.parametrize("give_back", [refunds.refunded, refunds.charged_back])
def test_after_the_settlement_the_biller_owes_it(give_back: Any) -> None:
    desk, bill_id = paid_and_closed(settled=True)
    said = ("no",) if give_back is refunds.charged_back else (None, "no")

    desk.news(give_back, desk.place(bill_id), *said)

    assert waits(desk, bill_id) == 10_000
    assert desk.balances()[1510] == 10_000
    desk.news(refunds.refund_received, desk.place(bill_id), Decimal(100))
    assert (desk.balances()[1510], desk.balances()[1120]) == (0, 0)
    assert waits(desk, bill_id) == 10_000


def test_what_the_biller_gives_back_first_waits_when_it_has_come() -> None:
    desk, bill_id = paid_and_closed(settled=True, refunds="on_receipt")

    desk.news(refunds.refunded, desk.place(bill_id), Decimal(40), "no")
    assert waits(desk, bill_id) == 0
    desk.news(refunds.refund_received, desk.place(bill_id), Decimal(40))

    assert waits(desk, bill_id) == 4_000
    assert desk.balances()[1120] == -6_000


def test_it_is_claimed_in_cash_and_once() -> None:
    desk, bill_id = paid_and_closed(settled=False)
    desk.news(refunds.refunded, desk.place(bill_id), None, "no")
    cash = desk.balances()[1010]

    desk.news(refunds.refund_claimed, desk.place(bill_id), Decimal(30), "came in")
    assert waits(desk, bill_id) == 7_000
    with pytest.raises(RefundNotDue):
        desk.news(refunds.refund_claimed, desk.place(bill_id), Decimal("70.01"), "more")
    desk.news(refunds.refund_claimed, desk.place(bill_id), None, "the rest")

    assert waits(desk, bill_id) == 0
    assert desk.balances()[1010] == cash - 10_000
    with pytest.raises(RefundNotDue):
        desk.news(refunds.refund_claimed, desk.place(bill_id), None, "again")


def test_a_chargeback_that_was_lost_is_taken_from_what_waits_and_from_nowhere_else() -> None:
    desk, bill_id = paid_and_closed(settled=True)
    desk.news(refunds.charged_back, desk.place(bill_id), "not me")
    there = dict(desk.states)

    desk.news(refunds.chargeback_lost, desk.place(bill_id), "it was")

    assert waits(desk, bill_id) == 0
    assert desk.balances()[1510] == 0
    assert desk.bill(bill_id).standing.status == "paid"
    desk.states = there
    desk.news(refunds.refund_claimed, desk.place(bill_id), Decimal(1), "came in")
    with pytest.raises(AccountClosed):
        desk.news(refunds.chargeback_lost, desk.place(bill_id), "it was")


def test_a_bill_presented_anew_for_less_leaves_the_rest_to_be_claimed() -> None:
    desk = Desk()
    account_id = desk.new_account(10_000)
    old = desk.new_bill(desk.biller(), external_id="A-1")
    desk.pay(old, account_id, 10_000)
    desk.do(accounts.close(ask(TELLER), account_id, "moved away"))

    new = desk.supersede(old, 6_000)

    assert waits(desk, new) == 4_000
    assert desk.bill(new).standing.paid == 6_000


def test_an_open_account_is_credited_as_ever() -> None:
    desk = Desk()
    account_id = desk.new_account(10_000)
    bill_id = desk.new_bill(desk.biller())
    desk.pay(bill_id, account_id, 10_000)
    desk.do(accounts.deposit(ask(), account_id, Decimal(1), NO_DETAILS))

    desk.news(refunds.refunded, desk.place(bill_id), None, "no")

    assert waits(desk, bill_id) == 0
    assert desk.account(account_id).balance == 10_100
