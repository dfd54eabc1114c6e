"""The canonical statement of an account, as values and as the bytes that are hashed.

Every rendering is made from this form and from nothing else. Its bytes are JSON in UTF-8: the fields
in the order they have here, none left out, money as numbers with the currency's decimals, instants
in UTC. They hold no clock, locale or machine, so the same statement is the same bytes for ever.
"""

import datetime as dt
import hashlib
import re
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

import msgspec

from domain.money import decimals_of
from domain.refusals import UnknownCurrency

FORM: Final = "daybook.statement.1"
BIC: Final = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?", re.ASCII)
# The fields that are minor units in the values and major units in the bytes.
MONEY: Final = frozenset(
    {
        *("opening_balance", "closing_balance", "balance", "amount"),
        *("held", "overdraft_limit", "available", "credits", "debits", "reversed_amount"),
    }
)

EntrySide: TypeAlias = Literal["credit", "debit"]


class NotExpressible(ValueError):
    """The statement holds what a form has no room for; the message says what."""


class Bank(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who keeps the account. `contact` is where the holder asks, or says that something is wrong."""

    name: str
    bic: str
    address: tuple[str, ...]
    contact: str | None

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("a bank has a name")
        if not BIC.fullmatch(self.bic):
            raise ValueError(f"a BIC is like DAYBCZPP or DAYBCZPPXXX, not {self.bic!r}")


class StatedAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The account stated. `reference` is another system's name for it; `holders` are names."""

    account_id: int
    reference: str | None
    account_type: str
    currency: str
    holders: tuple[str, ...]


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the statement. `number` counts from one within it; `position` is that in the log.

    `side` is seen by the holder: a credit adds, a debit takes away. `amount` is above zero, and
    `balance` is the account's after it. `reference` is what the originator named the payment by.
    `counterparty_account` is the other account where it is kept by this bank. `reversed_amount` is what
    `reversed_by` took back of it.
    """

    number: int
    position: int
    transaction_id: int
    booking_date: dt.date
    value_date: dt.date
    recorded_at: dt.datetime
    kind: str
    side: EntrySide
    amount: int
    balance: int
    counterparty: str | None
    counterparty_account: int | None
    description: str | None
    category: str | None
    tags: tuple[str, ...]
    reference: str | None
    reverses: int | None
    reversed_by: int | None
    reversed_amount: int | None

    @property
    def is_reversed_in_part(self) -> bool:
        return self.reversed_amount is not None and self.reversed_amount < self.amount

    @property
    def signed(self) -> int:
        """What the entry adds to the balance."""
        return self.amount if self.side == "credit" else -self.amount


class StatedHold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Funds reserved at the end of the statement and not yet posted."""

    hold_id: int
    amount: int
    placed_at: dt.datetime
    expires_at: dt.datetime | None
    description: str | None


class CategoryTotal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All entries of a category; `category` is None for those that have none."""

    category: str | None
    count: int
    credits: int
    debits: int


class ChargeTotal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All fees, interest charged, interest credited or tax withheld; reversed ones are among them."""

    kind: str
    count: int
    amount: int


class Totals(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What came in and what went out, each above zero; by category; and what the bank took and gave."""

    credits_count: int
    credits: int
    debits_count: int
    debits: int
    categories: tuple[CategoryTotal, ...]
    charges: tuple[ChargeTotal, ...]


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The booked entries of an account from one booking date to another, both included.

    `number` is None until the statement is issued. It stands on `position`: everything the log held
    up to there, which was at the instant `known_at`. `root` is the hash of all that, in hexadecimal: the
    root of the tree over the first `position` events. `available` is what could be debited at the end of
    the period, the unused overdraft limit included.
    """

    form: str
    bank: Bank
    account: StatedAccount
    number: int | None
    booked_from: dt.date
    booked_to: dt.date
    as_of: dt.date
    position: int
    root: str
    known_at: dt.datetime
    opening_balance: int
    entries: tuple[Entry, ...]
    totals: Totals
    closing_balance: int
    holds: tuple[StatedHold, ...]
    held: int
    overdraft_limit: int
    available: int


_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


def encode(statement: Statement) -> bytes:
    """The canonical bytes."""
    decimals = decimals_of(statement.account.currency)
    return _ENCODER.encode(_in_major_units(msgspec.to_builtins(statement), decimals))


def decode(canonical: bytes) -> Statement:
    """The statement that has these bytes. Raises ValueError where they are not its canonical ones."""
    try:
        said = _DECODER.decode(canonical)
        decimals = decimals_of(said["account"]["currency"])
        statement = msgspec.convert(_in_minor_units(said, decimals), Statement)
        again = encode(statement)
    except (LookupError, TypeError, ValueError, ArithmeticError, UnknownCurrency) as error:
        raise ValueError(f"no canonical statement: {error}") from error
    if statement.form != FORM or again != canonical:
        raise ValueError(f"no canonical statement: these are not the bytes of a {FORM}")
    return statement


def digest(canonical: bytes) -> str:
    """The SHA-256 of the canonical bytes, in hexadecimal: what is issued, signed and compared."""
    return hashlib.sha256(canonical).hexdigest()


def numbered(canonical: bytes, number: int) -> bytes:
    """The canonical bytes of the same statement once it is issued under that number.

    No text within the bytes can be taken for the field: in a text, a quotation mark is escaped.
    """
    return canonical.replace(b'"number":null', b'"number":%d' % number, 1)


def _in_major_units(said: Any, decimals: int) -> Any:
    if isinstance(said, dict):
        return {
            name: Decimal(value).scaleb(-decimals)
            if name in MONEY and value is not None
            else _in_major_units(value, decimals)
            for name, value in said.items()
        }
    if isinstance(said, list | tuple):
        return [_in_major_units(value, decimals) for value in said]
    return said


def _in_minor_units(said: Any, decimals: int) -> Any:
    if isinstance(said, dict):
        return {
            name: int(Decimal(value).scaleb(decimals))
            if name in MONEY and value is not None
            else _in_minor_units(value, decimals)
            for name, value in said.items()
        }
    if isinstance(said, list):
        return [_in_minor_units(value, decimals) for value in said]
    return said
