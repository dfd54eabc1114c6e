"""What can happen to a loan, and what is agreed about one. The tags are on disk for ever.

A fact of an agreement carries all that is agreed after it, the schedule included; a movement carries
the figures after it and the version of the stream's last agreement. So a loan is known from its newest
event and, where that is a movement, one more, and the event that each night adds is small. What has
been paid of an instalment follows from the totals, oldest first, and is not stored.
"""

import datetime as dt
from decimal import Decimal
from typing import TypeAlias

from domain.facts import Fact, stored_as
from domain.loans.loan_terms import NOTHING, UNVALUED, Figures, LoanTerms, Parts, Valuation
from domain.loans.products import Excess


class Agreement(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A fact that leaves the loan with these terms and figures."""

    terms: LoanTerms
    figures: Figures


class ScheduleAgreement(Agreement, frozen=True, kw_only=True, omit_defaults=True):
    """A fact with another schedule, which earns from the fact's day on: `figures.through` is that day."""


class LoanMovement(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """A fact that changes figures alone. `terms` is the version of the stream's last `Agreement`."""

    figures: Figures
    terms: int


# --- From the application to the signature.


@stored_as("loan.applied.1")
class Applied(Agreement, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("loan.approval-proposed.1")
class ApprovalProposed(Agreement, frozen=True, kw_only=True, omit_defaults=True):
    """The first of two people approved a loan above the limit of one."""


@stored_as("loan.approved.1")
class Approved(Agreement, frozen=True, kw_only=True, omit_defaults=True):
    """The bank is committed to `committed`, until the approval ends."""

    committed: int


@stored_as("loan.declined.1")
class Declined(Agreement, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("loan.withdrawn.1")
class Withdrawn(Agreement, frozen=True, kw_only=True, omit_defaults=True):
    """The borrower went no further; `released` is what the bank had been committed to."""

    released: int = 0


@stored_as("loan.approval-undone.1")
class ApprovalUndone(Agreement, frozen=True, kw_only=True, omit_defaults=True):
    released: int


@stored_as("loan.approval-expired.1")
class ApprovalExpired(Agreement, frozen=True, kw_only=True, omit_defaults=True):
    released: int


@stored_as("loan.accepted.1")
class Accepted(Agreement, frozen=True, kw_only=True, omit_defaults=True):
    """The borrower signed."""


# --- Money out.


@stored_as("loan.disbursed.1")
class Disbursed(ScheduleAgreement, frozen=True, kw_only=True, omit_defaults=True):
    """`amount` was lent, and all but `fee` of it paid out: to `to_account`, or to another bank.

    The product says whether the fee is earned at once or deferred.
    """

    amount: int
    fee: int = 0
    to_account: int | None = None


@stored_as("loan.cost-paid.1")
class LoanCostPaid(Agreement, frozen=True, kw_only=True, omit_defaults=True):
    """The bank paid somebody for the making of the loan; it is borne over the life of it."""

    amount: int
    counterparty: str | None = None


# --- What is earned and charged.


@stored_as("loan.interest-accrued.1")
class InterestAccrued(LoanMovement, frozen=True, kw_only=True, omit_defaults=True):
    """Interest of the schedule, and for being late, up to `figures.through`. In non-accrual the first
    is kept in mind only, and `interest` is zero. `fees` and `costs` were deferred, and are earned and
    borne now."""

    interest: int = 0
    late: int = 0
    fees: int = 0
    costs: int = 0


@stored_as("loan.fee-charged.1")
class LoanFeeCharged(Agreement, frozen=True, kw_only=True, omit_defaults=True):
    """`early` marks the fee for an early repayment."""

    amount: int
    early: bool = False


@stored_as("loan.instalment-fee-charged.1")
class InstalmentFeeCharged(LoanMovement, frozen=True, kw_only=True, omit_defaults=True):
    """The fee of an instalment, which has fallen due; it stands in the schedule of fees."""

    amount: int


@stored_as("loan.penalty-charged.1")
class PenaltyCharged(Agreement, frozen=True, kw_only=True, omit_defaults=True):
    amount: int


@stored_as("loan.past-due-marked.1")
class PastDueMarked(LoanMovement, frozen=True, kw_only=True, omit_defaults=True):
    """The oldest unpaid instalment is another one than before, or there is none any more."""


@stored_as("loan.non-accrual-started.1")
class NonAccrualStarted(LoanMovement, frozen=True, kw_only=True, omit_defaults=True):
    """Interest that was recognised and not collected is taken back."""

    interest: int = 0


@stored_as("loan.non-accrual-ended.1")
class NonAccrualEnded(LoanMovement, frozen=True, kw_only=True, omit_defaults=True):
    """What had been earned meanwhile is recognised, of deferred `fees` and `costs` too."""

    interest: int = 0
    fees: int = 0
    costs: int = 0


@stored_as("loan.allowance-changed.1")
class AllowanceChanged(LoanMovement, frozen=True, kw_only=True, omit_defaults=True):
    """More is expected to be lost of the loan than was known, by `change`; or less, below zero."""

    change: int


# --- Money in.


@stored_as("loan.repaid.1")
class Repaid(LoanMovement, frozen=True, kw_only=True, omit_defaults=True):
    """`amount` came in, for `parts` and, above what they are, as a credit of the borrower.

    `suspended` is what of the interest had not been recognised. `excess` is what was asked for.
    """

    amount: int
    parts: Parts
    suspended: int = 0
    from_account: int | None = None
    excess: Excess | None = None
    counterparty: str | None = None


@stored_as("loan.overpayment-applied.1")
class OverpaymentApplied(LoanMovement, frozen=True, kw_only=True, omit_defaults=True):
    """What the borrower had paid before paid what fell due."""

    parts: Parts
    suspended: int = 0


@stored_as("loan.overpayment-refunded.1")
class OverpaymentRefunded(LoanMovement, frozen=True, kw_only=True, omit_defaults=True):
    amount: int
    to_account: int | None = None


@stored_as("loan.recovered.1")
class Recovered(LoanMovement, frozen=True, kw_only=True, omit_defaults=True):
    """Money came in on a loan that the bank had charged off or written off."""

    amount: int
    from_account: int | None = None
    counterparty: str | None = None


@stored_as("loan.charged-back.1")
class ChargedBack(ScheduleAgreement, frozen=True, kw_only=True, omit_defaults=True):
    """A bank took back what it had sent as a repayment that counted from `paid_on`. `credit` of it the
    borrower had paid too much; the rest is principal that is owed again, and due at once."""

    amount: int
    paid_on: dt.date
    credit: int = 0


# --- What is given up, or agreed anew.


@stored_as("loan.waived.1")
class Waived(LoanMovement, frozen=True, kw_only=True, omit_defaults=True):
    """The bank gave up `parts`. `suspended` is what of the interest had not been recognised."""

    parts: Parts
    suspended: int = 0


@stored_as("loan.reamortised.1")
class Reamortised(ScheduleAgreement, frozen=True, kw_only=True, omit_defaults=True):
    """A new schedule follows from an early repayment; the repayment stands next.

    `fees` and `costs` were deferred, and go with what is repaid early.
    """

    fees: int = 0
    costs: int = 0


@stored_as("loan.rate-reset.1")
class RateReset(ScheduleAgreement, frozen=True, kw_only=True, omit_defaults=True):
    """The rate follows the index, which stands at `value`; a new schedule holds from the day on."""

    value: Decimal


@stored_as("loan.rescheduled.1")
class Rescheduled(ScheduleAgreement, frozen=True, kw_only=True, omit_defaults=True):
    """A new schedule was agreed; `capitalised` is what was added to the principal.

    `suspended` is what of the capitalised interest had not been recognised.
    """

    capitalised: Parts = NOTHING
    suspended: int = 0


@stored_as("loan.paused.1")
class Paused(Agreement, frozen=True, kw_only=True, omit_defaults=True):
    pass


@stored_as("loan.charged-off.1")
class ChargedOff(Agreement, frozen=True, kw_only=True, omit_defaults=True):
    """The bank took its loss; the debt lives. `parts` left the balance sheet, and with them
    `valuation`: the allowance bears the loss as far as it goes."""

    parts: Parts
    suspended: int = 0
    valuation: Valuation = UNVALUED


@stored_as("loan.write-off-asked.1")
class WriteOffAsked(Agreement, frozen=True, kw_only=True, omit_defaults=True):
    """The first of two people asked for it."""


@stored_as("loan.written-off.1")
class WrittenOff(Agreement, frozen=True, kw_only=True, omit_defaults=True):
    """Final. `parts` left the balance sheet, and with them `valuation`; none of either where the loan
    had been charged off. `released` is what was never paid out."""

    parts: Parts = NOTHING
    suspended: int = 0
    valuation: Valuation = UNVALUED
    released: int = 0


@stored_as("loan.closed.1")
class LoanClosed(Agreement, frozen=True, kw_only=True, omit_defaults=True):
    """Nothing is owed on either side; `released` is what was never paid out.

    `valuation` is what the books held against the loan until then.
    """

    released: int = 0
    valuation: Valuation = UNVALUED


# --- What did not happen after all. The entry is the mirror of the one undone.


@stored_as("loan.movement-undone.1")
class MovementUndone(LoanMovement, frozen=True, kw_only=True, omit_defaults=True):
    """`undoes` is the version of the movement in this stream."""

    undoes: int


@stored_as("loan.agreement-undone.1")
class AgreementUndone(Agreement, frozen=True, kw_only=True, omit_defaults=True):
    undoes: int


LoanFact: TypeAlias = Agreement | LoanMovement
