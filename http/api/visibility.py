"""Whether a caller may see what a path names, and reads that see what the caller has written."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from api.call import Bank, Call
from api.parameters import date_of, id_of, known_at_of
from api.policy import Rule
from api.problems import NotYetRead
from application import bills, clock, holds, standing_orders, statements
from application.commands import Actor
from application.log_reads import read_state
from application.payment_places import Place, place_of_payment
from application.pools import borrowed
from application.registrations import read_registration
from domain.bills import autopay
from domain.bills.autopay import Autopay
from domain.bills.bill import Bill
from domain.bills.bill_refusals import (
    AutopayNotFound,
    BillNotFound,
    PaymentNotFound,
    RegistrationNotFound,
)
from domain.bills.registration import Registration
from domain.loans.loan_refusals import LoanNotFound
from domain.refusals import (
    AccountNotFound,
    CustomerNotFound,
    HoldNotFound,
    NotFound,
    StandingOrderNotFound,
    StatementNotFound,
    TransactionNotFound,
)
from readmodels import accounts, loans, transactions
from readmodels.accounts import AccountRow
from readmodels.claims import holder_of
from readmodels.moments import Moment, MomentAhead, resolve
from readmodels.projection import wait_for
from readmodels.reading import Connection

WAIT_SECONDS: Final = 2.0


@asynccontextmanager
async def reading(
    call: Call,
    *account_ids: int | None,
    user_id: int | None = None,
    transaction_id: int = 0,
    as_of: str | None = None,
    known_at: str | None = None,
) -> AsyncIterator[tuple[Connection, Moment]]:
    """A connection and the moment asked about, once the views hold what this caller has written, and
    what was written here to the accounts, by the user, or as the transaction that are asked about.

    A view that does not get there within `WAIT_SECONDS` is answered 503: never an old balance after a
    new one.
    """
    bank = call.bank
    day, known = date_of("as_of", as_of), known_at_of(known_at)
    wanted = _wanted(bank, call.actor, account_ids, transaction_id)
    if user_id is not None:
        wanted = max(wanted, bank.own_writes.position_for(user_id))
    async with borrowed(bank.reads) as connection:
        yield connection, await moment_of(connection, bank.today(), day, known, wanted)


def _wanted(
    bank: Bank, actor: Actor, account_ids: Sequence[int | None], transaction_id: int
) -> int:
    wanted = bank.own_writes.position_for(actor.user_id, *account_ids)
    # A transaction's id is a position. One beyond what was written here may not exist.
    if wanted < transaction_id <= bank.own_writes.newest():
        return transaction_id
    return wanted


def newest_recorded(bank: Bank) -> int:
    """For who asks who looked: all that was recorded here before is in the answer, refusals too."""
    return max(bank.own_writes.newest(), bank.writer.position)


async def moment_of(
    connection: Connection,
    today: dt.date,
    as_of: dt.date | None,
    known_at: dt.datetime | int | None,
    wanted: int,
) -> Moment:
    ahead = wanted
    for _ in range(3):
        try:
            moment = await resolve(
                connection, as_of=as_of, known_at=known_at, today=today, now=clock.now()
            )
        except MomentAhead as error:
            ahead = error.position
        else:
            if known_at is not None or moment.head >= wanted:
                return moment
        if not await wait_for(connection, ahead, WAIT_SECONDS):
            raise NotYetRead
        await asyncio.sleep(0)
    raise NotYetRead


async def check_account(connection: Connection, actor: Actor, account_id: int) -> None:
    """To a customer who is no holder of it, the account does not exist."""
    if actor.role == "user" and not await accounts.can_see(connection, actor.user_id, account_id):
        raise AccountNotFound(account_id=account_id)


async def account_for(connection: Connection, actor: Actor, account_id: int) -> AccountRow:
    """The account; to a customer who is no holder of it, it does not exist."""
    await check_account(connection, actor, account_id)
    account = await accounts.account(connection, account_id)
    if account is None:
        raise AccountNotFound(account_id=account_id)
    return account


async def check_loan(connection: Connection, actor: Actor, loan_id: int) -> None:
    """To a customer whose loan it is not, the loan does not exist."""
    borrower = await loans.borrower_of(connection, loan_id)
    if borrower is None or not actor.may_act_for(borrower):
        raise LoanNotFound(loan_id=loan_id)


def mark_of_loan(loan_id: int) -> int:
    """What stands for a loan among the accounts of `own_writes`."""
    return -loan_id


def check_user(actor: Actor, user_id: int) -> None:
    """To a customer there are no others."""
    if not actor.may_act_for(user_id):
        raise CustomerNotFound(user_id=user_id)


def wanted_user(actor: Actor, user_id: str | None) -> int | None:
    """Whose things a list is of: a customer's own, and of anybody's or one customer's for staff."""
    wanted = id_of("user_id", user_id)
    if actor.role != "user":
        return wanted
    check_user(actor, wanted or actor.user_id)
    return actor.user_id


async def check_transaction(
    connection: Connection, actor: Actor, row: transactions.TransactionRow
) -> None:
    """A customer sees the transactions of the accounts that the customer holds."""
    if actor.role != "user":
        return
    for account_id in (row.source_account_id, row.destination_account_id):
        if account_id is not None and await accounts.can_see(connection, actor.user_id, account_id):
            return
    raise TransactionNotFound(transaction_id=row.transaction_id)


async def account_of_hold(bank: Bank, actor: Actor, hold_id: int) -> int:
    """The account of a hold; to a customer who is no holder of it, the hold does not exist."""
    missing = HoldNotFound(hold_id=hold_id)
    stream = await _stream_of(bank, actor, holds.claim_of(hold_id), missing)
    return _account_in(stream)


async def account_of_order(bank: Bank, actor: Actor, order_id: int) -> int:
    """The account that a standing order pays from, hidden from a stranger in the same way."""
    missing = StandingOrderNotFound(standing_order_id=order_id)
    stream = await _stream_of(bank, actor, standing_orders.claim_of(order_id), missing)
    return _account_in(stream)


async def stream_of_statement(bank: Bank, actor: Actor, statement_id: int) -> tuple[str, int]:
    """The stream and the number of an issued statement, hidden from a stranger in the same way."""
    missing = StatementNotFound(statement_id=statement_id)
    place = await _stream_of(bank, actor, statements.claim_of(statement_id), missing)
    stream, _, number = place.partition("/")
    return stream, int(number)


async def _stream_of(bank: Bank, actor: Actor, claim: str, missing: NotFound) -> str:
    async with borrowed(bank.reads) as connection:
        stream = await holder_of(connection, claim)
        if stream is None:
            raise missing
        if actor.role == "user":
            account_id = _account_in(stream)
            wanted = _wanted(bank, actor, (account_id,), 0)
            await moment_of(connection, bank.today(), None, None, wanted)
            if not await accounts.can_see(connection, actor.user_id, account_id):
                raise missing
    return stream


async def bill_for(bank: Bank, actor: Actor, bill_id: int) -> Bill:
    """The bill, from the log itself; to a customer whose it is not, it does not exist."""
    bill = await bills.read_bill(bank.reads, bill_id)
    if not actor.may_act_for(bill.standing.user_id):
        raise BillNotFound(bill_id=bill_id)
    return bill


async def place_for(bank: Bank, actor: Actor, payment_id: int) -> Place:
    """Where a payment is; to a customer whose bill it is not of, it does not exist."""
    place = await place_of_payment(bank.reads, payment_id)
    try:
        await bill_for(bank, actor, place.bill_id)
    except BillNotFound:
        raise PaymentNotFound(payment_id=payment_id) from None
    return place


async def autopay_for(bank: Bank, actor: Actor, autopay_id: int) -> Autopay:
    """The rule of autopay, from the log itself; to a customer whose it is not, it does not exist."""
    state = await read_state(bank.reads, autopay.stream_of(autopay_id))
    found = autopay.found(state, autopay_id)
    if not actor.may_act_for(found.rule.user_id):
        raise AutopayNotFound(autopay_id=autopay_id)
    return found


async def registration_for(bank: Bank, actor: Actor, registration_id: int) -> Registration:
    """The registration, from the log itself; to a customer whose it is not, it does not exist."""
    found = await read_registration(bank.reads, registration_id)
    if not actor.may_act_for(found.link.user_id):
        raise RegistrationNotFound(registration_id=registration_id)
    return found


def _account_in(stream: str) -> int:
    """The account of `account-5`, and of the place `statements-5/2`."""
    return int(stream.partition("/")[0].rpartition("-")[2])


async def check_visible(bank: Bank, actor: Actor, rule: Rule, path: Mapping[str, Any]) -> None:
    """Raise the refusal that hides what the path names from a caller who may not see it."""
    if rule.subject == "user":
        check_user(actor, path["user_id"])
    if rule.subject == "hold":
        await account_of_hold(bank, actor, path["hold_id"])
    if rule.subject == "standing_order":
        await account_of_order(bank, actor, path["standing_order_id"])
    if rule.subject == "statement":
        await stream_of_statement(bank, actor, path["statement_id"])
    if rule.subject == "loan":
        wanted = _wanted(bank, actor, (mark_of_loan(path["loan_id"]),), 0)
        async with borrowed(bank.reads) as connection:
            await moment_of(connection, bank.today(), None, None, wanted)
            await check_loan(connection, actor, path["loan_id"])
    if rule.subject == "bill":
        await bill_for(bank, actor, path["bill_id"])
    if rule.subject == "payment":
        await place_for(bank, actor, path["payment_id"])
    if rule.subject == "autopay":
        await autopay_for(bank, actor, path["autopay_id"])
    if rule.subject == "registration":
        await registration_for(bank, actor, path["registration_id"])
    if rule.subject not in ("account", "transaction"):
        return
    account_id = path.get("account_id")
    wanted = _wanted(bank, actor, (account_id,), path.get("transaction_id", 0))
    async with borrowed(bank.reads) as connection:
        moment = await moment_of(connection, bank.today(), None, None, wanted)
        if account_id is not None:
            await check_account(connection, actor, account_id)
            return
        transaction_id = path["transaction_id"]
        row = await transactions.transaction(connection, transaction_id, moment)
        if row is None:
            raise TransactionNotFound(transaction_id=transaction_id)
        await check_transaction(connection, actor, row)
