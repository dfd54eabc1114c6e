"""Which transactions a reader wants to see."""

import datetime as dt
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

import msgspec

from domain.money import DECIMALS
from readmodels.reading import pattern_of

Status: TypeAlias = Literal["pending", "completed", "reversed", "failed"]


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What a transaction must satisfy, all together. Both ends of an amount count; it is in major units,
    whatever the currency of the transaction is.

    `text` is looked for in the description, whatever its case. `status`, `category` and `tag` are as
    known at the moment; reversed is what was reversed as a whole.
    """

    account_id: int | None = None
    kind: str | None = None
    category: str | None = None
    tag: str | None = None
    amount_min: Decimal | None = None
    amount_max: Decimal | None = None
    booked_from: dt.date | None = None
    booked_to: dt.date | None = None
    status: Status | None = None
    text: str | None = None


NO_FILTERS = Filters()

# As known at a position: as posted, or as the last label before it says.
LABEL: Final = """
    CASE WHEN {row}.labelled_from <= %(known_at)s
         THEN (SELECT n.{column} FROM readmodels.transaction_labels n
                WHERE n.transaction_id = {row}.transaction_id AND n.position <= %(known_at)s
                ORDER BY n.position DESC LIMIT 1)
         ELSE {row}.{column} END
"""
CATEGORY: Final = LABEL.format(row="t", column="category")
TAGS: Final = LABEL.format(row="t", column="tags")

# How many minor units one major unit of the transaction's currency is.
_MINOR_UNITS: Final = (
    "(CASE "
    + " ".join(
        f"WHEN t.currency = '{currency}' THEN {10**decimals}"
        for currency, decimals in DECIMALS.items()
        if decimals != 2
    )
    + " ELSE 100 END)"
)

_CONDITIONS = {
    "kind": "t.kind = %(kind)s",
    "category": f"{CATEGORY} = %(category)s",
    "tag": f"{TAGS} @> ARRAY[%(tag)s::text]",
    "amount_min": f"t.amount >= %(amount_min)s * {_MINOR_UNITS}",
    "amount_max": f"t.amount <= %(amount_max)s * {_MINOR_UNITS}",
    "booked_from": "t.booking_date >= %(booked_from)s",
    "booked_to": "t.booking_date <= %(booked_to)s",
    "text": "t.description ILIKE %(text)s",
}
_REVERSED = "coalesce(t.reversed_by <= %(known_at)s AND t.reversed_amount >= t.amount, false)"


def conditions(filters: Filters, parameters: dict[str, Any]) -> str:
    """SQL over the transaction `t`, to follow other conditions; its values are put into `parameters`.

    `known_at` is among them already.
    """
    wanted = []
    for field, condition in _CONDITIONS.items():
        value = getattr(filters, field)
        if value is not None:
            parameters[field] = pattern_of(value) if field == "text" else value
            wanted.append(condition)
    if filters.status == "reversed":
        wanted.append(_REVERSED)
    elif filters.status == "completed":
        wanted.append(f"NOT {_REVERSED}")
    elif filters.status is not None:
        # Only what moved money is here, and that is completed at once.
        wanted.append("false")
    return "".join(f" AND {condition}" for condition in wanted)
