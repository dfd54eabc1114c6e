"""A bill from its presentment to the last cent, decided without a store."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from application import accounts, billers, bills, holds
from application import bill_payments as payments
from application import bill_refunds as refunds
from application.billers import PaymentPlace, settle
from application.commands import NO_DETAILS, Actor
from application.outbox import PaymentOrder
from application.presenting import Known
from domain.bills.bill_refusals import (
    BillDiffers,
    BillerInactive,
    BillHasPayments,
    BillNotFound,
    BillNotPayable,
    HoldOfPayment,
    LatePaymentNotAccepted,
    OverpaymentNotAccepted,
    PartialPaymentNotAccepted,
    PaymentNotRefundable,
    PaymentOutsideLimits,
    PaymentOver,
    ReferenceNotAccepted,
    RefundAbovePayment,
    RefundNotDue,
)
from domain.bills.biller import BillerTerms
from domain.bills.references import ReferenceFormat
from domain.refusals import AccountNotFound, CurrencyMismatch, InsufficientFunds, Refused
from tests.bill_desk import HOLDER, TELLER, Desk, ask


def status(desk: Desk, bill_id: int) -> tuple[str, int]:
    standing = desk.bill(bill_id).standing
    return standing.status, standing.open_amount


def state(desk: Desk, bill_id: int) -> str:
    return desk.bill(bill_id).standing.payments[-1].state


def test_the_worked_day() -> None:
    desk = Desk()
    account_id = desk.new_account(500_000)
    biller_id = desk.biller(fee=Decimal("0.50"), category="utilities/power")
    bill_id = desk.new_bill(biller_id, 8_437)

    paid, fee = desk.pay(bill_id, account_id, 8_437)

    assert (paid.category, fee.category) == ("utilities/power", "fees")
    assert status(desk, bill_id) == ("paid", 0)
    assert desk.account(account_id).balance == desk.account(account_id).available == 491_513
    assert desk.balances() == {1010: 500_000, 2110: 491_513, 2410: 8_437, 4210: 50}
    assert desk.owed(2410) == {f"biller-{biller_id}": 8_437}
    desk.settle(biller_id)
    assert desk.balances() == {1010: 500_000, 1120: -8_437, 2110: 491_513, 2410: 0, 4210: 50}


def test_a_net_settlement_keeps_the_commission() -> None:
    desk = Desk()
    account_id = desk.new_account(20_000)
    terms: dict[str, Any] = {"commission": Decimal("0.30"), "commission_rate": Decimal("1.25")}
    biller_id = desk.biller(settlement="net", **terms)
    for cents in (8_437, 5):
        desk.pay(desk.new_bill(biller_id, cents), account_id, cents)

    desk.settle(biller_id)

    # 0.30 and 1.05 of the first; of the second, no more than all of it.
    assert desk.balances()[4240] == 135 + 5
    assert desk.balances()[1120] == -(8_437 - 135)
    assert desk.owed(2410) == {}


def test_what_is_settled_is_settled_once() -> None:
    desk = Desk()
    biller_id = desk.biller()
    bill_id = desk.new_bill(biller_id)
    desk.pay(bill_id, desk.new_account(10_000), 10_000)
    place = desk.place(bill_id)

    again = settle(ask(), biller_id, [PaymentPlace(place.bill_id, place.payment_id)])

    assert len(desk.do(again)) == 1
    assert desk.do(again) == []
    assert desk.owed(2410) == {}


def test_a_gateway_payment_is_held_and_debited_when_it_is_captured() -> None:
    desk = Desk()
    account_id = desk.new_account(20_000)
    biller_id = desk.biller(gateway="girobank", fee=Decimal("0.50"))
    bill_id = desk.new_bill(biller_id, reference="77", external_id="2024-1")

    (held,) = desk.pay(bill_id, account_id, 4_000)

    ((_, (gateway, payment_id, message)),) = held.statements
    place = desk.place(bill_id)
    assert (gateway, payment_id) == ("girobank", place.payment_id)
    order = PaymentOrder(
        payment_id=place.payment_id,
        bill_id=bill_id,
        gateway="girobank",
        amount=4_000,
        currency="EUR",
        biller=f"Biller {biller_id}",
        reference="77",
    )

    assert msgspec.json.decode(message, type=PaymentOrder) == order
    account = desk.account(account_id)
    assert (account.balance, account.available) == (20_000, 15_950)
    assert status(desk, bill_id) == ("presented", 10_000)
    assert desk.bill(bill_id).standing.payable == 6_000
    desk.news(payments.submitting, place)
    desk.news(payments.unknown, place)
    desk.news(payments.accepted, place, "GB-1")
    paid, fee = desk.news(payments.captured, place, None)
    assert [type(draft.fact).__name__ for draft in paid.drafts] == [
        "HoldSettled",
        "BillPaid",
        "PaymentCaptured",
    ]
    assert [type(draft.fact).__name__ for draft in fee.drafts] == ["FeeCharged"]
    assert desk.account(account_id).available == 15_950
    assert status(desk, bill_id) == ("partially_paid", 6_000)
    assert desk.bill(bill_id).payment(place.payment_id).gateway_reference == "GB-1"


def test_news_that_is_late_or_comes_twice_writes_nothing() -> None:
    desk = Desk()
    account_id = desk.new_account(20_000)
    bill_id = desk.new_bill(desk.biller(gateway="girobank"))
    desk.pay(bill_id, account_id, 4_000)
    place = desk.place(bill_id)
    desk.news(payments.submitting, place)
    desk.news(payments.captured, place, "GB-1")

    assert desk.news(payments.captured, place, "GB-1") == []
    assert desk.news(payments.accepted, place, "GB-2") == []
    assert desk.news(payments.submitting, place) == []
    assert desk.news(payments.unknown, place) == []
    assert desk.news(payments.declined, place, "late", final=True) == []
    assert state(desk, bill_id) == "captured"


def test_a_declined_payment_frees_what_was_held_and_the_bill_is_payable_again() -> None:
    desk = Desk()
    account_id = desk.new_account(10_000)
    bill_id = desk.new_bill(desk.biller(gateway="girobank"))
    desk.pay(bill_id, account_id, 10_000)
    place = desk.place(bill_id)

    assert desk.news(payments.declined, place, "busy", final=False) == []
    assert state(desk, bill_id) == "held"
    desk.news(payments.declined, place, "no such customer", final=True)

    assert state(desk, bill_id) == "declined"
    assert desk.account(account_id).available == 10_000
    assert desk.bill(bill_id).standing.payable == 10_000
    with pytest.raises(PaymentOver):
        desk.news(payments.captured, place, "GB-1")
    assert desk.balances() == {1010: 10_000, 2110: 10_000}


def test_a_timeout_is_no_failure_and_keeps_what_is_held() -> None:
    desk = Desk()
    account_id = desk.new_account(10_000)
    bill_id = desk.new_bill(desk.biller(gateway="girobank"))
    desk.pay(bill_id, account_id, 10_000)

    desk.news(payments.unknown, desk.place(bill_id))

    assert desk.account(account_id).available == 0
    with pytest.raises(BillNotPayable):
        desk.pay(bill_id, desk.new_account(10_000), 10_000)


def test_what_a_gateway_has_is_debited_though_the_account_was_frozen_meanwhile() -> None:
    desk = Desk()
    account_id = desk.new_account(10_000)
    bill_id = desk.new_bill(desk.biller(gateway="girobank"))
    desk.pay(bill_id, account_id, 10_000)
    desk.do(accounts.freeze(ask(), account_id, "full", "an order", None))

    desk.news(payments.captured, desk.place(bill_id), "GB-1")

    assert desk.account(account_id).balance == 0


def test_the_hold_of_a_payment_is_nobody_elses_to_settle_or_release() -> None:
    desk = Desk()
    account_id = desk.new_account(10_000)
    bill_id = desk.new_bill(desk.biller(gateway="girobank"))
    desk.pay(bill_id, account_id, 10_000)
    hold_id = desk.account(account_id).holds[0].hold_id

    with pytest.raises(HoldOfPayment):
        desk.do(holds.settle_hold(ask(HOLDER), account_id, hold_id, None, NO_DETAILS))
    with pytest.raises(HoldOfPayment):
        desk.do(holds.release_hold(ask(TELLER), account_id, hold_id))


@pytest.mark.parametrize(
    ("terms", "bill", "cents", "refusal"),
    [
        ({}, {}, 10_001, OverpaymentNotAccepted),
        ({"partial": False}, {}, 9_999, PartialPaymentNotAccepted),
        ({}, {"minimum": Decimal(20)}, 1_999, PartialPaymentNotAccepted),
        ({"payment_min": Decimal(5)}, {}, 499, PaymentOutsideLimits),
        ({"payment_max": Decimal(50)}, {}, 5_001, PaymentOutsideLimits),
        ({}, {}, 0, Refused),
        ({"fee": Decimal("0.01")}, {}, 10_000, InsufficientFunds),
    ],
)
def test_what_the_biller_does_not_take_is_refused_and_changes_nothing(
    terms: dict[str, Any], bill: dict[str, Any], cents: int, refusal: type[Refused]
) -> None:
    desk = Desk()
    account_id = desk.new_account(10_000)
    bill_id = desk.new_bill(desk.biller(**terms), **bill)
    before = desk.balances(), desk.bill(bill_id), desk.account(account_id)

    with pytest.raises(refusal):
        desk.pay(bill_id, account_id, cents)

    assert before == (desk.balances(), desk.bill(bill_id), desk.account(account_id))


def test_a_rest_below_the_minimum_can_be_paid() -> None:
    desk = Desk()
    account_id = desk.new_account(20_000)
    bill_id = desk.new_bill(desk.biller(), minimum=Decimal(60))
    desk.pay(bill_id, account_id, 6_000)

    desk.pay(bill_id, account_id, 4_000)

    assert status(desk, bill_id) == ("paid", 0)


def test_a_late_payment_is_taken_in_the_days_of_grace_alone() -> None:
    desk = Desk()
    account_id = desk.new_account(20_000)
    biller_id = desk.biller(accepts_late=False, grace_days=2)
    bill_id = desk.new_bill(biller_id, due_date=desk.today)
    desk.go_to(desk.today + dt.timedelta(days=2))
    desk.pay(bill_id, account_id, 5_000)
    desk.go_to(desk.today + dt.timedelta(days=1))

    with pytest.raises(LatePaymentNotAccepted):
        desk.pay(bill_id, account_id, 5_000)


def test_more_than_is_owed_goes_back_where_the_biller_says_so() -> None:
    desk = Desk()
    account_id = desk.new_account(20_000)
    bill_id = desk.new_bill(desk.biller(overpayment="refund"))

    desk.pay(bill_id, account_id, 12_000)

    assert status(desk, bill_id) == ("paid", 0)
    assert desk.account(account_id).balance == 10_000
    assert sum(desk.owed(2410).values()) == 10_000


def test_more_than_is_owed_is_passed_on_as_credit_where_the_biller_says_so() -> None:
    desk = Desk()
    account_id = desk.new_account(20_000)
    bill_id = desk.new_bill(desk.biller(overpayment="credit"))

    desk.pay(bill_id, account_id, 12_000)

    assert status(desk, bill_id) == ("paid", 0)
    assert desk.bill(bill_id).standing.credit == 2_000
    assert sum(desk.owed(2410).values()) == 12_000


def test_a_refund_before_settlement_is_owed_to_the_biller_no_more() -> None:
    desk = Desk()
    account_id = desk.new_account(10_100)
    biller_id = desk.biller(fee=Decimal(1), fee_returned=True)
    bill_id = desk.new_bill(biller_id)
    desk.pay(bill_id, account_id, 10_000)
    place = desk.place(bill_id)

    desk.news(refunds.refunded, place, Decimal(40), "wrong house")
    assert status(desk, bill_id) == ("partially_paid", 4_000)
    assert sum(desk.owed(2410).values()) == 6_000
    with pytest.raises(RefundAbovePayment):
        desk.news(refunds.refunded, place, Decimal("60.01"), None)
    desk.news(refunds.refunded, place, None, None)

    assert state(desk, bill_id) == "refunded"
    assert status(desk, bill_id) == ("presented", 10_000)
    assert desk.account(account_id).balance == 10_100
    assert desk.balances() == {1010: 10_100, 2110: 10_100, 2410: 0, 4210: 0}
    with pytest.raises(PaymentNotRefundable):
        desk.news(refunds.refunded, place, Decimal(1), None)


def settled(desk: Desk, **terms: Any) -> tuple[int, int, int]:
    account_id = desk.new_account(10_000)
    biller_id = desk.biller(**terms)
    bill_id = desk.new_bill(biller_id)
    desk.pay(bill_id, account_id, 10_000)
    desk.settle(biller_id)
    return account_id, biller_id, bill_id


def test_a_refund_after_settlement_is_advanced_and_repaid_or_lost() -> None:
    desk = Desk()
    account_id, biller_id, bill_id = settled(desk)
    place = desk.place(bill_id)

    desk.news(refunds.refunded, place, None, None)
    assert desk.account(account_id).balance == 10_000
    assert desk.owed(1510) == {f"biller-{biller_id}": 10_000}
    desk.news(refunds.refund_received, place, Decimal(70))
    desk.news(refunds.refund_lost, place, Decimal(30), "insolvent")

    assert desk.owed(1510) == {}
    assert desk.balances()[5510] == 3_000
    assert desk.balances()[1120] == -3_000
    with pytest.raises(RefundNotDue):
        desk.news(refunds.refund_lost, place, Decimal("0.01"), None)


def test_a_refund_can_wait_for_the_biller_to_pay_it() -> None:
    desk = Desk()
    account_id, _, bill_id = settled(desk, refunds="on_receipt")
    place = desk.place(bill_id)

    desk.news(refunds.refunded, place, Decimal(70), None)
    assert desk.account(account_id).balance == 0
    assert status(desk, bill_id) == ("paid", 0)
    with pytest.raises(RefundAbovePayment):
        desk.news(refunds.refunded, place, Decimal(31), None)
    desk.news(refunds.refund_received, place, Decimal(70))

    assert desk.account(account_id).balance == 7_000
    assert status(desk, bill_id) == ("partially_paid", 7_000)
    assert desk.owed(1510) == {}


def test_a_chargeback_that_is_lost_is_taken_back_though_the_money_is_gone() -> None:
    desk = Desk()
    account_id, _, bill_id = settled(desk)
    place = desk.place(bill_id)

    desk.news(refunds.charged_back, place, "not me")
    assert desk.news(refunds.charged_back, place, "not me") == []
    assert (state(desk, bill_id), desk.account(account_id).balance) == ("charged_back", 10_000)
    desk.do(accounts.withdraw(ask(), account_id, Decimal(60), NO_DETAILS))
    desk.news(refunds.chargeback_lost, place, "it was you")

    assert (state(desk, bill_id), desk.account(account_id).balance) == ("settled", -6_000)
    assert status(desk, bill_id) == ("paid", 0)
    assert desk.owed(1510) == {}


def test_a_chargeback_that_is_lost_leaves_an_earlier_refund_with_the_customer() -> None:
    desk = Desk()
    account_id, _, bill_id = settled(desk)
    place = desk.place(bill_id)
    desk.news(refunds.refunded, place, Decimal(30), "one of three was broken")

    desk.news(refunds.charged_back, place, "not me")
    desk.news(refunds.chargeback_lost, place, "it was you")

    assert (state(desk, bill_id), desk.account(account_id).balance) == ("settled", 3_000)
    assert status(desk, bill_id) == ("partially_paid", 3_000)
    assert sum(desk.owed(1510).values()) == 3_000
    with pytest.raises(RefundNotDue):
        desk.news(refunds.chargeback_lost, place, "again")
    desk.news(refunds.charged_back, place, "not me, still")
    assert desk.account(account_id).balance == 10_000


def test_what_is_left_is_less_by_what_the_biller_was_asked_for() -> None:
    desk = Desk()
    _, _, bill_id = settled(desk, refunds="on_receipt")
    place = desk.place(bill_id)

    desk.news(refunds.refunded, place, Decimal(30), None)
    desk.news(refunds.refunded, place, None, "the rest")

    assert desk.bill(bill_id).payment(place.payment_id).refund_asked == 10_000
    with pytest.raises(RefundAbovePayment):
        desk.news(refunds.refunded, place, None, "more")


def test_the_same_bill_presented_again_is_the_same_bill() -> None:
    desk = Desk()
    biller_id = desk.biller()
    first = desk.present(biller_id, external_id="A-1")
    assert first.bill is not None
    known = Known(first.bill.bill_id, 1)
    desk.go_to(desk.today + dt.timedelta(days=1))
    due = first.bill.standing.due_date

    again = desk.present(biller_id, external_id="A-1", known=known, due_date=due)
    unaware = desk.present(biller_id, external_id="A-1", due_date=due)

    assert (again.is_new, again.bill) == (False, first.bill)
    assert unaware.bill is not None
    assert (unaware.is_new, unaware.bill.bill_id) == (False, first.bill.bill_id)
    with pytest.raises(BillDiffers, match="amount_due"):
        desk.present(biller_id, 9_000, external_id="A-1", known=known, due_date=due)
    with pytest.raises(BillDiffers):
        desk.present(biller_id, 9_000, external_id="A-1", due_date=due)


def test_a_bill_presented_anew_supersedes_the_first() -> None:
    desk = Desk()
    biller_id = desk.biller()
    old = desk.new_bill(biller_id, external_id="A-1")

    new = desk.new_bill(biller_id, 9_000, external_id="A-1", known=Known(old, 1), supersede=True)

    assert status(desk, old) == ("superseded", 0)
    assert desk.bill(old).standing.superseded_by == new
    assert desk.bill(new).standing.supersedes == old
    with pytest.raises(BillNotPayable):
        desk.pay(old, desk.new_account(10_000), 10_000)
    desk.pay(new, desk.new_account(9_000), 9_000)


def test_a_disputed_bill_is_neither_paid_nor_late_until_that_is_decided() -> None:
    desk = Desk()
    account_id = desk.new_account(20_000)
    biller_id = desk.biller(late_fee=Decimal(5))
    bill_id = desk.new_bill(biller_id, due_date=desk.today)
    desk.do(bills.dispute_bill(ask(HOLDER), bill_id, "never had it"))
    later = desk.today + dt.timedelta(days=10)

    with pytest.raises(BillNotPayable):
        desk.pay(bill_id, account_id, 10_000)
    assert desk.do(bills.add_late_fee(ask(), bill_id, biller_id, later)) == []
    desk.do(bills.end_dispute(ask(TELLER), bill_id, "had it", upheld=False))
    desk.do(bills.add_late_fee(ask(), bill_id, biller_id, later))

    assert desk.do(bills.add_late_fee(ask(), bill_id, biller_id, later)) == []
    assert status(desk, bill_id) == ("presented", 10_500)


def test_a_late_fee_comes_after_the_days_of_grace_with_flat_and_rate() -> None:
    desk = Desk()
    biller_id = desk.biller(grace_days=3, late_fee=Decimal("2.50"), late_fee_rate=Decimal("1.5"))
    bill_id = desk.new_bill(biller_id, 8_437, due_date=desk.today)
    on = desk.today + dt.timedelta(days=3)

    assert desk.do(bills.add_late_fee(ask(), bill_id, biller_id, on)) == []
    desk.do(bills.add_late_fee(ask(), bill_id, biller_id, on + dt.timedelta(days=1)))

    # 126.555 cents are 127: no half in it.
    assert status(desk, bill_id) == ("presented", 8_437 + 250 + 127)


def test_a_cancelled_bill_is_owed_no_more_and_a_paid_one_cannot_be() -> None:
    desk = Desk()
    biller_id = desk.biller()
    bill_id = desk.new_bill(biller_id)
    desk.do(bills.cancel_bill(ask(TELLER), bill_id, "wrong address"))
    assert desk.do(bills.cancel_bill(ask(TELLER), bill_id, "again")) == []
    assert status(desk, bill_id) == ("cancelled", 0)
    paid = desk.new_bill(biller_id)
    desk.pay(paid, desk.new_account(100), 100)

    with pytest.raises(BillHasPayments):
        desk.do(bills.cancel_bill(ask(TELLER), paid, None))


def test_to_a_stranger_a_bill_does_not_exist_and_his_account_pays_none() -> None:
    desk = Desk()
    bill_id = desk.new_bill(desk.biller())
    account_id = desk.new_account(10_000)

    with pytest.raises(BillNotFound):
        desk.pay(bill_id, account_id, 100, actor=Actor(8, "user"))
    with pytest.raises(BillNotFound):
        desk.do(bills.dispute_bill(ask(Actor(8, "user")), bill_id, "mine"))


def test_an_account_pays_only_bills_of_its_holders() -> None:
    desk = Desk()
    bill_id = desk.new_bill(desk.biller())
    desk.states["customer-8"] = desk.states["customer-7"]
    theirs, dollars = desk.next_id(), desk.next_id()
    for account_id, user_id, currency in ((theirs, 8, "EUR"), (dollars, 7, "USD")):
        desk.do(
            accounts.open_account(
                ask(),
                account_id=account_id,
                user_id=user_id,
                account_type="checking",
                currency=currency,
            )
        )

    with pytest.raises(AccountNotFound):
        desk.pay(bill_id, theirs, 100, actor=TELLER)
    with pytest.raises(CurrencyMismatch):
        desk.pay(bill_id, dollars, 100, actor=TELLER)


def test_an_inactive_biller_is_paid_no_more() -> None:

    desk = Desk()
    biller_id = desk.biller()
    bill_id = desk.new_bill(biller_id)
    terms = BillerTerms(name=f"Biller {biller_id}", currencies=("EUR",), active=False)
    desk.do(billers.change_biller(ask(TELLER), biller_id, terms))

    with pytest.raises(BillerInactive):
        desk.pay(bill_id, desk.new_account(100), 100)
    with pytest.raises(BillerInactive):
        desk.new_bill(biller_id)


def test_a_reference_the_biller_would_not_know_is_refused() -> None:
    desk = Desk()
    form = ReferenceFormat(length_min=8, length_max=8, check="luhn")
    biller_id = desk.biller(reference=form)

    desk.new_bill(biller_id, reference="12345674")
    for wrong in ("12345675", "1234567", None):
        with pytest.raises(ReferenceNotAccepted):
            desk.new_bill(biller_id, reference=wrong)
