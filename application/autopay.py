"""The use cases of autopay: a rule is set up, stopped and resumed, and tries to pay what is due."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from application.bill_payments import Paying, claims_of, pay
from application.billers import bill_in, biller_in
from application.books import Books, Command, Transaction
from application.commands import (
    NO_DETAILS,
    Actor,
    Ask,
    Details,
    account_for,
    account_held_by,
    canonical,
    check_text,
    late_streams,
    note,
    transaction,
)
from application.payment_places import Place
from domain import account as accounts
from domain.bills import autopay as autopays
from domain.bills import bill as bills
from domain.bills import biller as billers
from domain.bills.autopay import (
    Attempt,
    Autopay,
    AutopayFact,
    DuePayment,
    Mode,
    Rule,
    amount_of,
    cycle_due,
    stream_of,
)
from domain.bills.bill_refusals import AutopayNotFound, CurrencyNotAccepted
from domain.money import minor_units_of
from domain.refusals import CurrencyMismatch, Refused


class WantedRule(NamedTuple):
    """A rule as a customer wants it; amounts in major units of the account's currency."""

    user_id: int
    biller_id: int
    account_id: int
    reference: str | None = None
    fallback_account_id: int | None = None
    mode: Mode = "full"
    amount: Decimal | None = None
    cap: Decimal | None = None
    lead_days: int = 0
    retry_days: tuple[int, ...] = ()
    failures_max: int = 3

    @property
    def account_ids(self) -> tuple[int, ...]:
        if self.fallback_account_id in (None, self.account_id):
            return (self.account_id,)
        return (self.account_id, self.fallback_account_id)


def set_up(ask: Ask, autopay_id: int, wanted: WantedRule) -> Command:
    """Have bills of a biller paid by themselves. `autopay_id` is fresh, from the sequence of the store.

    Both accounts must be the customer's, in one currency that the biller takes.
    """

    def decide(books: Books) -> list[Transaction]:
        for account_id in wanted.account_ids:
            account_for(books, ask.actor, account_id)
            account_held_by(books, wanted.user_id, account_id)
        biller = biller_in(books, wanted.biller_id)
        check_text("reference", wanted.reference)
        currency = books.account(wanted.account_id).terms.currency
        rule = _rule(wanted, currency)
        facts = autopays.set_up(rule)
        billers.check_active(biller)
        if currency not in biller.terms.currencies:
            raise CurrencyNotAccepted(biller=biller.terms.name, currency=currency)
        for account_id in wanted.account_ids:
            accounts.check_open(books.account(account_id))
            other = books.account(account_id).terms.currency
            if other != currency:
                raise CurrencyMismatch(account_id=account_id, currency=other, other=currency)
        return note(ask, books, stream_of(autopay_id), facts)

    said = {name: value for name, value in wanted._asdict().items() if value is not None}
    for name in {"amount", "cap"} & said.keys():
        said[name] = canonical(said[name])
    streams = [stream_of(autopay_id), billers.stream_of(wanted.biller_id)]
    streams += map(accounts.stream_of, wanted.account_ids)
    return ask.command({"call": "bills/autopay", **said}, streams, decide)


def _rule(wanted: WantedRule, currency: str) -> Rule:
    amounts = {
        "amount": 0 if wanted.amount is None else minor_units_of(wanted.amount, currency),
        "cap": None if wanted.cap is None else minor_units_of(wanted.cap, currency),
    }
    return Rule(**{**wanted._asdict(), **amounts, "currency": currency})


def stop(ask: Ask, autopay_id: int) -> Command:
    return _change(ask, "stop", autopay_id, autopays.stop)


def resume(ask: Ask, autopay_id: int) -> Command:
    """A rule that was suspended after failures goes on."""
    return _change(ask, "resume", autopay_id, autopays.resume)


def try_rule(
    ask: Ask,
    due: DuePayment,
    rule: Rule,
    *,
    payment_id: int,
    hold_id: int,
    on: dt.date,
    details: Details = NO_DETAILS,
) -> Command:
    """Pay what `due_payments` has found due on a day, from the account or the one to fall back on.

    Where neither can pay, the failure is kept with the rule; above the cap nothing is paid and the
    customer is asked. What is not due any more is left alone, so the same again does nothing. `rule` is
    the rule as it was read; the two numbers are fresh.
    """
    places = [
        Place(payment_id, due.bill_id, account_id, rule.biller_id)
        for account_id in (rule.account_id, rule.fallback_account_id)
        if account_id is not None
    ]

    def decide(books: Books) -> list[Transaction]:
        autopay, bill = _autopay_in(books, due.autopay_id), bill_in(books, due.bill_id)
        if autopay.rule.status != "active" or cycle_due(autopay.rule, bill, on) != due.cycle:
            return []
        amount, cap = amount_of(autopay.rule, bill.standing), autopay.rule.cap
        attempt = Attempt(bill_id=due.bill_id, cycle=due.cycle, on=on, outcome="asked")
        if cap is not None and amount > cap:
            return _kept(books, ask, autopay, attempt, details)
        why = ""
        for place in places:
            paying = Paying(place, rule.user_id, hold_id, amount, due.autopay_id, details)
            try:
                made = pay(books, ask, paying)
            except Refused as refusal:
                why = why or type(refusal).__name__
                continue
            paid = Attempt(
                bill_id=due.bill_id, cycle=due.cycle, on=on, outcome="paid", payment_id=payment_id
            )
            books.add(made[0], stream_of(due.autopay_id), autopays.tried(autopay, paid))
            return made
        failed = Attempt(bill_id=due.bill_id, cycle=due.cycle, on=on, outcome="failed", why=why)
        return _kept(books, ask, autopay, failed, details)

    request = {
        "call": "bills/autopay/try",
        "autopay_id": due.autopay_id,
        "bill_id": due.bill_id,
        "cycle": due.cycle,
        "on": on,
        **details.request(),
    }
    streams = {stream_of(due.autopay_id), bills.stream_of(due.bill_id), *late_streams(details)}
    for place in places:
        streams.update(place.streams)
    return ask.command(request, sorted(streams), decide, claims=claims_of(payment_id, hold_id))


def _kept(
    books: Books, ask: Ask, autopay: Autopay, attempt: Attempt, details: Details
) -> list[Transaction]:
    posted = transaction(ask.actor, details, books)
    books.add(posted, stream_of(autopay.autopay_id), autopays.tried(autopay, attempt))
    return [posted]


def _autopay_in(books: Books, autopay_id: int) -> Autopay:
    return autopays.found(books.state(stream_of(autopay_id)), autopay_id)


def _own_rule(books: Books, actor: Actor, autopay_id: int) -> Autopay:
    """The rule, for one who may see it; to a stranger it does not exist."""
    autopay = _autopay_in(books, autopay_id)
    if not actor.may_act_for(autopay.rule.user_id):
        raise AutopayNotFound(autopay_id=autopay_id)
    return autopay


def _change(
    ask: Ask, call: str, autopay_id: int, decision: Callable[[Autopay], list[AutopayFact]]
) -> Command:
    """Where it is nothing new, nothing is written."""

    def decide(books: Books) -> list[Transaction]:
        autopay = _own_rule(books, ask.actor, autopay_id)
        return note(ask, books, stream_of(autopay_id), decision(autopay))

    request = {"call": f"bills/autopay/{call}", "autopay_id": autopay_id}
    return ask.command(request, (stream_of(autopay_id),), decide)
