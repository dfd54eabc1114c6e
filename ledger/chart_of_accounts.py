"""The accounts the bank keeps for itself and its customers, with their types.

The type of an account says which side it grows on: assets and expenses by debits; liabilities, equity
and income by credits. Those marked with sub-accounts hold one for each customer account, loan or biller,
and equal the sum of them at every moment. A contra account takes from another: the allowance from
loans. Memorandum accounts keep in mind what stands on no balance sheet: each has a contra account, so
that they balance among themselves.
"""

from typing import Final, Literal, TypeAlias

import msgspec

AccountKind: TypeAlias = Literal["asset", "liability", "equity", "income", "expense", "memo"]
Side: TypeAlias = Literal["D", "C"]


class LedgerAccount(msgspec.Struct, frozen=True):
    code: int
    name: str
    kind: AccountKind
    has_sub_accounts: bool = False
    # Grows on the other side than its kind does, because it takes from another account.
    contra: bool = False

    @property
    def normal_side(self) -> Side:
        return "D" if (self.kind in ("asset", "expense", "memo")) != self.contra else "C"


CASH: Final = 1010
SETTLEMENT: Final = 1110
GATEWAY_NOSTRO: Final = 1120
INCOMING_CLEARING: Final = 1130
LOAN_PRINCIPAL: Final = 1310
LOAN_INTEREST: Final = 1320
LOAN_FEES: Final = 1330
LOAN_PENALTIES: Final = 1340
OVERDRAFT_INTEREST_RECEIVABLE: Final = 1360
LOAN_ALLOWANCE: Final = 1390
DEFERRED_LOAN_COSTS: Final = 1410
REFUNDS_RECEIVABLE: Final = 1510
CHECKING_ACCOUNTS: Final = 2110
SAVINGS_ACCOUNTS: Final = 2120
DEPOSIT_INTEREST_PAYABLE: Final = 2210
OUTGOING_CLEARING: Final = 2310
TRANSFERS_IN_TRANSIT: Final = 2320
BILLERS_PAYABLE: Final = 2410
LOAN_OVERPAYMENTS: Final = 2420
TAX_WITHHELD: Final = 2510
DEFERRED_LOAN_FEES: Final = 2610
SUSPENSE: Final = 2910
SHARE_CAPITAL: Final = 3010
RETAINED_EARNINGS: Final = 3910
LOAN_INTEREST_INCOME: Final = 4110
OVERDRAFT_INTEREST_INCOME: Final = 4120
ACCOUNT_FEE_INCOME: Final = 4210
LOAN_FEE_INCOME: Final = 4220
PENALTY_INCOME: Final = 4230
COMMISSION_INCOME: Final = 4240
RECOVERIES: Final = 4310
DEPOSIT_INTEREST_EXPENSE: Final = 5110
GATEWAY_FEE_EXPENSE: Final = 5210
IMPAIRMENT_EXPENSE: Final = 5310
WRITE_OFF_LOSS: Final = 5320
COMPENSATION_EXPENSE: Final = 5410
OPERATIONAL_LOSS: Final = 5510
WRITTEN_OFF_LOANS: Final = 9010
WRITTEN_OFF_CONTRA: Final = 9019
COMMITMENTS: Final = 9020
COMMITMENTS_CONTRA: Final = 9029

CHART: Final[dict[int, LedgerAccount]] = {
    account.code: account
    for account in (
        LedgerAccount(CASH, "Cash in vault and machines", "asset"),
        LedgerAccount(SETTLEMENT, "Settlement account at the central bank", "asset"),
        LedgerAccount(GATEWAY_NOSTRO, "Nostro with payment gateways and correspondents", "asset"),
        LedgerAccount(INCOMING_CLEARING, "Incoming payments clearing", "asset"),
        LedgerAccount(LOAN_PRINCIPAL, "Loans, principal", "asset", True),
        LedgerAccount(LOAN_INTEREST, "Loans, interest receivable", "asset", True),
        LedgerAccount(LOAN_FEES, "Loans, fees receivable", "asset", True),
        LedgerAccount(LOAN_PENALTIES, "Loans, penalties receivable", "asset", True),
        LedgerAccount(
            OVERDRAFT_INTEREST_RECEIVABLE, "Interest receivable on overdrafts", "asset", True
        ),
        LedgerAccount(LOAN_ALLOWANCE, "Loans, allowance for losses", "asset", True, contra=True),
        LedgerAccount(DEFERRED_LOAN_COSTS, "Costs of making loans, deferred", "asset", True),
        LedgerAccount(REFUNDS_RECEIVABLE, "Receivable from billers and gateways", "asset", True),
        LedgerAccount(CHECKING_ACCOUNTS, "Customers' checking accounts", "liability", True),
        LedgerAccount(SAVINGS_ACCOUNTS, "Customers' savings accounts", "liability", True),
        LedgerAccount(DEPOSIT_INTEREST_PAYABLE, "Interest payable on deposits", "liability", True),
        LedgerAccount(OUTGOING_CLEARING, "Outgoing payments clearing", "liability"),
        LedgerAccount(TRANSFERS_IN_TRANSIT, "Transfers in transit", "liability"),
        LedgerAccount(
            BILLERS_PAYABLE, "Bill payments clearing, owed to billers", "liability", True
        ),
        LedgerAccount(LOAN_OVERPAYMENTS, "Loan overpayments", "liability", True),
        LedgerAccount(TAX_WITHHELD, "Tax withheld", "liability"),
        LedgerAccount(DEFERRED_LOAN_FEES, "Fees for making loans, deferred", "liability", True),
        LedgerAccount(SUSPENSE, "Suspense, owed to somebody", "liability", True),
        LedgerAccount(SHARE_CAPITAL, "Share capital", "equity"),
        LedgerAccount(RETAINED_EARNINGS, "Retained earnings", "equity"),
        LedgerAccount(LOAN_INTEREST_INCOME, "Interest income from loans", "income"),
        LedgerAccount(OVERDRAFT_INTEREST_INCOME, "Interest income from overdrafts", "income"),
        LedgerAccount(ACCOUNT_FEE_INCOME, "Fee income from accounts and payments", "income"),
        LedgerAccount(LOAN_FEE_INCOME, "Fee income from loans", "income"),
        LedgerAccount(PENALTY_INCOME, "Penalty income", "income"),
        LedgerAccount(COMMISSION_INCOME, "Commission income from billers", "income"),
        LedgerAccount(RECOVERIES, "Recoveries of loans written off", "income"),
        LedgerAccount(DEPOSIT_INTEREST_EXPENSE, "Interest expense on deposits", "expense"),
        LedgerAccount(GATEWAY_FEE_EXPENSE, "Gateway and scheme fees", "expense"),
        LedgerAccount(IMPAIRMENT_EXPENSE, "Impairment of loans", "expense"),
        LedgerAccount(WRITE_OFF_LOSS, "Loans written off", "expense"),
        LedgerAccount(COMPENSATION_EXPENSE, "Compensation and goodwill", "expense"),
        LedgerAccount(OPERATIONAL_LOSS, "Operational loss and fraud", "expense"),
        LedgerAccount(WRITTEN_OFF_LOANS, "Loans written off and still owed", "memo", True),
        LedgerAccount(WRITTEN_OFF_CONTRA, "Contra of loans written off", "memo", contra=True),
        LedgerAccount(COMMITMENTS, "Loans approved and not drawn", "memo", True),
        LedgerAccount(COMMITMENTS_CONTRA, "Contra of loans not drawn", "memo", contra=True),
    )
}

# Where the money of a customer account of each type is kept.
CONTROL_ACCOUNT: Final[dict[str, int]] = {
    "checking": CHECKING_ACCOUNTS,
    "savings": SAVINGS_ACCOUNTS,
}
