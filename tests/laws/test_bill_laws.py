"""Whatever becomes of bills, the books are right: random life stories, on the core and over HTTP.

After every step each control account is the sum of its sub-accounts, each clearing account is explained
item by item by the payments that are in it, and each bill owes what was presented less what was paid.
"""

import datetime as dt
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from application import accounts, bill_payments, bill_refunds, bills
from application import holds as hold_use_cases
from application.commands import NO_DETAILS
from application.paying_together import BILLS_AT_ONCE_MAX, Share, pay_together
from application.payment_places import Place, place_in
from domain.account import Account
from domain.bills.autopay import Autopay
from domain.bills.bill import Bill
from domain.bills.bill_facts import Payment, PaymentHeld, RefundUnclaimed
from domain.bills.bill_movements import BillRefundPassedOn
from domain.bills.bill_refusals import BillDiffers
from domain.bills.biller import BillerSettled, RefundLost, RefundRepaid, commission_of
from domain.refusals import Refused
from ledger.chart_of_accounts import CHART
from tests.bill_desk import HOLDER, TELLER, Desk, ask
from tests.running_api import RunningApi, running_api

CENTS = st.integers(1, 15_000)
ANY = st.integers(0, 99)
TERMS = st.fixed_dictionaries(
    {
        "gateway": st.sampled_from([None, "girobank"]),
        "partial": st.sampled_from([True, True, False]),
        "overpayment": st.sampled_from(["refuse", "refund", "credit"]),
        "settlement": st.sampled_from(["gross", "net"]),
        "commission_rate": st.sampled_from([Decimal(0), Decimal("1.25"), Decimal(100)]),
        "fee": st.sampled_from([Decimal(0), Decimal("0.50")]),
        "fee_returned": st.booleans(),
        "refunds": st.sampled_from(["advanced", "on_receipt"]),
        "late_fee": st.sampled_from([Decimal(0), Decimal("2.50")]),
        "grace_days": st.integers(0, 2),
    }
)


class BillMachine(RuleBasedStateMachine):
    """A bank of one customer with two accounts, two billers, and bills as they come."""

    bills = Bundle("bills")

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.refused: Counter[str] = Counter()

    @initialize(
        first=TERMS,
        second=TERMS,
        balances=st.tuples(st.integers(0, 200_000), st.integers(20_000, 90_000)),
    )
    def open(self, first: Any, second: Any, balances: tuple[int, int]) -> None:
        self.billers = [self.desk.biller(**first), self.desk.biller(**second)]
        self.accounts = [self.desk.new_account(cents) for cents in balances]
        self.rule = self.desk.new_rule(
            self.billers[0],
            self.accounts[0],
            fallback_account_id=self.accounts[1],
            cap=Decimal(120),
            lead_days=1,
            retry_days=(1, 2),
        )

    def attempt(self, do: Any, *arguments: Any, **more: Any) -> None:
        """A refusal is as good as anything else, and changes nothing."""
        before = dict(self.desk.states), len(self.desk.posted), dict(self.desk.claims)
        try:
            do(*arguments, **more)
        except Refused as refusal:
            self.refused[type(refusal).__name__] += 1
            assert before[1:] == (len(self.desk.posted), self.desk.claims)
            assert {k: v for k, v in self.desk.states.items() if v is not None} == {
                k: v for k, v in before[0].items() if v is not None
            }

    @rule(target=bills, biller=st.integers(0, 1), cents=CENTS, days=st.integers(0, 3))
    def present(self, biller: int, cents: int, days: int) -> int:
        due_date = self.desk.today + dt.timedelta(days=days)
        number = f"N-{self.desk.next_id()}"
        return self.desk.new_bill(
            self.billers[biller], cents, due_date=due_date, external_id=number
        )

    @rule(target=bills, bill_id=bills, cents=CENTS, days=st.integers(0, 3))
    def present_anew(self, bill_id: int, cents: int, days: int) -> int:
        """It takes over what matters of the payments, and gives back what is too much of them."""
        before = self.desk.bill(bill_id).standing
        if before.condition in ("cancelled", "superseded"):
            return bill_id
        due_date = self.desk.today + dt.timedelta(days=days)
        try:
            new = self.desk.supersede(bill_id, cents, due_date=due_date)
        except BillDiffers:
            return bill_id
        standing = self.desk.bill(new).standing
        terms = self.desk.states[f"biller-{before.biller_id}"].terms
        if new == bill_id:
            # The very same bill, which is known.
            return bill_id
        left = self.desk.bill(bill_id).standing.payments
        assert not any(payment.matters for payment in left)
        assert len(left) + len(standing.payments) == len(before.payments)
        assert standing.pending == before.pending
        if terms.overpayment == "credit":
            assert standing.paid == before.paid
        else:
            assert standing.excess == 0
        return new

    @rule(bill_id=bills, account=st.integers(0, 1), cents=CENTS)
    def pay(self, bill_id: int, account: int, cents: int) -> None:
        self.attempt(self.desk.pay, bill_id, self.accounts[account], cents)

    @rule(bill_id=bills, account=st.integers(0, 1))
    def pay_the_rest(self, bill_id: int, account: int) -> None:
        rest = self.desk.bill(bill_id).standing.payable or 1
        self.attempt(self.desk.pay, bill_id, self.accounts[account], rest)

    @rule(biller=st.integers(0, 1), account=st.integers(0, 1), cents=CENTS)
    def pay_together(self, biller: int, account: int, cents: int) -> None:
        """No bill has anything paid while an older one is owed more than is on its way."""
        biller_id, account_id = self.billers[biller], self.accounts[account]
        owed = [
            bill
            for bill in self.desk.of_kind(Bill)
            if bill.standing.biller_id == biller_id and bill.standing.payable
        ][:BILLS_AT_ONCE_MAX]
        next_id = self.desk.next_id
        shares = [
            Share(Place(next_id(), bill.bill_id, account_id, biller_id), next_id()) for bill in owed
        ]
        before = len(self.desk.posted)
        command = pay_together(
            ask(HOLDER),
            shares,
            user_id=7,
            biller_id=biller_id,
            amount=Decimal(cents).scaleb(-2),
            currency="EUR",
        )
        if not shares:
            return
        self.attempt(self.desk.do, command)
        paid = [
            (draft.stream, draft.fact.amount)
            for one in self.desk.posted[before:]
            for draft in one.drafts
            if isinstance(draft.fact, PaymentHeld)
        ]
        if not paid:
            return
        assert sum(amount for _, amount in paid) == cents
        by_age = [b for b in owed if b.standing.condition == "open"]
        by_age.sort(key=lambda b: (b.standing.due_date, b.bill_id))
        expected = [(f"bill-{b.bill_id}", b.standing.payable) for b in by_age[: len(paid)]]
        assert paid[:-1] == expected[:-1]
        assert paid[-1][0] == expected[-1][0]

    @rule(biller=st.integers(0, 1), cents=CENTS, back=st.booleans())
    def come_far(self, biller: int, cents: int, back: bool) -> None:
        """Most stories end early, so that some begin with a payment that is settled and given back."""
        bill_id = self.desk.new_bill(self.billers[biller], cents)
        self.attempt(self.desk.pay, bill_id, self.accounts[0], cents)
        if not self.desk.bill(bill_id).standing.payments:
            return
        self.attempt(self.desk.news, bill_payments.captured, self.desk.place(bill_id), None)
        self.settle(biller)
        if back:
            amount = Decimal(cents).scaleb(-2)
            place = self.desk.place(bill_id)
            self.attempt(self.desk.news, bill_refunds.refunded, place, amount, None)

    @rule(number=ANY, news=st.integers(0, 4))
    def hear(self, number: int, news: int) -> None:
        for place in self._places(number, lambda p: p.is_pending):
            say, said, more = (
                (bill_payments.submitting, (), {}),
                (bill_payments.unknown, (), {}),
                (bill_payments.accepted, ("GB",), {}),
                (bill_payments.captured, ("GB",), {}),
                (bill_payments.declined, ("no",), {"final": True}),
            )[news]
            self.attempt(self.desk.news, say, place, *said, **more)

    @rule(number=ANY, cents=CENTS)
    def refund(self, number: int, cents: int) -> None:
        for place in self._places(number, lambda p: p.status == "success"):
            amount = Decimal(cents).scaleb(-2)
            self.attempt(self.desk.news, bill_refunds.refunded, place, amount, None)

    @rule(number=ANY)
    def refund_the_rest(self, number: int) -> None:
        for place in self._places(number, lambda p: p.state == "settled"):
            self.attempt(self.desk.news, bill_refunds.refunded, place, None, None)

    @rule(number=ANY, how=st.integers(0, 2), whole=st.booleans())
    def end_refund(self, number: int, how: int, whole: bool) -> None:
        for place in self._places(number, lambda p: p.refund_due or p.refund_asked):
            payment = self.desk.bill(place.bill_id).payment(place.payment_id)
            due = payment.refund_due or payment.refund_asked or 1
            amount = Decimal(due if whole else max(1, due // 2)).scaleb(-2)
            say, said = (
                (bill_refunds.refund_received, (amount,)),
                (bill_refunds.refund_lost, (amount, None)),
                (bill_refunds.chargeback_lost, (None,)),
            )[how]
            self.attempt(self.desk.news, say, place, *said)

    @rule(number=ANY)
    def charge_back(self, number: int) -> None:
        for place in self._places(number, lambda p: p.status == "success"):
            self.attempt(self.desk.news, bill_refunds.charged_back, place, None)

    @rule(biller=st.integers(0, 1))
    def settle_all(self, biller: int) -> None:
        self.settle(biller)

    def settle(self, biller: int) -> None:
        self.attempt(self.desk.settle, self.billers[biller])

    @rule(bill_id=bills, how=st.integers(0, 3))
    def change(self, bill_id: int, how: int) -> None:
        command = (
            bills.cancel_bill(ask(TELLER), bill_id, None),
            bills.dispute_bill(ask(HOLDER), bill_id, "no"),
            bills.end_dispute(ask(TELLER), bill_id, "so", upheld=True),
            bills.end_dispute(ask(TELLER), bill_id, "so", upheld=False),
        )[how]
        self.attempt(self.desk.do, command)

    @rule(days=st.integers(1, 3))
    def sleep(self, days: int) -> None:
        self.desk.go_to(self.desk.today + dt.timedelta(days=days))
        for bill in self.desk.of_kind(Bill):
            biller_id = bill.standing.biller_id
            self.desk.do(bills.add_late_fee(ask(), bill.bill_id, biller_id, self.desk.today))
        self.desk.run_autopay()
        assert self.desk.run_autopay() == [], "what was tried today is not tried again"

    @rule(account=st.integers(0, 1), cents=CENTS, way=st.booleans())
    def move_cash(self, account: int, cents: int, way: bool) -> None:
        use_case = accounts.deposit if way else accounts.withdraw
        command = use_case(ask(), self.accounts[account], Decimal(cents).scaleb(-2), NO_DETAILS)
        self.attempt(self.desk.do, command)

    @rule()
    def close_an_account_that_has_paid(self) -> None:
        """What comes back to it later waits for its holder."""
        account_id = self.accounts[1]
        places = self._places(0, lambda p: p.account_id == account_id and p.paid)
        if not places or places[0].account_id != account_id:
            return
        balance = Decimal(self.desk.account(account_id).balance).scaleb(-2)
        if balance > 0:
            self.attempt(self.desk.do, accounts.withdraw(ask(), account_id, balance, NO_DETAILS))
        self.attempt(self.desk.do, accounts.close(ask(TELLER), account_id, "moved away"))

    @rule(number=ANY, whole=st.booleans())
    def claim(self, number: int, whole: bool) -> None:
        for place in self._places(number, lambda p: p.unclaimed):
            amount = None if whole else Decimal("0.01")
            self.attempt(self.desk.news, bill_refunds.refund_claimed, place, amount, None)

    @rule(account=st.integers(0, 1))
    def meddle_with_a_hold(self, account: int) -> None:
        """Nobody else settles or releases what is held for a payment."""
        account_id = self.accounts[account]
        for hold in self.desk.account(account_id).holds:
            before = len(self.desk.posted)
            command = hold_use_cases.release_hold(ask(TELLER), account_id, hold.hold_id)
            self.attempt(self.desk.do, command)
            assert len(self.desk.posted) == before

    def _places(self, number: int, likely: Callable[[Payment], Any]) -> list[Place]:
        """One of the payments there are: of the likely ones where there are any, or any at all."""
        every = [
            (bool(likely(payment)), place_in(bill, payment.payment_id))
            for bill in self.desk.of_kind(Bill)
            for payment in bill.standing.payments
        ]
        places = [place for is_likely, place in every if is_likely] or [place for _, place in every]
        return [places[number % len(places)]] if places else []

    # --- The laws

    @invariant()
    def every_entry_balances_and_the_whole_does(self) -> None:
        assets = sum(self._net(code, "D") for code in CHART)

        assert assets == 0

    @invariant()
    def each_control_account_is_the_sum_of_its_sub_accounts(self) -> None:
        for code in self.desk.balances():
            parts = self.desk.owed(code)
            assert sum(parts.values()) == self.desk.balances()[code]
            assert ("" in parts) <= (not CHART[code].has_sub_accounts)
        balances = {f"account-{a.account_id}": a.balance for a in self.desk.of_kind(Account)}
        assert self.desk.owed(2110) == {name: b for name, b in balances.items() if b}

    @invariant()
    def what_is_owed_to_a_biller_is_what_was_captured_and_not_settled(self) -> None:
        explained = self._sums(lambda p: p.paid if p.state == "captured" else 0)

        assert self.desk.owed(2410) == explained

    @invariant()
    def what_is_due_from_a_biller_is_what_was_advanced(self) -> None:
        assert self.desk.owed(1510) == self._sums(lambda p: p.refund_due)

    @invariant()
    def what_waits_unclaimed_is_told_by_the_payments(self) -> None:
        waiting = {
            f"payment-{payment.payment_id}": payment.unclaimed
            for bill in self.desk.of_kind(Bill)
            for payment in bill.standing.payments
            if payment.unclaimed
        }
        assert all(amount > 0 for amount in waiting.values())
        assert self.desk.owed(2910) == waiting

    @invariant()
    def what_is_held_is_what_is_on_its_way(self) -> None:
        for account in self.desk.of_kind(Account):
            under_way = sum(
                payment.amount + payment.fee
                for bill in self.desk.of_kind(Bill)
                for payment in bill.standing.payments
                if payment.is_pending and payment.account_id == account.account_id
            )
            assert account.held == under_way

    @invariant()
    def a_bill_owes_what_was_presented_less_what_was_paid(self) -> None:
        for bill in self.desk.of_kind(Bill):
            s = bill.standing
            assert s.open_amount >= 0
            assert s.payable == max(0, s.open_amount - s.pending)
            for payment in s.payments:
                assert 0 <= payment.refunded <= payment.amount
                assert 0 <= payment.refund_due <= payment.refunded
                assert 0 <= payment.refund_asked <= payment.amount - payment.refunded
            if s.condition in ("open", "disputed"):
                assert s.open_amount - s.credit == s.amount_due + s.late_fees - s.paid
            else:
                assert (s.open_amount, s.paid, s.pending) == (0, 0, 0)

    @invariant()
    def a_payment_is_of_one_bill_and_found_from_the_one_it_was_made_for(self) -> None:
        owners = {
            payment.payment_id: bill.bill_id
            for bill in self.desk.of_kind(Bill)
            for payment in bill.standing.payments
        }
        assert len(owners) == sum(len(b.standing.payments) for b in self.desk.of_kind(Bill))
        for payment_id, bill_id in owners.items():
            at = int(self.desk.claims[f"payment/{payment_id}"].removeprefix("bill-"))
            while at != bill_id:
                after = self.desk.bill(at).standing.superseded_by
                assert after is not None
                at = after

    @invariant()
    def the_nostro_and_the_commission_are_told_by_the_facts_of_billers(self) -> None:
        nostro = kept = lost = 0
        for one in self.desk.posted:
            for draft in one.drafts:
                fact = draft.fact
                if isinstance(fact, BillerSettled):
                    nostro -= fact.amount - fact.commission
                    kept += fact.commission
                    assert fact.commission <= fact.amount
                    if fact.terms.settlement == "gross":
                        assert fact.commission == commission_of(fact.terms, 1, "EUR") == 0
                elif isinstance(fact, RefundRepaid | BillRefundPassedOn) or (
                    isinstance(fact, RefundUnclaimed) and fact.source == "received"
                ):
                    nostro += fact.amount
                elif isinstance(fact, RefundLost):
                    lost += fact.amount
        balances = self.desk.balances()
        assert balances.get(1120, 0) == nostro
        assert balances.get(4240, 0) == kept
        assert balances.get(5510, 0) == lost

    @invariant()
    def every_rule_pays_a_bill_once_at_a_time(self) -> None:
        for rule_ in self.desk.of_kind(Autopay):
            cycles = [(each.bill_id, each.cycle) for each in rule_.rule.attempts]
            assert len(set(cycles)) == len(cycles)
            assert rule_.rule.failures <= rule_.rule.failures_max

    def _sums(self, figure: Any) -> dict[str, int]:
        sums: Counter[str] = Counter()
        for bill in self.desk.of_kind(Bill):
            for payment in bill.standing.payments:
                assert isinstance(payment, Payment)
                sums[f"biller-{bill.standing.biller_id}"] += figure(payment)
        return {name: amount for name, amount in sums.items() if amount}

    def _net(self, code: int, side: str) -> int:
        return sum(
            posting.amount if posting.side == side else -posting.amount
            for posting in self.desk.postings()
            if posting.ledger_account == code
        )


BillMachine.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestBillsOnTheCore = BillMachine.TestCase

NAMES = itertools.count(1)


@pytest.fixture(scope="module")
def api(module_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    with running_api(module_database, tmp_path_factory.mktemp("api")) as running:
        yield running


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("present"), st.integers(100, 9_000)),
        st.tuples(st.just("pay"), st.integers(0, 3), st.integers(100, 9_000)),
        st.tuples(st.just("refund"), st.integers(0, 3), st.integers(100, 5_000)),
        st.tuples(st.just("settle")),
        st.tuples(st.just("lose"), st.integers(0, 3)),
        st.tuples(st.just("dispute"), st.integers(0, 3)),
        st.tuples(st.just("anew"), st.integers(0, 3), st.integers(100, 9_000)),
    ),
    min_size=4,
    max_size=14,
)


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS, net=st.booleans())
def test_life_stories_over_http_explain_every_clearing_account(
    api: RunningApi, steps: list[Any], net: bool
) -> None:
    holder, teller, auditor = api.person(), api.person("teller"), api.person("auditor")
    account_id = api.account(holder, 150)
    before = _ledger(auditor, holder, teller)
    name = f"Story {next(NAMES)}"
    terms = {"commission_rate": 2, "fee": 0.5, "settlement": "net" if net else "gross"}
    biller_id = teller.post("/v1/billers", {"name": name, **terms}).json()["biller_id"]
    presented: list[int] = []
    for step, *rest in steps:
        _take(holder, teller, step, rest, presented, biller_id)

    bills_now = holder.get("/v1/bills", limit=200).json()
    payments = [
        holder.get(f"/v1/bills/payments/{payment['payment_id']}").json()
        for payment in holder.get("/v1/bills/history", limit=200).json()
    ]
    after = _ledger(auditor, holder, teller)
    owed = sum(_cents(p["amount"] - p["refunded"]) for p in payments if p["state"] == "captured")
    due = sum(_cents(p["refund_due"]) for p in payments)
    balance = holder.get(f"/v1/accounts/{account_id}/balance").json()["balance"]
    assert after[2410] - before[2410] == owed
    assert after[1510] - before[1510] == due
    assert after[2110] - before[2110] == _cents(balance) - 15_000
    for bill in bills_now:
        paid = sum(
            _cents(p["amount"] - p["refunded"]) for p in payments if p["bill_id"] == bill["bill_id"]
        )
        assert _cents(bill["paid"]) == paid
        if bill["status"] == "superseded":
            assert (paid, bill["open_amount"]) == (0, 0)
        else:
            assert _cents(bill["open_amount"]) == _cents(bill["amount"]) - paid


def _take(
    holder: Any, teller: Any, step: str, rest: list[Any], presented: list[int], biller_id: int
) -> None:
    """One step; what cannot be done is refused, and that is part of the story."""
    if step == "present":
        body = {
            "biller_id": biller_id,
            "user_id": holder.user_id,
            "amount": rest[0] / 100,
            "due_date": "2099-01-31",
            "external_id": f"B-{len(presented)}",
        }
        presented.append(teller.post("/v1/bills", body).json()["bill_id"])
        return
    if step == "settle":
        assert teller.post(f"/v1/billers/{biller_id}/settle").status_code == 201
        return
    if rest[0] >= len(presented):
        return
    bill_id = presented[rest[0]]
    if step == "anew":
        said = ("biller_id", "user_id", "external_id", "due_date")
        bill = holder.get(f"/v1/bills/{bill_id}").json()
        body = {name: bill[name] for name in said} | {"amount": rest[1] / 100, "supersede": True}
        presented[rest[0]] = teller.post("/v1/bills", body).json()["bill_id"]
        return
    if step == "pay":
        body = {"user_id": holder.user_id, "bill_id": bill_id, "amount": rest[1] / 100}
        assert holder.post("/v1/bills/pay", body).status_code in (201, 409)
        return
    if step == "dispute":
        holder.post(f"/v1/bills/{bill_id}/dispute", {"reason": "no"})
        teller.post(f"/v1/bills/{bill_id}/end-dispute", {"reason": "so", "upheld": False})
        return
    for payment in holder.get(f"/v1/bills/{bill_id}").json()["payments"]:
        path = f"/v1/bills/payments/{payment['payment_id']}"
        if step == "refund":
            answer = teller.post(f"{path}/refund", {"amount": rest[1] / 100, "reason": "no"})
        else:
            answer = teller.post(f"{path}/refund-lost", {"amount": 1, "reason": "gone"})
        assert answer.status_code in (200, 409)


def _cents(amount: float) -> int:
    return round(amount * 100)


def _ledger(auditor: Any, *writers: Any) -> Counter[int]:
    """The balance of each ledger account, once all is in the views that the writers have written."""
    known = max(
        int(writer.get("/v1/bills/history").headers["daybook-position"]) for writer in writers
    )
    lines = auditor.get("/v1/ledger/trial-balance", known_at=known).json()["lines"]
    return Counter({line["ledger_account"]: _cents(line["balance"]) for line in lines})
