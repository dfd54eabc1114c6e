"""The bank's accounting policy: what each fact of an account means in the ledger.

A transfer between two accounts is two facts, each with an entry that balances alone; they meet in
*transfers in transit*, which both leave at zero.
"""

from typing import Final

from domain.account_facts import (
    AccountFact,
    AdjustmentCredited,
    AdjustmentDebited,
    Deposited,
    FeeCharged,
    InterestCapitalised,
    InterestCharged,
    InterestCredited,
    LoanReceived,
    LoanRefunded,
    LoanRepaid,
    Movement,
    OverdraftInterestCapitalised,
    PaymentReceived,
    PaymentSent,
    TaxWithheld,
    Terms,
    TransferReceived,
    TransferSent,
    Withdrawn,
)
from domain.bills.bill_movements import (
    BillCredit,
    BillDebit,
    BillPaid,
    BillRefundAdvanced,
    BillRefunded,
    BillRefundPassedOn,
    BillRefundTakenBack,
    FeeRefunded,
)
from domain.bills.biller import stream_of as biller_stream_of
from ledger.chart_of_accounts import (
    ACCOUNT_FEE_INCOME,
    BILLERS_PAYABLE,
    CASH,
    CHART,
    COMPENSATION_EXPENSE,
    CONTROL_ACCOUNT,
    DEPOSIT_INTEREST_EXPENSE,
    GATEWAY_NOSTRO,
    INCOMING_CLEARING,
    OUTGOING_CLEARING,
    OVERDRAFT_INTEREST_INCOME,
    REFUNDS_RECEIVABLE,
    TAX_WITHHELD,
    TRANSFERS_IN_TRANSIT,
)
from ledger.journal import Entry, Posting, entry_of

# The bank's side of each movement; the customer's side is the control account of the account type.
BANK_SIDE: Final[dict[type[Movement], int]] = {
    Deposited: CASH,
    Withdrawn: CASH,
    TransferSent: TRANSFERS_IN_TRANSIT,
    TransferReceived: TRANSFERS_IN_TRANSIT,
    PaymentSent: OUTGOING_CLEARING,
    PaymentReceived: INCOMING_CLEARING,
    LoanReceived: TRANSFERS_IN_TRANSIT,
    LoanRepaid: TRANSFERS_IN_TRANSIT,
    LoanRefunded: TRANSFERS_IN_TRANSIT,
    InterestCredited: DEPOSIT_INTEREST_EXPENSE,
    InterestCharged: OVERDRAFT_INTEREST_INCOME,
    InterestCapitalised: TRANSFERS_IN_TRANSIT,
    OverdraftInterestCapitalised: TRANSFERS_IN_TRANSIT,
    TaxWithheld: TAX_WITHHELD,
    FeeCharged: ACCOUNT_FEE_INCOME,
    AdjustmentCredited: COMPENSATION_EXPENSE,
    AdjustmentDebited: COMPENSATION_EXPENSE,
    BillPaid: BILLERS_PAYABLE,
    BillRefunded: BILLERS_PAYABLE,
    BillRefundAdvanced: REFUNDS_RECEIVABLE,
    BillRefundPassedOn: GATEWAY_NOSTRO,
    BillRefundTakenBack: REFUNDS_RECEIVABLE,
    FeeRefunded: ACCOUNT_FEE_INCOME,
}


def entry_for(fact: AccountFact, stream: str, terms: Terms) -> Entry:
    """The entry of a fact on the account `stream` under `terms`; none where no money moved.

    A reversal has no rule of its own: its entry is the mirror of the one it undoes.
    """
    if not isinstance(fact, Movement):
        return ()
    customer, bank = CONTROL_ACCOUNT[terms.account_type], BANK_SIDE[type(fact)]
    amount, currency = fact.amount, terms.currency
    biller = None
    if CHART[bank].has_sub_accounts and isinstance(fact, BillDebit | BillCredit):
        biller = biller_stream_of(fact.biller_id)
    if fact.SIGN < 0:
        return entry_of(
            Posting(customer, stream, "D", amount, currency),
            Posting(bank, biller, "C", amount, currency),
        )
    return entry_of(
        Posting(bank, biller, "D", amount, currency),
        Posting(customer, stream, "C", amount, currency),
    )
