"""The use case of the bank's capital: its owners pay it in."""

from decimal import Decimal

from application.books import Books, Command, Transaction
from application.commands import (
    Ask,
    Details,
    canonical,
    check_leave,
    late_streams,
    transaction,
)
from domain import capital
from domain.capital import NONE_PAID_IN, PaidInto
from domain.money import minor_units_of
from ledger.capital_posting_rules import entry_for_capital


def pay_capital_in(
    ask: Ask, amount: Decimal, currency: str, paid_into: PaidInto, details: Details
) -> Command:
    """The owners pay in `amount`, in major units: where `paid_into` says."""

    def decide(books: Books) -> list[Transaction]:
        check_leave(ask.actor, details)
        state = books.state(capital.STREAM) or NONE_PAID_IN
        minor_units = minor_units_of(amount, currency)
        posted = transaction(ask.actor, details, books)
        facts = capital.pay_in(state, minor_units, currency, paid_into)
        books.add(posted, capital.STREAM, facts, entry_for_capital)
        return [posted]

    request = {
        "call": "ledger/capital",
        "amount": canonical(amount),
        "currency": currency,
        "paid_into": paid_into,
        **details.request(),
    }
    return ask.command(request, (capital.STREAM, *late_streams(details)), decide)
