"""The use cases of refunds: a bill payment is given back, before or after its biller was paid."""

from decimal import Decimal

from application.billers import bill_in
from application.bills import own_bill
from application.books import Books, Command, Transaction
from application.commands import Ask, Details, canonical, check_text
from application.payment_places import Place, parties_in, payment_command, posted_on_both
from domain.bills import refunds
from domain.bills.bill_facts import RefundEnded
from domain.bills.biller import RefundLost, RefundRepaid
from domain.bills.payments import OnAccount
from domain.money import minor_units_of


def refunded(ask: Ask, place: Place, amount: Decimal | None, reason: str | None) -> Command:
    """Give a payment back, or `amount` of it in major units; before or after the biller was paid."""

    def decide(books: Books) -> list[Transaction]:
        bill = own_bill(books, ask.actor, place.bill_id)
        left = bill.payment(place.payment_id).left
        part = left if amount is None else minor_units_of(amount, bill.standing.currency)
        check_text("reason", reason)
        return refund(books, ask, place, part, details=Details(reason=reason))

    return payment_command(
        ask,
        "payments/refunded",
        place,
        decide,
        amount=canonical(amount),
        reason=reason,
    )


def charged_back(ask: Ask, place: Place, reason: str | None) -> Command:
    """The customer disputes the debit itself, and has the money until that is decided."""

    def decide(books: Books) -> list[Transaction]:
        check_text("reason", reason)
        bill, account, terms = parties_in(books, place)
        made = refunds.charged_back(bill, account, terms, place.payment_id)
        return posted_on_both(books, ask, place, made, details=Details(reason=reason))

    return payment_command(ask, "payments/charged-back", place, decide, reason=reason)


def chargeback_lost(ask: Ask, place: Place, reason: str | None) -> Command:
    """The debit was right: the customer gives the money back, though it is not there."""

    def decide(books: Books) -> list[Transaction]:
        check_text("reason", reason)
        bill, account, terms = parties_in(books, place)
        made = refunds.chargeback_lost(bill, account, terms, place.payment_id)
        return posted_on_both(books, ask, place, made, details=Details(reason=reason))

    return payment_command(ask, "payments/chargeback-lost", place, decide, reason=reason)


def refund_received(ask: Ask, place: Place, amount: Decimal) -> Command:
    """The biller gave money back: to the bank that advanced it, or through it to the customer."""

    def decide(books: Books) -> list[Transaction]:
        bill, account, terms = parties_in(books, place)
        currency = bill.standing.currency
        minor_units = minor_units_of(amount, currency)
        made = refunds.refund_received(bill, account, terms, place.payment_id, minor_units)
        repaid = RefundRepaid(
            terms=terms, payment_id=place.payment_id, amount=minor_units, currency=currency
        )
        # Where what was advanced is owed no more, it was the bank that was paid back.
        to_the_bank = isinstance(made.bill[0], RefundEnded)
        return posted_on_both(books, ask, place, made, [repaid] if to_the_bank else [])

    return payment_command(ask, "payments/refund-received", place, decide, amount=canonical(amount))


def refund_lost(ask: Ask, place: Place, amount: Decimal, reason: str | None) -> Command:
    """The biller will not pay back what the bank advanced: the bank bears it."""

    def decide(books: Books) -> list[Transaction]:
        check_text("reason", reason)
        bill, _, terms = parties_in(books, place)
        currency = bill.standing.currency
        minor_units = minor_units_of(amount, currency)
        facts = refunds.refund_lost(bill, place.payment_id, minor_units)
        lost = RefundLost(
            terms=terms, payment_id=place.payment_id, amount=minor_units, currency=currency
        )
        return posted_on_both(
            books, ask, place, OnAccount(facts, []), [lost], details=Details(reason=reason)
        )

    return payment_command(
        ask, "payments/refund-lost", place, decide, amount=canonical(amount), reason=reason
    )


def refund_claimed(ask: Ask, place: Place, amount: Decimal | None, reason: str | None) -> Command:
    """Pay out in cash what waited because the account was closed: all of it, or `amount`."""

    def decide(books: Books) -> list[Transaction]:
        check_text("reason", reason)
        bill = bill_in(books, place.bill_id)
        waiting = bill.payment(place.payment_id).unclaimed
        part = waiting if amount is None else minor_units_of(amount, bill.standing.currency)
        facts = refunds.refund_claimed(bill, place.payment_id, part)
        return posted_on_both(
            books, ask, place, OnAccount(facts, []), details=Details(reason=reason)
        )

    said = {"amount": canonical(amount), "reason": reason}
    return payment_command(ask, "payments/refund-claimed", place, decide, **said)


def give_back(books: Books, ask: Ask, place: Place, *, details: Details) -> list[Transaction]:
    """What was paid of the bill beyond what is owed, as far as this payment reaches; or nothing."""
    bill = bill_in(books, place.bill_id)
    amount = min(bill.standing.excess, bill.payment(place.payment_id).left)
    return refund(books, ask, place, amount, details=details) if amount else []


def refund(
    books: Books, ask: Ask, place: Place, amount: int, *, details: Details
) -> list[Transaction]:
    bill, account, terms = parties_in(books, place)
    made = refunds.refund(bill, account, terms, place.payment_id, amount)
    return posted_on_both(books, ask, place, made, details=details)
