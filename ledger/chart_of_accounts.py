"""The accounts the bank keeps for itself and its customers, with their types.

The type of an account says which side it grows on: assets and expenses by debits; liabilities, equity
and income by credits. Those marked with sub-accounts hold one for each customer account, or for each
biller, and equal the sum of them at every moment.
"""

from typing import Final, Literal, TypeAlias

import msgspec

AccountKind: TypeAlias = Literal["asset", "liability", "equity", "income", "expense"]
Side: TypeAlias = Literal["D", "C"]


class LedgerAccount(msgspec.Struct, frozen=True):
    code: int
    name: str
    kind: AccountKind
    has_sub_accounts: bool = False

    @property
    def normal_side(self) -> Side:
        return "D" if self.kind in ("asset", "expense") else "C"


CASH: Final = 1010
SETTLEMENT: Final = 1110
GATEWAY_NOSTRO: Final = 1120
INCOMING_CLEARING: Final = 1130
OVERDRAFT_INTEREST_RECEIVABLE: Final = 1360
REFUNDS_RECEIVABLE: Final = 1510
CHECKING_ACCOUNTS: Final = 2110
SAVINGS_ACCOUNTS: Final = 2120
DEPOSIT_INTEREST_PAYABLE: Final = 2210
OUTGOING_CLEARING: Final = 2310
TRANSFERS_IN_TRANSIT: Final = 2320
BILLERS_PAYABLE: Final = 2410
TAX_WITHHELD: Final = 2510
SUSPENSE: Final = 2910
RETAINED_EARNINGS: Final = 3910
OVERDRAFT_INTEREST_INCOME: Final = 4120
ACCOUNT_FEE_INCOME: Final = 4210
COMMISSION_INCOME: Final = 4240
DEPOSIT_INTEREST_EXPENSE: Final = 5110
GATEWAY_FEE_EXPENSE: Final = 5210
COMPENSATION_EXPENSE: Final = 5410
OPERATIONAL_LOSS: Final = 5510

CHART: Final[dict[int, LedgerAccount]] = {
    account.code: account
    for account in (
        LedgerAccount(CASH, "Cash in vault and machines", "asset"),
        LedgerAccount(SETTLEMENT, "Settlement account at the central bank", "asset"),
        LedgerAccount(GATEWAY_NOSTRO, "Nostro with payment gateways and correspondents", "asset"),
        LedgerAccount(INCOMING_CLEARING, "Incoming payments clearing", "asset"),
        LedgerAccount(
            OVERDRAFT_INTEREST_RECEIVABLE, "Interest receivable on overdrafts", "asset", True
        ),
        LedgerAccount(REFUNDS_RECEIVABLE, "Refunds due from billers", "asset", True),
        LedgerAccount(CHECKING_ACCOUNTS, "Customers' checking accounts", "liability", True),
        LedgerAccount(SAVINGS_ACCOUNTS, "Customers' savings accounts", "liability", True),
        LedgerAccount(DEPOSIT_INTEREST_PAYABLE, "Interest payable on deposits", "liability", True),
        LedgerAccount(OUTGOING_CLEARING, "Outgoing payments clearing", "liability"),
        LedgerAccount(TRANSFERS_IN_TRANSIT, "Transfers in transit", "liability"),
        LedgerAccount(
            BILLERS_PAYABLE, "Bill payments clearing, owed to billers", "liability", True
        ),
        LedgerAccount(TAX_WITHHELD, "Tax withheld", "liability"),
        LedgerAccount(SUSPENSE, "Suspense, owed to somebody", "liability"),
        LedgerAccount(3010, "Share capital", "equity"),
        LedgerAccount(RETAINED_EARNINGS, "Retained earnings", "equity"),
        LedgerAccount(OVERDRAFT_INTEREST_INCOME, "Interest income from overdrafts", "income"),
        LedgerAccount(ACCOUNT_FEE_INCOME, "Fee income from accounts and payments", "income"),
        LedgerAccount(COMMISSION_INCOME, "Commission income from billers", "income"),
        LedgerAccount(DEPOSIT_INTEREST_EXPENSE, "Interest expense on deposits", "expense"),
        LedgerAccount(GATEWAY_FEE_EXPENSE, "Gateway and scheme fees", "expense"),
        LedgerAccount(COMPENSATION_EXPENSE, "Compensation and goodwill", "expense"),
        LedgerAccount(OPERATIONAL_LOSS, "Operational loss and fraud", "expense"),
    )
}

# Where the money of a customer account of each type is kept.
CONTROL_ACCOUNT: Final[dict[str, int]] = {
    "checking": CHECKING_ACCOUNTS,
    "savings": SAVINGS_ACCOUNTS,
}
