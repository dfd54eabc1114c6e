"""Reconciliation: both sides payment by payment, by example and by law."""

import datetime as dt
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.bills.bill_facts import PaymentState
from domain.reconciliation import OwnPayment, SettlementLine, compare

DAY = dt.date(2026, 3, 31)
NOON = dt.datetime(2026, 3, 31, 12, tzinfo=dt.UTC)


def line(number: int, amount: int = 100, currency: str = "EUR", days: int = 0) -> SettlementLine:
    at = NOON + dt.timedelta(days=days)
    return SettlementLine(f"payment-{number}", f"GW-{number}", amount, currency, "captured", at)


def own(number: int, state: PaymentState = "captured", amount: int = 100) -> OwnPayment:
    return OwnPayment(number, number, 1, amount, "EUR", state)


def found(
    lines: list[SettlementLine], payments: list[OwnPayment]
) -> tuple[list[int], list[tuple[Any, ...]]]:
    """The numbers that matched, and kind, key, ours and theirs of the differences."""
    by_key = {payment.key: payment for payment in payments}
    unsettled = [payment for payment in payments if payment.state == "captured"]
    made = compare("city", DAY, lines, by_key, unsettled)
    differences = [(each.kind, each.key, each.ours, each.theirs) for each in made.differences]
    return [each.payment_id for each in made.matched], differences


def test_what_both_sides_say_alike_is_matched() -> None:
    assert found([line(1), line(2)], [own(1), own(2, "settled")]) == ([1, 2], [])


def test_a_payment_that_the_bank_does_not_know_is_missing_here() -> None:
    assert found([line(9)], []) == ([], [("missing_here", "payment-9", None, 100)])


def test_a_payment_that_the_bank_knows_as_declined_is_missing_here() -> None:
    matched, differences = found([line(1)], [own(1, "declined")])

    assert (matched, differences) == ([], [("missing_here", "payment-1", None, 100)])


def test_a_captured_payment_without_a_line_is_missing_there() -> None:
    assert found([], [own(1), own(2, "settled")]) == (
        [],
        [("missing_there", "payment-1", 100, None)],
    )


def test_another_amount_or_currency_or_day_is_different() -> None:
    lines = [line(1, amount=101), line(2, currency="CZK"), line(3, days=1)]

    assert found(lines, [own(1), own(2), own(3)]) == (
        [],
        [
            ("different", "payment-1", 100, 101),
            ("different", "payment-2", 100, 100),
            ("different", "payment-3", 100, 100),
        ],
    )


def test_every_line_after_the_first_is_a_duplicate_with_a_name_of_its_own() -> None:
    payments = {"payment-1": own(1)}

    made = compare("city", DAY, [line(1)] * 3, payments, [own(1)])

    assert [each.payment_id for each in made.matched] == [1]
    assert [each.name for each in made.differences] == [
        "city/duplicate/payment-1/2",
        "city/duplicate/payment-1/3",
    ]
    assert [each.receivable for each in made.differences] == [100, 100]


LINES = st.builds(
    line,
    st.integers(1, 6),
    st.sampled_from([100, 101]),
    st.sampled_from(["EUR", "CZK"]),
    st.sampled_from([0, 0, 1]),
)
STATES: st.SearchStrategy[PaymentState] = st.sampled_from(
    ["held", "unknown", "captured", "settled", "declined", "refunded"]
)


@given(lines=st.lists(LINES, max_size=12), states=st.dictionaries(st.integers(1, 6), STATES))
def test_every_line_and_every_unsettled_payment_is_in_exactly_one_place(
    lines: list[SettlementLine], states: dict[int, PaymentState]
) -> None:
    payments = {f"payment-{number}": own(number, state) for number, state in states.items()}
    unsettled = [payment for payment in payments.values() if payment.state == "captured"]

    made = compare("city", DAY, lines, payments, unsettled)

    kinds = Counter(each.kind for each in made.differences)
    from_lines = len(made.differences) - kinds["missing_there"]
    assert len(made.matched) + from_lines == len(lines)
    assert len({payment.key for payment in made.matched}) == len(made.matched)
    assert len({each.name for each in made.differences}) == len(made.differences)
    told = {each.key for each in lines}
    missing = [each.key for each in made.differences if each.kind == "missing_there"]
    assert missing == [payment.key for payment in unsettled if payment.key not in told]
    for payment in made.matched:
        first = next(each for each in lines if each.key == payment.key)
        assert first.currency == payment.currency
        assert payment.state != "captured" or first.amount == payment.amount
    # What they took in all is what is matched, what they owe back, and what is called different.
    theirs = sum(each.amount for each in lines)
    matched = sum(next(x.amount for x in lines if x.key == each.key) for each in made.matched)
    receivable = sum(each.receivable for each in made.differences)
    different = sum(each.theirs or 0 for each in made.differences if each.kind == "different")
    assert theirs == matched + receivable + different
