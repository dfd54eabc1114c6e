"""Loans that others have published with their figures.

The European Commission's examples of the calculation of the annual percentage rate of charge of mortgages
(for Directive 2014/17/EU): 200,000 for twenty years, with 4,000 paid at first. And the figures that Apache
Fineract publishes for progressive loans, in its tests of the calculator and of changes of rate.
"""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from domain.amortisation.cost import cost_of
from domain.amortisation.rates_of_return import Flow
from domain.amortisation.schedule import schedule
from domain.amortisation.terms import Advance, RateChange, ScheduleTerms

START = dt.date(2021, 1, 15)


@pytest.mark.parametrize(
    ("terms", "first", "count", "rate"),
    [
        ({"method": "annuity"}, "1432.86", 240, "6.4"),
        # The first instalment three days late.
        ({"method": "annuity", "first_due": dt.date(2021, 2, 18)}, "1433.57", 240, "6.4"),
        # Two weeks after the loan.
        ({"method": "annuity", "first_due": dt.date(2021, 1, 29)}, "1429.01", 240, "6.4"),
        # Twenty days and a month after it; 1,437.549, printed as 1,437.54.
        ({"method": "annuity", "first_due": dt.date(2021, 3, 4)}, "1437.55", 240, "6.4"),
        (
            {"method": "balloon", "instalments": 180, "amortisation_instalments": 360},
            "1199.10",
            180,
            "6.4",
        ),
        ({"method": "interest_only", "rate": Decimal(7)}, "1166.67", 240, "7.4"),
        ({"method": "graduated", "growth": Decimal(3)}, "1130.33", 240, "6.4"),
        ({"method": "graduated", "growth": Decimal(-3)}, "1778.58", 240, "6.5"),
        (
            {"method": "fixed_payment", "payment": 1_500_00, "instalments": None},
            "1500.00",
            221,
            "6.5",
        ),
        (
            {"method": "fixed_principal", "payment": 900_00, "instalments": None},
            "1900.00",
            223,
            "6.5",
        ),
        ({"method": "equal_principal"}, "1833.33", 240, "6.5"),
        (
            {
                "method": "percent_of_balance",
                "percent": Decimal(2),
                "payment": 300_00,
                "instalments": None,
            },
            "4020.00",
            None,
            "6.7",
        ),
        # Two years at 5 per cent, and then 6.
        (
            {
                "method": "step",
                "rate": Decimal(5),
                "rate_changes": (RateChange(dt.date(2023, 1, 15), Decimal(6)),),
            },
            "1319.91",
            240,
            "6.2",
        ),
    ],
)
def test_the_examples_of_the_european_commission(
    terms: dict[str, Any], first: str, count: int | None, rate: str
) -> None:
    asked: dict[str, Any] = {
        "principal": 200_000_00,
        "rate": Decimal(6),
        "start": START,
        "instalments": 240,
    }
    loan = ScheduleTerms(**(asked | terms))

    rows = schedule(loan)

    assert rows[0].payment == int(Decimal(first) * 100)
    assert count in (None, len(rows))
    cost = cost_of(loan, rows, [Flow(START, Decimal(-4_000_00))])
    assert round(cost.apr_eu, 1) == Decimal(rate)


@pytest.mark.parametrize(
    ("terms", "rows"),
    [
        (
            {"rate": Decimal("9.4822")},
            "0.79/16.34 0.66/16.47 0.53/16.60 0.40/16.73 0.27/16.86 0.13/17.00",
        ),
        # As much again on the second due date.
        (
            {"rate": Decimal("9.4822"), "advances": (Advance(dt.date(2024, 3, 1), 100_00),)},
            "0.79/16.34 0.66/16.47 1.32/41.31 0.99/41.64 0.67/41.96 0.33/42.28",
        ),
        # Twice as much a week after the loan.
        (
            {"rate": Decimal("9.4822"), "advances": (Advance(dt.date(2024, 1, 8), 200_00),)},
            "2.01/49.32 1.98/49.35 1.59/49.74 1.20/50.13 0.80/50.53 0.40/50.93",
        ),
        # 192.22 paid out in the middle of the first period.
        (
            {
                "principal": 192_22,
                "rate": Decimal("9.99"),
                "start": dt.date(2024, 1, 15),
                "first_due": dt.date(2024, 2, 1),
            },
            "0.88/31.97 1.33/31.52 1.07/31.78 0.81/32.04 0.54/32.31 0.27/32.60",
        ),
        # Another rate from the middle of the second period on.
        (
            {"rate_changes": (RateChange(dt.date(2024, 2, 15), Decimal(4)),)},
            "0.58/16.43 0.38/16.52 0.22/16.68 0.17/16.73 0.11/16.79 0.06/16.85",
        ),
        (
            {"rate": Decimal("15.678"), "day_count": "ACT/365F"},
            "1.33/16.10 1.05/16.38 0.90/16.53 0.66/16.77 0.46/16.97 0.22/17.25",
        ),
    ],
)
def test_the_progressive_loans_of_fineract(terms: dict[str, Any], rows: str) -> None:
    asked: dict[str, Any] = {
        "principal": 100_00,
        "method": "progressive",
        "rate": Decimal(7),
        "start": dt.date(2024, 1, 1),
        "instalments": 6,
        "day_count": "30/360",
    }

    found = schedule(ScheduleTerms(**(asked | terms)))

    assert " ".join(f"{_major(row.interest)}/{_major(row.principal)}" for row in found) == rows


def _major(minor_units: int) -> Decimal:
    return Decimal(minor_units).scaleb(-2)
