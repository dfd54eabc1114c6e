"""The rules that an application is held against. Each leaves its value and its threshold behind.

The rules advise and people decide: a rule that is not met refuses the approval unless the officer gives
a reason, and nothing is declined without a person.
"""

from decimal import Decimal, localcontext
from typing import Final

from domain.amortisation.arithmetic import EXACT, divide, rounded
from domain.amortisation.due_dates import UNITS_A_YEAR
from domain.amortisation.level import level_instalment
from domain.loans.loan_terms import LoanTerms, RuleResult
from domain.money import decimal_of

RULE_SET: Final = "2026-11"
DEBT_SERVICE_MAX: Final = Decimal("0.45")
INSTALMENT_MAX: Final = Decimal("0.35")
STRESSED_MAX: Final = Decimal("0.55")
STRESS_POINTS: Final = Decimal(3)
FREE_INCOME_MIN: Final = 300_00
LOAN_TO_VALUE_MAX: Final = Decimal("0.90")
AGE_MIN: Final = 18
AGE_AT_END_MAX: Final = 75
_FOUR: Final = Decimal("0.0001")


def judged(terms: LoanTerms) -> tuple[RuleResult, ...]:
    """Every rule with what it saw. Ratios are of the monthly income before tax."""
    applicant, product = terms.applicant, terms.product
    instalment = monthly_instalment(terms, terms.annual_rate)
    stressed = monthly_instalment(terms, terms.annual_rate + STRESS_POINTS)
    free = applicant.income - applicant.living_costs - applicant.debt_service - instalment
    results = [
        _at_most(
            "debt service to income",
            applicant.debt_service + instalment,
            applicant.income,
            DEBT_SERVICE_MAX,
        ),
        _at_most("instalment to income", instalment, applicant.income, INSTALMENT_MAX),
        _at_most(
            f"debt service to income at {STRESS_POINTS} points more",
            applicant.debt_service + stressed,
            applicant.income,
            STRESSED_MAX,
        ),
        RuleResult(
            "free income a month",
            str(decimal_of(free, product.currency)),
            f"at least {decimal_of(FREE_INCOME_MIN, product.currency)}",
            free >= FREE_INCOME_MIN,
        ),
    ]
    if applicant.age is not None:
        results.append(_ages(terms, applicant.age))
    if product.secured:
        value = applicant.collateral or 0
        results.append(_at_most("loan to value", terms.principal, value, LOAN_TO_VALUE_MAX))
    return tuple(results)


def monthly_instalment(terms: LoanTerms, annual_rate: Decimal) -> int:
    """About what the loan costs a month, in minor units: the level payment over equal periods."""
    product = terms.product
    each = divide(annual_rate * product.every, 100 * UNITS_A_YEAR[product.unit])
    count = terms.instalments
    with localcontext(EXACT):
        owed = terms.principal * (1 + each)
        level = level_instalment(owed, [each] * (count - 1), [Decimal(1)] * count)
        return rounded(divide(level * UNITS_A_YEAR[product.unit], 12 * product.every), "half_even")


def _at_most(rule: str, part: int, whole: int, limit: Decimal) -> RuleResult:
    """A share that must not pass a limit; of nothing, any share does."""
    if not whole:
        return RuleResult(rule, "none", f"at most {limit}", False)
    share = EXACT.divide(Decimal(part), Decimal(whole)).quantize(_FOUR)
    return RuleResult(rule, str(share), f"at most {limit}", share <= limit)


def _ages(terms: LoanTerms, age: int) -> RuleResult:
    at_end = age + -(-terms.instalments * terms.product.every // UNITS_A_YEAR[terms.product.unit])
    return RuleResult(
        "age now and at the end",
        f"{age} and {at_end}",
        f"{AGE_MIN} to {AGE_AT_END_MAX}",
        age >= AGE_MIN and at_end <= AGE_AT_END_MAX,
    )
