"""Settlement between banks: what came and went through payment systems becomes money at the central bank.

A payment from another bank stands in *incoming clearing* from the moment the customer has it, and one to
another bank in *outgoing clearing*, until the systems settle, as a rule each business day. The central
bank reports two totals under a reference of its own, and these are booked once, all in one stream.
"""

from typing import Final

import msgspec

from domain.facts import Fact, stored_as
from domain.money import MINOR_UNITS_MAX, decimal_of
from domain.refusals import AmountNotPositive, AmountTooLarge, CorrectionAboveSettled

STREAM: Final = "interbank-settlements"


# --- Events: their tags are on disk for ever.


@stored_as("interbank.settled.1")
class InterbankSettled(Fact, frozen=True, kw_only=True, omit_defaults=True):
    """Minor units that were received and paid, below zero where they are taken back.

    The totals are all that ever were, by currency, after it.
    """

    incoming: int = 0
    outgoing: int = 0
    currency: str
    reference: str
    incoming_totals: dict[str, int]
    outgoing_totals: dict[str, int]


# --- State


class InterbankTotals(msgspec.Struct, frozen=True):
    """What was ever settled, by currency, in minor units."""

    incoming: dict[str, int]
    outgoing: dict[str, int]
    version: int


NONE_SETTLED: Final = InterbankTotals({}, {}, 0)


def restore(_: int, newest: InterbankSettled, version: int) -> InterbankTotals:
    return InterbankTotals(newest.incoming_totals, newest.outgoing_totals, version)


# --- Decisions


def settle(
    totals: InterbankTotals, incoming: int, outgoing: int, currency: str, reference: str
) -> list[InterbankSettled]:
    """Book a report, or, with an amount below zero, take back what an earlier one was booked too high by.

    Refused: nothing of both, and to take back more than was ever settled. It is not held against what is
    in clearing. The central bank has moved the money, whatever the books say; where the two differ, the
    difference stays in clearing, where it is seen.
    """
    if incoming == outgoing == 0:
        raise AmountNotPositive(amount="0")
    return [
        InterbankSettled(
            incoming=incoming,
            outgoing=outgoing,
            currency=currency,
            reference=reference,
            incoming_totals=_added(totals.incoming, currency, incoming),
            outgoing_totals=_added(totals.outgoing, currency, outgoing),
        )
    ]


def _added(totals: dict[str, int], currency: str, amount: int) -> dict[str, int]:
    total = totals.get(currency, 0) + amount
    if total > MINOR_UNITS_MAX:
        raise AmountTooLarge(amount=str(total))
    if total < 0:
        settled, requested = (decimal_of(each, currency) for each in (total - amount, -amount))
        raise CorrectionAboveSettled(settled=settled, requested=requested)
    return {**totals, currency: total}
