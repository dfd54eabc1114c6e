"""The effective annual rate of dated flows by ACT/365F: what spreadsheets call XIRR."""

from collections.abc import Sequence
from decimal import Decimal

from domain.amortisation.arithmetic import ZERO
from domain.amortisation.rates_of_return import Flow, Moment, effective_rate, merged


def xirr(flows: Sequence[Flow]) -> Decimal:
    """In per cent. Raises `NoRateOfReturn` when no rate makes the flows worth nothing."""
    first = min(flow.on for flow in flows)
    timed = merged((Moment((flow.on - first).days, ZERO), flow.amount) for flow in flows)
    return effective_rate(timed, 365, "XIRR")
