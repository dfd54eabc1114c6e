"""One journal event of every tag, in its place in a log: what the golden files hold."""

import datetime as dt
from typing import Any

import msgspec

from domain.account_facts import (
    Closed,
    CreditReversed,
    DebitReversed,
    Deposited,
    FeeCharged,
    Frozen,
    Holder,
    InterestCharged,
    InterestCredited,
    MadeDormant,
    Movement,
    Opened,
    OverdraftLimitChanged,
    PaymentReceived,
    PaymentSent,
    Reactivated,
    Terms,
    TransferReceived,
    TransferSent,
    Unfrozen,
    Withdrawn,
)
from domain.customer import Registered
from domain.facts import Fact
from ledger.journal import Entry, JournalEvent, Recorded, mirrored
from ledger.posting_rules import entry_for

TERMS = Terms(
    account_type="checking",
    currency="EUR",
    holders=(Holder(7, "owner"), Holder(8, "authorised")),
    opened_on=dt.date(1993, 1, 1),
    reference="berka-576",
)


def _terms(**changed: Any) -> Terms:
    return msgspec.structs.replace(TERMS, **changed)


FACTS: tuple[Fact, ...] = (
    Registered(role="user"),
    Opened(terms=TERMS, balance=0),
    OverdraftLimitChanged(terms=_terms(overdraft_limit=50000), balance=-2500),
    Frozen(terms=_terms(restriction="debit"), balance=2500, authority="court of Prague 1"),
    Unfrozen(terms=TERMS, balance=2500),
    MadeDormant(terms=_terms(dormant=True), balance=2500),
    Reactivated(terms=TERMS, balance=2500),
    Closed(terms=_terms(closed=True), balance=0),
    Deposited(amount=2500, balance=2500, terms=1),
    Withdrawn(amount=2500, balance=-2500, terms=1, forced=True),
    TransferSent(amount=2500, balance=0, terms=1, to_account=789),
    TransferReceived(amount=2500, balance=2500, terms=1, from_account=789),
    PaymentSent(amount=2500, balance=0, terms=1, counterparty="YZ/87144583"),
    PaymentReceived(amount=2500, balance=2500, terms=1, counterparty="QR/35385994"),
    InterestCredited(amount=2500, balance=2500, terms=1),
    InterestCharged(amount=2500, balance=-2500, terms=1, forced=True),
    FeeCharged(amount=2500, balance=0, terms=1),
    CreditReversed(amount=2500, balance=0, terms=1, reverses=12),
    DebitReversed(amount=2500, balance=2500, terms=1, reverses=12),
)
_UNDONE: dict[type[Fact], Fact] = {
    CreditReversed: Deposited(amount=2500, balance=2500, terms=1),
    DebitReversed: Withdrawn(amount=2500, balance=0, terms=1),
}


def _entry(fact: Fact) -> Entry:
    if undone := _UNDONE.get(type(fact)):
        return mirrored(entry_for(undone, "account-456", TERMS))  # type: ignore[arg-type]
    return entry_for(fact, "account-456", TERMS) if isinstance(fact, Movement) else ()


def _recorded(position: int, fact: Fact) -> Recorded:
    event: JournalEvent[Any] = JournalEvent(
        fact=fact,
        entry=_entry(fact),
        transaction_id=position,
        booking_date=dt.date(2024, 2, 29),
        value_date=dt.date(2024, 3, 1),
        recorded_at=dt.datetime(2024, 3, 1, 12, 30, 0, position, tzinfo=dt.UTC),
        actor="teller-3",
        command_id="0b5e9f3c",
        category="household",
        tags=("rent", "2024"),
        description="Nájem únor",
        reason="paid in at the branch on the 29th",
    )
    stream = "customer-7" if fact.TAG.startswith("customer.") else "account-456"
    return Recorded(stream, position, position, event)


SAMPLES: dict[str, Recorded] = {
    fact.TAG: _recorded(position, fact) for position, fact in enumerate(FACTS, start=1)
}
