"""Books for beancount. Balances are asserted with a tolerance of zero, which is not its default."""

import datetime as dt
from collections.abc import Iterable
from typing import Final

from daybook.books_export.booked import Booked, one_line
from daybook.books_export.forms import Balance, Form, amount_of, details_of, figure_of

_ESCAPED: Final = str.maketrans({"\\": "\\\\", '"': '\\"'})


def head(position: int) -> str:
    return f"; The books of a Daybook ledger, as known at position {position}.\n"


def commodity(currency: str, day: dt.date) -> str:
    return f"\n{day.isoformat()} commodity {currency}\n"


def account(name: str, day: dt.date) -> str:
    return f"\n{day.isoformat()} open {name}\n"


def entry(booked: Booked, kind: str, names: list[str]) -> str:
    event = booked.event
    description = one_line(event.description or "")
    lines = [
        f"\n{event.booking_date.isoformat()} * {_quoted(kind)} {_quoted(description)}",
        f"  position: {booked.position}",
        f"  transaction: {event.transaction_id}",
        f"  value-date: {event.value_date.isoformat()}",
        f"  recorded-at: {_quoted(event.recorded_at.isoformat())}",
    ]
    lines += [f"  {name}: {_quoted(text)}" for name, text in details_of(event)]
    for name, posting in zip(names, event.entry, strict=True):
        signed = posting.amount if posting.side == "D" else -posting.amount
        lines.append(f"  {name}  {amount_of(signed, posting.currency)}")
    lines.append("")
    return "\n".join(lines)


def balances(day: dt.date, found: Iterable[Balance]) -> str:
    """A balance is asserted of the beginning of a day, so those of this one stand on the next."""
    tomorrow = (day + dt.timedelta(days=1)).isoformat()
    lines = [""]
    for name, currency, minor_units in found:
        balance = figure_of(minor_units, currency)
        lines.append(f"{tomorrow} balance {name}  {balance} ~ 0 {currency}")
    lines.append("")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return f'"{text.translate(_ESCAPED)}"'


BEANCOUNT: Final = Form(head, commodity, account, entry, balances)
