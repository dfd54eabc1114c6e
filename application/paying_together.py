"""One payment over several bills of one biller: the oldest is paid first, then the next, as far as it goes."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from application.bill_payments import Paying, claims_of, pay
from application.billers import biller_in
from application.bills import own_bill
from application.books import Books, Command, Transaction
from application.commands import Ask, canonical
from application.payment_places import Place
from domain.bills.bill_refusals import BillNotFound, NothingOwed
from domain.bills.biller import stream_of
from domain.money import minor_units_of

# Each bill that is paid is a payment and a hold of its own.
BILLS_AT_ONCE_MAX: Final = 20


class Share(NamedTuple):
    """A bill that may be paid, with the fresh numbers of its payment and hold."""

    place: Place
    hold_id: int


def pay_together(
    ask: Ask,
    shares: Sequence[Share],
    *,
    user_id: int,
    biller_id: int,
    amount: Decimal,
    currency: str,
    account_id: int | None = None,
) -> Command:
    """Pay `amount`, in major units, over these bills by their due dates: all of it, or nothing is done.

    What is left after the last bill is paid on top of that one, where the biller takes more than is owed.
    `account_id` is the account that was named, if one was; the places say which it is. Without shares
    nothing is owed, unless the key is one that was answered.
    """
    request = {
        "call": "bills/pay-together",
        "user_id": user_id,
        "biller_id": biller_id,
        "currency": currency,
        "account_id": account_id,
        "amount": canonical(amount),
    }

    def decide(books: Books) -> list[Transaction]:
        bills = [own_bill(books, ask.actor, share.place.bill_id) for share in shares]
        for bill in bills:
            if bill.standing.user_id != user_id:
                raise BillNotFound(bill_id=bill.bill_id)
        left = minor_units_of(amount, currency)
        due = sorted(
            (bill.standing.due_date, bill.bill_id, share, bill.standing.payable)
            for share, bill in zip(shares, bills, strict=True)
            if bill.standing.condition == "open" and bill.standing.payable
        )
        if not due:
            raise NothingOwed(biller=biller_in(books, biller_id).terms.name, currency=currency)
        made: list[Transaction] = []
        for number, (_, _, share, payable) in enumerate(due, start=1):
            part = left if number == len(due) else min(left, payable)
            left -= part
            if part:
                made += pay(books, ask, Paying(share.place, user_id, share.hold_id, part))
        return made

    streams = {stream for share in shares for stream in share.place.streams}
    streams.add(stream_of(biller_id))
    claims = [
        claim for share in shares for claim in claims_of(share.place.payment_id, share.hold_id)
    ]
    return ask.command(request, sorted(streams), decide, claims=claims)
