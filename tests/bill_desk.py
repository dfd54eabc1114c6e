"""The pure core at work without a store: commands decided one after the other, their entries kept."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from application import accounts, autopay, bill_payments, billers
from application.autopay import WantedRule
from application.bill_payments import authorise
from application.billers import PaymentPlace
from application.books import Answer, Books, Command, Posted, Transaction
from application.commands import NO_DETAILS, SYSTEM, Actor, Ask
from application.payment_places import Place, place_in
from application.presenting import Known, Outcome, PresentedBill, present_bill
from domain import account
from domain import customer as customers
from domain.account import Account
from domain.banking_calendar import WEEKENDS, Calendar
from domain.bills.autopay import Autopay, due_payments
from domain.bills.bill import Bill
from domain.bills.biller import BillerTerms
from domain.customer import Customer
from domain.refusals import Refused
from ledger.chart_of_accounts import CHART
from ledger.journal import Posting
from ledger.trial_balance import trial_balance

HOLDER = Actor(7, "user")
TELLER = Actor(1, "teller")


def _answer(_: list[Posted]) -> Answer:
    return Answer(200, b"")


def _refuse(refusal: Refused) -> Answer:
    raise refusal


def ask(actor: Actor = SYSTEM) -> Ask:
    return Ask(actor, _answer, _refuse)


class Desk:
    """A bank of one customer, 7, in EUR; amounts of the tests are cents unless they say otherwise."""

    def __init__(self, today: dt.date = dt.date(2024, 3, 1), calendar: Calendar = WEEKENDS) -> None:
        self.calendar = calendar
        self.now = dt.datetime.combine(today, dt.time(12), dt.UTC)
        self.states: dict[str, Any] = {customers.stream_of(7): Customer(7, "user", 1)}
        self.claims: dict[str, str] = {}
        self.posted: list[Transaction] = []
        self._ids = 0

    @property
    def today(self) -> dt.date:
        return self.now.date()

    def go_to(self, date: dt.date) -> None:
        self.now = dt.datetime.combine(date, dt.time(12), dt.UTC)

    def next_id(self) -> int:
        self._ids += 1
        return self._ids

    def do(self, command: Command) -> list[Transaction]:
        """Decide it; what it posts stands, and a refusal is raised and leaves nothing behind."""
        for stream in command.streams:
            self.states.setdefault(stream, None)
        # Only what the command named is there, as in the writer.
        states = {stream: self.states[stream] for stream in command.streams}
        claims = {name: self.claims[name] for name in command.claims if name in self.claims}
        self.now += dt.timedelta(seconds=1)
        posted = command.decide(Books(states, claims, self.today, self.now, self.calendar))
        assert set(claims) <= set(command.claims), "a claim was taken that was not named"
        self.states |= states
        self.claims |= claims
        self.posted += posted
        for transaction in posted:
            assert transaction.drafts, "a transaction without an event"
        return posted

    # --- What is there

    def account(self, account_id: int) -> Account:
        state = self.states[account.stream_of(account_id)]
        assert isinstance(state, Account)
        return state

    def bill(self, bill_id: int) -> Bill:
        state = self.states[f"bill-{bill_id}"]
        assert isinstance(state, Bill)
        return state

    def of_kind(self, kind: type) -> list[Any]:
        return [state for state in self.states.values() if isinstance(state, kind)]

    def postings(self) -> list[Posting]:
        return [p for one in self.posted for draft in one.drafts for p in draft.entry]

    def balances(self) -> dict[int, int]:
        """Of every ledger account that was posted to, on its normal side."""
        entries = [draft.entry for one in self.posted for draft in one.drafts]
        return {line.ledger_account: line.balance for line in trial_balance(entries)}

    def owed(self, ledger_account: int) -> dict[str, int]:
        """The sub-ledger of a ledger account, on its normal side."""
        normal = CHART[ledger_account].normal_side
        owed: dict[str, int] = {}
        for posting in self.postings():
            if posting.ledger_account == ledger_account:
                signed = posting.amount if posting.side == normal else -posting.amount
                name = posting.sub_account or ""
                owed[name] = owed.get(name, 0) + signed
        return {name: amount for name, amount in owed.items() if amount}

    # --- What can be done

    def new_account(self, cents: int = 0) -> int:
        account_id = self.next_id()
        self.do(
            accounts.open_account(
                ask(), account_id=account_id, user_id=7, account_type="checking", currency="EUR"
            )
        )
        if cents:
            self.do(accounts.deposit(ask(), account_id, Decimal(cents).scaleb(-2), NO_DETAILS))
        return account_id

    def biller(self, **terms: Any) -> int:
        biller_id = self.next_id()
        wanted = BillerTerms(**({"name": f"Biller {biller_id}", "currencies": ("EUR",)} | terms))
        self.do(billers.register_biller(ask(TELLER), biller_id, wanted))
        return biller_id

    def present(
        self,
        biller_id: int,
        cents: int = 10_000,
        *,
        known: Known | None = None,
        supersede: bool = False,
        actor: Actor = TELLER,
        **more: Any,
    ) -> Outcome:
        outcome = Outcome()
        said: dict[str, Any] = {
            "biller_id": biller_id,
            "user_id": 7,
            "amount": Decimal(cents).scaleb(-2),
            "currency": "EUR",
            "due_date": self.today + dt.timedelta(days=14),
        }
        command = present_bill(
            ask(actor),
            PresentedBill(**(said | more)),
            bill_id=self.next_id(),
            known=known,
            outcome=outcome,
            supersede=supersede,
        )
        self.do(command)
        return outcome

    def known(self, bill_id: int) -> Known:
        """What is known of the bill's number, as `known_under` reads it."""
        bill, revision = self.bill(bill_id), 1
        accounts = frozenset(payment.account_id for payment in bill.standing.payments)
        before = bill.standing.supersedes
        while before is not None:
            before, revision = self.bill(before).standing.supersedes, revision + 1
        return Known(bill_id, revision, accounts)

    def supersede(self, bill_id: int, cents: int, **more: Any) -> int:
        """Its biller presents it anew."""
        standing = self.bill(bill_id).standing
        external_id, known = standing.external_id, self.known(bill_id)
        said = {"external_id": external_id, "known": known, "supersede": True}
        return self.new_bill(standing.biller_id, cents, **(said | more))

    def new_bill(self, biller_id: int, cents: int = 10_000, **more: Any) -> int:
        bill = self.present(biller_id, cents, **more).bill
        assert bill is not None
        return bill.bill_id

    def pay(
        self, bill_id: int, account_id: int, cents: int, actor: Actor = HOLDER
    ) -> list[Transaction]:
        place = Place(self.next_id(), bill_id, account_id, self.bill(bill_id).standing.biller_id)
        command = authorise(
            ask(actor), place, user_id=7, hold_id=self.next_id(), amount=Decimal(cents).scaleb(-2)
        )
        return self.do(command)

    def place(self, bill_id: int, payment: int = -1) -> Place:
        bill = self.bill(bill_id)
        return place_in(bill, bill.standing.payments[payment].payment_id)

    def news(self, use_case: Callable[..., Command], place: Place, *said: Any, **more: Any) -> Any:
        return self.do(use_case(ask(), place, *said, **more))

    def settle(self, biller_id: int) -> list[Transaction]:
        places = [
            PaymentPlace(bill.bill_id, payment.payment_id)
            for bill in self.of_kind(Bill)
            if bill.standing.biller_id == biller_id
            for payment in bill.standing.payments
            if payment.state == "captured"
        ]
        return self.do(billers.settle(ask(), biller_id, places))

    def new_rule(self, biller_id: int, account_id: int, **more: Any) -> int:
        autopay_id = self.next_id()
        wanted = WantedRule(7, biller_id, account_id, **more)
        self.do(autopay.set_up(ask(HOLDER), autopay_id, wanted))
        return autopay_id

    def rule(self, autopay_id: int) -> Autopay:
        state = self.states[f"autopay-{autopay_id}"]
        assert isinstance(state, Autopay)
        return state

    def run_autopay(self) -> list[Transaction]:
        made: list[Transaction] = []
        for due in due_payments(self.of_kind(Autopay), self.of_kind(Bill), self.today):
            made += self.do(
                autopay.try_rule(
                    ask(),
                    due,
                    self.rule(due.autopay_id).rule,
                    payment_id=self.next_id(),
                    hold_id=self.next_id(),
                    on=self.today,
                )
            )
        return made


captured = bill_payments.captured
declined = bill_payments.declined
