"""What the facts of a bill mean in the ledger: what was to go to a closed account waits in suspense.

All else that bills do with money is told by facts of accounts and of billers.
"""

from typing import Final

from domain.bills.bill import Bill
from domain.bills.bill_facts import BillFact, RefundClaimed, RefundUnclaimed, UnclaimedTakenBack
from domain.bills.biller import stream_of
from ledger.chart_of_accounts import (
    ACCOUNT_FEE_INCOME,
    BILLERS_PAYABLE,
    CASH,
    GATEWAY_NOSTRO,
    REFUNDS_RECEIVABLE,
    SUSPENSE,
)
from ledger.journal import Entry, Posting, entry_of

_SOURCES: Final = {
    "owed": BILLERS_PAYABLE,
    "due": REFUNDS_RECEIVABLE,
    "received": GATEWAY_NOSTRO,
}


def entry_for_bill(fact: BillFact, bill: Bill) -> Entry:
    """The entry of a fact of a bill; none where no money moved, or others say so.

    Suspense has a sub-account for each payment, since a payment may go over to another bill.
    """
    if not isinstance(fact, RefundUnclaimed | RefundClaimed | UnclaimedTakenBack):
        return ()
    currency, biller = bill.standing.currency, stream_of(bill.standing.biller_id)
    waiting = f"payment-{fact.payment_id}"
    if isinstance(fact, RefundUnclaimed):
        source = _SOURCES[fact.source]
        of = None if source == GATEWAY_NOSTRO else biller
        postings = [Posting(source, of, "D", fact.amount, currency)]
        if fact.fee:
            postings.append(Posting(ACCOUNT_FEE_INCOME, None, "D", fact.fee, currency))
        postings.append(Posting(SUSPENSE, waiting, "C", fact.amount + fact.fee, currency))
        return entry_of(*postings)
    paid_out = isinstance(fact, RefundClaimed)
    return entry_of(
        Posting(SUSPENSE, waiting, "D", fact.amount, currency),
        Posting(
            CASH if paid_out else REFUNDS_RECEIVABLE,
            None if paid_out else biller,
            "C",
            fact.amount,
            currency,
        ),
    )
