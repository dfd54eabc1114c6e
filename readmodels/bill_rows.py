"""From the events of billers, bills, registrations and autopay rules to their rows."""

import datetime as dt
from typing import Any, NamedTuple

import msgspec

from domain.bills.autopay import AutopayFact
from domain.bills.bill_facts import (
    BillFact,
    BillPresented,
    Payment,
    PaymentFact,
    PaymentHeld,
    Standing,
)
from domain.bills.biller import BillerFact
from domain.bills.registration import RegistrationFact
from ledger.journal import JournalEvent
from readmodels.copy_text import text_of

_ENCODER = msgspec.json.Encoder()


class Due(NamedTuple):
    """What there is to do about a bill, as its newest event in the batch leaves it."""

    bill_id: int
    biller_id: int
    user_id: int
    due_date: dt.date
    payable: int
    late_fee_due: bool
    settles_on: dt.date | None
    unclaimed: int


class BillRows:
    """Rows in the text form of COPY, and for each bill that was touched what there is to do now."""

    def __init__(self) -> None:
        self.billers: list[str] = []
        self.bills: list[str] = []
        self.payments: list[str] = []
        self.rules: list[str] = []
        self.registrations: list[str] = []
        self.dues: dict[int, Due] = {}

    def add(self, stream: str, version: int, position: int, event: JournalEvent[Any]) -> None:
        """The rows of an event on the stream; events of other kinds of stream have none here."""
        fact = event.fact
        if isinstance(fact, BillFact):
            self._add_bill(_number_of(stream), version, position, event)
        elif isinstance(fact, BillerFact):
            terms = fact.terms
            self.billers.append(
                f"{_number_of(stream)}\t{version}\t{position}\t{event.booking_date}"
                f"\t{text_of(terms.name)}\t{_flag(terms.active)}\t{_json(terms)}\n"
            )
        elif isinstance(fact, AutopayFact):
            rule = fact.rule
            self.rules.append(
                f"{_number_of(stream)}\t{version}\t{position}\t{event.booking_date}"
                f"\t{rule.user_id}\t{rule.status}\t{_json(rule)}\n"
            )

        elif isinstance(fact, RegistrationFact):
            self.registrations.append(
                f"{_number_of(stream)}\t{version}\t{position}\t{event.booking_date}"
                f"\t{fact.link.user_id}\t{_json(fact.link)}\n"
            )

    def _add_bill(
        self, bill_id: int, version: int, position: int, event: JournalEvent[Any]
    ) -> None:
        fact = event.fact
        standing = fact.standing
        # That of the transaction, as it was answered.
        since = dt.timedelta(microseconds=position - event.transaction_id)
        recorded_at = (event.recorded_at - since).isoformat()
        self.bills.append(
            f"{bill_id}\t{version}\t{position}\t{event.booking_date}\t{recorded_at}"
            f"\t{standing.user_id}\t{standing.biller_id}\t{standing.due_date}"
            f"\t{standing.status}\t{standing.open_amount}\t{_json(standing)}\n"
        )
        self.dues[bill_id] = _due(bill_id, standing)
        for payment in _payments_of(fact):
            self.payments.append(
                f"{payment.payment_id}\t{_flag(isinstance(fact, PaymentHeld))}"
                f"\t{bill_id}\t{position}\t{event.booking_date}\t{recorded_at}"
                f"\t{standing.user_id}\t{standing.biller_id}\t{standing.currency}"
                f"\t{payment.status}\t{_json(payment)}\n"
            )


def _payments_of(fact: BillFact) -> tuple[Payment, ...]:
    """The payments of which it is news: one, or those that the bill took over from another."""
    if isinstance(fact, PaymentFact):
        return (fact.payment,)
    return fact.standing.payments if isinstance(fact, BillPresented) else ()


def _due(bill_id: int, standing: Standing) -> Due:
    is_open = standing.condition == "open"
    settling = [
        payment.settles_on
        for payment in standing.payments
        if payment.state == "captured" and payment.settles_on is not None
    ]
    return Due(
        bill_id,
        standing.biller_id,
        standing.user_id,
        standing.due_date,
        standing.payable if is_open else 0,
        is_open and standing.open_amount > 0 and standing.late_fees == 0,
        min(settling, default=None),
        sum(payment.unclaimed for payment in standing.payments),
    )


def _number_of(stream: str) -> int:
    return int(stream.rpartition("-")[2])


def _flag(value: bool) -> str:
    return "t" if value else "f"


def _json(value: Any) -> str:
    return text_of(_ENCODER.encode(value).decode())
