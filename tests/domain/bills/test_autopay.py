"""Rules of autopay: each bill is paid once, in time, within the cap, and tried again when it fails."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from application import autopay, bill_payments, bills
from domain.bills.autopay import Autopay, DuePayment, due_payments
from domain.bills.bill_refusals import AutopayEnded, TermsContradictory
from tests.bill_desk import HOLDER, Desk, ask

DAY = dt.timedelta(days=1)


def attempts(desk: Desk, autopay_id: int) -> list[tuple[int, str]]:
    return [(each.cycle, each.outcome) for each in desk.rule(autopay_id).rule.attempts]


def at_due(desk: Desk, bill_id: int, days: int = 0) -> None:
    desk.go_to(desk.bill(bill_id).standing.due_date + days * DAY)


def test_a_bill_is_paid_so_many_days_before_it_is_due_and_once() -> None:
    desk = Desk()
    biller_id, account_id = desk.biller(), desk.new_account(20_000)
    autopay_id = desk.new_rule(biller_id, account_id, lead_days=2)
    bill_id = desk.new_bill(biller_id)
    at_due(desk, bill_id, -3)
    assert desk.run_autopay() == []
    at_due(desk, bill_id, -2)

    desk.run_autopay()

    assert desk.run_autopay() == []
    assert desk.bill(bill_id).standing.status == "paid"
    assert desk.bill(bill_id).standing.payments[0].autopay_id == autopay_id
    assert attempts(desk, autopay_id) == [(0, "paid")]
    assert desk.account(account_id).balance == 10_000


@pytest.mark.parametrize(
    ("rule", "paid"),
    [
        ({"mode": "full"}, 10_000),
        ({"mode": "minimum"}, 1_500),
        ({"mode": "fixed", "amount": Decimal(40)}, 4_000),
        ({"mode": "fixed", "amount": Decimal(400)}, 10_000),
        ({"cap": Decimal(100)}, 10_000),
    ],
)
def test_it_pays_what_the_rule_says_and_never_more_than_is_owed(
    rule: dict[str, Any], paid: int
) -> None:
    desk = Desk()
    biller_id, account_id = desk.biller(), desk.new_account(50_000)
    desk.new_rule(biller_id, account_id, **rule)
    bill_id = desk.new_bill(biller_id, minimum=Decimal(15))
    at_due(desk, bill_id)

    desk.run_autopay()
    desk.run_autopay()

    assert desk.bill(bill_id).standing.paid == paid


def test_above_the_cap_nothing_is_paid_and_the_customer_is_asked_once() -> None:
    desk = Desk()
    biller_id, account_id = desk.biller(), desk.new_account(50_000)
    autopay_id = desk.new_rule(biller_id, account_id, cap=Decimal("99.99"), retry_days=(1,))
    bill_id = desk.new_bill(biller_id)
    at_due(desk, bill_id)

    desk.run_autopay()
    at_due(desk, bill_id, 5)

    assert desk.run_autopay() == []
    assert attempts(desk, autopay_id) == [(0, "asked")]
    assert desk.account(account_id).balance == 50_000
    assert desk.rule(autopay_id).rule.status == "active"


def test_another_account_pays_where_the_first_has_not_the_money() -> None:
    desk = Desk()
    biller_id, poor, rich = desk.biller(), desk.new_account(9_999), desk.new_account(10_000)
    desk.new_rule(biller_id, poor, fallback_account_id=rich)
    bill_id = desk.new_bill(biller_id)
    at_due(desk, bill_id)

    desk.run_autopay()

    assert (desk.account(poor).balance, desk.account(rich).balance) == (9_999, 0)
    assert desk.bill(bill_id).standing.status == "paid"


def test_a_failure_is_tried_again_by_its_schedule_and_then_given_up_and_suspended() -> None:
    desk = Desk()
    biller_id, account_id = desk.biller(), desk.new_account(1)
    autopay_id = desk.new_rule(biller_id, account_id, retry_days=(1, 3), failures_max=3)
    bill_id = desk.new_bill(biller_id)
    for days in range(8):
        at_due(desk, bill_id, days)
        desk.run_autopay()

    assert attempts(desk, autopay_id) == [(0, "failed"), (1, "failed"), (2, "failed")]
    due_date = desk.bill(bill_id).standing.due_date
    tried = desk.rule(autopay_id).rule.attempts
    assert [(each.on - due_date).days for each in tried] == [0, 1, 4]
    rule = desk.rule(autopay_id).rule
    assert (rule.status, rule.failures, rule.attempts[0].why) == (
        "suspended",
        3,
        "InsufficientFunds",
    )
    desk.do(autopay.resume(ask(HOLDER), autopay_id))
    assert (desk.rule(autopay_id).rule.status, desk.rule(autopay_id).rule.failures) == ("active", 0)


def test_a_payment_that_the_gateway_declines_is_tried_again() -> None:
    desk = Desk()
    biller_id, account_id = desk.biller(gateway="girobank"), desk.new_account(20_000)
    autopay_id = desk.new_rule(biller_id, account_id, retry_days=(1,))
    bill_id = desk.new_bill(biller_id)
    at_due(desk, bill_id)
    desk.run_autopay()
    desk.news(bill_payments.declined, desk.place(bill_id), "down", final=True)
    assert desk.run_autopay() == []
    at_due(desk, bill_id, 1)

    desk.run_autopay()

    assert attempts(desk, autopay_id) == [(0, "paid"), (1, "paid")]
    assert [p.state for p in desk.bill(bill_id).standing.payments] == ["declined", "held"]


def test_where_two_rules_would_pay_a_bill_the_older_does() -> None:
    desk = Desk()
    biller_id, account_id = desk.biller(), desk.new_account(50_000)
    first = desk.new_rule(biller_id, account_id)
    desk.new_rule(biller_id, account_id, reference="77")
    bill_id = desk.new_bill(biller_id, reference="77")
    at_due(desk, bill_id)

    due = due_payments(reversed(desk.of_kind(Autopay)), [desk.bill(bill_id)], desk.today)

    assert due == [DuePayment(first, bill_id, 0)]
    assert due[0].key == f"autopay/{first}/{bill_id}/0"


def test_bills_of_others_under_another_reference_or_of_another_kind_are_left_alone() -> None:
    desk = Desk()
    biller_id, account_id = desk.biller(), desk.new_account(50_000)
    desk.new_rule(biller_id, account_id, reference="77")
    desk.new_bill(biller_id, reference="78")
    desk.new_bill(desk.biller(), reference="77")
    disputed = desk.new_bill(biller_id, reference="77")
    desk.do(bills.dispute_bill(ask(HOLDER), disputed, "no"))
    at_due(desk, disputed)

    assert desk.run_autopay() == []


def test_a_rule_that_was_stopped_pays_no_more_and_is_not_resumed() -> None:
    desk = Desk()
    biller_id, account_id = desk.biller(), desk.new_account(50_000)
    autopay_id = desk.new_rule(biller_id, account_id)
    bill_id = desk.new_bill(biller_id)
    desk.do(autopay.stop(ask(HOLDER), autopay_id))
    at_due(desk, bill_id)

    assert desk.run_autopay() == []
    assert desk.do(autopay.stop(ask(HOLDER), autopay_id)) == []
    with pytest.raises(AutopayEnded):
        desk.do(autopay.resume(ask(HOLDER), autopay_id))


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "fixed"},
        {"mode": "full", "amount": Decimal(1)},
        {"mode": "fixed", "amount": Decimal(2), "cap": Decimal(1)},
        {"lead_days": 61},
        {"retry_days": (0,)},
        {"retry_days": (1,) * 6},
        {"failures_max": 0},
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(wrong: dict[str, Any]) -> None:
    desk = Desk()
    biller_id, account_id = desk.biller(), desk.new_account()

    with pytest.raises(TermsContradictory):
        desk.new_rule(biller_id, account_id, **wrong)
