"""Decimal arithmetic with far more digits than any amount has, and the one place that rounds."""

from decimal import (
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)
from typing import Final, Literal, TypeAlias

from domain.money import MINOR_UNITS_MAX
from domain.refusals import AmountTooLarge

Rounding: TypeAlias = Literal["half_even", "half_up"]

# Enter it with `localcontext(EXACT)` before calculating with operators: the context of a thread has
# only 28 digits. Its quotients and powers are wrong from the 50th digit on.
EXACT: Final = Context(
    prec=50, Emax=999_999, Emin=-999_999, traps=[DivisionByZero, InvalidOperation, Overflow]
)
ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)

_MODES: Final[dict[Rounding, str]] = {"half_even": ROUND_HALF_EVEN, "half_up": ROUND_HALF_UP}
# A third of a cent three times is a cent: what is closer to a tie than this is the tie.
_NOISE: Final = Decimal("1e-20")


def divide(numerator: Decimal | int, denominator: Decimal | int) -> Decimal:
    """The quotient to 50 digits."""
    return EXACT.divide(Decimal(numerator), Decimal(denominator))


def rounded(amount: Decimal, rounding: Rounding, multiple_of: int = 1) -> int:
    """The nearest multiple; a tie goes to the even multiple or away from zero, by the mode.

    Refused beyond `MINOR_UNITS_MAX`: no such amount can be told or posted.
    """
    if abs(amount) > MINOR_UNITS_MAX:
        raise AmountTooLarge(amount=f"{amount:.3e} minor units")
    multiples = amount if multiple_of == 1 else divide(amount, multiple_of)
    exact = EXACT.quantize(multiples, _NOISE)
    return int(exact.to_integral_value(_MODES[rounding])) * multiple_of


def to_decimals(value: Decimal, decimals: int) -> Decimal:
    """The value with so many decimals, a tie to the even digit: for rates and fractions on show."""
    return Context(prec=EXACT.prec * 100).quantize(value, ONE.scaleb(-decimals))
