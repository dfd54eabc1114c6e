"""What each fact of a biller means in the ledger: it is paid what it is owed, or pays what it owes."""

from typing import Final

from domain.bills.biller import (
    BillerFact,
    BillerSettled,
    GatewayFeeCharged,
    RefundLost,
    RefundRepaid,
)
from ledger.chart_of_accounts import (
    BILLERS_PAYABLE,
    COMMISSION_INCOME,
    GATEWAY_FEE_EXPENSE,
    GATEWAY_NOSTRO,
    OPERATIONAL_LOSS,
    REFUNDS_RECEIVABLE,
)
from ledger.journal import Entry, Posting, entry_of

NO_ENTRY: Final[Entry] = ()


def entry_for_biller(fact: BillerFact, stream: str) -> Entry:
    """The entry of a fact on the biller's `stream`; none where no money moved."""
    if isinstance(fact, BillerSettled):
        return _settlement(fact, stream)
    if isinstance(fact, GatewayFeeCharged):
        debit, credit, sub_account = GATEWAY_FEE_EXPENSE, GATEWAY_NOSTRO, None
        amount, currency = fact.amount, fact.currency
    elif isinstance(fact, RefundRepaid | RefundLost):
        debit = GATEWAY_NOSTRO if isinstance(fact, RefundRepaid) else OPERATIONAL_LOSS
        credit, sub_account = REFUNDS_RECEIVABLE, stream
        amount, currency = fact.amount, fact.currency
    else:
        return NO_ENTRY
    return entry_of(
        Posting(debit, None, "D", amount, currency),
        Posting(credit, sub_account, "C", amount, currency),
    )


def _settlement(fact: BillerSettled, stream: str) -> Entry:
    """What was owed is paid, less the commission that the bank keeps."""
    net = fact.amount - fact.commission
    postings = [Posting(BILLERS_PAYABLE, stream, "D", fact.amount, fact.currency)]
    if net:
        postings.append(Posting(GATEWAY_NOSTRO, None, "C", net, fact.currency))
    if fact.commission:
        postings.append(Posting(COMMISSION_INCOME, None, "C", fact.commission, fact.currency))
    return entry_of(*postings)
