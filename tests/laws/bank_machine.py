"""One stateful machine: whatever is asked of the bank, in whatever order, the reference agrees."""

import datetime as dt
import uuid
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.account_facts import TermsFact
from domain.money import MINOR_UNITS_MAX, decimal_of
from ledger.chart_of_accounts import CONTROL_ACCOUNT, TRANSFERS_IN_TRANSIT
from ledger.trial_balance import trial_balance
from tests.laws.drivers import Driver
from tests.laws.intents import Intent, Outcome
from tests.laws.reference_bank import ReferenceBank

doors = st.integers(0, 1)
amounts = st.one_of(st.integers(1, 100), st.sampled_from([MINOR_UNITS_MAX - 50, MINOR_UNITS_MAX]))
choices = st.integers(0, 10**6)


class BankMachine(RuleBasedStateMachine):
    """`at` says which of the two doors is asked; accounts are chosen among those opened."""

    def __init__(self, driver: Driver) -> None:
        super().__init__()
        self.driver = driver
        self.model = ReferenceBank()
        self.numbers: list[int] = []
        self.transactions: list[int] = []
        # What was asked under a key, and what was answered.
        self.asked: list[tuple[Intent, Outcome]] = []

    def pick(self, choice: int) -> int:
        return self.numbers[choice % len(self.numbers)]

    def amount(self, number: int, minor_units: int) -> Decimal:
        return decimal_of(minor_units, self.model.accounts[number].currency)

    def do(self, at: int, intent: Intent, expected: str | None) -> Outcome:
        (outcome,) = self.driver.run([intent], linked=False, at=at)
        self.check(outcome, expected)
        if intent.key is not None and expected != "KeyReused":
            self.asked.append((intent, outcome))
        return outcome

    def check(self, outcome: Outcome, expected: str | None) -> None:
        assert outcome.refused == expected, (outcome, expected)
        if expected is None and outcome.transaction_id is not None:
            self.transactions.append(outcome.transaction_id)
            self.model.done(outcome.transaction_id)

    @initialize(at=doors)
    def open_two(self, at: int) -> None:
        self.open(at, "checking", "EUR")
        self.open(1 - at, "checking", "EUR")

    @precondition(lambda self: len(self.numbers) < 6)
    @rule(
        at=doors,
        account_type=st.sampled_from(["checking", "savings"]),
        currency=st.sampled_from(["EUR", "EUR", "JPY"]),
    )
    def open(self, at: int, account_type: str, currency: str) -> None:
        intent = Intent(call="open", account_type=account_type, currency=currency)
        number = self.do(at, intent, None).account_id
        assert number is not None
        self.model.open(number, account_type, currency)
        self.numbers.append(number)

    @rule(
        at=doors,
        call=st.sampled_from(["deposit", "deposit", "withdraw"]),
        choice=choices,
        amount=amounts,
        keyed=st.booleans(),
    )
    def move_cash(self, at: int, call: Any, choice: int, amount: int, keyed: bool) -> None:
        number = self.pick(choice)
        intent = Intent(
            call=call, number=number, amount=self.amount(number, amount), key=fresh_key(keyed)
        )
        self.do(at, intent, getattr(self.model, call)(number, amount))

    @rule(at=doors, source=choices, destination=choices, amount=amounts, keyed=st.booleans())
    def transfer(self, at: int, source: int, destination: int, amount: int, keyed: bool) -> None:
        payer, payee = self.pick(source), self.pick(destination)
        intent = Intent(
            call="transfer",
            number=payer,
            destination=payee,
            amount=self.amount(payer, amount),
            key=fresh_key(keyed),
        )
        self.do(at, intent, self.model.transfer(payer, payee, amount))

    @rule(at=doors, choice=choices)
    def withdraw_all(self, at: int, choice: int) -> None:
        """To the last cent, so that accounts can be closed."""
        number = self.pick(choice)
        balance = self.model.accounts[number].balance
        if balance > 0:
            intent = Intent(call="withdraw", number=number, amount=self.amount(number, balance))
            self.do(at, intent, self.model.withdraw(number, balance))

    @precondition(lambda self: self.driver.charges_fees)
    @rule(at=doors, choice=choices, amount=st.integers(1, 100))
    def charge_fee(self, at: int, choice: int, amount: int) -> None:
        number = self.pick(choice)
        intent = Intent(call="charge_fee", number=number, amount=self.amount(number, amount))
        self.do(at, intent, self.model.charge_fee(number, amount))

    @rule(
        at=doors,
        choice=choices,
        amount=st.integers(1, 100),
        days=st.integers(-400, 2),
        reason=st.sampled_from([None, "found in the drawer"]),
    )
    def deposit_late(
        self, at: int, choice: int, amount: int, days: int, reason: str | None
    ) -> None:
        number, day = self.pick(choice), self.driver.today + dt.timedelta(days=days)
        expected = None
        if days and not reason:
            expected = "ReasonMissing"
        elif days > 0:
            expected = "BookingDateInFuture"
        expected = expected or self.model.deposit(number, amount)
        intent = Intent(
            call="deposit",
            number=number,
            amount=self.amount(number, amount),
            booking_date=day,
            reason=reason,
        )
        made = self.do(at, intent, expected).transaction_id
        booked = [r for r in self.driver.log() if r.event.transaction_id == made]
        assert {r.event.booking_date for r in booked} <= {day}

    @precondition(lambda self: self.transactions)
    @rule(at=doors, choice=choices)
    def reverse(self, at: int, choice: int) -> None:
        transaction = self.transactions[choice % len(self.transactions)]
        self.do(at, Intent(call="reverse", number=transaction), self.model.reverse(transaction))

    @rule(
        at=doors,
        several=st.lists(st.tuples(choices, choices, st.integers(1, 60)), min_size=2, max_size=5),
        linked=st.booleans(),
    )
    def transfer_several(self, at: int, several: list[tuple[int, int, int]], linked: bool) -> None:
        """In one commit: each sees what those before it left; linked ones happen all or none."""
        transfers = [(self.pick(a), self.pick(b), amount) for a, b, amount in several]
        intents = [
            Intent(
                call="transfer", number=payer, destination=payee, amount=self.amount(payer, amount)
            )
            for payer, payee, amount in transfers
        ]
        outcomes = self.driver.run(intents, linked=linked, at=at)
        if linked:
            expected = self.model.all_or_none(transfers)
            assert [outcome.refused for outcome in outcomes] == expected
            return
        for outcome, each in zip(outcomes, transfers, strict=True):
            self.check(outcome, self.model.transfer(*each))

    @rule(at=doors, choice=choices, limit=st.integers(0, 100))
    def change_limit(self, at: int, choice: int, limit: int) -> None:
        number = self.pick(choice)
        intent = Intent(call="limit", number=number, amount=self.amount(number, limit))
        self.do(at, intent, self.model.limit(number, limit))

    @rule(at=doors, choice=choices, restriction=st.sampled_from(["debit", "full"]))
    def freeze(self, at: int, choice: int, restriction: Any) -> None:
        number = self.pick(choice)
        intent = Intent(call="freeze", number=number, restriction=restriction)
        self.do(at, intent, self.model.freeze(number, restriction))

    @rule(
        at=doors,
        choice=choices,
        change=st.sampled_from(["unfreeze", "make_dormant", "reactivate", "close"]),
    )
    def change_terms(self, at: int, choice: int, change: Any) -> None:
        number = self.pick(choice)
        intent = Intent(call=change, number=number)
        self.do(at, intent, getattr(self.model, change)(number))

    @precondition(lambda self: self.asked)
    @rule(at=doors, choice=choices)
    def ask_again(self, at: int, choice: int) -> None:
        """The first answer, byte for byte, whatever has happened since; and nothing is done."""
        intent, first = self.asked[choice % len(self.asked)]
        before = len(self.driver.log())
        (again,) = self.driver.run([intent], linked=False, at=at)
        assert again.body == first.body
        assert again.position == first.position
        assert again.replayed
        assert len(self.driver.log()) == before

    @precondition(lambda self: self.asked)
    @rule(at=doors, choice=choices)
    def ask_otherwise(self, at: int, choice: int) -> None:
        """Another request under the same key is refused by the name of the field."""
        intent, _ = self.asked[choice % len(self.asked)]
        # One less where one more would be longer than any amount that a body may hold.
        step = -1 if intent.amount >= MINOR_UNITS_MAX else 1
        other = msgspec.structs.replace(intent, amount=intent.amount + step)
        assert self.do(at, other, "KeyReused").figures == {"field": "amount"}

    @precondition(lambda self: self.numbers)
    @rule(choice=choices)
    def read_a_balance(self, choice: int) -> None:
        number = self.pick(choice)
        told = self.driver.balance(number)
        assert told in (None, self.amount(number, self.model.accounts[number].balance))

    @invariant()
    def every_account_is_as_the_reference_says(self) -> None:
        log = self.driver.log()
        balances = dict.fromkeys(self.numbers, 0)
        newest, terms = {}, {}
        for recorded in log:
            for posting in recorded.event.entry:
                if posting.sub_account is not None:
                    number = int(posting.sub_account.rsplit("-", 1)[1])
                    signed = posting.amount if posting.side == "C" else -posting.amount
                    balances[number] += signed
            if recorded.originator_id.startswith("account-"):
                number = int(recorded.originator_id.rsplit("-", 1)[1])
                newest[number] = recorded.event.fact
                if isinstance(recorded.event.fact, TermsFact):
                    terms[number] = recorded.event.fact.terms
        for number, expected in self.model.accounts.items():
            assert balances[number] == expected.balance
            assert newest[number].balance == expected.balance
            assert terms[number].restriction == expected.restriction
            assert terms[number].dormant == expected.dormant
            assert terms[number].closed == expected.closed
            assert terms[number].overdraft_limit == expected.limit

    @invariant()
    def no_money_is_made_or_lost(self) -> None:
        lines = trial_balance(recorded.event.entry for recorded in self.driver.log())
        for currency in {line.currency for line in lines}:
            of_it = [line for line in lines if line.currency == currency]
            assert sum(line.debits for line in of_it) == sum(line.credits for line in of_it)
            held = sum(a.balance for a in self.model.accounts.values() if a.currency == currency)
            control = [line for line in of_it if line.ledger_account in CONTROL_ACCOUNT.values()]
            assert sum(line.balance for line in control) == held
            transit = [line for line in of_it if line.ledger_account == TRANSFERS_IN_TRANSIT]
            assert all(line.balance == 0 for line in transit)

    @invariant()
    def the_log_is_without_gaps_and_in_time(self) -> None:
        log = self.driver.log()
        positions = [recorded.position for recorded in log]
        if positions:
            assert positions == list(range(positions[0], positions[0] + len(log)))
        instants = [recorded.event.recorded_at for recorded in log]
        assert all(one < next_ for one, next_ in pairwise(instants))
        versions: dict[str, int] = {}
        for recorded in log:
            expected = versions.get(recorded.originator_id, 0) + 1
            if recorded.originator_id.startswith("account-"):
                assert recorded.originator_version == expected
            versions[recorded.originator_id] = expected


def fresh_key(keyed: bool) -> str | None:
    return uuid.uuid4().hex if keyed else None
