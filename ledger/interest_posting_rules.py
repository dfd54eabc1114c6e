"""The posting rules of accrued interest: what each fact of an account's interest means in the ledger.

What the bank owes stands in interest payable, what it is owed in interest receivable, each with a
sub-account for the interest of each account. Capitalised, it meets the account in transfers in transit.
"""

from typing import TypeAlias

from domain.accrued_interest import Accrued, Capitalised, InterestFact
from ledger.chart_of_accounts import (
    DEPOSIT_INTEREST_EXPENSE,
    DEPOSIT_INTEREST_PAYABLE,
    OVERDRAFT_INTEREST_INCOME,
    OVERDRAFT_INTEREST_RECEIVABLE,
    SUSPENSE,
    TRANSFERS_IN_TRANSIT,
)
from ledger.journal import Entry, Posting, entry_of

# A ledger account, and the sub-account in it.
_Side: TypeAlias = tuple[int, str | None]


def entry_for_interest(fact: InterestFact, stream: str) -> Entry:
    """The entry of a fact of the interest `stream`; none where what is posted stays as it was."""
    payable: _Side = (DEPOSIT_INTEREST_PAYABLE, stream)
    receivable: _Side = (OVERDRAFT_INTEREST_RECEIVABLE, stream)
    pairs: tuple[tuple[_Side, _Side, int], ...]
    if isinstance(fact, Accrued):
        expense: _Side = (DEPOSIT_INTEREST_EXPENSE, None)
        income: _Side = (OVERDRAFT_INTEREST_INCOME, None)
        pairs = ((expense, payable, fact.credit), (receivable, income, fact.debit))
    else:
        # The account of a closed one takes nothing: it waits in suspense, or is let go.
        is_open = isinstance(fact, Capitalised)
        to: _Side = (TRANSFERS_IN_TRANSIT, None) if is_open else (SUSPENSE, stream)
        of: _Side = (TRANSFERS_IN_TRANSIT if is_open else OVERDRAFT_INTEREST_INCOME, None)
        pairs = ((payable, to, fact.credit), (of, receivable, fact.debit))
    postings: list[Posting] = []
    for debited, credited, amount in pairs:
        if amount < 0:
            debited, credited = credited, debited
        if amount:
            moved = (abs(amount), fact.currency)
            postings.append(Posting(debited[0], debited[1], "D", *moved))
            postings.append(Posting(credited[0], credited[1], "C", *moved))
    return entry_of(*postings) if postings else ()
