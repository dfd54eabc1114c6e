"""The use cases of accounts, named as a teller would say them. Each makes a command for the writer."""

import datetime as dt
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final, Literal

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
    transaction,
)
from domain import account as accounts
from domain import customer as customers
from domain.account import Account, stream_of
from domain.account_facts import AccountFact, Holder
from domain.money import decimals_of, minor_units_of
from domain.refusals import (
    CurrencyMismatch,
    CustomerNotFound,
    ReferenceTaken,
    SameAccount,
    StandingOrderActive,
)
from domain.standing_orders import active_of
from domain.standing_orders import stream_of as order_stream

# An overdraft limit of nothing is a limit, so it is read apart from amounts.
NO_LIMIT: Final = Decimal(0)


def claim_of(reference: str) -> str:
    """The claim of the one account that carries another system's name for it."""
    return f"account-reference/{reference}"


def open_account(
    ask: Ask,
    *,
    account_id: int,
    user_id: int,
    account_type: str,
    currency: str,
    reference: str | None = None,
    authorised: Sequence[int] = (),
    opened_on: dt.date | None = None,
) -> Command:
    """Open an account in a customer's name. `account_id` is fresh, from the sequence of the store.

    Refused: a customer who does not exist (or is another, where a customer asks), a reference that
    another account carries. `opened_on` is today unless an import says otherwise.
    """
    stream, customer = stream_of(account_id), customers.stream_of(user_id)
    others = [customers.stream_of(other) for other in authorised]
    claim = claim_of(reference or "")

    def decide(books: Books) -> list[Transaction]:
        if not ask.actor.may_act_for(user_id):
            raise CustomerNotFound(user_id=user_id)
        parties = [books.customer(party) for party in (user_id, *authorised)]
        check_text("reference", reference)
        decimals_of(currency)
        facts = accounts.open_account(
            None,
            account_id=account_id,
            account_type=account_type,
            currency=currency,
            holders=(Holder(user_id, "owner"), *(Holder(o, "authorised") for o in authorised)),
            opened_on=opened_on or books.today,
            reference=reference,
        )
        if reference is not None:
            if books.claimed(claim) is not None:
                raise ReferenceTaken(reference=reference)
            books.claim(claim, stream)
        for party in parties:
            customers.check_staying(party)
        posted = transaction(ask.actor, Details(booking_date=None), books)
        books.post(posted, account_id, facts)
        return [posted]

    request = {
        "call": "accounts/create",
        "user_id": user_id,
        "account_type": account_type,
        "currency": currency,
        "reference": reference,
        "authorised": list(authorised),
        "opened_on": opened_on,
    }
    claims = () if reference is None else (claim,)
    return ask.command(request, (stream, customer, *others), decide, claims=claims)


def deposit(ask: Ask, account_id: int, amount: Decimal, details: Details) -> Command:
    """Cash in, over the counter; `amount` is in major units of the account's currency."""
    return _move(ask, "accounts/deposit", account_id, amount, details, accounts.deposit)


def withdraw(
    ask: Ask, account_id: int, amount: Decimal, details: Details, *, forced: bool = False
) -> Command:
    """Cash out. Refused above the available balance, unless the bank forces it."""

    def decision(account: Account, minor_units: int) -> list[AccountFact]:
        return accounts.withdraw(account, minor_units, forced=forced)

    return _move(ask, "accounts/withdraw", account_id, amount, details, decision)


def receive_payment(
    ask: Ask, account_id: int, amount: Decimal, details: Details, counterparty: str | None
) -> Command:
    """Money from an account at another bank, through incoming clearing."""

    def decision(account: Account, minor_units: int) -> list[AccountFact]:
        check_text("counterparty", counterparty)
        return accounts.receive_payment(account, minor_units, counterparty)

    return _move(ask, "payments/receive", account_id, amount, details, decision)


def send_payment(
    ask: Ask,
    account_id: int,
    amount: Decimal,
    details: Details,
    counterparty: str | None,
    *,
    forced: bool = False,
) -> Command:
    """Money to an account at another bank, through outgoing clearing."""

    def decision(account: Account, minor_units: int) -> list[AccountFact]:
        check_text("counterparty", counterparty)
        return accounts.send_payment(account, minor_units, counterparty, forced=forced)

    return _move(ask, "payments/send", account_id, amount, details, decision)


def credit_interest(ask: Ask, account_id: int, amount: Decimal, details: Details) -> Command:
    return _move(ask, "interest/credit", account_id, amount, details, accounts.credit_interest)


def charge_interest(ask: Ask, account_id: int, amount: Decimal, details: Details) -> Command:
    return _move(ask, "interest/charge", account_id, amount, details, accounts.charge_interest)


def credit_adjustment(ask: Ask, account_id: int, amount: Decimal, details: Details) -> Command:
    """The bank gives what it owes beside the account's own transactions."""
    return _move(ask, "adjustments/credit", account_id, amount, details, accounts.credit_adjustment)


def debit_adjustment(ask: Ask, account_id: int, amount: Decimal, details: Details) -> Command:
    """The bank takes back what it gave too much."""
    return _move(ask, "adjustments/debit", account_id, amount, details, accounts.debit_adjustment)


def charge_fee(ask: Ask, account_id: int, amount: Decimal, details: Details) -> Command:
    return _move(ask, "fees/charge", account_id, amount, details, accounts.charge_fee)


def transfer(
    ask: Ask, source_id: int, destination_id: int, amount: Decimal, details: Details
) -> Command:
    """Money between two accounts of the bank: two facts under one transaction id, both or none."""
    request = {
        "call": "transactions/create",
        "source_account_id": source_id,
        "destination_account_id": destination_id,
        "amount": canonical(amount),
        **details.request(),
    }

    def decide(books: Books) -> list[Transaction]:
        payer = account_for(books, ask.actor, source_id)
        payee = books.account(destination_id)
        check_leave(ask.actor, details)
        currency = payer.terms.currency
        minor_units = minor_units_of(amount, currency)
        if source_id == destination_id:
            raise SameAccount(account_id=source_id)
        posted = transaction(ask.actor, details, books)
        payer = books.lapse(posted, source_id)
        if payee.terms.currency != currency:
            raise CurrencyMismatch(
                account_id=destination_id, currency=payee.terms.currency, other=currency
            )
        received = accounts.receive_transfer(payee, minor_units, source_id)
        sent = accounts.send_transfer(payer, minor_units, destination_id)
        books.post(posted, source_id, sent)
        books.post(posted, destination_id, received)
        return [posted]

    streams = (stream_of(source_id), stream_of(destination_id), *late_streams(details))
    return ask.command(request, streams, decide)


def change_overdraft_limit(ask: Ask, account_id: int, limit: Decimal) -> Command:
    """How far below zero the balance may go, in major units; zero takes the overdraft away."""

    def decision(account: Account) -> list[AccountFact]:
        minor_units = 0 if limit == NO_LIMIT else minor_units_of(limit, account.terms.currency)
        return accounts.change_overdraft_limit(account, minor_units)

    request = {"call": "accounts/overdraft-limit", "limit": canonical(limit)}
    return _change(ask, request, account_id, decision, reason=None)


def freeze(
    ask: Ask,
    account_id: int,
    restriction: Literal["debit", "full"],
    reason: str,
    authority: str | None,
) -> Command:
    """Stop debits, or everything, for a reason and on someone's authority, both kept for ever."""
    request = {
        "call": "accounts/freeze",
        "restriction": restriction,
        "reason": reason,
        "authority": authority,
    }

    def decision(account: Account) -> list[AccountFact]:
        check_text("authority", authority)
        return accounts.freeze(account, restriction, authority)

    return _change(ask, request, account_id, decision, reason)


def unfreeze(ask: Ask, account_id: int, reason: str) -> Command:
    request = {"call": "accounts/unfreeze", "reason": reason}
    return _change(ask, request, account_id, accounts.unfreeze, reason)


def make_dormant(ask: Ask, account_id: int, reason: str) -> Command:
    request = {"call": "accounts/make-dormant", "reason": reason}
    return _change(ask, request, account_id, accounts.make_dormant, reason)


def reactivate(ask: Ask, account_id: int, reason: str) -> Command:
    request = {"call": "accounts/reactivate", "reason": reason}
    return _change(ask, request, account_id, accounts.reactivate, reason)


def close(
    ask: Ask, account_id: int, reason: str | None, standing_orders: Sequence[int] = ()
) -> Command:
    """For good; the balance must be zero, and no standing order may be left.

    `standing_orders` are those found to pay from the account; each is looked at again.
    """
    request = {"call": "accounts/close", "reason": reason, "account_id": account_id}
    orders = [order_stream(order_id) for order_id in standing_orders]

    def decide(books: Books) -> list[Transaction]:
        account_for(books, ask.actor, account_id)
        check_text("reason", reason)
        posted = transaction(ask.actor, NO_DETAILS, books)
        posted.reason = reason
        account = books.lapse(posted, account_id)
        count = active_of([books.state(order) for order in orders])
        if count:
            raise StandingOrderActive(account_id=account_id, count=count)
        books.post(posted, account_id, accounts.close(account))
        return [posted] if posted.drafts else []

    return ask.command(request, (stream_of(account_id), *orders), decide)


def _move(
    ask: Ask,
    call: str,
    account_id: int,
    amount: Decimal,
    details: Details,
    decision: Callable[[Account, int], list[AccountFact]],
) -> Command:
    request: dict[str, Any] = {
        "call": call,
        "account_id": account_id,
        "amount": canonical(amount),
        **details.request(),
    }

    def decide(books: Books) -> list[Transaction]:
        account = account_for(books, ask.actor, account_id)
        check_leave(ask.actor, details)
        minor_units = minor_units_of(amount, account.terms.currency)
        posted = transaction(ask.actor, details, books)
        account = books.lapse(posted, account_id)
        books.post(posted, account_id, decision(account, minor_units))
        return [posted]

    return ask.command(request, (stream_of(account_id), *late_streams(details)), decide)


def _change(
    ask: Ask,
    request: dict[str, Any],
    account_id: int,
    decision: Callable[[Account], list[AccountFact]],
    reason: str | None,
) -> Command:
    """A change of terms; where it is nothing new, nothing is written."""

    def decide(books: Books) -> list[Transaction]:
        account_for(books, ask.actor, account_id)
        check_text("reason", reason)
        posted = transaction(ask.actor, NO_DETAILS, books)
        posted.reason = reason
        account = books.lapse(posted, account_id)
        books.post(posted, account_id, decision(account))
        return [posted] if posted.drafts else []

    return ask.command({**request, "account_id": account_id}, (stream_of(account_id),), decide)
