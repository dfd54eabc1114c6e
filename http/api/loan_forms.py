"""Loans as they are told: the loan, its schedule, its payoff; and amounts from minor units."""

import datetime as dt
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from domain.amortisation.instalment_fees import InstalmentFee
from domain.loans.allocation import due_total, dues, fees_in_order
from domain.loans.lateness import Bucket, bucket_of, days_past_due
from domain.loans.loan import Loan
from domain.loans.loan_terms import LoanTerms, Status
from domain.loans.products import FeeIncome, Product
from domain.loans.repaying import Payoff
from domain.money import decimal_of

# Where a loan stands for its reader: what was agreed, and a loan that is paid and has a credit.
Standing = Status | Literal["overpaid"]


class InstalmentFeeOut(msgspec.Struct, kw_only=True):
    """What is charged with each instalment: the three together."""

    flat: Decimal | None
    percent_of_principal: str
    percent_of_instalment: str


class FollowsOut(msgspec.Struct, kw_only=True):
    """The index that the rate follows, and how; `annual_rate` is agreed with each loan then."""

    index: str
    margin: str
    reset_months: int
    cap: str | None
    floor: str | None


class ProductOut(msgspec.Struct, kw_only=True):
    product: str
    title: str
    currency: str
    amount_min: Decimal
    amount_max: Decimal
    instalments_min: int
    instalments_max: int
    annual_rate: str
    method: str
    every: int
    unit: str
    day_count: str
    allocation_order: list[str]
    allocation_axis: str
    excess: str
    disbursal_fee: str
    fee_income: FeeIncome
    early_fee: str
    late_rate: str
    late_fee: Decimal
    late_grace_days: int
    tranches_max: int
    secured: bool
    instalment_fee: InstalmentFeeOut | None
    business_days: Literal["none", "following", "modified_following", "preceding"]
    moves_accrual: bool
    follows: FollowsOut | None


class RuleOut(msgspec.Struct):
    rule: str
    value: str
    threshold: str
    passed: bool


class LoanOut(msgspec.Struct, kw_only=True):
    """Amounts are in major units; `owed` is all that is earned and unpaid, due or not."""

    loan_id: int
    user_id: int
    product: str
    status: Standing
    currency: str
    amount: Decimal
    instalments: int
    annual_rate: str
    purpose: str | None
    applied_on: dt.date
    approved_until: dt.date | None
    conditions: list[str]
    reasons: list[str]
    rules: list[RuleOut]
    rule_set: str | None
    account_id: int | None
    disbursed: Decimal
    disbursed_on: dt.date | None
    principal: Decimal
    interest: Decimal
    fees: Decimal
    penalties: Decimal
    owed: Decimal
    overpaid: Decimal
    due: Annotated[Decimal, msgspec.Meta(description="What is due by the day and unpaid.")]
    debt_charged_off: Decimal
    accrued_through: dt.date
    past_due_since: dt.date | None
    days_past_due: int
    bucket: Bucket
    non_accrual: bool
    forborne: bool
    schedule_number: int


class LoanChanged(LoanOut, kw_only=True):
    """The loan after what was done to it."""

    transaction_id: int
    position: int


class InstalmentOut(msgspec.Struct, kw_only=True):
    """What falls due on a day. `paid` was laid on it, oldest instalments first.

    `until` is the day to which its interest is reckoned: `due`, unless that is no business day.
    """

    number: int | None
    until: dt.date
    due: dt.date
    principal: Decimal
    interest: Decimal
    fee: Decimal
    payment: Decimal
    paid: Decimal
    balance: Annotated[Decimal, msgspec.Meta(description="Principal that is left after it.")]
    status: Literal["paid", "overdue", "due"]


class ScheduleOut(msgspec.Struct, kw_only=True):
    loan_id: int
    schedule_number: int
    currency: str
    as_of: dt.date
    known_at: int
    instalments: list[InstalmentOut]
    total_interest: Decimal
    total_fees: Decimal
    position: int


class PayoffOut(msgspec.Struct, kw_only=True):
    loan_id: int
    on: dt.date
    currency: str
    principal: Decimal
    interest: Decimal
    fees: Decimal
    penalties: Decimal
    early_fee: Decimal
    credit: Decimal
    total: Decimal
    position: int


def product_out(product: Product) -> ProductOut:
    currency = product.currency
    return ProductOut(
        product=product.name,
        title=product.title,
        currency=currency,
        amount_min=decimal_of(product.amount_min, currency),
        amount_max=decimal_of(product.amount_max, currency),
        instalments_min=product.instalments_min,
        instalments_max=product.instalments_max,
        annual_rate=str(product.annual_rate),
        method=product.method,
        every=product.every,
        unit=product.unit,
        day_count=product.day_count,
        allocation_order=list(product.allocation_order),
        allocation_axis=product.axis,
        excess=product.excess,
        disbursal_fee=str(product.disbursal_fee),
        fee_income=product.fee_income,
        early_fee=str(product.early_fee),
        late_rate=str(product.late_rate),
        late_fee=decimal_of(product.late_fee, currency),
        late_grace_days=product.late_grace_days,
        tranches_max=product.tranches_max,
        secured=product.secured,
        instalment_fee=_fee_out(product.instalment_fee, currency),
        business_days=product.day_rule or "none",
        moves_accrual=product.moves_accrual,
        follows=_follows_out(product),
    )


def _follows_out(product: Product) -> FollowsOut | None:
    follows = product.follows
    if follows is None or product.index is None:
        return None
    return FollowsOut(
        index=product.index,
        margin=str(follows.margin),
        reset_months=follows.reset_months,
        cap=None if follows.cap is None else str(follows.cap),
        floor=None if follows.floor is None else str(follows.floor),
    )


def _fee_out(fee: InstalmentFee | None, currency: str) -> InstalmentFeeOut | None:
    if fee is None:
        return None
    return InstalmentFeeOut(
        flat=decimal_of(fee.flat, currency) if fee.flat else None,
        percent_of_principal=str(fee.of_principal),
        percent_of_instalment=str(fee.of_instalment),
    )


def standing_of(loan: Loan) -> Standing:
    figures = loan.figures
    if loan.terms.status == "active" and figures.overpaid and not figures.owed:
        return "overpaid"
    return loan.terms.status


def loan_fields(loan: Loan, on: dt.date) -> dict[str, object]:
    """The fields of `LoanOut`, with what is due and late on a day."""
    terms, figures = loan.terms, loan.figures
    active = terms.status == "active"
    late = days_past_due(terms, figures.past_due_since, on) if active else 0

    def major(minor_units: int) -> Decimal:
        return decimal_of(minor_units, terms.currency)

    return {
        "loan_id": loan.loan_id,
        "user_id": terms.borrower,
        "product": terms.product.name,
        "status": standing_of(loan),
        "currency": terms.currency,
        "amount": major(terms.principal),
        "instalments": terms.instalments,
        "annual_rate": str(terms.annual_rate),
        "purpose": terms.purpose,
        "applied_on": terms.applied_on,
        "approved_until": terms.approved_until,
        "conditions": list(terms.conditions),
        "reasons": list(terms.reasons),
        "rules": [RuleOut(r.rule, r.value, r.threshold, r.passed) for r in terms.rules],
        "rule_set": terms.rule_set,
        "account_id": terms.account_id,
        "disbursed": major(terms.disbursed),
        "disbursed_on": terms.disbursed_on,
        "principal": major(figures.principal),
        "interest": major(figures.interest + figures.suspended),
        "fees": major(figures.fees),
        "penalties": major(figures.penalties),
        "owed": major(figures.owed),
        "overpaid": major(figures.overpaid),
        "due": major(due_total(dues(terms, figures, on)) if active else 0),
        "debt_charged_off": major(figures.off_balance),
        "accrued_through": figures.through,
        "past_due_since": figures.past_due_since if active else None,
        "days_past_due": late,
        "bucket": bucket_of(late),
        "non_accrual": figures.non_accrual,
        "forborne": terms.forborne,
        "schedule_number": terms.schedule_number,
    }


def instalments_out(loan: Loan, on: dt.date) -> list[InstalmentOut]:
    """The lines of the schedule by due date, each with what was laid on it."""
    terms = loan.terms
    settled = loan.figures.settled
    principal_left, interest_left = settled.principal, settled.interest
    # Principal that was owed again is not left over from what was lent: it comes and falls due at once.
    balance = sum(row.principal for row in terms.rows if not row.reopened)
    fees = _fees_by_day(terms, settled.fees)
    found: list[InstalmentOut] = []
    for due in sorted({row.due for row in terms.rows}):
        rows = [row for row in terms.rows if row.due == due]
        principal, interest = sum(r.principal for r in rows), sum(r.interest for r in rows)
        fee, paid_fee = fees.get(due, (0, 0))
        paid_principal = min(principal, principal_left)
        paid_interest = min(interest, interest_left)
        principal_left -= paid_principal
        interest_left -= paid_interest
        balance -= sum(row.principal for row in rows if not row.reopened)
        paid = paid_principal + paid_interest + paid_fee
        whole = paid == principal + interest + fee
        found.append(
            InstalmentOut(
                number=max(0, *(row.number for row in rows)) or None,
                until=rows[-1].end,
                due=due,
                principal=decimal_of(principal, terms.currency),
                interest=decimal_of(interest, terms.currency),
                fee=decimal_of(fee, terms.currency),
                payment=decimal_of(principal + interest + fee, terms.currency),
                paid=decimal_of(paid, terms.currency),
                balance=decimal_of(balance, terms.currency),
                status="paid" if whole else "overdue" if due < on else "due",
            )
        )
    return found


def _fees_by_day(terms: LoanTerms, settled: int) -> dict[dt.date, tuple[int, int]]:
    """The fees of instalments by due date, and what was laid on them; other fees of the day go after."""
    fees: dict[dt.date, tuple[int, int]] = {}
    for fee, of_instalment in fees_in_order(terms):
        paid = min(settled, fee.amount)
        settled -= paid
        if of_instalment:
            amount, laid = fees.get(fee.due, (0, 0))
            fees[fee.due] = amount + fee.amount, laid + paid
    return fees


def payoff_out(loan: Loan, quote: Payoff, position: int) -> PayoffOut:
    currency = loan.terms.currency
    return PayoffOut(
        loan_id=loan.loan_id,
        on=quote.on,
        currency=currency,
        principal=decimal_of(quote.principal, currency),
        interest=decimal_of(quote.interest, currency),
        fees=decimal_of(quote.fees, currency),
        penalties=decimal_of(quote.penalties, currency),
        early_fee=decimal_of(quote.early_fee, currency),
        credit=decimal_of(quote.credit, currency),
        total=decimal_of(quote.total, currency),
        position=position,
    )
