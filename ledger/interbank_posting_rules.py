"""What settlement between banks means in the ledger: clearing is emptied into the central bank's account."""

from domain.interbank import InterbankSettled, InterbankTotals
from ledger.chart_of_accounts import INCOMING_CLEARING, OUTGOING_CLEARING, SETTLEMENT
from ledger.journal import Entry, Posting, entry_of


def entry_for_interbank(fact: InterbankSettled, _: InterbankTotals) -> Entry:
    lines = (
        (SETTLEMENT, INCOMING_CLEARING, fact.incoming),
        (OUTGOING_CLEARING, SETTLEMENT, fact.outgoing),
    )
    postings: list[Posting] = []
    for debited, credited, amount in lines:
        if amount < 0:  # Taken back: the sides exchanged.
            debited, credited, amount = credited, debited, -amount
        if amount:
            postings += (
                Posting(debited, None, "D", amount, fact.currency),
                Posting(credited, None, "C", amount, fact.currency),
            )
    return entry_of(*postings)
