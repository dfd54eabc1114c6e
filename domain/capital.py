"""The bank's capital: what its owners have paid in, all in one stream."""

from typing import Final, Literal, TypeAlias

import msgspec

from domain.facts import Fact, stored_as
from domain.money import MINOR_UNITS_MAX
from domain.refusals import AmountTooLarge

STREAM: Final = "bank-capital"

# Where it was paid in: in notes, to the account at the central bank, or at a correspondent.
PaidInto: TypeAlias = Literal["vault", "central_bank", "nostro"]


# --- Events: their tags are on disk for ever.


@stored_as("capital.paid-in.1")
class CapitalPaidIn(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """`totals` are the minor units of each currency that were ever paid in, after it."""

    amount: int
    currency: str
    paid_into: PaidInto
    totals: dict[str, int]


# --- State


class Capital(msgspec.Struct, frozen=True):
    """What was paid in, by currency, in minor units."""

    totals: dict[str, int]
    version: int


NONE_PAID_IN: Final = Capital({}, 0)


def restore(_: int, newest: CapitalPaidIn, version: int) -> Capital:
    return Capital(newest.totals, version)


# --- Decisions


def pay_in(
    capital: Capital, amount: int, currency: str, paid_into: PaidInto
) -> list[CapitalPaidIn]:
    total = capital.totals.get(currency, 0) + amount
    if total > MINOR_UNITS_MAX:
        raise AmountTooLarge(amount=str(total))
    totals = {**capital.totals, currency: total}
    return [CapitalPaidIn(amount=amount, currency=currency, paid_into=paid_into, totals=totals)]
