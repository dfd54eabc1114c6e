"""The bank's accounting policy for loans: what each fact of a loan means in the ledger.

What a borrower pays from an account of the bank, or is paid to one, is two facts, one of the account
and one of the loan, that meet in *transfers in transit*; money of other banks comes and goes by the
clearing accounts. What is no money, a commitment or a debt that was given up as lost, stands in
memorandum accounts.
"""

from collections.abc import Callable
from typing import Any, Final

from domain.loans.loan_facts import (
    AllowanceChanged,
    ApprovalExpired,
    ApprovalUndone,
    Approved,
    ChargedBack,
    ChargedOff,
    Disbursed,
    InstalmentFeeCharged,
    InterestAccrued,
    LoanClosed,
    LoanCostPaid,
    LoanFact,
    LoanFeeCharged,
    NonAccrualEnded,
    NonAccrualStarted,
    OverpaymentApplied,
    OverpaymentRefunded,
    PenaltyCharged,
    Reamortised,
    Recovered,
    Repaid,
    Rescheduled,
    Waived,
    Withdrawn,
    WrittenOff,
)
from domain.loans.loan_terms import Parts
from ledger.chart_of_accounts import (
    COMMITMENTS,
    COMMITMENTS_CONTRA,
    COMPENSATION_EXPENSE,
    DEFERRED_LOAN_COSTS,
    DEFERRED_LOAN_FEES,
    IMPAIRMENT_EXPENSE,
    INCOMING_CLEARING,
    LOAN_ALLOWANCE,
    LOAN_FEE_INCOME,
    LOAN_FEES,
    LOAN_INTEREST,
    LOAN_INTEREST_INCOME,
    LOAN_OVERPAYMENTS,
    LOAN_PENALTIES,
    LOAN_PRINCIPAL,
    OUTGOING_CLEARING,
    PENALTY_INCOME,
    RECOVERIES,
    TRANSFERS_IN_TRANSIT,
    WRITE_OFF_LOSS,
    WRITTEN_OFF_CONTRA,
    WRITTEN_OFF_LOANS,
    Side,
)
from ledger.journal import Entry, Posting, entry_of

# The sub-accounts of a loan on the balance sheet.
LOAN_SUB_ACCOUNTS: Final = (
    LOAN_PRINCIPAL,
    LOAN_INTEREST,
    LOAN_FEES,
    LOAN_PENALTIES,
    LOAN_OVERPAYMENTS,
    LOAN_ALLOWANCE,
    DEFERRED_LOAN_COSTS,
    DEFERRED_LOAN_FEES,
)
_OF_A_LOAN: Final = frozenset((*LOAN_SUB_ACCOUNTS, WRITTEN_OFF_LOANS, COMMITMENTS))


class _Lines:
    """Postings as they are put down; those of nothing are left out."""

    def __init__(self, stream: str, currency: str) -> None:
        self.stream, self.currency = stream, currency
        self.postings: list[Posting] = []

    def put(self, side: Side, account: int, amount: int) -> None:
        if amount:
            sub_account = self.stream if account in _OF_A_LOAN else None
            self.postings.append(Posting(account, sub_account, side, amount, self.currency))

    def debit(self, account: int, amount: int) -> None:
        self.put("D", account, amount)

    def credit(self, account: int, amount: int) -> None:
        self.put("C", account, amount)

    def net(self, account: int, amount: int) -> None:
        """A debit; below zero, a credit."""
        self.put("D" if amount > 0 else "C", account, abs(amount))

    def credit_parts(self, parts: Parts, suspended: int) -> None:
        """Receivables go down; interest that was not recognised is income now."""
        self.credit(LOAN_PENALTIES, parts.penalties)
        self.credit(LOAN_FEES, parts.fees)
        self.credit(LOAN_INTEREST, parts.interest - suspended)
        self.credit(LOAN_INTEREST_INCOME, suspended)
        self.credit(LOAN_PRINCIPAL, parts.principal)

    def entry(self) -> Entry:
        return entry_of(*self.postings) if self.postings else ()


def entry_for_loan(fact: LoanFact, stream: str, currency: str) -> Entry:
    """The entry of a fact on the loan `stream`; none where nothing moved.

    What is undone has no rule of its own: its entry is the mirror of the one it undoes.
    """
    rule = _RULES.get(type(fact))
    if rule is None:
        return ()
    lines = _Lines(stream, currency)
    rule(lines, fact)
    return lines.entry()


def _commitment(lines: _Lines, amount: int) -> None:
    lines.debit(COMMITMENTS, amount)
    lines.credit(COMMITMENTS_CONTRA, amount)


def _no_commitment(lines: _Lines, amount: int) -> None:
    lines.debit(COMMITMENTS_CONTRA, amount)
    lines.credit(COMMITMENTS, amount)


def _approved(lines: _Lines, fact: Approved) -> None:
    _commitment(lines, fact.committed)


def _released(lines: _Lines, fact: Withdrawn | ApprovalExpired | ApprovalUndone) -> None:
    _no_commitment(lines, fact.released)


def _closed(lines: _Lines, fact: LoanClosed) -> None:
    """What had been set aside was not needed, and what was deferred is earned and borne."""
    _no_commitment(lines, fact.released)
    _amortised(lines, fact.valuation.fees, fact.valuation.costs)
    _allowance(lines, -fact.valuation.allowance)


def _disbursed(lines: _Lines, fact: Disbursed) -> None:
    paid_to = OUTGOING_CLEARING if fact.to_account is None else TRANSFERS_IN_TRANSIT
    lines.debit(LOAN_PRINCIPAL, fact.amount)
    lines.credit(paid_to, fact.amount - fact.fee)
    deferred = fact.terms.product.fee_income == "over_life"
    lines.credit(DEFERRED_LOAN_FEES if deferred else LOAN_FEE_INCOME, fact.fee)
    _no_commitment(lines, fact.amount)


def _cost_paid(lines: _Lines, fact: LoanCostPaid) -> None:
    lines.debit(DEFERRED_LOAN_COSTS, fact.amount)
    lines.credit(OUTGOING_CLEARING, fact.amount)


def _amortised(lines: _Lines, fees: int, costs: int) -> None:
    """Deferred fees are interest earned, deferred costs take from it."""
    lines.net(DEFERRED_LOAN_FEES, fees)
    lines.net(LOAN_INTEREST_INCOME, costs - fees)
    lines.net(DEFERRED_LOAN_COSTS, -costs)


def _reamortised(lines: _Lines, fact: Reamortised) -> None:
    _amortised(lines, fact.fees, fact.costs)


def _accrued(lines: _Lines, fact: InterestAccrued) -> None:
    lines.debit(LOAN_INTEREST, fact.interest)
    lines.credit(LOAN_INTEREST_INCOME, fact.interest)
    lines.debit(LOAN_PENALTIES, fact.late)
    lines.credit(PENALTY_INCOME, fact.late)
    _amortised(lines, fact.fees, fact.costs)


def _fee_charged(lines: _Lines, fact: LoanFeeCharged | InstalmentFeeCharged) -> None:
    lines.debit(LOAN_FEES, fact.amount)
    lines.credit(LOAN_FEE_INCOME, fact.amount)


def _penalty_charged(lines: _Lines, fact: PenaltyCharged) -> None:
    lines.debit(LOAN_PENALTIES, fact.amount)
    lines.credit(PENALTY_INCOME, fact.amount)


def _non_accrual_started(lines: _Lines, fact: NonAccrualStarted) -> None:
    lines.debit(LOAN_INTEREST_INCOME, fact.interest)
    lines.credit(LOAN_INTEREST, fact.interest)


def _non_accrual_ended(lines: _Lines, fact: NonAccrualEnded) -> None:
    lines.debit(LOAN_INTEREST, fact.interest)
    lines.credit(LOAN_INTEREST_INCOME, fact.interest)
    _amortised(lines, fact.fees, fact.costs)


def _allowance_changed(lines: _Lines, fact: AllowanceChanged) -> None:
    _allowance(lines, fact.change)


def _allowance(lines: _Lines, change: int) -> None:
    lines.net(IMPAIRMENT_EXPENSE, change)
    lines.net(LOAN_ALLOWANCE, -change)


def _source_of(account_id: int | None) -> int:
    return INCOMING_CLEARING if account_id is None else TRANSFERS_IN_TRANSIT


def _repaid(lines: _Lines, fact: Repaid) -> None:
    lines.debit(_source_of(fact.from_account), fact.amount)
    lines.credit_parts(fact.parts, fact.suspended)
    lines.credit(LOAN_OVERPAYMENTS, fact.amount - fact.parts.total)


def _overpayment_applied(lines: _Lines, fact: OverpaymentApplied) -> None:
    lines.debit(LOAN_OVERPAYMENTS, fact.parts.total)
    lines.credit_parts(fact.parts, fact.suspended)


def _overpayment_refunded(lines: _Lines, fact: OverpaymentRefunded) -> None:
    lines.debit(LOAN_OVERPAYMENTS, fact.amount)
    paid_to = OUTGOING_CLEARING if fact.to_account is None else TRANSFERS_IN_TRANSIT
    lines.credit(paid_to, fact.amount)


def _charged_back(lines: _Lines, fact: ChargedBack) -> None:
    lines.debit(LOAN_OVERPAYMENTS, fact.credit)
    lines.debit(LOAN_PRINCIPAL, fact.amount - fact.credit)
    lines.credit(OUTGOING_CLEARING, fact.amount)


def _waived(lines: _Lines, fact: Waived) -> None:
    """Income is taken back; principal that is given up is a goodwill of the bank."""
    parts = fact.parts
    recognised = parts.interest - fact.suspended
    lines.debit(PENALTY_INCOME, parts.penalties)
    lines.debit(LOAN_FEE_INCOME, parts.fees)
    lines.debit(LOAN_INTEREST_INCOME, recognised)
    lines.debit(COMPENSATION_EXPENSE, parts.principal)
    lines.credit(LOAN_PENALTIES, parts.penalties)
    lines.credit(LOAN_FEES, parts.fees)
    lines.credit(LOAN_INTEREST, recognised)
    lines.credit(LOAN_PRINCIPAL, parts.principal)


def _rescheduled(lines: _Lines, fact: Rescheduled) -> None:
    lines.debit(LOAN_PRINCIPAL, fact.capitalised.total)
    lines.credit_parts(fact.capitalised, fact.suspended)


def _charged_off(lines: _Lines, fact: ChargedOff) -> None:
    """The principal is a loss; what was earned on it and never came in, no income after all.

    The allowance bears the loss as far as it goes; what is left of it after was not needed.
    """
    parts, allowance = fact.parts, fact.valuation.allowance
    lines.debit(LOAN_ALLOWANCE, allowance)
    lines.net(IMPAIRMENT_EXPENSE, parts.principal - allowance)
    lines.debit(LOAN_INTEREST_INCOME, parts.interest)
    lines.debit(LOAN_FEE_INCOME, parts.fees)
    lines.debit(PENALTY_INCOME, parts.penalties)
    lines.credit_parts(parts, 0)
    _amortised(lines, fact.valuation.fees, fact.valuation.costs)
    _lost(lines, parts.total + fact.suspended)


def _written_off(lines: _Lines, fact: WrittenOff) -> None:
    """Against the allowance; what it does not cover is a loss that nobody had expected."""
    total, allowance = fact.parts.total, fact.valuation.allowance
    lines.debit(LOAN_ALLOWANCE, allowance)
    lines.debit(WRITE_OFF_LOSS, max(0, total - allowance))
    lines.credit(IMPAIRMENT_EXPENSE, max(0, allowance - total))
    lines.credit_parts(fact.parts, 0)
    _amortised(lines, fact.valuation.fees, fact.valuation.costs)
    _lost(lines, fact.parts.total + fact.suspended)
    _no_commitment(lines, fact.released)


def _lost(lines: _Lines, amount: int) -> None:
    lines.debit(WRITTEN_OFF_LOANS, amount)
    lines.credit(WRITTEN_OFF_CONTRA, amount)


def _recovered(lines: _Lines, fact: Recovered) -> None:
    lines.debit(_source_of(fact.from_account), fact.amount)
    lines.credit(RECOVERIES, fact.amount)
    lines.debit(WRITTEN_OFF_CONTRA, fact.amount)
    lines.credit(WRITTEN_OFF_LOANS, fact.amount)


_RULES: Final[dict[type[Any], Callable[[_Lines, Any], None]]] = {
    Approved: _approved,
    Withdrawn: _released,
    ApprovalExpired: _released,
    ApprovalUndone: _released,
    LoanClosed: _closed,
    Disbursed: _disbursed,
    LoanCostPaid: _cost_paid,
    Reamortised: _reamortised,
    InterestAccrued: _accrued,
    LoanFeeCharged: _fee_charged,
    InstalmentFeeCharged: _fee_charged,
    PenaltyCharged: _penalty_charged,
    NonAccrualStarted: _non_accrual_started,
    NonAccrualEnded: _non_accrual_ended,
    AllowanceChanged: _allowance_changed,
    Repaid: _repaid,
    ChargedBack: _charged_back,
    OverpaymentApplied: _overpayment_applied,
    OverpaymentRefunded: _overpayment_refunded,
    Waived: _waived,
    Rescheduled: _rescheduled,
    ChargedOff: _charged_off,
    WrittenOff: _written_off,
    Recovered: _recovered,
}
