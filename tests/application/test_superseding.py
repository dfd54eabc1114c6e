"""A bill that is presented anew takes over what was paid of the first, and what is on its way."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from application import bill_payments as payments
from application import bill_refunds as refunds
from application import bills as bill_cases
from application.accounts import withdraw
from application.billers import PaymentPlace, settle
from application.commands import NO_DETAILS
from domain.bills.bill_refusals import (
    BillHasPayments,
    BillNotPayable,
    PaymentCarriedOver,
    PaymentOver,
)
from domain.refusals import NotPermitted
from tests.bill_desk import HOLDER, TELLER, Desk, ask


def half_paid(**terms: Any) -> tuple[Desk, int, int]:
    """A bill of 100, of which 40 are paid from an account that had 200."""
    desk = Desk()
    account_id = desk.new_account(20_000)
    bill_id = desk.new_bill(desk.biller(**terms), external_id="A-1")
    desk.pay(bill_id, account_id, 4_000)
    return desk, bill_id, account_id


def stands(desk: Desk, bill_id: int) -> tuple[str, int, int, int]:
    standing = desk.bill(bill_id).standing
    return standing.status, standing.open_amount, standing.paid, standing.pending


def test_what_was_paid_counts_towards_the_new_bill() -> None:
    desk, old, account_id = half_paid()

    new = desk.supersede(old, 9_000)

    assert stands(desk, old) == ("superseded", 0, 0, 0)
    assert stands(desk, new) == ("partially_paid", 5_000, 4_000, 0)
    assert desk.account(account_id).balance == 16_000
    desk.pay(new, account_id, 5_000)
    assert stands(desk, new) == ("paid", 0, 9_000, 0)
    desk.settle(desk.bill(new).standing.biller_id)
    assert [payment.state for payment in desk.bill(new).standing.payments] == ["settled"] * 2
    assert desk.owed(2410) == {}


def test_it_goes_on_to_the_next_that_takes_its_place() -> None:
    desk, old, _ = half_paid()

    newest = desk.supersede(desk.supersede(old, 9_000), 8_000)

    assert stands(desk, newest) == ("partially_paid", 4_000, 4_000, 0)


@pytest.mark.parametrize("overpayment", ["refuse", "refund"])
def test_what_is_too_much_goes_back_to_where_it_came_from(overpayment: str) -> None:
    desk, old, first = half_paid(overpayment=overpayment)
    second = desk.new_account(10_000)
    desk.pay(old, second, 5_000)

    new = desk.supersede(old, 3_000)

    # 60 too much: all of the newest payment, and the rest from the one before.
    assert stands(desk, new) == ("paid", 0, 3_000, 0)
    assert desk.account(second).balance == 10_000
    assert desk.account(first).balance == 17_000
    assert desk.owed(2410) == {f"biller-{desk.bill(new).standing.biller_id}": 3_000}


def test_a_biller_that_keeps_a_credit_keeps_what_is_too_much() -> None:
    desk, old, account_id = half_paid(overpayment="credit")

    new = desk.supersede(old, 3_000)

    assert stands(desk, new) == ("paid", 0, 4_000, 0)
    assert desk.bill(new).standing.credit == 1_000
    assert desk.account(account_id).balance == 16_000


def test_a_biller_that_was_paid_already_is_asked_for_what_is_too_much() -> None:
    desk, old, account_id = half_paid(refunds="on_receipt")
    desk.settle(desk.bill(old).standing.biller_id)

    new = desk.supersede(old, 3_000)

    standing = desk.bill(new).standing
    assert (standing.credit, standing.excess) == (1_000, 0)
    assert desk.account(account_id).balance == 16_000
    desk.news(refunds.refund_received, desk.place(new), Decimal(10))
    assert desk.account(account_id).balance == 17_000
    assert stands(desk, new) == ("paid", 0, 3_000, 0)


@pytest.mark.parametrize("state", ["held", "submitted", "unknown", "accepted"])
def test_what_is_on_its_way_goes_over_as_it_is_and_ends_there(state: str) -> None:
    desk, old, account_id = half_paid(gateway="girobank")
    for say in (payments.submitting, payments.unknown):
        if state in ("unknown", "accepted") or (state, say) == ("submitted", payments.submitting):
            desk.news(say, desk.place(old))
    if state == "accepted":
        desk.news(payments.accepted, desk.place(old), "GB-1")
    where_it_was = desk.place(old)

    new = desk.supersede(old, 3_000)

    assert desk.bill(new).standing.payments[0].state == state
    assert stands(desk, new) == ("presented", 3_000, 0, 4_000)
    assert desk.bill(new).standing.payable == 0
    assert desk.account(account_id).held == 4_000
    with pytest.raises(PaymentCarriedOver) as refused:
        desk.news(payments.captured, where_it_was, "GB-1")
    assert refused.value.figures["bill_id"] == new
    desk.news(payments.captured, desk.place(new), "GB-1")
    # What is captured beyond the new amount is not the biller's.
    assert stands(desk, new) == ("paid", 0, 3_000, 0)
    assert (desk.account(account_id).balance, desk.account(account_id).held) == (17_000, 0)


def test_what_fails_after_it_went_over_leaves_the_new_bill_owed_whole() -> None:
    desk, old, account_id = half_paid(gateway="girobank")
    new = desk.supersede(old, 9_000)
    place = desk.place(new)

    desk.news(payments.declined, place, "no", final=True)

    assert stands(desk, new) == ("presented", 9_000, 0, 0)
    assert desk.account(account_id).held == 0
    with pytest.raises(PaymentOver):
        desk.news(payments.captured, place, None)


def test_what_failed_or_was_given_back_before_stays_with_the_old_bill() -> None:
    desk, old, _ = half_paid()
    desk.news(refunds.refunded, desk.place(old), None, None)

    new = desk.supersede(old, 9_000)

    assert [payment.state for payment in desk.bill(old).standing.payments] == ["refunded"]
    assert desk.bill(new).standing.payments == ()


def test_what_the_biller_owes_of_a_refund_goes_over_too() -> None:
    desk, old, _ = half_paid()
    biller_id = desk.bill(old).standing.biller_id
    desk.settle(biller_id)
    desk.news(refunds.refunded, desk.place(old), None, None)

    new = desk.supersede(old, 9_000)

    assert stands(desk, new) == ("presented", 9_000, 0, 0)
    assert desk.owed(1510) == {f"biller-{biller_id}": 4_000}
    desk.news(refunds.refund_received, desk.place(new), Decimal(40))
    assert desk.owed(1510) == {}


def test_a_settlement_leaves_out_what_has_gone_over_meanwhile() -> None:
    desk, old, account_id = half_paid()
    biller_id = desk.bill(old).standing.biller_id
    other = desk.new_bill(biller_id)
    desk.pay(other, account_id, 10_000)
    places = [PaymentPlace(*desk.place(bill_id)[1::-1]) for bill_id in (old, other)]
    desk.supersede(old, 9_000)

    desk.do(settle(ask(), biller_id, places))

    assert desk.owed(2410) == {f"biller-{biller_id}": 4_000}


def test_another_customers_bill_takes_over_no_payments() -> None:
    desk, old, _ = half_paid()
    desk.states["customer-8"] = desk.states["customer-7"]

    with pytest.raises(BillHasPayments):
        desk.supersede(old, 9_000, user_id=8)

    desk.news(refunds.refunded, desk.place(old), None, None)
    assert desk.bill(desk.supersede(old, 9_000, user_id=8)).standing.user_id == 8


def test_only_what_its_presenter_has_seen_is_taken_over() -> None:
    desk, old, _ = half_paid()
    known = desk.known(old)
    desk.pay(old, desk.new_account(5_000), 5_000)

    with pytest.raises(BillHasPayments):
        desk.supersede(old, 9_000, known=known)


def test_a_customer_supersedes_nothing() -> None:
    desk, old, _ = half_paid()

    with pytest.raises(NotPermitted):
        desk.supersede(old, 1, actor=HOLDER)


def test_what_is_over_is_not_superseded() -> None:
    desk, old, account_id = half_paid()
    desk.do(withdraw(ask(), account_id, Decimal(100), NO_DETAILS))
    desk.news(refunds.refunded, desk.place(old), None, None)
    desk.do(bill_cases.cancel_bill(ask(TELLER), old, None))

    with pytest.raises(BillNotPayable):
        desk.supersede(old, 9_000)


@pytest.mark.parametrize(
    ("mode", "more", "minimum", "then"),
    [
        ("full", {}, None, [6_000, 3_000]),
        ("fixed", {"amount": Decimal(60)}, None, [6_000]),
        ("fixed", {"amount": Decimal(80)}, None, [6_000, 2_000]),
        ("minimum", {}, Decimal(60), [6_000]),
    ],
)
def test_a_rule_pays_what_is_left_of_its_amount_of_the_two_bills_together(
    mode: str, more: dict[str, Any], minimum: Decimal | None, then: list[int]
) -> None:
    desk = Desk()
    account_id = desk.new_account(50_000)
    biller_id = desk.biller()
    desk.new_rule(biller_id, account_id, mode=mode, lead_days=20, **more)
    old = desk.new_bill(biller_id, 6_000, external_id="A-1", minimum=minimum)
    desk.run_autopay()

    new = desk.supersede(old, 9_000, minimum=minimum)
    desk.run_autopay()

    assert [payment.amount for payment in desk.bill(new).standing.payments] == then
    assert desk.run_autopay() == []


def test_a_rule_tries_again_what_failed_after_it_went_over() -> None:
    desk = Desk()
    account_id = desk.new_account(50_000)
    biller_id = desk.biller(gateway="girobank")
    desk.new_rule(biller_id, account_id, lead_days=20, retry_days=(1,))
    old = desk.new_bill(biller_id, 6_000, external_id="A-1")
    desk.run_autopay()
    new = desk.supersede(old, 9_000)
    desk.run_autopay()

    desk.news(payments.declined, desk.place(new, 0), "no", final=True)

    desk.go_to(desk.today + dt.timedelta(days=1))
    desk.run_autopay()
    amounts = [(p.amount, p.status) for p in desk.bill(new).standing.payments]
    assert amounts == [(6_000, "failed"), (3_000, "pending"), (6_000, "pending")]
