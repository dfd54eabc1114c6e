"""The use cases of bills, apart from paying them: presented, superseded, disputed, cancelled, late."""

import datetime as dt
import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec

from application.billers import bill_in, biller_in
from application.books import Books, Command, Transaction
from application.commands import (
    NO_DETAILS,
    Actor,
    Ask,
    Details,
    canonical,
    check_text,
    late_streams,
    transaction,
)
from application.pools import Pool, borrowed
from domain import customer as customers
from domain.bills import bill as bills
from domain.bills import biller as billers
from domain.bills.bill import Bill, check_same, stream_of
from domain.bills.bill_facts import BillFact, BillPresented, Standing
from domain.bills.bill_refusals import BillDiffers, BillNotFound
from domain.bills.recurrence import Recurrence
from domain.money import minor_units_of
from domain.refusals import CustomerNotFound, NotPermitted
from ledger.journal import decode

# How often a biller can present a bill anew under one number of its own.
REVISIONS_MAX: Final = 20

NEWEST: Final = """
    SELECT topic, state, originator_version FROM daybook_events
     WHERE originator_id = %s ORDER BY originator_version DESC LIMIT 1
"""
HOLDERS: Final = "SELECT name, holder FROM claims WHERE name = ANY(%s)"


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
        minimum = None if self.minimum is None else canonical(self.minimum)
        said = msgspec.structs.asdict(self)
        said |= {"amount": canonical(self.amount), "minimum": minimum}
        return {
            name: msgspec.to_builtins(value) for name, value in said.items() if value is not None
        }

    def digest(self) -> str:
        return hashlib.sha256(msgspec.json.encode(self.request())).hexdigest()


class Known(msgspec.Struct, frozen=True):
    """The newest bill under a biller's number, and how often one was presented under it."""

    bill_id: int
    revision: int


class Outcome(msgspec.Struct):
    """What became of a presentment: the new bill, or the one that was known already, and whose it is."""

    bill: Bill | None = None
    biller: str = ""
    is_new: bool = False


async def read_bill(pool: Pool, bill_id: int) -> Bill:
    """The bill as the log has it now, so never late. One that there is not is refused."""
    newest = await newest_of(pool, stream_of(bill_id))
    if newest is None:
        raise BillNotFound(bill_id=bill_id)
    fact, version = newest
    return Bill(bill_id, fact.standing, version)


async def newest_of(pool: Pool, stream: str) -> tuple[Any, int] | None:
    """The newest fact of a stream and its version, from the log itself; None where there is none."""
    async with borrowed(pool) as connection:
        found = await connection.execute(NEWEST, (stream,), binary=True)
        row = await found.fetchone()
    if row is None:
        return None
    tag, state, version = row
    return decode(tag, state).fact, version


async def known_under(pool: Pool, biller_id: int, external_id: str | None) -> Known | None:
    """What is known of a biller's own number for a bill; asked before `present_bill`."""
    if external_id is None:
        return None
    names = [_claim_of(biller_id, n, external_id) for n in range(1, REVISIONS_MAX + 1)]
    async with borrowed(pool) as connection:
        rows = await (await connection.execute(HOLDERS, (names,))).fetchall()
    if not rows:
        return None
    revisions = {names.index(name) + 1: holder for name, holder in rows}
    newest = max(revisions)
    return Known(_holder_of(revisions[newest])[0], newest)


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
    the first. `outcome` is told which bill it is.
    """
    external_id, by_biller = presented.external_id, ask.actor.role != "user"
    revision = 1 if known is None else known.revision
    claims: tuple[str, ...] = ()
    if external_id is not None:
        biller_id = presented.biller_id
        claims = tuple(_claim_of(biller_id, n, external_id) for n in (revision, revision + 1))

    def decide(books: Books) -> list[Transaction]:
        if not _may_act_for(ask.actor, presented.user_id):
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
            books.add(
                posted,
                stream_of(known.bill_id),
                bills.supersede(bill_in(books, known.bill_id), bill_id),
            )
            superseding = msgspec.structs.replace(standing, supersedes=known.bill_id)
            facts = [BillPresented(standing=superseding)]
        billers.active(biller)
        customers.check_staying(customer)
        if claims:
            books.claim(claims[taken], f"{stream_of(bill_id)}/{presented.digest()}")
        books.add(posted, stream_of(bill_id), facts)
        outcome.bill, outcome.is_new = bill_in(books, bill_id), True
        return [posted]

    streams = [
        stream_of(bill_id),
        billers.stream_of(presented.biller_id),
        customers.stream_of(presented.user_id),
    ]
    if known is not None:
        streams.append(stream_of(known.bill_id))
    request = {"call": "bills", "supersede": supersede, **presented.request()}
    return ask.command(request, streams, decide, claims=claims)


def cancel_bill(ask: Ask, bill_id: int, reason: str | None) -> Command:
    """Owed no more. A customer may cancel what was entered for himself, and not what a biller presented."""

    def decision(bill: Bill) -> list[BillFact]:
        if ask.actor.role == "user" and bill.standing.external_id is not None:
            raise NotPermitted(role="user", action="cancel what a biller has presented")
        return bills.cancel(bill)

    return _change(ask, "bills/cancel", bill_id, reason, decision)


def dispute_bill(ask: Ask, bill_id: int, reason: str) -> Command:
    """The one who owes it says that it is wrong, and why."""
    return _change(ask, "bills/dispute", bill_id, reason, bills.dispute)


def end_dispute(ask: Ask, bill_id: int, reason: str, *, upheld: bool) -> Command:
    def decision(bill: Bill) -> list[BillFact]:
        return bills.end_dispute(bill, upheld=upheld)

    call = f"bills/{'uphold' if upheld else 'reject'}-dispute"
    return _change(ask, call, bill_id, reason, decision)


def add_late_fee(
    ask: Ask, bill_id: int, biller_id: int, on: dt.date, details: Details = NO_DETAILS
) -> Command:
    """The biller's late fee for a bill that is overdue on a day; nothing where it has had one."""

    def decide(books: Books) -> list[Transaction]:
        bill, biller = bill_in(books, bill_id), biller_in(books, biller_id)
        posted = transaction(ask.actor, details, books)
        books.add(posted, stream_of(bill_id), bills.add_late_fee(bill, biller.terms, on))
        return [posted] if posted.drafts else []

    request = {"call": "bills/late-fee", "bill_id": bill_id, "on": on, **details.request()}
    streams = (stream_of(bill_id), billers.stream_of(biller_id), *late_streams(details))
    return ask.command(request, streams, decide)


def own_bill(books: Books, actor: Actor, bill_id: int) -> Bill:
    """The bill, for one who may see it; to a stranger it does not exist."""
    bill = bill_in(books, bill_id)
    if not _may_act_for(actor, bill.standing.user_id):
        raise BillNotFound(bill_id=bill_id)
    return bill


def _may_act_for(actor: Actor, user_id: int) -> bool:
    return actor.role != "user" or actor.user_id == user_id


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


def _claim_of(biller_id: int, revision: int, external_id: str) -> str:
    return f"bill/{biller_id}/{revision}/{external_id}"


def _change(
    ask: Ask,
    call: str,
    bill_id: int,
    reason: str | None,
    decision: Callable[[Bill], list[BillFact]],
) -> Command:
    """Where it is nothing new, nothing is written."""

    def decide(books: Books) -> list[Transaction]:
        bill = own_bill(books, ask.actor, bill_id)
        check_text("reason", reason)
        posted = transaction(ask.actor, NO_DETAILS, books)
        posted.reason = reason
        books.add(posted, stream_of(bill_id), decision(bill))
        return [posted] if posted.drafts else []

    request = {"call": call, "bill_id": bill_id, "reason": reason}
    return ask.command(request, (stream_of(bill_id),), decide)
