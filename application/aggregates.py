"""The aggregates: for each kind of stream, how its state follows from its facts.

A stream is named for its kind and the number of the one it belongs to: `account-17`. Most facts carry the
whole state after them, so that the newest is all that is read. An account and a loan are known from the
newest event and the one of their last terms, whose version it names. Either way `restore` equals folding
the stream by `evolve`.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, Protocol

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
from domain.facts import Fact
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


def _whole(restore: Callable[[int, Any, int], Aggregate]) -> Kind:
    """A kind whose every fact carries the whole state after it: to evolve is to restore from the fact."""

    def evolve(state: Aggregate | None, fact: Any, number: int) -> Aggregate:
        return restore(number, fact, 1 if state is None else state.version + 1)

    return Kind(evolve, lambda newest: restore(newest.number, newest.fact, newest.version))


def _with_terms(
    evolve: Callable[[Any, Any, int], Aggregate],
    restore: Callable[[int, Any, int, Any, int], Aggregate],
    carries_terms: type[Fact],
) -> Kind:
    """A kind of which some facts carry the terms, and the others the version of the last that did."""

    def restored(newest: Newest) -> Aggregate:
        number, fact, version, terms, terms_version = newest
        if isinstance(fact, carries_terms):
            return restore(number, fact, version, fact, version)
        assert terms is not None, f"the terms of {fact.TAG} of {number} are not in the log"
        return restore(number, fact, version, terms, terms_version)

    return Kind(evolve, restored)


# By what stands before the number in the name of a stream.
KINDS: Final[dict[str, Kind]] = {
    "account": _with_terms(account.evolve, account.restore, TermsFact),
    "audit": _whole(access.restore),
    "customer": _whole(customer.restore),
    "transaction": _whole(labels.restore),
    "ledger": _whole(periods.restore),
    "bank": _whole(capital.restore),
    "interbank": _whole(interbank.restore),
    "business": _whole(business_days.restore),
    "interest": _whole(accrued_interest.restore),
    # Their streams end with a currency, of which each type of account has one plan.
    **{f"rate-plan-{account_type}": _whole(rate_plans.restore) for account_type in ACCOUNT_TYPES},
    "rate-index": _whole(rate_indexes.restore),
    "loss": _whole(loss_rates.restore),
    "loan": _with_terms(loan.evolve, loan.restore, Agreement),
    "standing-order": _whole(standing_orders.restore),
    "statements": _whole(statement.restore),
    "biller": _whole(biller.restore),
    "bill": _whole(bill.restore),
    "autopay": _whole(autopay.restore),
    "registration": _whole(registration.restore),
    "work-item": _whole(work_items.restore),
    "reconciliation": _whole(reconciliation.restore),
}
