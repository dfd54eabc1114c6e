"""The aggregates: for each kind of stream, how its state follows from its facts.

A stream is named for its kind and the number of the one it belongs to: `account-17`. A state is known
from the newest event of the stream and, where the `terms` of that event names one, the event of that
version; `restore` says how, and equals folding the stream by `evolve`.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from domain import (
    access,
    account,
    accrued_interest,
    business_days,
    capital,
    customer,
    interbank,
    labels,
    periods,
    rate_plans,
    reconciliation,
    standing_orders,
    statement,
    work_items,
)
from domain.account_facts import ACCOUNT_TYPES, TermsFact
from domain.bills import autopay, bill, biller, registration
from domain.loans import loan, loss_rates, rate_indexes
from domain.loans.loan_facts import Agreement


class Aggregate(Protocol):
    """The state of one stream after `version` events."""

    @property
    def version(self) -> int: ...


class Newest(NamedTuple):
    """What a state is restored from: the newest fact, and the one that its `terms` names."""

    number: int
    fact: Any
    version: int
    terms: Any = None
    terms_version: int = 0


class Kind(NamedTuple):
    """`evolve` takes the state (None before the first fact), a fact, and the number of the stream."""

    evolve: Callable[[Any, Any, int], Aggregate]
    restore: Callable[[Newest], Aggregate]


def kind_of(stream: str) -> tuple[Kind, int]:
    """The kind of a stream, and its number; 0 for a kind that has one stream only."""
    kind, _, number = stream.rpartition("-")
    return KINDS[kind], int(number) if number.isdecimal() else 0


def _restored_account(newest: Newest) -> Aggregate:
    number, fact, version, terms, terms_version = newest
    if isinstance(fact, TermsFact):
        return account.restore(number, fact, version, fact, version)
    assert terms is not None, f"the terms of account {number} are not in the log"
    return account.restore(number, fact, version, terms, terms_version)


def _evolved_trail(state: access.AuditTrail | None, fact: Any, _number: int) -> Aggregate:
    return access.evolve(state, fact)


def _restored_trail(newest: Newest) -> Aggregate:
    return access.AuditTrail(newest.version)


def _restored_customer(newest: Newest) -> Aggregate:
    return customer.restore(newest.number, newest.fact, newest.version)


def _restored_labels(newest: Newest) -> Aggregate:
    return labels.Labels(newest.number, newest.fact.category, newest.fact.tags, newest.version)


def _evolved_periods(state: periods.Periods | None, fact: Any, _number: int) -> Aggregate:
    return periods.evolve(state, fact)


def _restored_periods(newest: Newest) -> Aggregate:
    fact = newest.fact
    return periods.Periods(fact.closed, fact.asked, fact.sealed, newest.version)


def _evolved_days(state: business_days.BusinessDays | None, fact: Any, _number: int) -> Aggregate:
    return business_days.evolve(state, fact)


def _restored_days(newest: Newest) -> Aggregate:
    return business_days.restore(newest.fact, newest.version)


def _evolved_capital(state: capital.Capital | None, fact: Any, _number: int) -> Aggregate:
    return capital.evolve(state, fact)


def _restored_capital(newest: Newest) -> Aggregate:
    return capital.restore(newest.fact, newest.version)


def _evolved_interbank(
    state: interbank.InterbankTotals | None, fact: Any, _number: int
) -> Aggregate:
    return interbank.evolve(state, fact)


def _restored_interbank(newest: Newest) -> Aggregate:
    return interbank.restore(newest.fact, newest.version)


def _evolved_interest(
    state: accrued_interest.AccruedInterest | None, fact: Any, _number: int
) -> Aggregate:
    return accrued_interest.evolve(state, fact)


def _restored_interest(newest: Newest) -> Aggregate:
    return accrued_interest.AccruedInterest(newest.fact.standing, newest.version)


def _evolved_plan(state: rate_plans.RatePlan | None, fact: Any, _number: int) -> Aggregate:
    return rate_plans.evolve(state, fact)


def _restored_plan(newest: Newest) -> Aggregate:
    return rate_plans.RatePlan(newest.fact.rates, newest.version)


def _evolved_loss_rates(
    state: loss_rates.LossRatePlan | None, fact: Any, _number: int
) -> Aggregate:
    return loss_rates.evolve(state, fact)


def _evolved_index(state: rate_indexes.RateIndex | None, fact: Any, _number: int) -> Aggregate:
    return rate_indexes.evolve(state, fact)


def _restored_index(newest: Newest) -> Aggregate:
    return rate_indexes.RateIndex(newest.fact.values, newest.version)


def _restored_loss_rates(newest: Newest) -> Aggregate:
    return loss_rates.LossRatePlan(newest.fact.changes, newest.version)


def _restored_work_item(newest: Newest) -> Aggregate:
    state = work_items.evolve(None, newest.fact, newest.number)
    return msgspec.structs.replace(state, version=newest.version)


def _restored_reconciliation(newest: Newest) -> Aggregate:
    return reconciliation.Reconciliation(newest.number, newest.version)


def _restored_order(newest: Newest) -> Aggregate:
    return standing_orders.StandingOrder(newest.number, newest.fact.order, newest.version)


def _restored_statements(newest: Newest) -> Aggregate:
    return statement.Statements(newest.number, newest.version)


def _restored_biller(newest: Newest) -> Aggregate:
    return biller.Biller(newest.number, newest.fact.terms, newest.version)


def _restored_bill(newest: Newest) -> Aggregate:
    return bill.Bill(newest.number, newest.fact.standing, newest.version)


def _restored_autopay(newest: Newest) -> Aggregate:
    return autopay.Autopay(newest.number, newest.fact.rule, newest.version)


def _restored_registration(newest: Newest) -> Aggregate:
    return registration.Registration(newest.number, newest.fact.link, newest.version)


def _restored_loan(newest: Newest) -> Aggregate:
    number, fact, version, terms, terms_version = newest
    if isinstance(fact, Agreement):
        return loan.restore(number, fact, version, fact, version)
    assert terms is not None, f"the terms of loan {number} are not in the log"
    return loan.restore(number, fact, version, terms, terms_version)


# By what stands before the number in the name of a stream.
KINDS: Final[dict[str, Kind]] = {
    "account": Kind(account.evolve, _restored_account),
    "audit": Kind(_evolved_trail, _restored_trail),
    "customer": Kind(customer.evolve, _restored_customer),
    "transaction": Kind(labels.evolve, _restored_labels),
    "ledger": Kind(_evolved_periods, _restored_periods),
    "bank": Kind(_evolved_capital, _restored_capital),
    "interbank": Kind(_evolved_interbank, _restored_interbank),
    "business": Kind(_evolved_days, _restored_days),
    "interest": Kind(_evolved_interest, _restored_interest),
    # Their streams end with a currency, of which each type of account has one plan.
    **{
        f"rate-plan-{account_type}": Kind(_evolved_plan, _restored_plan)
        for account_type in ACCOUNT_TYPES
    },
    "rate-index": Kind(_evolved_index, _restored_index),
    "loss": Kind(_evolved_loss_rates, _restored_loss_rates),
    "loan": Kind(loan.evolve, _restored_loan),
    "standing-order": Kind(standing_orders.evolve, _restored_order),
    "statements": Kind(statement.evolve, _restored_statements),
    "biller": Kind(biller.evolve, _restored_biller),
    "bill": Kind(bill.evolve, _restored_bill),
    "autopay": Kind(autopay.evolve, _restored_autopay),
    "registration": Kind(registration.evolve, _restored_registration),
    "work-item": Kind(work_items.evolve, _restored_work_item),
    "reconciliation": Kind(reconciliation.evolve, _restored_reconciliation),
}
