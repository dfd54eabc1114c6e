"""Reports on the wire: money in major units, as JSON or as CSV that is safe to open."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, Final, NamedTuple, Union, get_args, get_origin

import msgspec
from litestar.params import QueryParameter

from api.call import Call, Told, told
from api.parameters import one_of, refuse
from domain.money import decimal_of
from readmodels.statements.csv_statement import harmless

FormatIn = Annotated[
    str | None,
    QueryParameter(
        name="format",
        description="json or csv; else what the Accept header asks for; else json.",
        schema_extra=one_of(("json", "csv")),
    ),
]
# The fields that are minor units in the views and major units on the wire.
MONEY: Final = frozenset(
    {
        *("balance", "amount", "amount_from", "result", "opening", "closing", "largest"),
        *("assets_total", "liabilities_total", "equity_total", "income_total", "expense_total"),
        *("inflow_total", "outflow_total", "money_in", "money_out", "net"),
        *("spent", "spent_before", "change"),
        *("outstanding", "outstanding_par30", "disbursed", "non_accrual", "charged_off"),
        *("par30", "par60", "par90", "allowance", "net_loans"),
    }
)
# Decimal numbers already, in the texts of the views.
EXACT: Final = frozenset({"mean", "share", "coverage", "par30_share", "par60_share", "par90_share"})
# What follows from the fields of a row, and is told with them.
DERIVED: Final = ("net", "change")


def wants_csv(call: Call, text: str | None) -> bool:
    if text not in (None, "json", "csv"):
        refuse("format", "Expected json or csv.")
    if text is None:
        return call.form_of(("application/json", "text/csv")) == "text/csv"
    return text == "csv"


def wire_form(kind: Any) -> Any:
    """The type of a report as it is on the wire, for the OpenAPI document."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = [
            (field.name, _wire_field(field.name, field.type))
            for field in msgspec.structs.fields(kind)
        ]
        fields += [(name, Decimal) for name in DERIVED if hasattr(kind, name)]
        return msgspec.defstruct(f"{kind.__name__}Report", fields, kw_only=True)
    if get_origin(kind) is list:
        return list[wire_form(get_args(kind)[0])]  # type: ignore[misc]
    return kind


def _wire_field(name: str, kind: Any) -> Any:
    if name in MONEY and kind is int:
        return Decimal
    if name in EXACT:
        optional = get_origin(kind) in (Union, UnionType)
        return Decimal | None if optional else Decimal
    return wire_form(kind)


def in_major_units(value: Any, currency: str = "") -> Any:
    """The report with its money as decimals of the currency that stands beside or above it."""
    if isinstance(value, list):
        return [in_major_units(each, currency) for each in value]
    if not isinstance(value, msgspec.Struct):
        return value
    currency = getattr(value, "currency", currency)
    names = [*value.__struct_fields__, *(name for name in DERIVED if hasattr(value, name))]
    return {name: _field(name, getattr(value, name), currency) for name in names}


def _field(name: str, value: Any, currency: str) -> Any:
    if name in MONEY and isinstance(value, int):
        return decimal_of(value, currency)
    if name in EXACT and value is not None:
        return Decimal(value)
    return in_major_units(value, currency)


class Table(NamedTuple):
    """How a report stands in a table: its columns, and its rows as they are read from the report."""

    name: str
    columns: Sequence[str]
    rows: Callable[[Any], Iterable[dict[str, Any]]]


def told_report(report: Any, table: Table, position: int, *, as_csv: bool) -> Told:
    """The report in major units, as JSON or as its table."""
    said = in_major_units(report)
    if not as_csv:
        return told(said, position=position)
    return _told_csv(said, table, position)


def _told_csv(said: Any, table: Table, position: int) -> Told:
    """Rows of a report in major units. Texts are quoted and never a formula, numbers are neither."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(table.columns)
    writer.writerows(
        [_cell(row.get(column)) for column in table.columns] for row in table.rows(said)
    )
    headers = [
        (b"daybook-position", str(position).encode()),
        (b"content-disposition", f'attachment; filename="{table.name}.csv"'.encode()),
    ]
    return Told(
        200,
        text.getvalue().encode(),
        headers,
        media_type=b"text/csv; charset=utf-8; header=present",
        value=said,
    )


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, int | Decimal):
        return value
    return harmless(str(value))
