"""Books for hledger, and for ledger, in the journal syntax that the two share.

The booking date is the date, the value date the secondary one, the position the code. A posting of
zero asserts the balance of an account at the end of a day: both programs check it to the last digit.
"""

import datetime as dt
from collections.abc import Iterable
from typing import Final

from daybook.books_export.booked import Booked, one_line
from daybook.books_export.forms import Balance, Form, amount_of, details_of

# In a description `;` begins a comment and `|` ends the payee. In a comment ledger would read a
# bracket with a date in it as a date; hledger takes a comma for the end of a tag, and what follows it
# and looks like `name:` for the next.
_NOT_IN_TEXT: Final = str.maketrans({";": ",", "|": "/", "[": "(", "]": ")"})
_NOT_IN_A_COMMENT: Final = str.maketrans({"[": "(", "]": ")", ":": "."})


def head(position: int) -> str:
    return f"; The books of a Daybook ledger, as known at position {position}.\ndecimal-mark .\n"


def commodity(currency: str, _day: dt.date) -> str:
    return f"\ncommodity {currency}\n"


def account(name: str, _day: dt.date) -> str:
    return f"\naccount {name}\n"


def entry(booked: Booked, kind: str, names: list[str]) -> str:
    event = booked.event
    date = event.booking_date.isoformat()
    if event.value_date != event.booking_date:
        date = f"{date}={event.value_date.isoformat()}"
    said = kind
    if event.description:
        said += f" | {' '.join(one_line(event.description).translate(_NOT_IN_TEXT).split())}"
    lines = [
        f"\n{date} * ({booked.position}) {said}",
        f"    ; transaction: {event.transaction_id}",
        f"    ; recorded-at: {event.recorded_at.isoformat()}",
    ]
    for name, text in details_of(event):
        lines.append(f"    ; {name}: {text.translate(_NOT_IN_A_COMMENT)}")
    for name, posting in zip(names, event.entry, strict=True):
        signed = posting.amount if posting.side == "D" else -posting.amount
        lines.append(f"    {name}  {amount_of(signed, posting.currency)}")
    lines.append("")
    return "\n".join(lines)


def balances(day: dt.date, found: Iterable[Balance]) -> str:
    lines = [f"\n{day.isoformat()} * balances"]
    for name, currency, minor_units in found:
        zero, balance = amount_of(0, currency), amount_of(minor_units, currency)
        lines.append(f"    {name}  {zero} = {balance}")
    lines.append("")
    return "\n".join(lines)


HLEDGER: Final = Form(head, commodity, account, entry, balances)
