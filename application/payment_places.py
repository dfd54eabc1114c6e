"""Where a payment is, and the transactions that are made of what is decided on it."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from application.billers import add_to_biller, bill_in, biller_in
from application.bills import read_bill
from application.books import Books, Command, Transaction
from application.commands import NO_DETAILS, Actor, Ask, Details, transaction
from application.pools import Pool, borrowed
from domain import account as accounts
from domain.account import Account
from domain.bills import bill as bills
from domain.bills import biller as billers
from domain.bills.bill import Bill
from domain.bills.bill_facts import Payment
from domain.bills.bill_movements import FeeRefunded
from domain.bills.bill_refusals import PaymentCarriedOver, PaymentNotFound
from domain.bills.biller import BillerFact, BillerTerms
from domain.bills.payments import OnAccount
from ledger.bill_posting_rules import entry_for_bill

# The category of the bank's own fees.
FEES: Final = "fees"


class Place(NamedTuple):
    """A payment, and the numbers of the bill, the account and the biller that it concerns."""

    payment_id: int
    bill_id: int
    account_id: int
    biller_id: int

    @property
    def streams(self) -> tuple[str, ...]:
        return (
            bills.stream_of(self.bill_id),
            accounts.stream_of(self.account_id),
            billers.stream_of(self.biller_id),
        )


def claim_of(payment_id: int) -> str:
    """The claim under which the stream of the payment's bill is found."""
    return f"payment/{payment_id}"


async def place_of_payment(pool: Pool, payment_id: int) -> Place:
    return (await payment_of(pool, payment_id))[0]


async def payment_of(pool: Pool, payment_id: int) -> tuple[Place, Payment]:
    """Where the payment is, and how it stands, read from the log itself. One that there is not is refused.

    The bill that it was made for is claimed; from there it goes on to those that took its place.
    """
    async with borrowed(pool) as connection:
        found = await connection.execute(
            "SELECT holder FROM claims WHERE name = %s", (claim_of(payment_id),)
        )
        row = await found.fetchone()
    if row is None:
        raise PaymentNotFound(payment_id=payment_id)
    bill_id = int(row[0].rpartition("-")[2])
    while True:
        try:
            bill = await read_bill(pool, bill_id)
            return place_in(bill, payment_id), bill.payment(payment_id)
        except PaymentCarriedOver as refusal:
            bill_id = refusal.figures["bill_id"]


def place_in(bill: Bill, payment_id: int) -> Place:
    payment = bill.payment(payment_id)
    return Place(payment_id, bill.bill_id, payment.account_id, bill.standing.biller_id)


def parties_in(books: Books, place: Place) -> tuple[Bill, Account, BillerTerms]:
    """The bill that was paid, the account that paid it, and the terms of the biller."""
    terms = biller_in(books, place.biller_id).terms
    return bill_in(books, place.bill_id), books.account(place.account_id), terms


def transaction_for(
    actor: Actor, books: Books, bill: Bill, terms: BillerTerms, details: Details = NO_DETAILS
) -> Transaction:
    """Under the biller's category, and described as the bill is; `details` say in which day's books."""
    standing = bill.standing
    description = standing.description or f"Bill {standing.external_id or bill.bill_id}"
    said = msgspec.structs.replace(details, description=description, category=terms.category)
    return transaction(actor, said, books)


def fee_transaction(paid: Transaction, place: Place, what: str) -> Transaction:
    """A fee stands by itself, so that a statement tells it apart from what was paid."""
    return Transaction(
        actor=paid.actor,
        booking_date=paid.booking_date,
        value_date=paid.value_date,
        category=FEES,
        description=f"{what} payment {place.payment_id}",
        reason=paid.reason,
    )


def details_of(posted: Transaction) -> Details:
    """For what follows from a transaction and stands in the books of the same day."""
    return Details(booking_date=posted.booking_date, reason=posted.reason)


def posted_on_both(
    books: Books,
    ask: Ask,
    place: Place,
    made: OnAccount,
    on_biller: list[BillerFact] | None = None,
    *,
    details: Details = NO_DETAILS,
) -> list[Transaction]:
    """What was decided, in transactions; none where it was nothing new."""
    if not made.bill:
        return []
    bill, _, terms = parties_in(books, place)
    posted = transaction_for(ask.actor, books, bill, terms, details)
    fees = [fact for fact in made.account if isinstance(fact, FeeRefunded)]
    books.post(posted, place.account_id, [fact for fact in made.account if fact not in fees])
    if on_biller:
        add_to_biller(books, posted, place.biller_id, on_biller)
    books.add(posted, bills.stream_of(place.bill_id), made.bill, entry_for_bill)
    if not fees:
        return [posted]
    fee = fee_transaction(posted, place, "Fee returned for")
    books.post(fee, place.account_id, fees)
    return [posted, fee]


def payment_command(
    ask: Ask, call: str, place: Place, decide: Callable[[Books], list[Transaction]], **said: Any
) -> Command:
    request = {"call": call, "payment_id": place.payment_id, **said}
    return ask.command(request, place.streams, decide)
