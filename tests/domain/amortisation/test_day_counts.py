"""Day counts: the published examples, an independent library on thousands of dates, and the laws."""

import datetime as dt
import random
from decimal import Decimal
from typing import Final, get_args

import pytest
import QuantLib
from hypothesis import given
from hypothesis import strategies as st

from domain.amortisation.day_counts import (
    ADDITIVE,
    DayCount,
    Stretch,
    days_between,
    year_fraction,
)
from domain.refusals import TermsContradict

PLACES: Final = Decimal("1e-9")
CASES: Final = 4_000


def stretch(start: str, end: str, reference: str = "", termination: str = "") -> Stretch:
    first, _, last = reference.partition(" ")
    day = dt.date.fromisoformat
    return Stretch(
        start=day(start),
        end=day(end),
        reference=(day(first), day(last)) if reference else None,
        termination=day(termination) if termination else None,
    )


@pytest.mark.parametrize(
    ("convention", "start", "end", "days"),
    [
        ("30/360", "2007-02-28", "2007-08-31", 183),
        ("30E/360", "2007-02-28", "2007-08-31", 182),
        ("30E/360-ISDA", "2007-02-28", "2007-08-31", 180),
        ("30/360", "2007-01-30", "2007-03-31", 60),
        ("30/360", "2007-01-29", "2007-03-31", 62),
        ("30E/360", "2007-01-29", "2007-03-31", 61),
        ("30E/360-ISDA", "2008-02-29", "2009-02-28", 360),
        ("NL/365", "2008-02-28", "2008-02-29", 0),
        ("NL/365", "2008-02-29", "2008-03-01", 1),
        ("NL/365", "2008-01-01", "2009-01-01", 365),
        ("ACT/360", "2008-01-01", "2009-01-01", 366),
    ],
)
def test_days_are_counted_as_the_convention_says(
    convention: DayCount, start: str, end: str, days: int
) -> None:
    assert days_between(convention, stretch(start, end)) == days


def test_only_the_end_of_february_that_terminates_stays_where_it_is() -> None:
    running = stretch("2008-08-31", "2009-02-28")
    terminating = stretch("2008-08-31", "2009-02-28", termination="2009-02-28")
    in_august = stretch("2008-02-29", "2008-08-31", termination="2008-08-31")

    assert days_between("30E/360-ISDA", running) == 180
    assert days_between("30E/360-ISDA", terminating) == 178
    assert days_between("30E/360-ISDA", in_august) == 180


# ISDA, EMU and Market Conventions: Recent Developments (1998), section 4: three readings of ACT/ACT.
MEMO: Final = [
    ("2003-11-01", "2004-05-01", "2003-11-01 2004-05-01", ".497724380567", ".5", ".497267759563"),
    ("1999-02-01", "1999-07-01", "1998-07-01 1999-07-01", *[".410958904110"] * 3),
    ("1999-07-01", "2000-07-01", "1999-07-01 2000-07-01", "1.001377348604", "1", "1"),
    (
        "2002-08-15",
        "2003-07-15",
        "2003-01-15 2003-07-15",
        ".915068493151",
        ".915760869565",
        ".915068493151",
    ),
    ("2003-07-15", "2004-01-15", "2003-07-15 2004-01-15", ".504004790778", ".5", ".504109589041"),
    ("1999-07-30", "2000-01-30", "1999-07-30 2000-01-30", ".503892506924", ".5", ".504109589041"),
    (
        "2000-01-30",
        "2000-06-30",
        "2000-01-30 2000-07-30",
        ".415300546448",
        ".417582417582",
        ".415300546448",
    ),
    (
        "1999-11-30",
        "2000-04-30",
        "1999-11-30 2000-02-29",
        ".415540085336",
        ".415760869565",
        ".415300546448",
    ),
]


@pytest.mark.parametrize(("start", "end", "reference", "isda", "icma", "afb"), MEMO)
def test_the_three_actual_actuals_of_the_isda_memo(
    start: str, end: str, reference: str, isda: str, icma: str, afb: str
) -> None:
    asked = stretch(start, end, reference)

    assert abs(year_fraction("ACT/ACT-ISDA", asked) - Decimal(isda)) < PLACES
    assert abs(year_fraction("ACT/ACT-ICMA", asked) - Decimal(icma)) < PLACES
    assert abs(year_fraction("ACT/ACT-AFB", asked) - Decimal(afb)) < PLACES


def test_the_split_cuts_on_new_years_eve_a_day_before_isda() -> None:
    asked = stretch("2023-12-12", "2024-01-12")
    split = Decimal(19) / 365 + Decimal(12) / 366
    isda = Decimal(20) / 365 + Decimal(11) / 366

    assert abs(year_fraction("ACT/ACT-split", asked) - split) < PLACES
    assert abs(year_fraction("ACT/ACT-ISDA", asked) - isda) < PLACES


@pytest.mark.parametrize(
    ("start", "end", "years"),
    [
        # A year counted back from 28 February ends on 29 February where there is one.
        ("2012-02-29", "2016-02-28", Decimal(4)),
        ("2011-12-28", "2012-02-28", Decimal(62) / 365),
        ("2011-12-28", "2012-02-29", Decimal(63) / 365),
        ("2011-12-28", "2012-03-01", Decimal(64) / 366),
        ("1994-02-10", "1997-06-30", 3 + Decimal(140) / 365),
        ("1994-02-10", "1994-06-30", Decimal(140) / 365),
    ],
)
def test_afb_counts_whole_years_back(start: str, end: str, years: Decimal) -> None:
    assert abs(year_fraction("ACT/ACT-AFB", stretch(start, end)) - years) < PLACES


def test_same_as_period_counts_months_and_then_days() -> None:
    assert year_fraction("same-as-period", stretch("2024-01-31", "2024-02-29")) * 12 == 1
    odd = year_fraction("same-as-period", stretch("2024-01-10", "2024-02-25"))
    assert abs(odd - Decimal(1) / 12 - Decimal(15) / 365) < PLACES


def test_what_cannot_be_counted_is_refused_by_name() -> None:
    with pytest.raises(TermsContradict, match="end"):
        year_fraction("ACT/360", stretch("2024-02-01", "2024-01-01"))
    with pytest.raises(TermsContradict, match="ref_start"):
        year_fraction("ACT/ACT-ICMA", stretch("2024-01-01", "2024-02-01"))
    with pytest.raises(TermsContradict, match="ref_end"):
        year_fraction("ACT/ACT-ICMA", stretch("2024-01-01", "2024-02-01", "2024-02-01 2024-01-01"))


# Another's implementation.
ORACLES: Final[dict[DayCount, QuantLib.DayCounter]] = {
    "ACT/360": QuantLib.Actual360(),
    "ACT/364": QuantLib.Actual364(),
    "ACT/365F": QuantLib.Actual365Fixed(),
    "NL/365": QuantLib.Actual365Fixed(QuantLib.Actual365Fixed.NoLeap),
    "ACT/ACT-ISDA": QuantLib.ActualActual(QuantLib.ActualActual.ISDA),
    "ACT/ACT-AFB": QuantLib.ActualActual(QuantLib.ActualActual.AFB),
    "30/360": QuantLib.Thirty360(QuantLib.Thirty360.BondBasis),
    "30E/360": QuantLib.Thirty360(QuantLib.Thirty360.EurobondBasis),
}


def ql_date(day: dt.date) -> QuantLib.Date:
    return QuantLib.Date(day.day, day.month, day.year)


def some_date(chance: random.Random, *, early: int = 1990, late: int = 2050) -> dt.date:
    """Any date, and often one around the end of February."""
    if chance.random() < 0.4:
        return dt.date(chance.randrange(early, late), 2, 27) + dt.timedelta(chance.randrange(4))
    return dt.date(early, 1, 1) + dt.timedelta(days=chance.randrange((late - early) * 365))


@pytest.mark.parametrize("convention", ORACLES)
def test_thousands_of_stretches_are_counted_as_another_library_does(convention: DayCount) -> None:
    chance = random.Random(convention)
    for _ in range(CASES):
        start, end = sorted((some_date(chance), some_date(chance)))
        asked = Stretch(start=start, end=end)

        expected = ORACLES[convention].yearFraction(ql_date(start), ql_date(end))

        assert abs(year_fraction(convention, asked) - Decimal(expected)) < PLACES, asked


def test_thousands_of_terminating_stretches_are_counted_as_another_library_does() -> None:
    chance = random.Random(30)
    for _ in range(CASES):
        start, end = sorted((some_date(chance), some_date(chance)))
        termination = end + dt.timedelta(days=chance.choice((0, 0, 1, 400)))
        asked = Stretch(start=start, end=end, termination=termination)

        counter = QuantLib.Thirty360(QuantLib.Thirty360.ISDA, ql_date(termination))
        expected = counter.dayCount(ql_date(start), ql_date(end))

        assert days_between("30E/360-ISDA", asked) == expected, asked


def test_thousands_of_coupon_stretches_are_counted_as_another_library_does() -> None:
    chance = random.Random(251)
    counter = QuantLib.ActualActual(QuantLib.ActualActual.ISMA)
    for _ in range(CASES):
        # Without month ends: that library forgets the anchor of a clipped one.
        first = dt.date(chance.randrange(1990, 2040), chance.randrange(1, 13), 15)
        last = (
            ql_date(first) + QuantLib.Period(chance.choice((1, 3, 6, 12)), QuantLib.Months)
        ).to_date()
        start = first - dt.timedelta(days=chance.choice((0, 0, chance.randrange(300))))
        longest = (last - first).days + (0 if start < first else 700)
        end = first + dt.timedelta(days=chance.randrange(1, longest + 1))
        asked = Stretch(start=start, end=end, reference=(first, last))

        expected = counter.yearFraction(*map(ql_date, (start, end, first, last)))

        assert abs(year_fraction("ACT/ACT-ICMA", asked) - Decimal(expected)) < PLACES, asked


dates = st.dates(dt.date(1900, 1, 1), dt.date(2200, 12, 31))


@given(st.tuples(dates, dates, dates), st.sampled_from(sorted(ADDITIVE)))
def test_the_years_of_two_stretches_are_those_of_both_together(
    days: tuple[dt.date, dt.date, dt.date], convention: DayCount
) -> None:
    first, middle, last = sorted(days)

    def years(start: dt.date, end: dt.date) -> Decimal:
        return year_fraction(convention, Stretch(start=start, end=end))

    assert abs(years(first, middle) + years(middle, last) - years(first, last)) < PLACES


@given(dates, dates, st.sampled_from(get_args(DayCount)))
def test_no_convention_is_more_than_a_week_a_year_from_the_calendar(
    one: dt.date, other: dt.date, convention: DayCount
) -> None:
    start, end = sorted((one, other))
    whole = (start, dt.date(start.year + 1, start.month, min(start.day, 28)))

    years = year_fraction(convention, Stretch(start=start, end=end, reference=whole))

    assert years >= 0 or convention.startswith("30")
    assert abs(float(years) - (end - start).days / 365.25) < 0.02 + (end - start).days / 365.25 / 50
