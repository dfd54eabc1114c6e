"""The use cases of billers: they are registered, agree on other terms, and are paid what is owed them."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from application.books import Books, Command, Transaction
from application.commands import (
    NO_DETAILS,
    Ask,
    Details,
    check_text,
    late_streams,
    transaction,
)
from domain.bills import biller as billers
from domain.bills import payments
from domain.bills.bill import Bill, found
from domain.bills.bill import stream_of as bill_stream_of
from domain.bills.bill_refusals import BillerNameTaken, BillerNotFound, PaymentCarriedOver
from domain.bills.biller import (
    Biller,
    BillerFact,
    BillerSettled,
    BillerTerms,
    GatewayFeeCharged,
    commission_of,
    stream_of,
)
from ledger.biller_posting_rules import entry_for_biller
from ledger.journal import Entry

# Every payment of a settlement is an event of its transaction.
SETTLED_AT_ONCE_MAX: Final = 200


class PaymentPlace(NamedTuple):
    """A payment, and the bill that it is of."""

    bill_id: int
    payment_id: int


def biller_in(books: Books, biller_id: int) -> Biller:
    """The biller; one that was never registered is refused as not found."""
    return billers.found(books.state(stream_of(biller_id)), biller_id)


def bill_in(books: Books, bill_id: int) -> Bill:
    """The bill; one that was never presented is refused as not found."""
    return found(books.state(bill_stream_of(bill_id)), bill_id)


def add_to_biller(
    books: Books, posted: Transaction, biller_id: int, facts: Sequence[BillerFact]
) -> None:
    """Draft facts of a biller, each with its entry."""
    stream = stream_of(biller_id)

    def entry(fact: BillerFact, _: Biller) -> Entry:
        return entry_for_biller(fact, stream)

    books.add(posted, stream, facts, entry)


def register_biller(ask: Ask, biller_id: int, terms: BillerTerms) -> Command:
    """`biller_id` is fresh, from the sequence of the store. Refused: a name that another has."""
    claim = claim_of(terms.name)

    def decide(books: Books) -> list[Transaction]:
        _check_texts(terms)
        facts = billers.register(terms)
        if books.claimed(claim) is not None:
            raise BillerNameTaken(name=terms.name)
        books.claim(claim, stream_of(biller_id))
        posted = transaction(ask.actor, NO_DETAILS, books)
        add_to_biller(books, posted, biller_id, facts)
        return [posted]

    request = {"call": "billers", "terms": msgspec.to_builtins(terms, str_keys=True)}
    return ask.command(request, (stream_of(biller_id),), decide, claims=(claim,))


def change_biller(ask: Ask, biller_id: int, terms: BillerTerms) -> Command:
    """Other terms for what comes; a new name must be free too, and the old one is not given away."""
    claim = claim_of(terms.name)

    def decide(books: Books) -> list[Transaction]:
        biller = biller_in(books, biller_id)
        _check_texts(terms)
        facts = billers.change(biller, terms)
        holder = books.claimed(claim)
        if holder not in (None, stream_of(biller_id)):
            raise BillerNameTaken(name=terms.name)
        if holder is None:
            books.claim(claim, stream_of(biller_id))
        posted = transaction(ask.actor, NO_DETAILS, books)
        add_to_biller(books, posted, biller_id, facts)
        return [posted] if posted.drafts else []

    request = {
        "call": "billers/change",
        "biller_id": biller_id,
        "terms": msgspec.to_builtins(terms, str_keys=True),
    }
    return ask.command(request, (stream_of(biller_id),), decide, claims=(claim,))


def settle(
    ask: Ask,
    biller_id: int,
    captured: Sequence[PaymentPlace],
    *,
    gateway_fee: int = 0,
    details: Details = NO_DETAILS,
    asked: dict[str, Any] | None = None,
) -> Command:
    """Pay a biller what was captured for it, as its terms say: whole, or less the commission.

    Payments that are settled already, or meanwhile were refunded or went over to another bill, are left
    out. `gateway_fee` is what the gateway kept for itself, in minor units of the currency of the first
    payment. `asked` is what was asked for, where that was not these payments by name.
    """
    assert len(captured) <= SETTLED_AT_ONCE_MAX, "a settlement is of so many payments at most"
    stream = stream_of(biller_id)

    def decide(books: Books) -> list[Transaction]:
        terms = biller_in(books, biller_id).terms
        said = msgspec.structs.replace(details, description=f"Settlement to {terms.name}")
        posted = transaction(ask.actor, said, books)
        owed: dict[str, list[tuple[int, int]]] = {}
        for bill_id, payment_id in captured:
            bill = bill_in(books, bill_id)
            if bill.standing.biller_id != biller_id:
                raise BillerNotFound(biller_id=bill.standing.biller_id)
            try:
                amount = bill.payment(payment_id).paid
            except PaymentCarriedOver:
                continue
            facts = payments.settled(bill, payment_id)
            if facts:
                books.add(posted, bill_stream_of(bill_id), facts)
                owed.setdefault(bill.standing.currency, []).append((payment_id, amount))
        for currency, paid in owed.items():
            add_to_biller(books, posted, biller_id, _settlement(terms, currency, paid))
        if gateway_fee and owed:
            fee = GatewayFeeCharged(
                terms=terms,
                gateway=terms.gateway or "",
                amount=gateway_fee,
                currency=next(iter(owed)),
            )
            add_to_biller(books, posted, biller_id, [fee])
        return [posted] if posted.drafts else []

    request = {
        "call": "billers/settle",
        "biller_id": biller_id,
        **(asked or {"payments": [payment_id for _, payment_id in captured]}),
        "gateway_fee": gateway_fee,
        **details.request(),
    }
    streams = {
        stream,
        *late_streams(details),
        *(bill_stream_of(bill_id) for bill_id, _ in captured),
    }
    return ask.command(request, sorted(streams), decide)


def _settlement(
    terms: BillerTerms, currency: str, paid: Sequence[tuple[int, int]]
) -> list[BillerFact]:
    return [
        BillerSettled(
            terms=terms,
            payment_ids=tuple(payment_id for payment_id, _ in paid),
            amount=sum(amount for _, amount in paid),
            commission=sum(commission_of(terms, amount, currency) for _, amount in paid),
            currency=currency,
        )
    ]


def claim_of(name: str) -> str:
    return f"biller-name/{name.casefold()}"


def _check_texts(terms: BillerTerms) -> None:
    check_text("name", terms.name)
    check_text("category", terms.category)
    check_text("gateway", terms.gateway)
