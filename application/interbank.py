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
from domain.refusals import SettlementAlreadyBooked
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

    Refused: a reference under which a settlement was booked before, whatever its key.
    """
    claim = f"interbank-settlement/{reference}"

    def decide(books: Books) -> list[Transaction]:
        check_leave(ask.actor, details)
        check_text("reference", reference)
        totals = books.state(interbank.STREAM) or NONE_SETTLED
        received = minor_units_of(incoming, currency) if incoming else 0
        paid = minor_units_of(outgoing, currency) if outgoing else 0
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
