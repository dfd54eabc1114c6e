"""How the forms of a statement write an amount."""

from domain.money import decimal_of
from readmodels.statements.canonical import EntrySide


def plain(minor_units: int, currency: str) -> str:
    """With a point and the currency's decimals, and a sign where below zero: `-1234.50`."""
    return f"{decimal_of(minor_units, currency):f}"


def with_comma(minor_units: int, currency: str) -> str:
    """As SWIFT writes it: without a sign, and with a comma even where no decimals follow."""
    whole, _, decimals = plain(abs(minor_units), currency).partition(".")
    return f"{whole},{decimals}"


def for_people(minor_units: int, currency: str) -> str:
    """In groups of three, with the sign that is as wide as a figure: minus 1,234.50."""
    text = f"{abs(decimal_of(minor_units, currency)):,f}"
    return f"\N{MINUS SIGN}{text}" if minor_units < 0 else text


def side_of(balance: int) -> EntrySide:
    """A balance of zero is a credit, as every form has it."""
    return "debit" if balance < 0 else "credit"
