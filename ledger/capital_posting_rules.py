"""What the bank's capital means in the ledger: money of its own, and what it owes its owners for it."""

from typing import Final

from domain.capital import Capital, CapitalPaidIn, PaidInto
from ledger.chart_of_accounts import CASH, GATEWAY_NOSTRO, SETTLEMENT, SHARE_CAPITAL
from ledger.journal import Entry, Posting, entry_of

_PAID_INTO: Final[dict[PaidInto, int]] = {
    "vault": CASH,
    "central_bank": SETTLEMENT,
    "nostro": GATEWAY_NOSTRO,
}


def entry_for_capital(fact: CapitalPaidIn, _: Capital) -> Entry:
    return entry_of(
        Posting(_PAID_INTO[fact.paid_into], None, "D", fact.amount, fact.currency),
        Posting(SHARE_CAPITAL, None, "C", fact.amount, fact.currency),
    )
