"""Presenting a bill: once under its biller's number, and anew where its biller has another amount or date.

A bill that takes the place of another takes its payments over. What was paid of the first counts with the
biller all the same, and who has paid half of a bill that is corrected owes the rest, not the whole.
"""

import datetime as dt
import hashlib
from decimal import Decimal
from typing import Any, Final

import msgspec

from application.bill_refunds import give_back
from application.billers import bill_in, biller_in
from application.bills import read_bill
from application.books import Books, Command, Transaction
from application.commands import NO_DETAILS, Ask, Details, canonical, check_text, transaction
from application.log_reads import read_holder
from application.payment_places import place_in
from application.pools import Pool
from domain import account as accounts
from domain import customer as customers
from domain.bills import bill as bills
from domain.bills import biller as billers
from domain.bills.bill import Bill, Superseding, check_same, stream_of
from domain.bills.bill_facts import Standing
from domain.bills.bill_refusals import BillDiffers, BillHasPayments
from domain.bills.biller import BillerTerms
from domain.bills.recurrence import Recurrence
from domain.money import minor_units_of
from domain.refusals import CustomerNotFound, NotPermitted

# How often a biller can present a bill anew under one number of its own.
REVISIONS_MAX: Final = 20

ANEW: Final = Details(reason="the bill was presented anew, for less than was paid")


class PresentedBill(msgspec.Struct, frozen=True, kw_only=True):
    """A bill as a biller presents it, or as it is entered; amounts in major units."""

    biller_id: int
    user_id: int
    amount: Decimal
    currency: str
    due_date: dt.date
    issued_on: dt.date | None = None
    external_id: str | None = None
    reference: str | None = None
    description: str | None = None
    minimum: Decimal | None = None
    recurrence: Recurrence | None = None

    def standing(self, today: dt.date) -> Standing:
        return Standing(
            biller_id=self.biller_id,
            user_id=self.user_id,
            currency=self.currency,
            amount_due=minor_units_of(self.amount, self.currency),
            issued_on=self.issued_on or min(today, self.due_date),
            due_date=self.due_date,
            external_id=self.external_id,
            reference=self.reference,
            description=self.description,
            minimum=0 if self.minimum is None else minor_units_of(self.minimum, self.currency),
            recurrence=self.recurrence,
        )

    def request(self) -> dict[str, Any]:
        minimum = canonical(self.minimum)
        said = msgspec.structs.asdict(self)
        said |= {"amount": canonical(self.amount), "minimum": minimum}
        return {
            name: msgspec.to_builtins(value) for name, value in said.items() if value is not None
        }

    def digest(self) -> str:
        return digest_of(self.request())


def digest_of(request: dict[str, Any]) -> str:
    """What tells two presentments under one number apart, from what was asked."""
    return hashlib.sha256(msgspec.json.encode(request)).hexdigest()


class Known(msgspec.Struct, frozen=True):
    """The newest bill under a biller's number, and how often one was presented under it.

    `account_ids` are the accounts that it was paid from, as far as that is known.
    """

    bill_id: int
    revision: int
    account_ids: frozenset[int] = frozenset()


class Outcome(msgspec.Struct):
    """What became of a presentment: the new bill, or the one that was known already, and whose it is."""

    bill: Bill | None = None
    biller: str = ""
    is_new: bool = False


async def known_under(pool: Pool, biller_id: int, external_id: str | None) -> Known | None:
    """What is known of a biller's own number for a bill; asked before `present_bill`."""
    if external_id is None:
        return None
    held = await read_holder(pool, lambda n: claim_of(biller_id, n, external_id), REVISIONS_MAX)
    if held is None:
        return None
    bill = await read_bill(pool, _holder_of(held.holder)[0])
    accounts = frozenset(payment.account_id for payment in bill.standing.payments)
    return Known(bill.bill_id, held.revision, accounts)


def present_bill(
    ask: Ask,
    presented: PresentedBill,
    *,
    bill_id: int,
    known: Known | None,
    outcome: Outcome,
    supersede: bool = False,
) -> Command:
    """Present a bill once: the same again under the biller's number is the bill that is known.

    `bill_id` is fresh, from the sequence of the store; `known` is what `known_under` said. Another
    bill under the same number is refused with the field that differs, unless it is to `supersede`
    the first, whose payments it takes over. What they are more than is owed then goes back, unless the
    biller keeps it as a credit. `outcome` is told which bill it is.
    """
    external_id, by_biller = presented.external_id, ask.actor.role != "user"
    revision = 1 if known is None else known.revision
    claims: tuple[str, ...] = ()
    if external_id is not None:
        biller_id = presented.biller_id
        claims = tuple(claim_of(biller_id, n, external_id) for n in (revision, revision + 1))

    def decide(books: Books) -> list[Transaction]:
        if not ask.actor.may_act_for(presented.user_id):
            raise CustomerNotFound(user_id=presented.user_id)
        customer = books.customer(presented.user_id)
        biller = biller_in(books, presented.biller_id)
        for field in ("external_id", "reference", "description"):
            check_text(field, getattr(presented, field))
        standing = presented.standing(books.today)
        facts = bills.present(biller.terms, standing, by_biller=by_biller)
        posted = transaction(ask.actor, NO_DETAILS, books)
        outcome.biller = biller.terms.name
        taken = sum(books.claimed(claim) is not None for claim in claims)
        if taken:
            holder = str(books.claimed(claims[taken - 1]))
            try:
                outcome.bill, outcome.is_new = _same_as(books, holder, presented, standing), False
                return []
            except BillDiffers:
                # Only what its presenter has seen is superseded.
                if not supersede or known is None or taken != 1:
                    raise
            superseding = _superseding(books, ask, known, bill_id, standing)
            books.add(posted, stream_of(known.bill_id), superseding.old)
            facts = superseding.new
        billers.check_active(biller)
        customers.check_staying(customer)
        if claims:
            books.claim(claims[taken], f"{stream_of(bill_id)}/{presented.digest()}")
        books.add(posted, stream_of(bill_id), facts)
        made = [posted, *_given_back(books, ask, bill_id, biller.terms)]
        outcome.bill, outcome.is_new = bill_in(books, bill_id), True
        return made

    streams = [
        stream_of(bill_id),
        billers.stream_of(presented.biller_id),
        customers.stream_of(presented.user_id),
    ]
    if known is not None:
        streams.append(stream_of(known.bill_id))
        streams += map(accounts.stream_of, sorted(known.account_ids))
    request = {"call": "bills", "supersede": supersede, **presented.request()}
    return ask.command(request, streams, decide, claims=claims)


def _superseding(
    books: Books, ask: Ask, known: Known, bill_id: int, standing: Standing
) -> Superseding:
    """What becomes of the known bill. Refused: by a customer, and where it was paid from an account that
    was not known of, which happens while one is paying."""
    if ask.actor.role == "user":
        raise NotPermitted(role="user", action="supersede what a biller has presented")
    old = bill_in(books, known.bill_id)
    made = bills.supersede(old, bill_id, standing)
    if any(p.account_id not in known.account_ids for p in made.new[0].standing.payments):
        raise BillHasPayments(bill_id=known.bill_id)
    return made


def _given_back(books: Books, ask: Ask, bill_id: int, terms: BillerTerms) -> list[Transaction]:
    """What a new bill took over beyond what it is owed: out of the newest payments first."""
    if terms.overpayment == "credit":
        return []
    made: list[Transaction] = []
    for payment in reversed(bill_in(books, bill_id).standing.payments):
        place = place_in(bill_in(books, bill_id), payment.payment_id)
        made += give_back(books, ask, place, details=ANEW)
    return made


def _same_as(books: Books, holder: str, presented: PresentedBill, standing: Standing) -> Bill:
    """The bill that holds the number, if it is this very one; else refused, with what differs."""
    bill_id, digest = _holder_of(holder)
    try:
        bill = bill_in(books, bill_id)
    except KeyError:
        # Presented while this command was on its way, so this command does not know its stream.
        if digest == presented.digest():
            return Bill(bill_id, standing, 1)
        raise BillDiffers(bill_id=bill_id, field="content") from None
    if presented.issued_on is None:
        standing = msgspec.structs.replace(standing, issued_on=bill.standing.issued_on)
    check_same(bill, standing)
    return bill


def _holder_of(holder: str) -> tuple[int, str]:
    """The bill of `bill-5/0a1b...`, and the digest of what was presented as it."""
    stream, _, digest = holder.partition("/")
    return int(stream.rpartition("-")[2]), digest


def claim_of(biller_id: int, revision: int, external_id: str) -> str:
    return f"bill/{biller_id}/{revision}/{external_id}"
