"""Rates that follow an index, as a quote foretells them."""

import datetime as dt
from decimal import Decimal

from domain.amortisation.index_rates import FollowedIndex, IndexValue, rates_by
from domain.amortisation.terms import RateChange

BEGAN = dt.date(2020, 1, 31)


def test_a_value_is_taken_on_the_next_reset_and_of_two_since_the_last_the_newest() -> None:
    follows = FollowedIndex(margin=Decimal(1), reset_months=3)
    values = [
        IndexValue(BEGAN, Decimal(2)),
        IndexValue(dt.date(2020, 2, 1), Decimal(9)),
        IndexValue(dt.date(2020, 4, 30), Decimal(3)),
        IndexValue(dt.date(2020, 5, 1), Decimal(3)),
        IndexValue(dt.date(2020, 8, 1), Decimal("2.5")),
    ]

    assert rates_by(follows, values, BEGAN) == (
        Decimal(3),
        (
            RateChange(dt.date(2020, 4, 30), Decimal(4)),
            RateChange(dt.date(2020, 10, 31), Decimal("3.5")),
        ),
    )


def test_a_value_of_many_resets_later_is_taken_all_the_same() -> None:
    follows = FollowedIndex(margin=Decimal(1), reset_months=1)
    values = [IndexValue(BEGAN, Decimal(2)), IndexValue(dt.date(2027, 3, 1), Decimal(9))]

    assert rates_by(follows, values, BEGAN) == (
        Decimal(3),
        (RateChange(dt.date(2027, 3, 31), Decimal(10)),),
    )
