"""Autopay: a customer's rule to pay the bills of a biller by themselves.

A rule pays each bill once, so many days before it is due: in full, the least, or a fixed amount. What is
above its cap is not paid, and the customer is asked. Where neither account has the money it is tried
again on later days; after so many failures the rule is suspended.
"""

import datetime as dt
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from domain.bills.bill import Bill
from domain.bills.bill_facts import Standing
from domain.bills.bill_refusals import AutopayEnded, AutopayNotFound, TermsContradictory
from domain.facts import Fact, stored_as

Mode: TypeAlias = Literal["full", "minimum", "fixed"]
RuleStatus: TypeAlias = Literal["active", "suspended", "ended"]
Outcome: TypeAlias = Literal["paid", "failed", "asked"]

LEAD_DAYS_MAX: Final = 60
RETRIES_MAX: Final = 5
FAILURES_MAX: Final = 10
# What a rule remembers; a bill is over long before so many others are.
ATTEMPTS_KEPT: Final = 50


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What became of a rule on a bill. Cycle 0 is the first time, the others are retries."""

    bill_id: int
    cycle: int
    on: dt.date
    outcome: Outcome
    payment_id: int | None = None
    why: str | None = None


class Rule(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a customer wants paid. Amounts are minor units of `currency`, which is the account's.

    With a `reference`, only bills under it. `retry_days` are the days between one attempt and the next.
    `failures` counts those since the last payment; with `failures_max` of them the rule is suspended.
    """

    user_id: int
    biller_id: int
    account_id: int
    currency: str
    reference: str | None = None
    fallback_account_id: int | None = None
    mode: Mode = "full"
    amount: int = 0
    cap: int | None = None
    lead_days: int = 0
    retry_days: tuple[int, ...] = ()
    failures_max: int = 3
    failures: int = 0
    status: RuleStatus = "active"
    attempts: tuple[Attempt, ...] = ()


# --- Events: their tags are on disk for ever.


class AutopayFact(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A fact that leaves the rule so."""

    rule: Rule


@stored_as("autopay.set.1")
class AutopaySet(AutopayFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("autopay.ended.1")
class AutopayStopped(AutopayFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("autopay.resumed.1")
class AutopayResumed(AutopayFact, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("autopay.tried.1")
class AutopayTried(AutopayFact, frozen=True, kw_only=True, omit_defaults=True):
    """The newest attempt says on which bill and how it went; a failure may have suspended the rule."""


# --- State


class Autopay(msgspec.Struct, frozen=True):
    autopay_id: int
    rule: Rule
    version: int


def stream_of(autopay_id: int) -> str:
    return f"autopay-{autopay_id}"


def restore(autopay_id: int, newest: AutopayFact, version: int) -> Autopay:
    return Autopay(autopay_id, newest.rule, version)


def found(autopay: Autopay | None, autopay_id: int) -> Autopay:
    if autopay is None:
        raise AutopayNotFound(autopay_id=autopay_id)
    return autopay


# --- Decisions


def set_up(rule: Rule) -> list[AutopayFact]:
    """Refused: a rule whose figures contradict each other."""
    wrong = {
        "amount": (rule.mode == "fixed") != (rule.amount > 0),
        "cap": rule.cap is not None and rule.cap < max(1, rule.amount),
        "lead_days": not 0 <= rule.lead_days <= LEAD_DAYS_MAX,
        "retry_days": len(rule.retry_days) > RETRIES_MAX
        or any(not 1 <= days <= LEAD_DAYS_MAX for days in rule.retry_days),
        "failures_max": not 1 <= rule.failures_max <= FAILURES_MAX,
        "fallback_account_id": rule.fallback_account_id == rule.account_id,
    }
    for field, is_wrong in wrong.items():
        if is_wrong:
            raise TermsContradictory(field=field, why="it does not go with the rest of the rule")
    return [AutopaySet(rule=rule)]


def stop(autopay: Autopay) -> list[AutopayFact]:
    """For good; stopping again is nothing new."""
    if autopay.rule.status == "ended":
        return []
    return [AutopayStopped(rule=msgspec.structs.replace(autopay.rule, status="ended"))]


def resume(autopay: Autopay) -> list[AutopayFact]:
    """A suspended rule goes on, with no failures counted."""
    if autopay.rule.status == "ended":
        raise AutopayEnded(autopay_id=autopay.autopay_id)
    if autopay.rule.status == "active":
        return []
    rule = msgspec.structs.replace(autopay.rule, status="active", failures=0)
    return [AutopayResumed(rule=rule)]


def tried(autopay: Autopay, attempt: Attempt) -> list[AutopayFact]:
    rule = autopay.rule
    failures, status = rule.failures, rule.status
    if attempt.outcome == "paid":
        failures = 0
    elif attempt.outcome == "failed":
        failures += 1
        status = "suspended" if failures >= rule.failures_max else status
    return [
        AutopayTried(
            rule=msgspec.structs.replace(
                rule,
                failures=failures,
                status=status,
                attempts=(*rule.attempts, attempt)[-ATTEMPTS_KEPT:],
            )
        )
    ]


# --- What is to be paid


class DuePayment(NamedTuple):
    """A rule is to pay a bill. The three numbers are the key of the payment, so that it is made once."""

    autopay_id: int
    bill_id: int
    cycle: int

    @property
    def key(self) -> str:
        return f"autopay/{self.autopay_id}/{self.bill_id}/{self.cycle}"


def amount_of(rule: Rule, standing: Standing) -> int:
    """What the rule would pay of the bill now, before its cap is looked at.

    What a bill took over from another counts: of the two together a rule pays its amount once.
    """
    payable = standing.payable
    carried = 0 if standing.supersedes is None else standing.paid + standing.pending
    if rule.mode == "fixed":
        return max(0, min(payable, rule.amount - carried))
    if rule.mode == "minimum" and standing.minimum:
        return 0 if carried >= standing.minimum else min(payable, standing.minimum)
    return payable


def due_payments(
    rules: Iterable[Autopay], bills: Iterable[Bill], business_date: dt.date
) -> list[DuePayment]:
    """What rules have to pay on a day, by bill. Where several rules would pay one bill, the oldest does.

    What was tried before is not due again until its next retry, so asking twice pays nothing twice.
    """
    active = sorted(
        (autopay for autopay in rules if autopay.rule.status == "active"),
        key=lambda autopay: autopay.autopay_id,
    )
    due: list[DuePayment] = []
    for bill in sorted(bills, key=lambda bill: (bill.standing.due_date, bill.bill_id)):
        for autopay in active:
            cycle = cycle_due(autopay.rule, bill, business_date)
            if cycle is not None:
                due.append(DuePayment(autopay.autopay_id, bill.bill_id, cycle))
                break
    return due


def cycle_due(rule: Rule, bill: Bill, on: dt.date) -> int | None:
    """Which attempt of the rule on the bill is due on a day, if one is."""
    standing = bill.standing
    if not _concerns(rule, standing) or standing.condition != "open":
        return None
    if amount_of(rule, standing) == 0:
        return None
    earlier = [attempt for attempt in rule.attempts if attempt.bill_id == bill.bill_id]
    if not earlier:
        first = standing.due_date - dt.timedelta(days=rule.lead_days)
        return 0 if first <= on else None
    last = earlier[-1]
    if last.outcome == "asked":
        return None
    if last.outcome == "paid" and not _was_declined(bill, last.payment_id):
        return None
    if last.cycle >= len(rule.retry_days):
        return None
    again = last.on + dt.timedelta(days=rule.retry_days[last.cycle])
    return last.cycle + 1 if again <= on else None


def _concerns(rule: Rule, standing: Standing) -> bool:
    return (
        standing.user_id == rule.user_id
        and standing.biller_id == rule.biller_id
        and standing.currency == rule.currency
        and rule.reference in (None, standing.reference)
    )


def _was_declined(bill: Bill, payment_id: int | None) -> bool:
    """Whether the payment failed, or one that a rule had made before its bill was presented anew."""
    is_anew = bill.standing.supersedes is not None
    return any(
        payment.status == "failed"
        and (payment.payment_id == payment_id or (is_anew and payment.autopay_id is not None))
        for payment in bill.standing.payments
    )
