"""What a loan costs: its rates of return, with its fees and without."""

from collections.abc import Sequence
from decimal import Decimal, localcontext
from typing import Final, NamedTuple

from domain.amortisation.apr_eu import apr_eu
from domain.amortisation.apr_us import apr_us
from domain.amortisation.arithmetic import EXACT, ONE, divide
from domain.amortisation.day_counts import DayCount
from domain.amortisation.periods import period_years
from domain.amortisation.rates_of_return import Flow
from domain.amortisation.terms import Instalment, ScheduleTerms
from domain.refusals import NoRateOfReturn

# How many of its years a convention makes of a calendar year of 365 days.
_YEARS_A_YEAR: Final[dict[DayCount, Decimal]] = {
    "ACT/360": divide(365, 360),
    "ACT/364": divide(365, 364),
}


class Cost(NamedTuple):
    """Per cent a year. The two APRs count the fees, the effective rate is of the interest alone."""

    apr_eu: Decimal
    apr_us: Decimal
    effective_rate: Decimal


def cost_of(
    terms: ScheduleTerms, instalments: Sequence[Instalment], fees: Sequence[Flow] = ()
) -> Cost:
    """`fees` are below zero, as everything that the borrower pays; those of instalments stand in them."""
    lent = [Flow(terms.start, Decimal(terms.principal))]
    lent += [Flow(advance.on, Decimal(advance.amount)) for advance in terms.advances]
    bare = [(row.due, row.payment - row.fee) for row in instalments]
    flows = [*lent, *(Flow(due, Decimal(-paid)) for due, paid in bare if paid)]
    of_instalments = [Flow(row.due, Decimal(-row.fee)) for row in instalments if row.fee]
    return Cost(
        apr_eu=apr_eu([*flows, *of_instalments, *fees]),
        apr_us=apr_us(flows, [*of_instalments, *fees]),
        effective_rate=_effective_rate(terms, flows),
    )


def _effective_rate(terms: ScheduleTerms, flows: Sequence[Flow]) -> Decimal:
    """The agreed rate, compounded as often as it is paid. Where interest does not follow the balance at
    one rate all the time, what the payments come to."""
    if (
        terms.method == "flat"
        or terms.rate_changes
        or terms.interest_free
        or terms.grace_interest_payment
    ):
        return apr_eu(flows)
    with localcontext(EXACT):
        rate, years = divide(terms.rate, 100), _YEARS_A_YEAR.get(terms.day_count, ONE)
        match terms.rate_type:
            case "effective":
                return ((1 + rate) ** years - 1) * 100
            case "nominal":
                of_period = rate * years * period_years(terms)
            case "periodic":
                of_period = rate
        if of_period <= -1:
            raise NoRateOfReturn(rate="effective rate")
        return ((1 + of_period) ** divide(1, period_years(terms)) - 1) * 100
