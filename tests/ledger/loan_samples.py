"""The facts of loans that the golden files hold."""

import datetime as dt
from decimal import Decimal
from typing import Any

from domain.account_facts import AccountFact, LoanReceived, LoanRefunded, LoanRepaid
from domain.amortisation.index_rates import IndexValue
from domain.loans import loan_facts as loans
from domain.loans import loan_terms as agreed
from domain.loans.loss_rates import LossRates, LossRatesSet
from domain.loans.products import Product
from domain.loans.rate_indexes import IndexValueSet
from ledger.journal import Entry, mirrored
from ledger.loan_posting_rules import entry_for_loan

LOAN_TERMS = agreed.LoanTerms(
    borrower=7,
    product=Product(
        name="instalment",
        title="Short instalment loan",
        amount_min=10000,
        amount_max=2000000,
        instalments_max=24,
        annual_rate=Decimal(24),
        late_fee=1000,
        four_eyes_above=1500000,
    ),
    principal=1200000,
    instalments=1,
    annual_rate=Decimal("24.5"),
    applied_on=dt.date(2024, 1, 31),
    applicant=agreed.Applicant(income=420000, debt_service=15000, age=41),
    purpose="Kuchyně",
    status="active",
    rules=(agreed.RuleResult("debt service to income", "0.3571", "at most 0.45", True),),
    rule_set="2026-11",
    approved_until=dt.date(2024, 3, 1),
    account_id=456,
    disbursed=1200000,
    tranches=1,
    disbursed_on=dt.date(2024, 1, 31),
    schedule_number=1,
    rows=(
        agreed.Row(
            1, dt.date(2024, 1, 31), dt.date(2024, 2, 29), dt.date(2024, 2, 29), 1200000, 24500
        ),
    ),
    charges=(agreed.Charge("fee", dt.date(2024, 2, 29), 1500),),
    pauses=(agreed.Pause(dt.date(2024, 3, 1), dt.date(2024, 3, 31)),),
    deferrals=(
        agreed.Deferred(dt.date(2024, 1, 31), 12000, 2400),
        agreed.Deferred(dt.date(2024, 2, 29), 0, 0),
    ),
)
FIGURES = agreed.Figures(
    dt.date(2024, 2, 29),
    principal=1200000,
    interest=24500,
    earned=24500,
    settled=agreed.Parts(fees=1500),
    past_due_since=dt.date(2024, 2, 29),
)
_AGREED: dict[str, Any] = {"terms": LOAN_TERMS, "figures": FIGURES}
_MOVED: dict[str, Any] = {"terms": 4, "figures": FIGURES}
VALUATION = agreed.Valuation(allowance=60000, fees=4100, costs=900)
PARTS = agreed.Parts(1200000, 24500, 1500, 1000)

LOAN_FACTS: tuple[loans.LoanFact, ...] = (
    loans.Applied(**_AGREED),
    loans.ApprovalProposed(**_AGREED),
    loans.Approved(**_AGREED, committed=1200000),
    loans.Declined(**_AGREED),
    loans.Withdrawn(**_AGREED, released=1200000),
    loans.ApprovalUndone(**_AGREED, released=1200000),
    loans.ApprovalExpired(**_AGREED, released=1200000),
    loans.Accepted(**_AGREED),
    loans.Disbursed(**_AGREED, amount=1200000, fee=12000, to_account=456),
    loans.InterestAccrued(**_MOVED, interest=845, late=13, fees=52, costs=11),
    loans.LoanFeeCharged(**_AGREED, amount=1500, early=True),
    loans.PenaltyCharged(**_AGREED, amount=1000),
    loans.PastDueMarked(**_MOVED),
    loans.NonAccrualStarted(**_MOVED, interest=24500),
    loans.NonAccrualEnded(**_MOVED, interest=24500, fees=780, costs=165),
    loans.Repaid(
        **_MOVED,
        amount=1300000,
        parts=PARTS,
        suspended=500,
        from_account=456,
        excess="shorter_term",
        counterparty="QR/35385994",
    ),
    loans.OverpaymentApplied(**_MOVED, parts=PARTS, suspended=500),
    loans.OverpaymentRefunded(**_MOVED, amount=73000, to_account=456),
    loans.Recovered(**_MOVED, amount=1000, from_account=456, counterparty="QR/35385994"),
    loans.Waived(**_MOVED, parts=PARTS, suspended=500),
    loans.Reamortised(**_AGREED, fees=2050, costs=450),
    loans.Rescheduled(
        **_AGREED, capitalised=agreed.Parts(interest=24500, fees=1500), suspended=500
    ),
    loans.Paused(**_AGREED),
    loans.ChargedOff(**_AGREED, parts=PARTS, suspended=500, valuation=VALUATION),
    loans.WriteOffAsked(**_AGREED),
    loans.WrittenOff(**_AGREED, parts=PARTS, suspended=500, valuation=VALUATION),
    loans.LoanClosed(**_AGREED, released=300000, valuation=VALUATION),
    loans.MovementUndone(**_MOVED, undoes=12),
    loans.AgreementUndone(**_AGREED, undoes=12),
    loans.AllowanceChanged(**_MOVED, change=-1700),
    loans.InstalmentFeeCharged(**_MOVED, amount=250),
    loans.LoanCostPaid(**_AGREED, amount=24000, counterparty="Broker & Sons"),
    loans.ChargedBack(**_AGREED, amount=315000, paid_on=dt.date(2024, 2, 29), credit=15000),
    loans.RateReset(**_AGREED, value=Decimal("2.015")),
)

LOAN_ACCOUNT_FACTS: tuple[AccountFact, ...] = (
    LoanReceived(amount=2500, balance=2500, terms=1, loan=5),
    LoanRepaid(amount=2500, balance=0, terms=1, loan=5),
    LoanRefunded(amount=2500, balance=2500, terms=1, loan=5),
)
LOSS_RATE_FACTS = (
    LossRatesSet(
        changes=(
            LossRates(first_day=dt.date(2024, 1, 1), current=Decimal("0.75")),
            LossRates(first_day=dt.date(2024, 7, 1)),
        )
    ),
)
INDEX_FACTS = (
    IndexValueSet(
        index="EURIBOR3M",
        values=(
            IndexValue(dt.date(2024, 1, 1), Decimal("3.905")),
            IndexValue(dt.date(2024, 4, 1), Decimal("-0.5")),
        ),
    ),
)
_UNDONE: dict[type[Any], loans.LoanFact] = {
    loans.MovementUndone: loans.Waived(**_MOVED, parts=agreed.Parts(fees=1500)),
    loans.AgreementUndone: loans.LoanFeeCharged(**_AGREED, amount=1500),
}


def loan_entry_of(fact: Any) -> Entry:
    """By its posting rule, or the mirror of one, for what is undone."""
    undone = _UNDONE.get(type(fact))
    if undone is not None:
        return mirrored(entry_for_loan(undone, "loan-5", "EUR"))
    return entry_for_loan(fact, "loan-5", "EUR")
