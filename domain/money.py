"""Money: whole minor units of one currency, and how they are read and written.

An amount is an `int` of minor units wherever its currency is known from beside it (an account has one
currency for life), and a `Money` where it is not. No float comes near either.
"""

from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Final

import msgspec

from domain.refusals import AmountNotPositive, AmountTooLarge, TooManyDecimals, UnknownCurrency

# The largest amount of one posting, and of one balance: below 2**53, so that a client that reads
# JSON numbers as doubles still reads every balance exactly.
MINOR_UNITS_MAX: Final = 999_999_999_999_999

# ISO 4217: the codes in use, by their number of decimals. Two unless listed otherwise.
_ZERO = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"
_TWO = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD "
    "CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL "
    "GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR "
    "LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD "
    "PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC "
    "SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYI UYU UZS VED VES WST XCD YER ZAR ZMW ZWG"
)
DECIMALS: Final[dict[str, int]] = (
    dict.fromkeys(_TWO.split(), 2)
    | dict.fromkeys(_ZERO.split(), 0)
    | dict.fromkeys(_THREE.split(), 3)
    | dict.fromkeys(_FOUR.split(), 4)
    | {"UYI": 0}
)
# Wide enough for every amount that can be posted, and loud where digits would be lost.
_EXACT: Final = Context(prec=40, traps=[Inexact, InvalidOperation])


class Money(msgspec.Struct, frozen=True):
    """Minor units of a currency; may be zero or negative (a balance), unlike a posting."""

    minor_units: int
    currency: str

    def __str__(self) -> str:
        """As a person reads it: `1234.50 EUR`."""
        return f"{decimal_of(self.minor_units, self.currency)} {self.currency}"


def decimals_of(currency: str) -> int:
    """How many decimals the currency has, by ISO 4217. An unknown code is refused."""
    try:
        return DECIMALS[currency]
    except KeyError:
        raise UnknownCurrency(currency=currency) from None


def decimal_of(minor_units: int, currency: str) -> Decimal:
    """The same amount in major units, with exactly the currency's decimals: 10000 EUR is 100.00."""
    return Decimal(minor_units).scaleb(-decimals_of(currency))


def minor_units_of(amount: Decimal, currency: str) -> int:
    """Major units to minor units, exactly, for an amount that is to be posted.

    Refused: zero or less, more decimals than the currency has (nothing is ever rounded here), and
    more than `MINOR_UNITS_MAX`.
    """
    decimals = decimals_of(currency)
    if not amount.is_finite() or amount <= 0:
        raise AmountNotPositive(amount=str(amount))
    if amount > MINOR_UNITS_MAX:
        raise AmountTooLarge(amount=str(amount))
    try:
        scaled = amount.scaleb(decimals, _EXACT)
    except Inexact:
        raise TooManyDecimals(amount=str(amount), currency=currency, decimals=decimals) from None
    minor_units = int(scaled)
    if minor_units != scaled:
        raise TooManyDecimals(amount=str(amount), currency=currency, decimals=decimals)
    if minor_units > MINOR_UNITS_MAX:
        raise AmountTooLarge(amount=str(amount))
    return minor_units
