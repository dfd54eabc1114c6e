"""Who may do what: one line a route, and what has no line is refused.

A rule names the roles that may, and what the path names, so that a caller who may not even see that is
told that it does not exist (404), and one who may see it that he may not do this (403). Whether a holder
is the holder of *this* account is decided where the account is known: inside the command for a write,
by `readmodels` for a read.

What a path names, or that it names nothing and shows what is many people's, also tells which readings by
staff are recorded (`looks.py`).
"""

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, TypeAlias

Subject: TypeAlias = Literal[
    "nothing",
    # A list or a report of what is customers'; its filters say whose.
    "many",
    "account",
    "transaction",
    "user",
    "hold",
    "statement",
    "bill",
    "payment",
    "autopay",
    "registration",
    "loan",
    "standing_order",
]

USER: Final = frozenset({"user"})
TELLER: Final = frozenset({"teller"})
LOAN_OFFICER: Final = frozenset({"loan_officer"})
AUDITOR: Final = frozenset({"auditor"})
COMPLIANCE: Final = frozenset({"compliance"})
ADMIN: Final = frozenset({"admin"})
STAFF: Final = frozenset({"teller", "loan_officer", "auditor", "compliance", "admin"})
AUDITORS: Final = frozenset({"auditor", "compliance", "admin"})
SIGNED_IN: Final = USER | STAFF
ANYONE: Final = SIGNED_IN | {"anonymous"}


class Rule(NamedTuple):
    """`late` are roles that may move money only as a late entry, by naming its booking date.

    A reading whose subject is not `nothing` shows what is a customer's: members of staff who make it stand
    in the audit trail.
    """

    roles: frozenset[str]
    subject: Subject = "nothing"
    late: frozenset[str] = frozenset()

    def looked_at_by(self, method: str, role: str) -> bool:
        """Whether the call is a look: a member of staff reads what is a customer's."""
        return method == "GET" and self.subject != "nothing" and role != "user"


_MOVES_MONEY: Final = USER | TELLER | COMPLIANCE

POLICY: Final[dict[tuple[str, str], Rule]] = {
    ("POST", "/register"): Rule(ANYONE),
    ("POST", "/login"): Rule(ANYONE),
    ("POST", "/refresh"): Rule(ANYONE),
    ("POST", "/logout"): Rule(SIGNED_IN),
    ("GET", "/profile"): Rule(SIGNED_IN),
    # Accounts.
    ("POST", "/accounts/create"): Rule(USER | TELLER),
    ("GET", "/accounts"): Rule(SIGNED_IN, "many"),
    ("GET", "/accounts/{account_id}"): Rule(SIGNED_IN, "account"),
    ("GET", "/accounts/{account_id}/balance"): Rule(SIGNED_IN, "account"),
    ("GET", "/accounts/{account_id}/summary"): Rule(SIGNED_IN, "account"),
    ("GET", "/accounts/{account_id}/history"): Rule(SIGNED_IN, "account"),
    ("POST", "/accounts/{account_id}/deposit"): Rule(_MOVES_MONEY, "account", COMPLIANCE),
    ("POST", "/accounts/{account_id}/withdraw"): Rule(_MOVES_MONEY, "account", COMPLIANCE),
    ("POST", "/accounts/{account_id}/freeze"): Rule(TELLER | COMPLIANCE, "account"),
    ("POST", "/accounts/{account_id}/unfreeze"): Rule(COMPLIANCE, "account"),
    ("POST", "/accounts/{account_id}/dormant"): Rule(TELLER | COMPLIANCE, "account"),
    ("POST", "/accounts/{account_id}/reactivate"): Rule(TELLER | COMPLIANCE, "account"),
    ("POST", "/accounts/{account_id}/close"): Rule(USER | TELLER, "account"),
    ("PUT", "/accounts/{account_id}/overdraft-limit"): Rule(TELLER | LOAN_OFFICER, "account"),
    ("POST", "/accounts/{account_id}/adjust"): Rule(TELLER | COMPLIANCE, "account"),
    ("GET", "/accounts/{account_id}/interest"): Rule(SIGNED_IN, "account"),
    # Rates move no money by themselves, and everybody may know them.
    ("POST", "/rate-plans"): Rule(ADMIN),
    ("POST", "/rate-indexes"): Rule(ADMIN),
    ("GET", "/rate-indexes"): Rule(SIGNED_IN),
    ("GET", "/rate-plans"): Rule(SIGNED_IN),
    # Holds. A payee relies on one: who placed it cannot take it back, the bank can.
    ("POST", "/accounts/{account_id}/holds"): Rule(USER | TELLER, "account"),
    ("GET", "/accounts/{account_id}/holds"): Rule(SIGNED_IN, "account"),
    ("GET", "/holds/{hold_id}"): Rule(SIGNED_IN, "hold"),
    ("POST", "/holds/{hold_id}/settle"): Rule(USER | TELLER, "hold"),
    ("POST", "/holds/{hold_id}/release"): Rule(TELLER | COMPLIANCE, "hold"),
    # Standing orders.
    ("POST", "/standing-orders"): Rule(USER | TELLER),
    ("GET", "/standing-orders"): Rule(SIGNED_IN, "many"),
    ("GET", "/standing-orders/{standing_order_id}"): Rule(SIGNED_IN, "standing_order"),
    ("PUT", "/standing-orders/{standing_order_id}"): Rule(USER | TELLER, "standing_order"),
    ("POST", "/standing-orders/{standing_order_id}/pause"): Rule(USER | TELLER, "standing_order"),
    ("POST", "/standing-orders/{standing_order_id}/resume"): Rule(USER | TELLER, "standing_order"),
    ("DELETE", "/standing-orders/{standing_order_id}"): Rule(USER | TELLER, "standing_order"),
    # Statements.
    ("GET", "/accounts/{account_id}/statement"): Rule(SIGNED_IN, "account"),
    ("POST", "/accounts/{account_id}/statements"): Rule(USER | TELLER | COMPLIANCE, "account"),
    ("GET", "/accounts/{account_id}/statements"): Rule(SIGNED_IN, "account"),
    ("GET", "/statements/{statement_id}"): Rule(SIGNED_IN, "statement"),
    ("GET", "/statements/{statement_id}/restatement"): Rule(SIGNED_IN, "statement"),
    ("GET", "/statements/{statement_id}/proof"): Rule(SIGNED_IN, "statement"),
    # Transactions.
    ("POST", "/transactions/create"): Rule(_MOVES_MONEY, late=COMPLIANCE),
    ("POST", "/transactions/batch"): Rule(USER | TELLER),
    ("GET", "/transactions/history"): Rule(SIGNED_IN, "many"),
    ("GET", "/transactions/history/{user_id}"): Rule(SIGNED_IN, "user"),
    ("GET", "/transactions/{transaction_id}"): Rule(SIGNED_IN, "transaction"),
    ("POST", "/transactions/{transaction_id}/reverse"): Rule(TELLER | COMPLIANCE, "transaction"),
    ("PUT", "/transactions/{transaction_id}/category"): Rule(USER | TELLER, "transaction"),
    ("PUT", "/transactions/{transaction_id}/tags"): Rule(USER | TELLER, "transaction"),
    ("GET", "/transactions/{transaction_id}/labels"): Rule(SIGNED_IN, "transaction"),
    # Bills. That a biller is owed moves no money, so an admin may register billers and present bills.
    ("GET", "/bills/services"): Rule(SIGNED_IN),
    ("GET", "/billers"): Rule(SIGNED_IN),
    ("GET", "/billers/{biller_id}"): Rule(SIGNED_IN),
    ("POST", "/billers"): Rule(TELLER | ADMIN),
    ("PUT", "/billers/{biller_id}"): Rule(TELLER | ADMIN),
    ("POST", "/billers/{biller_id}/settle"): Rule(TELLER),
    ("POST", "/bills"): Rule(USER | TELLER | ADMIN),
    ("GET", "/bills"): Rule(SIGNED_IN, "many"),
    ("GET", "/bills/{bill_id}"): Rule(SIGNED_IN, "bill"),
    ("GET", "/bills/upcoming/{user_id}"): Rule(SIGNED_IN, "user"),
    ("POST", "/bills/{bill_id}/cancel"): Rule(USER | TELLER | ADMIN, "bill"),
    ("POST", "/bills/{bill_id}/dispute"): Rule(USER | TELLER, "bill"),
    ("POST", "/bills/{bill_id}/end-dispute"): Rule(TELLER, "bill"),
    ("POST", "/bills/pay"): Rule(USER | TELLER),
    ("POST", "/bills/pay-together"): Rule(USER | TELLER),
    ("GET", "/bills/history"): Rule(SIGNED_IN, "many"),
    ("GET", "/bills/history/{user_id}"): Rule(SIGNED_IN, "user"),
    ("GET", "/bills/payments/{payment_id}"): Rule(SIGNED_IN, "payment"),
    ("POST", "/bills/payments/{payment_id}/refund"): Rule(TELLER, "payment"),
    ("POST", "/bills/payments/{payment_id}/refund-received"): Rule(TELLER, "payment"),
    ("POST", "/bills/payments/{payment_id}/refund-lost"): Rule(TELLER, "payment"),
    ("POST", "/bills/payments/{payment_id}/claim"): Rule(TELLER, "payment"),
    ("POST", "/bills/payments/{payment_id}/charge-back"): Rule(TELLER, "payment"),
    ("POST", "/bills/payments/{payment_id}/chargeback-lost"): Rule(TELLER, "payment"),
    ("POST", "/bills/registrations"): Rule(USER | TELLER),
    ("GET", "/bills/registrations"): Rule(SIGNED_IN, "many"),
    ("GET", "/bills/registrations/{registration_id}"): Rule(SIGNED_IN, "registration"),
    ("PUT", "/bills/registrations/{registration_id}"): Rule(USER | TELLER, "registration"),
    ("DELETE", "/bills/registrations/{registration_id}"): Rule(USER | TELLER, "registration"),
    ("POST", "/bills/autopay"): Rule(USER | TELLER),
    ("GET", "/bills/autopay"): Rule(SIGNED_IN, "many"),
    ("GET", "/bills/autopay/{autopay_id}"): Rule(SIGNED_IN, "autopay"),
    ("DELETE", "/bills/autopay/{autopay_id}"): Rule(USER | TELLER, "autopay"),
    ("POST", "/bills/autopay/{autopay_id}/resume"): Rule(USER | TELLER, "autopay"),
    # Loans. What a loan is taken as lost for is decided by loan officers, at the end by two of them.
    ("GET", "/loans/products"): Rule(SIGNED_IN),
    ("POST", "/loans/apply"): Rule(USER | LOAN_OFFICER),
    ("GET", "/loans"): Rule(SIGNED_IN, "many"),
    ("GET", "/loans/{loan_id}"): Rule(SIGNED_IN, "loan"),
    ("GET", "/loans/{loan_id}/schedule"): Rule(SIGNED_IN, "loan"),
    ("GET", "/loans/{loan_id}/payoff"): Rule(SIGNED_IN, "loan"),
    ("GET", "/loans/{loan_id}/statement"): Rule(SIGNED_IN, "loan"),
    ("GET", "/loans/{loan_id}/accounting"): Rule(STAFF, "loan"),
    ("POST", "/loss-rates"): Rule(ADMIN),
    ("GET", "/loss-rates"): Rule(STAFF),
    ("POST", "/loans/{loan_id}/approve"): Rule(LOAN_OFFICER, "loan"),
    ("POST", "/loans/{loan_id}/undo-approval"): Rule(LOAN_OFFICER, "loan"),
    ("POST", "/loans/{loan_id}/decline"): Rule(LOAN_OFFICER, "loan"),
    ("POST", "/loans/{loan_id}/withdraw"): Rule(USER | LOAN_OFFICER, "loan"),
    ("POST", "/loans/{loan_id}/accept"): Rule(USER, "loan"),
    ("POST", "/loans/{loan_id}/disburse"): Rule(LOAN_OFFICER, "loan"),
    ("POST", "/loans/{loan_id}/repay"): Rule(USER | TELLER | LOAN_OFFICER, "loan"),
    ("POST", "/loans/{loan_id}/refund"): Rule(TELLER | LOAN_OFFICER, "loan"),
    ("POST", "/loans/{loan_id}/fee"): Rule(LOAN_OFFICER, "loan"),
    ("POST", "/loans/{loan_id}/cost"): Rule(LOAN_OFFICER, "loan"),
    ("POST", "/loans/{loan_id}/waive"): Rule(LOAN_OFFICER, "loan"),
    ("POST", "/loans/{loan_id}/pause"): Rule(LOAN_OFFICER, "loan"),
    ("POST", "/loans/{loan_id}/reschedule"): Rule(LOAN_OFFICER, "loan"),
    ("POST", "/loans/{loan_id}/charge-off"): Rule(LOAN_OFFICER, "loan"),
    ("POST", "/loans/{loan_id}/write-off"): Rule(LOAN_OFFICER, "loan"),
    ("POST", "/loans/{loan_id}/undo"): Rule(TELLER | LOAN_OFFICER, "loan"),
    ("POST", "/loans/{loan_id}/charge-back"): Rule(TELLER | LOAN_OFFICER, "loan"),
    ("POST", "/loans/{loan_id}/recover"): Rule(TELLER | LOAN_OFFICER, "loan"),
    # Payment gateways. A callback is let in by its signature.
    ("POST", "/gateways/{name}/callbacks"): Rule(ANYONE),
    ("POST", "/gateways/{name}/reconciliations"): Rule(TELLER | COMPLIANCE),
    ("GET", "/gateways/{name}/reconciliations"): Rule(STAFF),
    ("GET", "/work-items"): Rule(STAFF, "many"),
    ("GET", "/work-items/{work_item_id}"): Rule(STAFF, "many"),
    ("POST", "/work-items/{work_item_id}/resolve"): Rule(COMPLIANCE),
    ("GET", "/ledger/clearing"): Rule(STAFF, "many"),
    # Persons. It takes two of compliance to erase one; everybody is given what is known of them.
    ("PUT", "/profile"): Rule(SIGNED_IN),
    ("PUT", "/profile/password"): Rule(SIGNED_IN),
    ("GET", "/users/{user_id}/export"): Rule(USER | COMPLIANCE, "user"),
    ("GET", "/users/{user_id}/erasure"): Rule(COMPLIANCE | AUDITOR, "user"),
    ("POST", "/users/{user_id}/erasure"): Rule(COMPLIANCE, "user"),
    ("POST", "/users/{user_id}/erasure/withdraw"): Rule(COMPLIANCE, "user"),
    ("POST", "/users/{user_id}/legal-hold"): Rule(COMPLIANCE, "user"),
    ("POST", "/users/{user_id}/legal-hold/lift"): Rule(COMPLIANCE, "user"),
    # The books.
    ("GET", "/ledger/chart-of-accounts"): Rule(STAFF),
    ("GET", "/ledger/trial-balance"): Rule(STAFF),
    ("GET", "/ledger/journal"): Rule(STAFF, "many"),
    # No customer's money moves when a period is closed, so an admin may be one of the two.
    ("POST", "/ledger/periods/{period}/close"): Rule(COMPLIANCE | ADMIN),
    ("POST", "/ledger/periods/{period}/reopen"): Rule(COMPLIANCE),
    ("GET", "/ledger/periods"): Rule(STAFF),
    ("GET", "/ledger/periods/{period}"): Rule(STAFF),
    ("POST", "/ledger/capital"): Rule(COMPLIANCE),
    ("POST", "/ledger/interbank-settlements"): Rule(TELLER | COMPLIANCE),
    ("GET", "/ledger/business-days"): Rule(STAFF),
    ("GET", "/ledger/balance-sheet"): Rule(STAFF),
    ("GET", "/ledger/income-statement"): Rule(STAFF),
    ("GET", "/ledger/cash-flow"): Rule(STAFF),
    # Reports. A customer's are of the customer's own accounts.
    ("GET", "/reports/transaction-summary"): Rule(SIGNED_IN, "many"),
    ("GET", "/reports/spending"): Rule(SIGNED_IN, "many"),
    # It names the largest accounts, and those without a sign of life, with what they hold.
    ("GET", "/reports/analysis"): Rule(STAFF, "many"),
    ("GET", "/reports/loan-portfolio"): Rule(STAFF),
    # Reckonings: they need no customer and store nothing.
    ("POST", "/loans/quote"): Rule(ANYONE),
    ("POST", "/loans/apr"): Rule(ANYONE),
    ("POST", "/loans/day-count"): Rule(ANYONE),
    # Evidence. A customer can prove what was booked on the customer's own accounts.
    ("GET", "/audit/log"): Rule(AUDITORS, "many"),
    ("GET", "/audit/accesses"): Rule(AUDITOR | COMPLIANCE, "many"),
    ("GET", "/audit/checkpoints"): Rule(AUDITORS),
    ("GET", "/audit/checkpoints/latest"): Rule(AUDITORS),
    ("GET", "/audit/proofs/inclusion"): Rule(USER | AUDITORS, "many"),
    ("GET", "/audit/proofs/consistency"): Rule(AUDITORS),
    ("GET", "/audit/explain/{transaction_id}"): Rule(AUDITORS, "transaction"),
    # Operation: nothing of a customer is in these.
    ("GET", "/health/live"): Rule(ANYONE),
    ("GET", "/health/ready"): Rule(ANYONE),
    ("GET", "/metrics"): Rule(ANYONE),
    ("GET", "/problems"): Rule(ANYONE),
    ("GET", "/problems/{code}"): Rule(ANYONE),
    ("GET", "/.well-known/jwks.json"): Rule(ANYONE),
}

# The papers of the API itself; they have one address.
PAGES: Final[dict[tuple[str, str], Rule]] = {
    ("GET", "/schema"): Rule(ANYONE),
    ("GET", "/schema/openapi.json"): Rule(ANYONE),
    ("GET", "/schema/assets/{name}"): Rule(ANYONE),
    ("GET", "/schema/{path}"): Rule(ANYONE),
}

VERSIONED: Final = "/v1"
RULES: Final[dict[tuple[str, str], Rule]] = (
    POLICY
    | {(method, VERSIONED + template): rule for (method, template), rule in POLICY.items()}
    | PAGES
)


def allowed(methods: Iterable[str]) -> str:
    """The Allow header. What can be read can be asked for without its body: the gate makes one of the other."""
    taken = set(methods)
    return ", ".join(sorted(taken | {"HEAD"} if "GET" in taken else taken))
