"""What settlement between banks means in the ledger: clearing is emptied into the central bank's account."""

from domain.interbank import InterbankSettled, InterbankTotals
from ledger.chart_of_accounts import INCOMING_CLEARING, OUTGOING_CLEARING, SETTLEMENT
from ledger.journal import Entry, Posting, entry_of


def entry_for_interbank(fact: InterbankSettled, _: InterbankTotals) -> Entry:
    postings: list[Posting] = []
    if fact.incoming:
        postings += (
            Posting(SETTLEMENT, None, "D", fact.incoming, fact.currency),
            Posting(INCOMING_CLEARING, None, "C", fact.incoming, fact.currency),
        )
    if fact.outgoing:
        postings += (
            Posting(OUTGOING_CLEARING, None, "D", fact.outgoing, fact.currency),
            Posting(SETTLEMENT, None, "C", fact.outgoing, fact.currency),
        )
    return entry_of(*postings)
