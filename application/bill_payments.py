"""The use cases of bill payments: authorised, carried by a gateway or not, captured, given back.

Each command concerns one payment, whose place says which bill, account and biller it touches. What
is said of a payment may come late or twice; what is no news writes nothing and is answered all the same.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from application import holds as hold_use_cases
from application.bill_refunds import give_back
from application.billers import bill_in, biller_in
from application.bills import own_bill
from application.books import Books, Command, Transaction
from application.commands import (
    NO_DETAILS,
    Ask,
    Details,
    account_for,
    account_held_by,
    canonical,
    check_text,
    note,
)
from application.outbox import PaymentOrder, sent_later
from application.payment_places import (
    Place,
    claim_of,
    details_of,
    fee_transaction,
    payment_command,
    posted_on_both,
    transaction_for,
)
from domain import account as accounts
from domain.account_facts import AccountFact, FeeCharged, Hold
from domain.bills import bill as bills
from domain.bills import biller as billers
from domain.bills import payments
from domain.bills.bill import Bill
from domain.bills.bill_facts import BillFact, Payment
from domain.bills.bill_refusals import BillNotFound
from domain.bills.biller import BillerTerms, fee_of
from domain.holds import expire_holds, place_hold
from domain.money import minor_units_of
from domain.refusals import CurrencyMismatch

# --- Paying


class Paying(NamedTuple):
    """A payment to be made: `amount` is minor units of the bill's currency."""

    place: Place
    user_id: int
    hold_id: int
    amount: int
    autopay_id: int | None = None
    details: Details = NO_DETAILS


def authorise(
    ask: Ask,
    place: Place,
    *,
    user_id: int,
    hold_id: int,
    amount: Decimal,
    account_id: int | None = None,
) -> Command:
    """Pay a bill, in whole or part: `amount` is in major units. The two numbers are fresh.

    `account_id` is the account that was named, if one was; the place says which it is.

    The account holds it, with the bank's fee. A biller who settles directly is paid at once; for one
    behind a gateway, the payment is submitted after the commit. Refused like a withdrawal, and where
    the bill or its biller forbid it.
    """
    request = {
        "call": "bills/pay",
        "user_id": user_id,
        "bill_id": place.bill_id,
        "account_id": account_id,
        "amount": canonical(amount),
    }

    def decide(books: Books) -> list[Transaction]:
        bill = own_bill(books, ask.actor, place.bill_id)
        if bill.standing.user_id != user_id:
            raise BillNotFound(bill_id=place.bill_id)
        minor_units = minor_units_of(amount, bill.standing.currency)
        return pay(books, ask, Paying(place, user_id, hold_id, minor_units))

    return ask.command(request, place.streams, decide, claims=claims_of(place.payment_id, hold_id))


def claims_of(payment_id: int, hold_id: int) -> tuple[str, str]:
    return claim_of(payment_id), hold_use_cases.claim_of(hold_id)


def pay(books: Books, ask: Ask, paying: Paying) -> list[Transaction]:
    """Decide one payment, for whoever asks for it; also what a rule of autopay does.

    Nothing is drafted before the last refusal, so that another account can be tried.
    """
    place = paying.place
    bill, biller = bill_in(books, place.bill_id), biller_in(books, place.biller_id)
    account, terms = account_for(books, ask.actor, place.account_id), biller.terms
    account_held_by(books, bill.standing.user_id, place.account_id)
    posted = transaction_for(ask.actor, books, bill, terms, paying.details)
    payment = _payment_of(paying, terms, bill.standing.currency)
    hold = Hold(payment.hold_id, payment.amount + payment.fee, None, terms.name, posted.description)
    billers.check_active(biller)
    facts = payments.authorise(bill, terms, payment, posted.booking_date)
    if account.terms.currency != bill.standing.currency:
        raise CurrencyMismatch(
            account_id=place.account_id,
            currency=account.terms.currency,
            other=bill.standing.currency,
        )
    on_account: list[AccountFact] = list(expire_holds(account, books.now))
    for fact in on_account:
        account = accounts.evolve(account, fact)
    books.post(posted, place.account_id, [*on_account, *place_hold(account, hold)])
    books.add(posted, bills.stream_of(place.bill_id), facts)
    books.claim(claim_of(place.payment_id), bills.stream_of(place.bill_id))
    books.claim(
        hold_use_cases.claim_of(paying.hold_id),
        f"{accounts.stream_of(place.account_id)}/payment-{place.payment_id}",
    )
    if terms.gateway is None:
        return _capture(books, ask, place, posted, None)
    posted.statements = [sent_later(_order(bill, terms, payment))]
    return [posted]


def _payment_of(paying: Paying, terms: BillerTerms, currency: str) -> Payment:
    return Payment(
        payment_id=paying.place.payment_id,
        user_id=paying.user_id,
        account_id=paying.place.account_id,
        hold_id=paying.hold_id,
        amount=paying.amount,
        fee=fee_of(terms, currency),
        gateway=terms.gateway,
        autopay_id=paying.autopay_id,
    )


def _order(bill: Bill, terms: BillerTerms, payment: Payment) -> PaymentOrder:
    standing = bill.standing
    return PaymentOrder(
        payment_id=payment.payment_id,
        bill_id=bill.bill_id,
        gateway=terms.gateway or "",
        amount=payment.amount,
        currency=standing.currency,
        biller=terms.name,
        reference=standing.reference or standing.external_id or str(bill.bill_id),
    )


def _capture(
    books: Books, ask: Ask, place: Place, posted: Transaction, gateway_reference: str | None
) -> list[Transaction]:
    """The payment, the bank's fee, and what was paid too much and goes back: one transaction each."""
    bill, terms = bill_in(books, place.bill_id), biller_in(books, place.biller_id).terms
    account = books.account(place.account_id)
    on_bill, on_account = payments.captured(
        bill,
        account,
        terms,
        place.payment_id,
        gateway_reference,
        posted.booking_date,
        books.calendar,
    )
    if not on_bill:
        return [posted] if posted.drafts else []
    fees = [fact for fact in on_account if isinstance(fact, FeeCharged)]
    paid = [fact for fact in on_account if fact not in fees]
    books.post(posted, place.account_id, paid)
    books.add(posted, bills.stream_of(place.bill_id), on_bill)
    made = [posted]
    if fees:
        fee = fee_transaction(posted, place, "Fee for")
        books.post(fee, place.account_id, fees)
        made.append(fee)
    if terms.overpayment != "credit":
        made += give_back(books, ask, place, details=details_of(posted))
    return made


# --- What becomes of a payment: news from a gateway


def submitting(ask: Ask, place: Place) -> Command:
    return _on_bill(
        ask, "payments/submitting", place, lambda bill: payments.submitting(bill, place.payment_id)
    )


def unknown(ask: Ask, place: Place) -> Command:
    """The gateway did not answer. The payment stays held until it is asked and answers."""
    return _on_bill(
        ask, "payments/unknown", place, lambda bill: payments.unknown(bill, place.payment_id)
    )


def accepted(ask: Ask, place: Place, gateway_reference: str | None) -> Command:
    return _on_bill(
        ask,
        "payments/accepted",
        place,
        lambda bill: payments.accepted(bill, place.payment_id, gateway_reference),
        gateway_reference=gateway_reference,
    )


def captured(ask: Ask, place: Place, gateway_reference: str | None) -> Command:
    """The gateway has the money: the account is debited. Refused once the payment was declined."""

    def decide(books: Books) -> list[Transaction]:
        check_text("gateway_reference", gateway_reference)
        bill, terms = bill_in(books, place.bill_id), biller_in(books, place.biller_id).terms
        posted = transaction_for(ask.actor, books, bill, terms)
        return _capture(books, ask, place, posted, gateway_reference)

    return payment_command(
        ask, "payments/captured", place, decide, gateway_reference=gateway_reference
    )


def declined(ask: Ask, place: Place, reason: str | None, *, final: bool) -> Command:
    """It was not paid. Where that is not `final` it may be tried again, and nothing changes yet."""

    def decide(books: Books) -> list[Transaction]:
        check_text("reason", reason)
        bill, account = bill_in(books, place.bill_id), books.account(place.account_id)
        if not final:
            return []
        made = payments.declined(bill, account, place.payment_id, reason)
        return posted_on_both(books, ask, place, made, details=Details(reason=reason))

    return payment_command(ask, "payments/declined", place, decide, reason=reason, final=final)


def _on_bill(
    ask: Ask,
    call: str,
    place: Place,
    decision: Callable[[Bill], list[BillFact]],
    *,
    gateway_reference: str | None = None,
) -> Command:
    def decide(books: Books) -> list[Transaction]:
        check_text("gateway_reference", gateway_reference)
        facts = decision(bill_in(books, place.bill_id))
        return note(ask, books, bills.stream_of(place.bill_id), facts)

    return payment_command(ask, call, place, decide, gateway_reference=gateway_reference)
