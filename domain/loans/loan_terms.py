"""What a loan is agreed as, and where it stands: the parts that its facts carry."""

import datetime as dt
from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from domain.loans.products import Component, Product

Status: TypeAlias = Literal[
    "submitted",
    "in_review",
    "approved",
    "accepted",
    "active",
    "closed",
    "declined",
    "withdrawn",
    "expired",
    "charged_off",
    "written_off",
]


class Parts(msgspec.Struct, frozen=True, array_like=True):
    """An amount by component, in minor units."""

    principal: int = 0
    interest: int = 0
    fees: int = 0
    penalties: int = 0

    @property
    def total(self) -> int:
        return self.principal + self.interest + self.fees + self.penalties

    def plus(self, other: "Parts") -> "Parts":
        return Parts(
            self.principal + other.principal,
            self.interest + other.interest,
            self.fees + other.fees,
            self.penalties + other.penalties,
        )


NOTHING = Parts()
# The number of a line that is none of the schedule as it was agreed: a repayment that was taken back.
REOPENED: Final = -1


class Valuation(msgspec.Struct, frozen=True, array_like=True):
    """What the books hold against a loan beside what the borrower owes, in minor units.

    `allowance` is what is expected to be lost of it; `fees` and `costs` are what of the fees that were
    taken and the costs that were paid for making the loan is not earned or borne yet.
    """

    allowance: int = 0
    fees: int = 0
    costs: int = 0


UNVALUED = Valuation()


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A line of the schedule: what falls due on a day.

    `interest` is earned evenly over the days from `start` to `end`, the first included and the last
    not; `due` is mostly `end`, or the business day that it was moved to, by which all is earned in any
    case. Several lines may fall due together, where a schedule was changed within a period. An
    instalment that was repaid early has no days, nor has principal that was owed again.
    """

    number: int
    start: dt.date
    end: dt.date
    due: dt.date
    principal: int
    interest: int

    @property
    def reopened(self) -> bool:
        return self.number == REOPENED


class Charge(msgspec.Struct, frozen=True, array_like=True):
    """A fee or penalty, and the instalment that it belongs to by its due date."""

    component: Component
    due: dt.date
    amount: int


class Pause(msgspec.Struct, frozen=True, array_like=True):
    """Days, both included, that do not count as past due and on which nothing is charged as late."""

    first: dt.date
    last: dt.date


class Deferred(msgspec.Struct, frozen=True, array_like=True):
    """The fees and costs that are not earned and borne yet on a day; from one to the next, evenly."""

    on: dt.date
    fees: int
    costs: int


class RuleResult(msgspec.Struct, frozen=True, array_like=True):
    """A rule of a decision, with the value that it looked at and the threshold it held that against."""

    rule: str
    value: str
    threshold: str
    passed: bool


class Applicant(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an applicant said, in minor units a month, where money is meant. No name stands here."""

    income: int
    debt_service: int = 0
    living_costs: int = 0
    age: int | None = None
    collateral: int | None = None


class LoanTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that is agreed about a loan, apart from the money that moves on it.

    `principal` is what was applied for and approved, `disbursed` what of it was paid out.
    `charges` were charged, `fee_schedule` are the fees of instalments, each charged when it falls due.
    `forborne` marks a borrower in difficulty to whom terms were given that others would not get.
    """

    borrower: int
    product: Product
    principal: int
    instalments: int
    annual_rate: Decimal
    applied_on: dt.date
    applicant: Applicant
    purpose: str | None = None
    status: Status = "submitted"
    rules: tuple[RuleResult, ...] = ()
    rule_set: str | None = None
    proposed_by: str | None = None
    approved_until: dt.date | None = None
    conditions: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    account_id: int | None = None
    disbursed: int = 0
    tranches: int = 0
    disbursed_on: dt.date | None = None
    schedule_number: int = 0
    rows: tuple[Row, ...] = ()
    charges: tuple[Charge, ...] = ()
    fee_schedule: tuple[Charge, ...] = ()
    pauses: tuple[Pause, ...] = ()
    forborne: bool = False
    write_off_asked_by: str | None = None
    deferrals: tuple[Deferred, ...] = ()

    @property
    def currency(self) -> str:
        return self.product.currency


class Figures(msgspec.Struct, frozen=True, array_like=True):
    """Where a loan stands, in minor units.

    `principal`, `interest`, `fees`, `penalties` and `overpaid` are the balances of its sub-accounts.
    `earned` is the scheduled interest up to `through`, `settled` what of the schedule and the charges
    was paid or given up. `suspended` is interest earned and not recognised. `late` is overdue principal
    times days times the late rate, unrounded, and `late_charged` what of it was charged.
    `off_balance` is what is owed still after a charge-off, `valuation` what the books hold beside.
    """

    through: dt.date
    principal: int = 0
    interest: int = 0
    fees: int = 0
    penalties: int = 0
    overpaid: int = 0
    earned: int = 0
    settled: Parts = NOTHING
    suspended: int = 0
    late: int = 0
    late_charged: int = 0
    past_due_since: dt.date | None = None
    non_accrual: bool = False
    off_balance: int = 0
    valuation: Valuation = UNVALUED

    @property
    def owed(self) -> int:
        """All that is owed and earned by now, due or not."""
        return self.principal + self.interest + self.suspended + self.fees + self.penalties
