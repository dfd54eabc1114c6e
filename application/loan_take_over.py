"""The use case of taking over a loan that another system had agreed: once under each reference."""

import datetime as dt
from decimal import Decimal

from application.books import Books, Command, Transaction
from application.commands import Ask, Details, canonical, check_text, late_streams, transaction
from application.lending import add_facts
from domain.account import stream_of as account_stream
from domain.loans.loan import stream_of
from domain.loans.products import Product
from domain.loans.taking_over import take_over as taken_over
from domain.money import minor_units_of
from domain.refusals import CurrencyMismatch, ReferenceTaken


def claim_of(reference: str) -> str:
    """The claim of the one loan that was taken over under another system's name for it."""
    return f"loan-reference/{reference}"


def take_over(
    ask: Ask,
    loan_id: int,
    details: Details,
    *,
    reference: str,
    account_id: int,
    product: Product,
    amount: Decimal,
    instalments: int,
    payment: Decimal,
    first_due: dt.date,
) -> Command:
    """The loan of the owner of an account, paid out of the bank on the booking date.

    `loan_id` is fresh, from the sequence of the store; the same key again answers the loan of the
    first time. `payment` is the instalment, in major units as `amount`. Nothing is collected from the
    account. Refused: a reference that another loan carries, an account of another currency.
    """
    stream, claim = stream_of(loan_id), claim_of(reference)

    def decide(books: Books) -> list[Transaction]:
        account = books.account(account_id)
        check_text("reference", reference)
        currency = product.currency
        if account.terms.currency != currency:
            raise CurrencyMismatch(
                account_id=account_id, currency=account.terms.currency, other=currency
            )
        if books.claimed(claim) is not None:
            raise ReferenceTaken(reference=reference)
        posted = transaction(ask.actor, details, books)
        facts = taken_over(
            loan_id,
            borrower=next(h.user_id for h in account.terms.holders if h.right == "owner"),
            product=product,
            principal=minor_units_of(amount, currency),
            instalments=instalments,
            payment=minor_units_of(payment, currency),
            on=posted.value_date,
            first_due=first_due,
        )
        books.claim(claim, stream)
        return add_facts(books, posted, loan_id, facts)

    request = {
        "call": "loans/take-over",
        "reference": reference,
        "account_id": account_id,
        "product": product.name,
        "amount": canonical(amount),
        "instalments": instalments,
        "payment": canonical(payment),
        "first_due": first_due,
        **details.request(),
    }
    streams = (account_stream(account_id), stream, *late_streams(details))
    return ask.command(request, streams, decide, claims=(claim,))
