"""The use cases of bills that were presented, apart from paying them: disputed, cancelled, late."""

import datetime as dt
from collections.abc import Callable

from application.billers import bill_in, biller_in
from application.books import Books, Command, Transaction
from application.commands import (
    NO_DETAILS,
    Actor,
    Ask,
    Details,
    check_text,
    late_streams,
    note,
    transaction,
)
from application.log_reads import read_state
from application.pools import Pool
from domain.bills import bill as bills
from domain.bills import biller as billers
from domain.bills.bill import Bill, stream_of
from domain.bills.bill_facts import BillFact
from domain.bills.bill_refusals import BillNotFound
from domain.refusals import NotPermitted


async def read_bill(pool: Pool, bill_id: int) -> Bill:
    """The bill as the log has it now, so never late. One that there is not is refused."""
    return bills.found(await read_state(pool, stream_of(bill_id)), bill_id)


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
    if not actor.may_act_for(bill.standing.user_id):
        raise BillNotFound(bill_id=bill_id)
    return bill


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
        return note(ask, books, stream_of(bill_id), decision(bill), reason)

    request = {"call": call, "bill_id": bill_id, "reason": reason}
    return ask.command(request, (stream_of(bill_id),), decide)
