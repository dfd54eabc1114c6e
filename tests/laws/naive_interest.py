"""Interest read from the log the long way: day by day, as fractions, from the first entry on."""

import datetime as dt
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from domain.account_facts import TermsFact
from domain.interest import days_of_year
from domain.rate_plans import Rates, RatesSet
from ledger.journal import Recorded

CONTROL: Final = (2110, 2120)
ONE_DAY: Final = dt.timedelta(days=1)


def naive_interest(
    log: Sequence[Recorded], account_id: int, through: dt.date
) -> tuple[Fraction, Fraction]:
    """All that an account has earned and owes by the end of a day, unrounded, as the log has it."""
    stream = f"account-{account_id}"
    terms = [
        r.event for r in log if r.originator_id == stream and isinstance(r.event.fact, TermsFact)
    ]
    entries = [
        (r.event.value_date, posting.amount if posting.side == "C" else -posting.amount)
        for r in log
        for posting in r.event.entry
        if posting.sub_account == stream and posting.ledger_account in CONTROL
    ]
    opened = terms[0].fact.terms
    of_plan = [
        r.event.fact
        for r in log
        if isinstance(r.event.fact, RatesSet)
        and r.event.fact.account_type == opened.account_type
        and r.event.fact.currency == opened.currency
    ]
    if not of_plan or not entries:
        return Fraction(0), Fraction(0)
    credit = debit = Fraction(0)
    day = min(value_date for value_date, _ in entries)
    while day <= through:
        rates = [rates for rates in of_plan[-1].rates if rates.first_day <= day]
        balance = sum(amount for value_date, amount in entries if value_date <= day)
        limits = [e.fact.terms.overdraft_limit for e in terms if e.booking_date <= day]
        if rates:
            earned, owed = _of_day(rates[-1], balance, limits[-1] if limits else 0, day)
            credit, debit = credit + earned, debit + owed
        day += ONE_DAY
    return credit, debit


def _of_day(rates: Rates, balance: int, limit: int, day: dt.date) -> tuple[Fraction, Fraction]:
    year = 100 * days_of_year(rates.basis, day)
    if balance < 0:
        excess = max(0, -balance - limit)
        excess_rate = rates.overdraft_rate if rates.excess_rate is None else rates.excess_rate
        within = (-balance - excess) * Fraction(rates.overdraft_rate)
        return Fraction(0), (within + excess * Fraction(excess_rate)) / year
    earned = Fraction(0)
    for number, tier in enumerate(rates.tiers):
        if balance <= tier.above:
            break
        rate = Fraction(tier.rate)
        if rates.method == "whole":
            earned = balance * rate
        else:
            top = balance
            if number + 1 < len(rates.tiers):
                top = min(top, rates.tiers[number + 1].above)
            earned += (top - tier.above) * rate
    return earned / year, Fraction(0)
