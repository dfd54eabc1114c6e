"""Whose lines a report is about: those of an account, of a customer's accounts, or of all customers."""

import datetime as dt
from decimal import Decimal
from typing import Any, Final

import msgspec

from domain.money import decimals_of
from readmodels.moments import Moment

COLUMNS: Final = """
    l.account_id, l.transaction_id, l.booking_date, l.currency, l.debit, l.credit
"""
KNOWN: Final = """
    l.booking_date BETWEEN %(booked_from)s AND %(as_of)s AND l.position <= %(known_at)s
"""
ALL: Final = f"""
    (SELECT {COLUMNS} FROM readmodels.journal_lines l WHERE l.account_id IS NOT NULL AND {KNOWN})
"""
# Told apart by whether they are late, because the indexes by booking date are.
OF_ACCOUNTS: Final = f"""
    (SELECT {COLUMNS} FROM readmodels.journal_lines l
      WHERE l.account_id = ANY({{accounts}}) AND NOT l.late AND {KNOWN}
      UNION ALL
     SELECT {COLUMNS} FROM readmodels.journal_lines l
      WHERE l.account_id = ANY({{accounts}}) AND l.late AND {KNOWN})
"""
ONE_ACCOUNT: Final = "ARRAY[%(account_id)s::bigint]"
ACCOUNTS_OF_USER: Final = """
    ARRAY(SELECT h.account_id FROM readmodels.account_holders h WHERE h.user_id = %(user_id)s)
"""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """An account, or all accounts a customer holds now, or, with neither, all customers' accounts."""

    account_id: int | None = None
    user_id: int | None = None

    def lines(self) -> str:
        """SQL that answers the lines; `parameters` has its values."""
        if self.account_id is not None:
            return OF_ACCOUNTS.format(accounts=ONE_ACCOUNT)
        if self.user_id is not None:
            return OF_ACCOUNTS.format(accounts=ACCOUNTS_OF_USER)
        return ALL

    def parameters(self, moment: Moment, booked_from: dt.date) -> dict[str, Any]:
        return {
            "account_id": self.account_id,
            "user_id": self.user_id,
            "booked_from": booked_from,
            "as_of": moment.as_of,
            "known_at": moment.known_at,
        }


def mean_of(total: int, count: int, currency: str) -> str:
    """`total` minor units over `count`, in major units.

    A mean has two decimals more than the currency, rounded half to even from the exact quotient.
    """
    decimals = decimals_of(currency)
    return _with_decimals(_rounded(total * 100, count), decimals + 2)


def per_cent_of(part: int, whole: int) -> str:
    """Per cent with two decimals, rounded half to even."""
    return _with_decimals(_rounded(part * 10_000, whole), 2)


def _with_decimals(number: int, decimals: int) -> str:
    return f"{Decimal((number < 0, Decimal(abs(number)).as_tuple().digits, -decimals)):f}"


def _rounded(dividend: int, divisor: int) -> int:
    """The quotient by a divisor above zero, half to even."""
    whole, rest = divmod(dividend, divisor)
    twice = 2 * rest
    return whole + (twice > divisor or (twice == divisor and whole % 2 == 1))
