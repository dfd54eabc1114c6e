"""The schedule of a loan: the same as a quote of it, and made anew without losing a cent or a day."""

import datetime as dt
from decimal import Decimal
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.amortisation.schedule import schedule
from domain.amortisation.terms import ScheduleTerms
from domain.loans.accrual import earned_between, earned_part
from domain.loans.loan_terms import Applicant, LoanTerms, Row
from domain.loans.products import PRODUCTS, Product
from domain.loans.schedules import first_schedule, paid_off, reamortised

INSTALMENT = PRODUCTS["instalment"]
BEGAN = dt.date(2026, 1, 31)


def terms_of(product: Product, principal: int, count: int) -> LoanTerms:
    return LoanTerms(
        borrower=7,
        product=product,
        principal=principal,
        instalments=count,
        annual_rate=product.annual_rate,
        applied_on=BEGAN,
        applicant=Applicant(income=1),
    )


def lent(product: Product = INSTALMENT, principal: int = 12_000_00, count: int = 4) -> LoanTerms:
    terms = terms_of(product, principal, count)
    return msgspec.structs.replace(terms, rows=first_schedule(terms, principal, BEGAN, None))


def test_twelve_thousand_at_two_per_cent_a_month_in_four_instalments() -> None:
    rows = lent().rows

    assert [(row.principal, row.interest) for row in rows] == [
        (2911_49, 240_00),
        (2969_72, 181_77),
        (3029_11, 122_38),
        (3089_68, 61_79),
    ]
    assert [row.due.isoformat() for row in rows] == [
        "2026-02-28",
        "2026-03-31",
        "2026-04-30",
        "2026-05-31",
    ]


@given(
    st.sampled_from(list(PRODUCTS.values())),
    st.integers(100_00, 500_000_00),
    st.integers(2, 120),
    st.dates(dt.date(2020, 1, 1), dt.date(2030, 12, 31)),
)
def test_a_loan_is_repaid_as_it_was_quoted(
    product: Product, principal: int, count: int, on: dt.date
) -> None:
    terms = terms_of(product, principal, count)

    rows = first_schedule(terms, principal, on, None)

    quoted = schedule(
        ScheduleTerms(
            principal=principal,
            method=product.method,
            rate=product.annual_rate,
            start=on,
            instalments=count,
            every=product.every,
            day_count=product.day_count,
            rounding=product.rounding,
            day_rule=product.day_rule,
            moves_accrual=product.moves_accrual,
        )
    )
    assert [(row.due, row.principal, row.interest) for row in rows] == [
        (each.due, each.principal, each.interest) for each in quoted
    ]


@given(
    st.sampled_from([INSTALMENT, PRODUCTS["personal"], PRODUCTS["business"], PRODUCTS["bridge"]]),
    st.integers(2, 36),
    st.integers(0, 600),
    st.integers(0, 100),
    st.sampled_from(["term", "instalment"]),
)
def test_a_new_schedule_keeps_the_principal_what_was_earned_and_the_due_dates(
    product: Product, count: int, day: int, share: int, keep: str
) -> None:
    terms = lent(product, 12_345_67, count)
    on = min(BEGAN + dt.timedelta(days=day), terms.rows[-1].due)
    not_due = sum(row.principal for row in terms.rows if row.due > on)
    prepaid = not_due * share // 100

    rows = reamortised(terms, on, prepaid=prepaid, keep=keep)  # type: ignore[arg-type]

    assert sum(row.principal for row in rows) == 12_345_67
    assert sum(row.principal for row in rows if row.due <= on) == 12_345_67 - not_due + prepaid
    assert earned_between(rows, BEGAN, on) == earned_between(terms.rows, BEGAN, on)
    assert {row.due for row in rows} <= {row.due for row in terms.rows} | {on}
    assert all(row.principal >= 0 and row.interest >= 0 for row in rows)
    assert [row for row in rows if row.due <= on][: len(due := due_rows(terms, on))] == due
    assert list(rows) == sorted(rows, key=lambda row: (row.due, row.end))


def due_rows(terms: LoanTerms, on: dt.date) -> list[Row]:
    return [row for row in terms.rows if row.due <= on]


def test_keeping_the_instalment_ends_sooner_and_keeping_the_term_lowers_it() -> None:
    terms = lent(PRODUCTS["personal"], 12_000_00, 24)
    on = terms.rows[5].due
    instalment = terms.rows[0].principal + terms.rows[0].interest

    shorter = reamortised(terms, on, prepaid=4_000_00, keep="instalment")
    lower = reamortised(terms, on, prepaid=4_000_00, keep="term")

    assert shorter[7].principal + shorter[7].interest == instalment
    assert shorter[-1].due < terms.rows[-1].due
    assert lower[-1].due == terms.rows[-1].due
    assert lower[7].principal + lower[7].interest < instalment


def test_a_tranche_is_spread_where_nothing_was_left_of_the_first() -> None:
    first, second = dt.date(2026, 2, 28), dt.date(2026, 3, 31)
    rows = (
        Row(0, BEGAN, BEGAN, BEGAN, 12_000_00, 0),
        Row(1, BEGAN, first, first, 0, 0),
        Row(2, first, second, second, 0, 0),
    )

    drawn = reamortised(msgspec.structs.replace(lent(), rows=rows), BEGAN, drawn=1_000_00)

    assert [row.principal for row in drawn[1:]] == [495_05, 504_95]


def test_what_is_paid_off_within_a_period_owes_the_days_that_have_passed() -> None:
    terms = lent(count=4)
    on = dt.date(2026, 3, 10)

    rows = paid_off(terms, on)

    # 10 of the 31 days of March's 181.77.
    assert rows[-1].interest == 58_64
    assert rows[-1].due == on
    assert sum(row.principal for row in rows) == 12_000_00


@given(st.integers(0, 10**9), st.integers(1, 400), st.integers(0, 400))
def test_what_is_earned_night_by_night_comes_to_the_scheduled_interest(
    interest: int, days: int, seen: int
) -> None:
    row = Row(1, BEGAN, BEGAN + dt.timedelta(days), BEGAN + dt.timedelta(days), 1, interest)
    nights = [BEGAN + dt.timedelta(n) for n in range(days + 1)]

    posted = [earned_between([row], before, night) for before, night in pairwise(nights)]

    assert sum(posted) == interest
    assert all(amount >= 0 for amount in posted)
    some = BEGAN + dt.timedelta(min(seen, days))
    assert abs(earned_part(row, some) * days - interest * (some - BEGAN).days) * 2 <= days


def test_fourteen_of_twenty_nine_days_of_seven_per_cent_on_83_57() -> None:
    """A published case: 83.57 at 7 % 30/360, paid off after 14 of the 29 days of February 2024."""
    interest = int(Decimal("83.57") * 7 / 12)  # cents
    start, end = dt.date(2024, 2, 1), dt.date(2024, 3, 1)
    row = Row(2, start, end, end, 83_57, interest)

    assert earned_part(row, dt.date(2024, 2, 15)) + 83_57 in (83_80, 83_81)
