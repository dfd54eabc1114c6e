"""What every use case shares: who asks, under which key, and with which details."""

import datetime as dt
import re
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, TypeAlias

import msgspec

from application.books import NO_CALL, Answer, Books, Command, Posted, Transaction, Via
from domain.account import Account
from domain.customer import Role
from domain.facts import Fact
from domain.periods import STREAM as PERIODS
from domain.periods import check_open
from domain.refusals import (
    AccountNotFound,
    BookingDateInFuture,
    DateOutOfRange,
    NotPermitted,
    ReasonMissing,
    Refused,
    UnprintableText,
)

CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
EARLIEST: Final = dt.date(1900, 1, 1)
VALUE_DATE_AHEAD: Final = dt.timedelta(days=366)
# Who may book into another day than today.
LATE_ENTRY_ROLES: Final = ("teller", "loan_officer", "compliance", "system")


class Actor(msgspec.Struct, frozen=True):
    """Who asks. `system` stands for the program itself, in imports and runs of the day."""

    user_id: int
    role: Role | Literal["system"]

    @property
    def name(self) -> str:
        """As it stands in the log: `teller-7`."""
        return f"{self.role}-{self.user_id}"

    def may_act_for(self, user_id: int) -> bool:
        """Staff for everybody, a customer for nobody else."""
        return self.role != "user" or self.user_id == user_id


SYSTEM: Final = Actor(0, "system")

Render: TypeAlias = Callable[[list[Posted]], Answer]


class Ask(msgspec.Struct, frozen=True):
    """Who asks, under which idempotency key (a fresh one where none is given), and how to answer."""

    actor: Actor
    answer: Render
    refuse: Callable[[Refused], Answer]
    key: str | None = None
    via: Via = NO_CALL

    def command(
        self,
        request: dict[str, Any],
        streams: Sequence[str],
        decide: Callable[[Books], list[Transaction]],
        *,
        claims: Sequence[str] = (),
        statements: Sequence[tuple[str, tuple[Any, ...]]] = (),
    ) -> Command:
        return Command(
            principal=self.actor.name,
            key=self.key or uuid.uuid4().hex,
            keyed=self.key is not None,
            request=msgspec.json.encode(request),
            streams=streams,
            decide=decide,
            answer=self.answer,
            refuse=self.refuse,
            claims=claims,
            statements=statements,
            via=self.via,
        )


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """What may be said about a transaction beside its amount. `booking_date` is a late entry."""

    description: str | None = None
    category: str | None = None
    tags: tuple[str, ...] = ()
    booking_date: dt.date | None = None
    value_date: dt.date | None = None
    reason: str | None = None

    def request(self) -> dict[str, Any]:
        """The canonical form: only what was said."""
        if self is NO_DETAILS:
            return {}
        return {name: value for name, value in msgspec.to_builtins(self).items() if value}


NO_DETAILS: Final = Details()


def late_streams(details: Details) -> tuple[str, ...]:
    """What must be known to book into another day than today: which periods are closed."""
    return () if details.booking_date is None else (PERIODS,)


def check_leave(actor: Actor, details: Details) -> None:
    """Refused: a booking date named by one who may not."""
    if details.booking_date is not None and actor.role not in LATE_ENTRY_ROLES:
        raise NotPermitted(role=actor.role, action="name a booking date")


def transaction(actor: Actor, details: Details, books: Books) -> Transaction:
    """A transaction with its dates. Refused: dates no book is open for, control characters.

    A command with details of its own names `late_streams` among its streams.
    """
    today = books.today
    if details is not NO_DETAILS:
        _check_texts(details)
    booking_date, value_date = details.booking_date, details.value_date
    if booking_date is None:
        booking_date = today
    elif booking_date != today and not details.reason:
        raise ReasonMissing()
    elif booking_date > today:
        raise BookingDateInFuture(booking_date=booking_date, today=today)
    elif booking_date < EARLIEST:
        raise DateOutOfRange(
            field="booking date", date=booking_date, earliest=EARLIEST, latest=today
        )
    if value_date is None:
        value_date = booking_date
    elif not EARLIEST <= value_date <= today + VALUE_DATE_AHEAD:
        raise DateOutOfRange(
            field="value date", date=value_date, earliest=EARLIEST, latest=today + VALUE_DATE_AHEAD
        )
    if details.booking_date is not None:
        check_open(books.periods(), booking_date)
    return Transaction(
        actor=actor.name,
        booking_date=booking_date,
        value_date=value_date,
        category=details.category,
        tags=details.tags,
        description=details.description,
        reason=details.reason,
    )


def note(
    ask: Ask, books: Books, stream: str, facts: Sequence[Fact], reason: str | None = None
) -> list[Transaction]:
    """A transaction of facts that move no money; none where they are nothing new."""
    posted = transaction(ask.actor, NO_DETAILS, books)
    posted.reason = reason
    books.add(posted, stream, facts)
    return [posted] if facts else []


def check_text(field: str, text: str | None) -> None:
    """Refused: control characters, which no statement can print and Postgres cannot keep."""
    if text and CONTROL.search(text):
        raise UnprintableText(field=field)


def _check_texts(details: Details) -> None:
    check_text("description", details.description)
    check_text("category", details.category)
    check_text("reason", details.reason)
    for tag in details.tags:
        check_text("tag", tag)


def account_for(books: Books, actor: Actor, account_id: int) -> Account:
    """The account, for one who may use it; to a stranger it does not exist."""
    account = books.account(account_id)
    if actor.role == "user" and all(h.user_id != actor.user_id for h in account.terms.holders):
        raise AccountNotFound(account_id=account_id)
    return account


def account_held_by(books: Books, user_id: int, account_id: int) -> Account:
    """The account, if it is the customer's; no other exists for the customer."""
    account = books.account(account_id)
    if all(holder.user_id != user_id for holder in account.terms.holders):
        raise AccountNotFound(account_id=account_id)
    return account


def canonical(amount: Decimal | None) -> str | None:
    """The same text for the same amount, however many zeros it was written with; None where there is none."""
    if amount is None:
        return None
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
