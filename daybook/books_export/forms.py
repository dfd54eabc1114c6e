"""What a form of the books is: functions from what was booked to text.

A form is told of commodities and accounts before they are used, of entries in booking order, and at
the end of each booked day of the balance of every account that was posted to on that day.
"""

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from daybook.books_export.booked import Booked, one_line
from domain.money import decimals_of
from ledger.journal import JournalEvent

# An account by name, a currency, and the balance of both, debits above zero, in minor units.
Balance = tuple[str, str, int]


class Form(NamedTuple):
    """`entry` is given the kind of the transaction and the names of the postings' accounts."""

    head: Callable[[int], str]
    commodity: Callable[[str, dt.date], str]
    account: Callable[[str, dt.date], str]
    entry: Callable[[Booked, str, list[str]], str]
    balances: Callable[[dt.date, Iterable[Balance]], str]


def amount_of(minor_units: int, currency: str) -> str:
    """In major units with exactly the currency's decimals: `-1234.50 EUR`, `1000 JPY`."""
    return f"{figure_of(minor_units, currency)} {currency}"


def figure_of(minor_units: int, currency: str) -> str:
    decimals = decimals_of(currency)
    if not decimals:
        return str(minor_units)
    sign = "-" if minor_units < 0 else ""
    digits = str(abs(minor_units)).rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


def details_of(event: JournalEvent[Any]) -> list[tuple[str, str]]:
    """What else was said with the transaction, by names that all of the programs take."""
    said = [
        ("actor", event.actor),
        ("category", event.category),
        ("tags", ", ".join(event.tags)),
        ("reason", event.reason),
        ("counterparty", getattr(event.fact, "counterparty", None)),
    ]
    return [(name, one_line(text)) for name, text in said if text]
