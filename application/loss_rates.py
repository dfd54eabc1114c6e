"""The use case of loss rates: what the bank expects to lose of loans, from a day on."""

import datetime as dt

from application.books import Books, Command, Transaction
from application.commands import NO_DETAILS, Ask, canonical, transaction
from domain import business_days
from domain.business_days import BusinessDays
from domain.loans import loss_rates
from domain.loans.loss_rates import NO_LOSS_RATES, LossRatePlan, LossRates


def loss_rates_of(books: Books) -> LossRatePlan:
    """What the bank has set, which the command must have asked for."""
    plan = books.state(loss_rates.STREAM)
    assert plan is None or isinstance(plan, LossRatePlan)
    return plan or NO_LOSS_RATES


def set_loss_rates(ask: Ask, rates: LossRates) -> Command:
    """Set rates from a day on that is not ended yet; set again for a first day, they replace the others."""

    def decide(books: Books) -> list[Transaction]:
        posted = transaction(ask.actor, NO_DETAILS, books)
        facts = loss_rates.set_loss_rates(loss_rates_of(books), rates, _ended(books))
        books.add(posted, loss_rates.STREAM, facts)
        return [posted] if facts else []

    request = {
        "call": "loss-rates",
        "first_day": rates.first_day,
        "rates": [canonical(rate) for rate in rates.by_bucket],
    }
    return ask.command(request, (loss_rates.STREAM, business_days.STREAM), decide)


def _ended(books: Books) -> dt.date | None:
    """The last day that was ended, or is being ended: some loans may have had its night."""
    days = books.state(business_days.STREAM)
    assert days is None or isinstance(days, BusinessDays)
    return None if days is None else days.ending or days.ended
