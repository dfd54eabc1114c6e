"""The use case of settlement between banks: what the central bank reports is booked, once."""

from decimal import Decimal

from application.books import Books, Command, Transaction
from application.commands import (
    Ask,
    Details,
    canonical,
    check_leave,
    check_text,
    late_streams,
    transaction,
)
from domain import interbank
from domain.interbank import NONE_SETTLED
from domain.money import minor_units_of
from domain.refusals import ReasonMissing, SettlementAlreadyBooked
from ledger.interbank_posting_rules import entry_for_interbank


def settle_interbank(
    ask: Ask,
    incoming: Decimal,
    outgoing: Decimal,
    currency: str,
    reference: str,
    details: Details,
) -> Command:
    """Empty clearing of what was received and paid, in major units; either may be nothing.

    One that is below zero takes back what was booked too high, and needs a reason. Refused: a reference
    under which a settlement was booked before, whatever its key.
    """
    claim = f"interbank-settlement/{reference}"

    def decide(books: Books) -> list[Transaction]:
        check_leave(ask.actor, details)
        check_text("reference", reference)
        totals = books.state(interbank.STREAM) or NONE_SETTLED
        received, paid = (_signed_minor_units(each, currency) for each in (incoming, outgoing))
        if min(received, paid) < 0 and not details.reason:
            raise ReasonMissing()
        posted = transaction(ask.actor, details, books)
        facts = interbank.settle(totals, received, paid, currency, reference)
        if books.claimed(claim) is not None:
            raise SettlementAlreadyBooked(reference=reference)
        books.claim(claim, interbank.STREAM)
        books.add(posted, interbank.STREAM, facts, entry_for_interbank)
        return [posted]

    request = {
        "call": "ledger/interbank-settlements",
        "incoming": canonical(incoming),
        "outgoing": canonical(outgoing),
        "currency": currency,
        "reference": reference,
        **details.request(),
    }
    streams = (interbank.STREAM, *late_streams(details))
    return ask.command(request, streams, decide, claims=(claim,))


def _signed_minor_units(amount: Decimal, currency: str) -> int:
    if amount == 0:
        return 0
    minor_units = minor_units_of(abs(amount), currency)
    return minor_units if amount > 0 else -minor_units
