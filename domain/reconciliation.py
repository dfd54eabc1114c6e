"""Reconciliation: a gateway's settlement file of a day beside what the bank knows, payment by payment."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from domain.bills.bill_facts import PaymentState
from domain.facts import Fact, stored_as
from domain.work_items import Difference

LineStatus: TypeAlias = Literal["captured", "refunded"]

# States in which a payment has happened, as far as the bank knows.
HAPPENED: Final = ("captured", "settled", "refunded", "charged_back")


class SettlementLine(msgspec.Struct, frozen=True):
    """A line of the file. `amount` is minor units: what was captured, less what was refunded that day."""

    key: str
    reference: str
    amount: int
    currency: str
    status: LineStatus
    captured_at: dt.datetime


class OwnPayment(msgspec.Struct, frozen=True):
    """A payment as the bank knows it. `amount` is what is to be settled of it, in minor units."""

    payment_id: int
    bill_id: int
    biller_id: int
    amount: int
    currency: str
    state: PaymentState
    captured_on: dt.date | None = None

    @property
    def key(self) -> str:
        return f"payment-{self.payment_id}"


class Comparison(NamedTuple):
    """Payments on which both agree, and the differences in the order of the file."""

    matched: list[OwnPayment]
    differences: list[Difference]


# --- Events: their tags are on disk for ever.


@stored_as("reconciliation.made.1")
class ReconciliationMade(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A file was compared. `sha256` is the hash of its bytes; `differences` counts those found in it,
    by kind, whether they were known before or not."""

    gateway: str
    settlement_date: dt.date
    sha256: str
    lines: int
    matched: int
    settled: int
    differences: dict[str, int]


# --- State


class Reconciliation(msgspec.Struct, frozen=True):
    reconciliation_id: int
    version: int


def stream_of(reconciliation_id: int) -> str:
    return f"reconciliation-{reconciliation_id}"


def restore(reconciliation_id: int, _: ReconciliationMade, version: int) -> Reconciliation:
    return Reconciliation(reconciliation_id, version)


# --- Comparing


def compare(
    gateway: str,
    date: dt.date,
    lines: Iterable[SettlementLine],
    own: Mapping[str, OwnPayment],
    unsettled: Sequence[OwnPayment],
) -> Comparison:
    """Every line, and every payment that should have had one, lands in exactly one place.

    `own` are the bank's payments by key, at least those that the file names; `unsettled` those that
    were captured by the day of the file and not settled yet. The first line of a payment is matched or
    different, any other is a duplicate.
    """
    matched: list[OwnPayment] = []
    differences: list[Difference] = []
    seen: dict[str, int] = {}
    for line in lines:
        seen[line.key] = occurrence = seen.get(line.key, 0) + 1
        payment = own.get(line.key)
        detail = "" if payment is None else _wrong(line, payment, date)
        kind: Literal["duplicate", "missing_here", "different"] = "different"
        if occurrence > 1:
            kind, detail = "duplicate", f"line {occurrence} of this payment"
        elif payment is None or payment.state not in HAPPENED:
            kind = "missing_here"
        elif not detail:
            matched.append(payment)
            continue
        differences.append(_difference(gateway, date, line, payment, kind, detail, occurrence))
    for payment in unsettled:
        if payment.key not in seen:
            differences.append(
                Difference(
                    kind="missing_there",
                    gateway=gateway,
                    settlement_date=date,
                    key=payment.key,
                    currency=payment.currency,
                    payment_id=payment.payment_id,
                    ours=payment.amount,
                )
            )
    return Comparison(matched, differences)


def _wrong(line: SettlementLine, payment: OwnPayment, date: dt.date) -> str:
    """What of a line is not as the bank knows it; nothing where all is."""
    if payment.state not in HAPPENED:
        return f"{payment.state} here"
    if line.currency != payment.currency:
        return f"{payment.currency} here, {line.currency} there"
    if line.captured_at.date() != date:
        return f"captured on {line.captured_at.date()}"
    if payment.state == "captured" and line.amount != payment.amount:
        return f"{payment.amount} here, {line.amount} there"
    return ""


def _difference(
    gateway: str,
    date: dt.date,
    line: SettlementLine,
    payment: OwnPayment | None,
    kind: Literal["duplicate", "missing_here", "different"],
    detail: str,
    occurrence: int,
) -> Difference:
    return Difference(
        kind=kind,
        gateway=gateway,
        settlement_date=date,
        key=line.key,
        currency=line.currency,
        payment_id=None if payment is None else payment.payment_id,
        ours=None if payment is None or kind == "missing_here" else payment.amount,
        theirs=line.amount,
        detail=detail,
        occurrence=occurrence,
    )
