"""The use cases of standing orders: agreed, changed, paused, cancelled, and executed when they are due."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec

from application.books import Books, Command, Transaction
from application.commands import (
    Ask,
    Details,
    account_for,
    canonical,
    check_text,
    late_streams,
    note,
    transaction,
)
from domain import account as accounts
from domain import standing_orders
from domain.account import check_open
from domain.account import stream_of as account_stream
from domain.account_facts import AccountFact
from domain.banking_calendar import Calendar, DayRule
from domain.money import minor_units_of
from domain.refusals import (
    AccountClosed,
    Conflicting,
    CurrencyMismatch,
    DateOutOfRange,
    SameAccount,
)
from domain.standing_orders import Frequency, Order, OrderFact, StandingOrder, stream_of

DUE_AHEAD: Final = dt.timedelta(days=366 * 2)
LATEST: Final = dt.date(2200, 12, 31)


class Agreed(msgspec.Struct, frozen=True, kw_only=True):
    """What is agreed about a standing order. `amount` is in major units of the account's currency.

    One of `to_account` and `counterparty` says to whom; `first_due` is the anchor of the rule.
    """

    account_id: int
    amount: Decimal
    frequency: Frequency
    first_due: dt.date
    to_account: int | None = None
    counterparty: str | None = None
    description: str | None = None
    day_rule: DayRule = "following"
    last_due: dt.date | None = None
    count: int | None = None
    retry_days: int = 3
    catch_up: bool = False


def claim_of(order_id: int) -> str:
    """The claim under which the stream of the order's account is found."""
    return f"standing-order/{order_id}"


def create(ask: Ask, order_id: int, agreed: Agreed, calendar: Calendar) -> Command:
    """Agree a standing order. `order_id` is fresh, from the sequence of the store.

    Refused: accounts that cannot pay or be paid so, and a first due date in the past or far away.
    """
    claim, stream = claim_of(order_id), stream_of(order_id)

    def decide(books: Books) -> list[Transaction]:
        payer = account_for(books, ask.actor, agreed.account_id)
        payee = None if agreed.to_account is None else books.account(agreed.to_account)
        amount = minor_units_of(agreed.amount, payer.terms.currency)
        if agreed.account_id == agreed.to_account:
            raise SameAccount(account_id=agreed.account_id)
        check_text("counterparty", agreed.counterparty)
        check_text("description", agreed.description)
        _check_dates(agreed, books.today)
        check_open(payer)
        if payee is not None:
            check_open(payee)
            if payee.terms.currency != payer.terms.currency:
                raise CurrencyMismatch(
                    account_id=agreed.to_account,
                    currency=payee.terms.currency,
                    other=payer.terms.currency,
                )
        order = Order(
            **{**msgspec.structs.asdict(agreed), "amount": amount},
            currency=payer.terms.currency,
            due=agreed.first_due,
            attempt_on=agreed.first_due,
        )
        books.claim(claim, account_stream(agreed.account_id))
        return note(ask, books, stream, standing_orders.create(order, calendar))

    said = {**msgspec.structs.asdict(agreed), "amount": canonical(agreed.amount)}
    request = {"call": "standing-orders", **said}
    streams = [stream, account_stream(agreed.account_id)]
    if agreed.to_account is not None:
        streams.append(account_stream(agreed.to_account))
    return ask.command(request, streams, decide, claims=(claim,))


def change(
    ask: Ask,
    account_id: int,
    order_id: int,
    *,
    amount: Decimal | None = None,
    **changed: Any,
) -> Command:
    """Another amount, `description`, `last_due`, `count` or `retry_days`; what is not named stays."""

    def decision(state: StandingOrder, _: Books) -> list[OrderFact]:
        check_text("description", changed.get("description"))
        more = {} if amount is None else {"amount": minor_units_of(amount, state.order.currency)}
        last_due = changed.get("last_due")
        if last_due is not None and not state.order.first_due <= last_due <= LATEST:
            raise DateOutOfRange(
                field="last due date", date=last_due, earliest=state.order.first_due, latest=LATEST
            )
        return standing_orders.change(state, **more, **changed)

    said = {**changed, "amount": canonical(amount)}
    return _change(ask, "change", account_id, order_id, decision, said)


def pause(ask: Ask, account_id: int, order_id: int) -> Command:
    return _change(ask, "pause", account_id, order_id, lambda s, _: standing_orders.pause(s), {})


def resume(ask: Ask, account_id: int, order_id: int, calendar: Calendar) -> Command:
    """It goes on with the first due date from today."""

    def decision(state: StandingOrder, books: Books) -> list[OrderFact]:
        return standing_orders.resume(state, calendar, books.today)

    return _change(ask, "resume", account_id, order_id, decision, {})


def cancel(ask: Ask, account_id: int, order_id: int) -> Command:
    """For good. The second call is nothing new."""
    return _change(ask, "cancel", account_id, order_id, lambda s, _: standing_orders.cancel(s), {})


def execute(
    ask: Ask,
    order_id: int,
    account_id: int,
    to_account: int | None,
    day: dt.date,
    details: Details,
    calendar: Calendar,
) -> Command:
    """Pay what is due by a day, or note why it cannot be; nothing where nothing is due any more.

    A lack of money is no refusal of this command: it is a fact, after which the order is tried again
    or skipped. Where an account is closed, the order is cancelled.
    """
    stream = stream_of(order_id)

    def decide(books: Books) -> list[Transaction]:
        posted = transaction(ask.actor, details, books)
        state = _order(books, order_id)
        books.add(posted, stream, standing_orders.overtaken(state, calendar, day))
        state = _order(books, order_id)
        if standing_orders.is_due(state.order, day):
            posted.description = state.order.description
            try:
                paid = _pay(books, posted, state.order)
            except AccountClosed as refusal:
                books.add(posted, stream, standing_orders.cancel(state, str(refusal)))
            except Conflicting as refusal:
                facts = standing_orders.failed(state, str(refusal), calendar, day)
                books.add(posted, stream, facts)
            else:
                for account, facts_of_it in paid:
                    books.post(posted, account, facts_of_it)
                books.add(posted, stream, standing_orders.executed(state, calendar))
        return [posted] if posted.drafts else []

    request = {
        "call": "standing-orders/execute",
        "standing_order_id": order_id,
        **details.request(),
    }
    streams = [stream, account_stream(account_id), *late_streams(details)]
    if to_account is not None:
        streams.append(account_stream(to_account))
    return ask.command(request, streams, decide)


def _pay(books: Books, posted: Transaction, order: Order) -> list[tuple[int, list[AccountFact]]]:
    """The facts of the movement, by account; nothing is drafted yet but holds that ran out."""
    payer = books.lapse(posted, order.account_id)
    if order.to_account is None:
        sent = accounts.send_payment(payer, order.amount, order.counterparty)
        return [(order.account_id, sent)]
    payee = books.account(order.to_account)
    received = accounts.receive_transfer(payee, order.amount, order.account_id)
    sent = accounts.send_transfer(payer, order.amount, order.to_account)
    return [(order.account_id, sent), (order.to_account, received)]


def _check_dates(agreed: Agreed, today: dt.date) -> None:
    if not today <= agreed.first_due <= today + DUE_AHEAD:
        raise DateOutOfRange(
            field="first due date",
            date=agreed.first_due,
            earliest=today,
            latest=today + DUE_AHEAD,
        )
    if agreed.last_due is not None and not agreed.first_due <= agreed.last_due <= LATEST:
        raise DateOutOfRange(
            field="last due date",
            date=agreed.last_due,
            earliest=agreed.first_due,
            latest=LATEST,
        )


def _change(
    ask: Ask,
    call: str,
    account_id: int,
    order_id: int,
    decision: Callable[[StandingOrder, Books], list[OrderFact]],
    said: dict[str, Any],
) -> Command:
    stream = stream_of(order_id)

    def decide(books: Books) -> list[Transaction]:
        account_for(books, ask.actor, account_id)
        return note(ask, books, stream, decision(_order(books, order_id), books))

    request = {"call": f"standing-orders/{call}", "standing_order_id": order_id, **said}
    return ask.command(request, (stream, account_stream(account_id)), decide)


def _order(books: Books, order_id: int) -> StandingOrder:
    return standing_orders.found(books.state(stream_of(order_id)), order_id)
