"""Schedules whose interest does not follow the balance: flat, and paid at the end with its own."""

from decimal import Decimal

from domain.amortisation.arithmetic import ONE, ZERO, divide
from domain.amortisation.declining_balance import Row, amount, disbursed_too_late, instalment_amount
from domain.amortisation.periods import Accrual, Period, periods_of
from domain.amortisation.terms import ScheduleTerms


def flat_rows(terms: ScheduleTerms) -> list[Row]:
    """Interest on the first principal for the whole term, rounded once and spread evenly; the rest of
    the rounding, of interest and of principal, is in the last row."""
    assert terms.instalments is not None  # check_terms has seen to it
    accrual = Accrual(terms, ())
    periods = periods_of(terms, terms.instalments)
    lent, free, grace = Decimal(terms.principal), terms.interest_free, terms.grace_principal
    earned = sum((accrual.since(period, period.start) for period in periods), ZERO)
    total = amount(terms, lent * earned)
    share = amount(terms, divide(total, max(len(periods) - free, 1)))
    principal = amount(terms, divide(lent, len(periods) - grace))
    level = instalment_amount(terms, divide(lent + total, len(periods) - grace))
    rows: list[Row] = []
    balance, unearned, deferred = lent, total, Decimal(terms.interest_brought)
    for period in periods:
        is_last = period.number == len(periods)
        interest = unearned if is_last else ZERO if period.number <= free else min(share, unearned)
        unearned, due, deferred = unearned - interest, interest + deferred, ZERO
        if period.number <= terms.grace_interest_payment:
            due, deferred = ZERO, due
        repaid = max(level - interest, ZERO) if terms.instalment_multiple_of > 1 else principal
        if period.number <= grace:
            repaid = ZERO
        repaid = balance if is_last else min(repaid, balance)
        balance -= repaid
        rows.append(_row(period, repaid, due, balance))
    return rows


def bullet_rows(terms: ScheduleTerms) -> list[Row]:
    """One row at the end: what was lent with its interest, which earned interest period by period."""
    assert terms.instalments is not None  # check_terms has seen to it
    accrual = Accrual(terms, terms.rate_changes)
    periods = periods_of(terms, terms.instalments)
    lent = owed = Decimal(terms.principal)
    owed += terms.interest_brought
    advances = sorted(terms.advances, key=lambda one: one.on)
    for period in periods:
        grown = owed * (ONE + accrual.since(period, period.start))
        while advances and advances[0].on < period.due:
            advance = advances.pop(0)
            lent += advance.amount
            grown += advance.amount * (ONE + accrual.since(period, advance.on))
        owed = grown
    if advances:
        raise disbursed_too_late()
    whole = periods[-1]._replace(number=1, start=terms.start)
    return [_row(whole, lent, amount(terms, owed - lent), ZERO)]


def _row(period: Period, principal: Decimal, interest: Decimal, balance: Decimal) -> Row:
    return Row(period.number, period.start, period.due, principal, interest, balance)
