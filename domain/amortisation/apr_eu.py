"""The annual percentage rate of charge of Directive 2008/48/EC, annex I (as amended by 2011/90/EU).

Effective, and by equal months: times are whole months, twelfths of a year, counted back from each payment;
the days left before them are over the 365 or 366 days of the year that ends where those days end.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

from domain.amortisation.arithmetic import divide
from domain.amortisation.due_dates import add_months, whole_months_back
from domain.amortisation.rates_of_return import Flow, Moment, effective_rate, merged


def apr_eu(flows: Sequence[Flow]) -> Decimal:
    """In per cent. Time begins with the first flow, which is the first drawdown."""
    first = min(flow.on for flow in flows)
    return apr_of_moments([(moment_after(first, flow.on), flow.amount) for flow in flows])


def apr_of_moments(timed: Sequence[tuple[Moment, Decimal]]) -> Decimal:
    """The same for flows at whole months and a rest in years after the first drawdown."""
    return effective_rate(merged(timed), 12, "annual percentage rate of charge")


def moment_after(first: dt.date, day: dt.date) -> Moment:
    months, days = whole_months_back(first, day)
    end_of_days = first + dt.timedelta(days=days)
    year = (end_of_days - add_months(end_of_days, -12)).days
    return Moment(months, divide(days, year))
