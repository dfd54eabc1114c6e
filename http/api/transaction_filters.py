"""The filters of the two histories, as they stand in an address."""

from decimal import Decimal
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from api.parameters import A_DATE, AN_ID, date_of, one_of, refuse, text_of
from api.strict_json import Amount
from readmodels.transaction_filters import Filters

STATUSES: Final = ("pending", "completed", "reversed", "failed")


AN_AMOUNT: Final = {"pattern": f"^{Amount.pattern.pattern.removeprefix('-?')}$"}


def _parameter(name: str, description: str, told: dict[str, Any] | None = None) -> Any:
    return QueryParameter(name=name, description=description, schema_extra=told)


class FilterTexts(msgspec.Struct, frozen=True):
    """As sent; read by `filters_of`."""

    kind: str | None
    category: str | None
    tag: str | None
    amount_min: str | None
    amount_max: str | None
    booked_from: str | None
    booked_to: str | None
    status: str | None
    text: str | None


def provide_filters(
    kind: Annotated[str | None, _parameter("type", "deposit, withdrawal, transfer, ...")] = None,
    category: Annotated[str | None, _parameter("category", "Of this category.")] = None,
    tag: Annotated[str | None, _parameter("tag", "With this tag.")] = None,
    amount_min: Annotated[
        str | None,
        _parameter("amount_min", "Of this amount or more, in the currency of each.", AN_AMOUNT),
    ] = None,
    amount_max: Annotated[
        str | None,
        _parameter("amount_max", "Of this amount or less, in the currency of each.", AN_AMOUNT),
    ] = None,
    booked_from: Annotated[
        str | None, _parameter("from", "Booked on this date or later.", A_DATE)
    ] = None,
    booked_to: Annotated[
        str | None, _parameter("to", "Booked on this date or before.", A_DATE)
    ] = None,
    status: Annotated[
        str | None, _parameter("status", f"One of {', '.join(STATUSES)}.", one_of(STATUSES))
    ] = None,
    text: Annotated[str | None, _parameter("text", "With this text in the description.")] = None,
) -> FilterTexts:
    return FilterTexts(
        kind,
        category,
        tag,
        amount_min,
        amount_max,
        booked_from,
        booked_to,
        status,
        text,
    )


AccountIn: TypeAlias = Annotated[
    str | None, _parameter("account_id", "That touch this account.", AN_ID)
]
FiltersIn: TypeAlias = NamedDependency[FilterTexts]
FILTERS: Final = {"filters": Provide(provide_filters, sync_to_thread=False)}


def filters_of(texts: FilterTexts, account_id: int | None = None) -> Filters:
    """The filters; a bad one is refused by name."""
    if texts.status is not None and texts.status not in STATUSES:
        refuse("status", f"Expected one of {', '.join(STATUSES)}.")
    return Filters(
        account_id=account_id,
        kind=text_of("type", texts.kind),
        category=text_of("category", texts.category),
        tag=text_of("tag", texts.tag),
        amount_min=_amount("amount_min", texts.amount_min),
        amount_max=_amount("amount_max", texts.amount_max),
        booked_from=date_of("from", texts.booked_from),
        booked_to=date_of("to", texts.booked_to),
        status=texts.status,  # type: ignore[arg-type]
        text=text_of("text", texts.text),
    )


def _amount(name: str, text: str | None) -> Decimal | None:
    if text is None:
        return None
    # Amounts have no sign here: what is a debit and what a credit depends on who looks.
    if Amount.pattern.fullmatch(text) is None or text.startswith("-"):
        refuse(name, f"Expected {Amount.expected}.")
    return Decimal(text)
