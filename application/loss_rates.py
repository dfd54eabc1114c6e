"""The use case of loss rates: what the bank expects to lose of loans, from a day on."""

import datetime as dt

from application.books import Books, Command, Transaction
from application.commands import Ask, canonical, note
from domain import business_days
from domain.business_days import NONE_ENDED, BusinessDays
from domain.loans import loss_rates
from domain.loans.loss_rates import NO_LOSS_RATES, LossRatePlan, LossRates


def loss_rates_of(books: Books) -> LossRatePlan:
    """What the bank has set, which the command must have asked for."""
    plan: LossRatePlan = books.state(loss_rates.STREAM) or NO_LOSS_RATES
    return plan


def set_loss_rates(ask: Ask, rates: LossRates) -> Command:
    """Set rates from a day on that is not ended yet; set again for a first day, they replace the others."""

    def decide(books: Books) -> list[Transaction]:
        facts = loss_rates.set_loss_rates(loss_rates_of(books), rates, _ended(books))
        return note(ask, books, loss_rates.STREAM, facts)

    request = {
        "call": "loss-rates",
        "first_day": rates.first_day,
        "rates": [canonical(rate) for rate in rates.by_bucket],
    }
    return ask.command(request, (loss_rates.STREAM, business_days.STREAM), decide)


def _ended(books: Books) -> dt.date | None:
    """The last day that was ended, or is being ended: some loans may have had its night."""
    days: BusinessDays = books.state(business_days.STREAM) or NONE_ENDED
    return days.ending or days.ended
