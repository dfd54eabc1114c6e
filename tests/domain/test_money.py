"""Amounts are read exactly or refused; nothing is rounded."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import DECIMALS, MINOR_UNITS_MAX, Money, decimal_of, decimals_of, minor_units_of
from domain.refusals import (
    AmountNotPositive,
    AmountTooLarge,
    Refused,
    TooManyDecimals,
    UnknownCurrency,
)


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [
        ("JPY", 0),
        ("ISK", 0),
        ("UYI", 0),
        ("EUR", 2),
        ("CZK", 2),
        ("HUF", 2),
        ("KWD", 3),
        ("CLF", 4),
    ],
)
def test_decimals_are_those_of_iso_4217(currency: str, decimals: int) -> None:
    assert decimals_of(currency) == decimals


def test_every_currency_has_a_code_of_three_letters_and_up_to_four_decimals() -> None:
    assert all(code.isascii() and code.isupper() and len(code) == 3 for code in DECIMALS)
    assert {*DECIMALS.values()} == {0, 2, 3, 4}


@pytest.mark.parametrize(
    ("amount", "currency", "minor_units"),
    [
        ("100", "JPY", 100),
        ("100.00", "EUR", 100_00),
        ("0.01", "EUR", 1),
        ("1.500", "EUR", 1_50),
        ("1.0000000000", "EUR", 1_00),
        ("0.001", "KWD", 1),
        ("0.0001", "CLF", 1),
        ("1E+2", "EUR", 100_00),
        ("9999999999999.99", "EUR", MINOR_UNITS_MAX),
        ("999999999999999", "JPY", MINOR_UNITS_MAX),
    ],
)
def test_an_amount_is_read_in_minor_units(amount: str, currency: str, minor_units: int) -> None:
    assert minor_units_of(Decimal(amount), currency) == minor_units


@pytest.mark.parametrize(
    ("amount", "currency", "refusal"),
    [
        ("0", "XYZ", UnknownCurrency),
        ("1", "eur", UnknownCurrency),
        ("0", "EUR", AmountNotPositive),
        ("-0.001", "EUR", AmountNotPositive),
        ("NaN", "EUR", AmountNotPositive),
        ("Infinity", "EUR", AmountNotPositive),
        ("0.5", "JPY", TooManyDecimals),
        ("0.001", "EUR", TooManyDecimals),
        ("0.0001", "KWD", TooManyDecimals),
        ("0.00001", "CLF", TooManyDecimals),
        ("1." + "0" * 40 + "1", "EUR", TooManyDecimals),
        ("1E-999999", "EUR", TooManyDecimals),
        ("10000000000000.00", "EUR", AmountTooLarge),
        ("1000000000000000", "JPY", AmountTooLarge),
        ("1E+999999", "EUR", AmountTooLarge),
    ],
)
def test_an_amount_that_cannot_be_posted_is_refused(
    amount: str, currency: str, refusal: type[Refused]
) -> None:
    with pytest.raises(refusal):
        minor_units_of(Decimal(amount), currency)


@given(st.integers(1, MINOR_UNITS_MAX), st.sampled_from(sorted(DECIMALS)))
def test_minor_units_are_written_and_read_back_exactly(minor_units: int, currency: str) -> None:
    written = decimal_of(minor_units, currency)

    assert minor_units_of(written, currency) == minor_units
    assert -int(written.as_tuple().exponent) == decimals_of(currency)


def test_money_is_shown_with_the_decimals_of_its_currency() -> None:
    assert str(Money(123450, "EUR")) == "1234.50 EUR"
    assert str(Money(-5, "EUR")) == "-0.05 EUR"
    assert str(Money(5, "JPY")) == "5 JPY"
