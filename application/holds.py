"""The use cases of holds: a reservation of funds is placed, and settled, released or left to expire."""

import datetime as dt
from decimal import Decimal
from typing import Any

from application.books import Books, Command, Transaction
from application.commands import (
    NO_DETAILS,
    Ask,
    Details,
    account_for,
    canonical,
    check_leave,
    check_text,
    late_streams,
)
from application.commands import transaction as transaction_of
from domain import holds
from domain.account import stream_of
from domain.account_facts import Hold
from domain.bills.bill_refusals import HoldOfPayment
from domain.money import minor_units_of
from domain.refusals import HoldAlreadyOver, HoldNotFound


def claim_of(hold_id: int) -> str:
    """The claim under which the stream of the hold's account is found.

    The hold of a bill payment has the payment beside it: `account-5/payment-7`.
    """
    return f"hold/{hold_id}"


def _check_placed(books: Books, account_id: int, hold_id: int) -> None:
    """What is over is no more part of the account; that it was placed is told by its claim."""
    stream, _, _ = (books.claimed(claim_of(hold_id)) or "").partition("/")
    if stream != stream_of(account_id):
        raise HoldNotFound(hold_id=hold_id)


def _check_free(books: Books, hold_id: int) -> None:
    """Refused: the hold of a payment that is on its way."""
    if "/" in (books.claimed(claim_of(hold_id)) or ""):
        raise HoldOfPayment(hold_id=hold_id)


def place_hold(
    ask: Ask,
    account_id: int,
    hold_id: int,
    amount: Decimal,
    *,
    expires_at: dt.datetime | None,
    counterparty: str | None,
    description: str | None,
) -> Command:
    """Reserve `amount`, in major units. `hold_id` is fresh, from the sequence of the store.

    Refused like a withdrawal of the amount. `counterparty` is who is paid when it is settled.
    """
    request = {
        "call": "accounts/holds",
        "account_id": account_id,
        "amount": canonical(amount),
        "expires_at": expires_at,
        "counterparty": counterparty,
        "description": description,
    }

    def decide(books: Books) -> list[Transaction]:
        account = account_for(books, ask.actor, account_id)
        minor_units = minor_units_of(amount, account.terms.currency)
        check_text("counterparty", counterparty)
        check_text("description", description)
        if expires_at is not None and expires_at <= books.now:
            raise HoldAlreadyOver(expires_at=expires_at, now=books.now)
        posted = transaction_of(ask.actor, Details(description=description), books)
        account = books.lapse(posted, account_id)
        hold = Hold(hold_id, minor_units, expires_at, counterparty, description)
        books.post(posted, account_id, holds.place_hold(account, hold))
        books.claim(claim, stream_of(account_id))
        return [posted]

    claim = claim_of(hold_id)
    return ask.command(request, (stream_of(account_id),), decide, claims=(claim,))


def settle_hold(
    ask: Ask,
    account_id: int,
    hold_id: int,
    amount: Decimal | None,
    details: Details,
    *,
    keep_rest: bool = False,
) -> Command:
    """Pay what is held, or part of it; the rest is given back unless it is kept for more."""
    request = {
        "call": "holds/settle",
        "hold_id": hold_id,
        "amount": canonical(amount),
        "keep_rest": keep_rest,
        **details.request(),
    }

    def decide(books: Books) -> list[Transaction]:
        account = account_for(books, ask.actor, account_id)
        _check_placed(books, account_id, hold_id)
        check_leave(ask.actor, details)
        part = None if amount is None else minor_units_of(amount, account.terms.currency)
        posted = transaction_of(ask.actor, details, books)
        account = books.lapse(posted, account_id)
        settled = holds.settle_hold(account, hold_id, part, keep_rest=keep_rest)
        _check_free(books, hold_id)
        books.post(posted, account_id, settled)
        return [posted]

    streams = (stream_of(account_id), *late_streams(details))
    return ask.command(request, streams, decide, claims=(claim_of(hold_id),))


def release_hold(ask: Ask, account_id: int, hold_id: int) -> Command:
    """Give back what is held."""
    request: dict[str, Any] = {"call": "holds/release", "hold_id": hold_id}

    def decide(books: Books) -> list[Transaction]:
        account_for(books, ask.actor, account_id)
        _check_placed(books, account_id, hold_id)
        posted = transaction_of(ask.actor, NO_DETAILS, books)
        account = books.lapse(posted, account_id)
        released = holds.release_hold(account, hold_id)
        _check_free(books, hold_id)
        books.post(posted, account_id, released)
        return [posted]

    return ask.command(request, (stream_of(account_id),), decide, claims=(claim_of(hold_id),))


def expire_holds(ask: Ask, account_id: int, details: Details) -> Command:
    """Give back what was held until an instant that has passed, on an account of any standing."""
    request = {"call": "holds/expire", "account_id": account_id, **details.request()}

    def decide(books: Books) -> list[Transaction]:
        posted = transaction_of(ask.actor, details, books)
        books.lapse(posted, account_id)
        return [posted] if posted.drafts else []

    return ask.command(request, (stream_of(account_id), *late_streams(details)), decide)
