"""The statement as MT940, the customer statement message of SWIFT.

A message holds 2,000 characters, so a longer statement is divided into numbered messages that join at
intermediate balances (:62M: and :60M:). Years have two digits and amounts fifteen characters with
their comma; what does not fit is refused or, in the information of a line, cut. A reversal is marked as
what it is, a debit or a credit, because programs differ in the sign they read from the marks RC and
RD; its information names the transaction reversed.
"""

import datetime as dt
import textwrap
from collections.abc import Iterator
from typing import Final

import msgspec

from readmodels.statements.amounts import side_of, with_comma
from readmodels.statements.canonical import Entry, NotExpressible, Statement, digest, encode
from readmodels.statements.characters import swift_text

MESSAGE_MAX: Final = 2000
# The fields beside the entries, each at its longest, with their line ends.
FRAME_MAX: Final = 22 + 41 + 18 + 32 + 32 + 31 + 3
AMOUNT_MAX: Final = 15
REFERENCE_MAX: Final = 16
ACCOUNT_MAX: Final = 35
INFORMATION_LINES: Final = 6
INFORMATION_WIDTH: Final = 65
# A statement number has five digits, and begins again after the last.
NUMBERS: Final = 100_000
SIDE: Final = {"credit": "C", "debit": "D"}
TYPE: Final = {
    "bill_payment": "TRF",
    "fee": "CHG",
    "interest_charged": "INT",
    "interest_credited": "INT",
    "payment_received": "TRF",
    "payment_sent": "TRF",
    "transfer": "TRF",
}


class _Page(msgspec.Struct, frozen=True):
    """What one message says: its entries, and the balances and days it opens and closes with."""

    before: int
    first: dt.date
    entries: list[str]
    after: int
    last: dt.date


def render_mt940(statement: Statement) -> bytes:
    """One message or several, each ended by a line with a hyphen.

    Raises `NotExpressible` for an amount or a balance beyond 15 characters.
    """
    identity = digest(encode(statement))[:REFERENCE_MAX].upper()
    account = swift_text(statement.account.reference or "").replace(" ", "")
    if not account or len(account) > ACCOUNT_MAX:
        account = str(statement.account.account_id)
    head = f":20:{identity}\r\n:25:{account}\r\n:28C:{(statement.number or 0) % NUMBERS:05}"
    currency = statement.account.currency
    pages = list(_pages(statement))
    said = []
    for number, page in enumerate(pages, 1):
        opens = ":60F:" if number == 1 else ":60M:"
        closes = ":62F:" if number == len(pages) else ":62M:"
        said += [
            f"{head}/{number:05}\r\n{opens}{_balance(page.before, page.first, currency)}\r\n",
            *page.entries,
            f"{closes}{_balance(page.after, page.last, currency)}\r\n",
        ]
        if number == len(pages):
            said.append(f":64:{_balance(statement.available, page.last, currency)}\r\n")
        said.append("-\r\n")
    return "".join(said).encode("ascii")


def _pages(statement: Statement) -> Iterator[_Page]:
    before, first = statement.opening_balance, statement.booked_from
    balance, day = before, first
    said: list[str] = []
    used = FRAME_MAX
    for entry in statement.entries:
        text = _entry(entry, statement.account.currency)
        if used + len(text) > MESSAGE_MAX:
            yield _Page(before, first, said, balance, day)
            before, first, said, used = balance, day, [], FRAME_MAX
        said.append(text)
        used += len(text)
        balance, day = entry.balance, entry.booking_date
    yield _Page(before, first, said, balance, statement.booked_to)


def _entry(entry: Entry, currency: str) -> str:
    """The line of an entry (:61:) and the information to its owner (:86:)."""
    reference = swift_text(entry.reference or "")
    customer = reference if _is_plain_reference(reference) else "NONREF"
    line = (
        f":61:{_day(entry.value_date)}{entry.booking_date:%m%d}{SIDE[entry.side]}"
        f"{_amount(entry.amount, currency)}N{TYPE.get(entry.kind, 'MSC')}{customer}"
        f"//{str(entry.transaction_id)[-REFERENCE_MAX:]}"
    )
    return "".join(f"{said}\r\n" for said in (line, *_information(entry, reference)))


def _information(entry: Entry, reference: str) -> list[str]:
    said = [
        f"/KIND/{swift_text(entry.kind)}",
        f"/RVSL/{entry.reverses}" if entry.reverses is not None else "",
        f"/EREF/{reference[:35]}" if reference else "",
        f"/NAME/{swift_text(entry.counterparty)[:70]}" if entry.counterparty else "",
        f"/ACCT/{entry.counterparty_account}" if entry.counterparty_account is not None else "",
        f"/REMI/{swift_text(entry.description)}" if entry.description else "",
    ]
    # No line may begin with a colon or a hyphen, for those begin fields and end messages.
    width = INFORMATION_WIDTH - 1
    lines = textwrap.wrap(":86:" + "".join(said), width, break_on_hyphens=False)
    further = [f" {line}" if line[0] in ":-" else line for line in lines[1:INFORMATION_LINES]]
    return [lines[0], *further]


def _is_plain_reference(reference: str) -> bool:
    inner = reference.strip("/")
    return 0 < len(reference) <= REFERENCE_MAX and inner == reference and "//" not in reference


def _balance(balance: int, day: dt.date, currency: str) -> str:
    return f"{SIDE[side_of(balance)]}{_day(day)}{currency}{_amount(balance, currency)}"


def _amount(minor_units: int, currency: str) -> str:
    text = with_comma(minor_units, currency)
    if len(text) > AMOUNT_MAX:
        raise NotExpressible(f"MT940 has {AMOUNT_MAX} characters for an amount, and not for {text}")
    return text


def _day(date: dt.date) -> str:
    return f"{date:%y%m%d}"
