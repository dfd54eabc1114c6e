"""The loans that the bank offers, and the parameters each of them is agreed with.

A product is copied whole into what is agreed with a borrower, so that a change of this table changes no
loan that stands. Rates are per cent a year, amounts minor units of the product's currency.
"""

from decimal import Decimal
from typing import Final, Literal, TypeAlias

import msgspec

from domain.amortisation.arithmetic import Rounding
from domain.amortisation.day_counts import DayCount
from domain.amortisation.due_dates import Unit
from domain.amortisation.index_rates import FollowedIndex
from domain.amortisation.instalment_fees import InstalmentFee
from domain.banking_calendar import DayRule
from domain.loans.loan_refusals import ProductNotFound

Component: TypeAlias = Literal["penalty", "fee", "interest", "principal"]
Axis: TypeAlias = Literal["instalment_first", "component_first"]
Method: TypeAlias = Literal["annuity", "equal_principal", "interest_only"]
FeeIncome: TypeAlias = Literal["at_once", "over_life"]
Excess: TypeAlias = Literal["hold", "lower_instalment", "shorter_term"]

# The orders in which the components of what is due are paid, by their names.
ORDERS: Final[dict[str, tuple[Component, ...]]] = {
    "penalty-fee-interest-principal": ("penalty", "fee", "interest", "principal"),
    "penalty-interest-principal-fee": ("penalty", "interest", "principal", "fee"),
    "interest-principal-penalty-fee": ("interest", "principal", "penalty", "fee"),
    "principal-interest-fee-penalty": ("principal", "interest", "fee", "penalty"),
}


class Product(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The parameters of a kind of loan.

    `excess` is what becomes of money above what is due, unless the payer says otherwise: it is held
    for the next instalments, or repays principal early, which lowers the instalment or shortens the
    term. `four_eyes_above` is the largest principal that one person may approve alone.
    """

    name: str
    title: str
    currency: str = "EUR"
    amount_min: int
    amount_max: int
    instalments_min: int = 1
    instalments_max: int
    annual_rate: Decimal
    method: Method = "annuity"
    every: int = 1
    unit: Unit = "months"
    day_count: DayCount = "same-as-period"
    rounding: Rounding = "half_even"
    # So many periods at first pay interest alone.
    grace_principal: int = 0
    # The most payments that the principal may be paid out in.
    tranches_max: int = 1
    # Taken from what is paid out, per cent of it.
    disbursal_fee: Decimal = Decimal(0)
    # When that is earned: at once, or over the life of the loan by the effective rate.
    fee_income: FeeIncome = "at_once"
    order: str = "penalty-fee-interest-principal"
    axis: Axis = "instalment_first"
    excess: Excess = "hold"
    # Per cent of what is repaid early, and where a year or less is left of the term (2008/48/EC,
    # article 16: at most 1 and 0.5).
    early_fee: Decimal = Decimal(0)
    early_fee_last_year: Decimal = Decimal(0)
    # A year, on overdue principal, for each day; no interest on penalties.
    late_rate: Decimal = Decimal(0)
    # Once for each instalment that is more than `late_grace_days` late.
    late_fee: int = 0
    late_grace_days: int = 0
    non_accrual_days: int = 90
    charge_off_days: int = 180
    four_eyes_above: int
    approval_days: int = 30
    secured: bool = False
    # Where a due date goes that is no business day, and whether interest counts to it then.
    day_rule: DayRule | None = None
    moves_accrual: bool = False
    # The rate is that of the index, as `follows` says; `annual_rate` is none then.
    index: str | None = None
    follows: FollowedIndex | None = None
    # Charged with each instalment when it falls due.
    instalment_fee: InstalmentFee | None = None

    @property
    def allocation_order(self) -> tuple[Component, ...]:
        return ORDERS[self.order]


PRODUCTS: Final[dict[str, Product]] = {
    product.name: product
    for product in (
        Product(
            name="personal",
            title="Personal loan",
            amount_min=500_00,
            amount_max=50_000_00,
            instalments_min=3,
            instalments_max=96,
            annual_rate=Decimal("8.9"),
            excess="shorter_term",
            early_fee=Decimal(1),
            early_fee_last_year=Decimal("0.5"),
            late_rate=Decimal("8.05"),
            late_fee=5_00,
            late_grace_days=5,
            four_eyes_above=20_000_00,
        ),
        Product(
            name="instalment",
            title="Short instalment loan at 2 % a month",
            amount_min=100_00,
            amount_max=20_000_00,
            instalments_max=24,
            annual_rate=Decimal(24),
            late_fee=10_00,
            late_grace_days=3,
            four_eyes_above=15_000_00,
        ),
        Product(
            name="mortgage",
            title="Mortgage",
            amount_min=20_000_00,
            amount_max=1_000_000_00,
            instalments_min=60,
            instalments_max=360,
            annual_rate=Decimal("4.2"),
            day_count="30E/360",
            rounding="half_up",
            tranches_max=6,
            excess="lower_instalment",
            late_rate=Decimal("5.05"),
            order="penalty-interest-principal-fee",
            four_eyes_above=150_000_00,
            secured=True,
        ),
        Product(
            name="business",
            title="Business loan with equal principal",
            amount_min=5_000_00,
            amount_max=500_000_00,
            instalments_max=120,
            annual_rate=Decimal("6.75"),
            method="equal_principal",
            day_count="ACT/360",
            grace_principal=0,
            tranches_max=4,
            disbursal_fee=Decimal(1),
            fee_income="over_life",
            excess="lower_instalment",
            early_fee=Decimal(2),
            early_fee_last_year=Decimal(1),
            late_rate=Decimal(10),
            axis="component_first",
            four_eyes_above=100_000_00,
            secured=True,
        ),
        Product(
            name="bridge",
            title="Bridging loan: interest each month, the principal at the end",
            amount_min=5_000_00,
            amount_max=250_000_00,
            instalments_max=36,
            annual_rate=Decimal("7.5"),
            method="interest_only",
            day_count="ACT/365F",
            excess="lower_instalment",
            order="interest-principal-penalty-fee",
            late_rate=Decimal(11),
            four_eyes_above=50_000_00,
            secured=True,
        ),
        Product(
            name="store",
            title="Store credit with a fee for each instalment",
            amount_min=50_00,
            amount_max=5_000_00,
            instalments_max=36,
            annual_rate=Decimal("11.9"),
            instalment_fee=InstalmentFee(flat=1_50, of_instalment=Decimal("0.5")),
            day_rule="following",
            late_fee=5_00,
            late_grace_days=3,
            four_eyes_above=5_000_00,
        ),
        Product(
            name="seasonal",
            title="Seasonal loan: equal principal each quarter, paid on business days",
            amount_min=5_000_00,
            amount_max=200_000_00,
            instalments_max=20,
            annual_rate=Decimal("6.25"),
            method="equal_principal",
            every=3,
            day_count="ACT/365F",
            instalment_fee=InstalmentFee(of_principal=Decimal("0.1")),
            day_rule="modified_following",
            moves_accrual=True,
            tranches_max=3,
            excess="lower_instalment",
            late_rate=Decimal(9),
            four_eyes_above=80_000_00,
        ),
        Product(
            name="variable",
            title="Home loan at EURIBOR and a margin, taken anew every three months",
            amount_min=10_000_00,
            amount_max=1_000_000_00,
            instalments_min=12,
            instalments_max=360,
            annual_rate=Decimal(0),
            index="EURIBOR3M",
            follows=FollowedIndex(
                margin=Decimal("1.25"), reset_months=3, cap=Decimal(7), floor=Decimal(0)
            ),
            day_count="30E/360",
            day_rule="modified_following",
            rounding="half_up",
            excess="lower_instalment",
            late_rate=Decimal("5.05"),
            four_eyes_above=150_000_00,
            secured=True,
        ),
    )
}


def product_named(name: str) -> Product:
    """The product; a name that is none is refused."""
    try:
        return PRODUCTS[name]
    except KeyError:
        raise ProductNotFound(product=name, offered=", ".join(PRODUCTS)) from None
