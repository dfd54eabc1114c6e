"""Level instalments: the payment that, repeated, repays a balance by the last instalment."""

from collections.abc import Sequence
from decimal import Decimal

from domain.amortisation.arithmetic import ONE, divide
from domain.amortisation.due_dates import UNITS_A_YEAR
from domain.amortisation.terms import ScheduleTerms


def level_instalment(
    owed: Decimal, factors: Sequence[Decimal], weights: Sequence[Decimal]
) -> Decimal:
    """The instalment A, unrounded, where the payments are A x weight and repay `owed` exactly.

    `owed` is what is owed just before the first payment; `factors` are the interest on one of the
    periods after it, one less than `weights`. With equal factors i and weights of one this is the
    annuity A = P i / (1 - (1+i)^-n), and it holds for i = 0 too.
    """
    growth, sum_of_weights = ONE, weights[0]
    for factor, weight in zip(factors, weights[1:], strict=True):
        growth *= 1 + factor
        sum_of_weights = sum_of_weights * (1 + factor) + weight
    return divide(owed * growth, sum_of_weights)


def weights_of(terms: ScheduleTerms, numbers: range) -> list[Decimal]:
    """How large each instalment is beside the first: graduated ones grow with each year of the loan."""
    if terms.method != "graduated":
        return [ONE] * len(numbers)
    yearly, per_year = 1 + divide(terms.growth, 100), instalments_a_year(terms)
    return [yearly ** ((number - 1) // per_year) for number in numbers]


def instalments_a_year(terms: ScheduleTerms) -> int:
    """How many whole periods a year has, and at least one."""
    return max(UNITS_A_YEAR[terms.unit] // terms.every, 1)


def is_uneven(difference: Decimal, count: int) -> bool:
    """Whether the last instalment differs by more than half a minor unit for each of so many."""
    return abs(difference) > count // 2 > 0
