"""Schedules on a declining balance: period by period, interest on what is owed, and what is repaid of it.

A disbursement or a change of rate begins a new segment of the schedule on what is owed then: its plan (the
level instalment, the share of principal) is made anew, from the first instalment due after it.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Final, NamedTuple, TypeAlias

from domain.amortisation.arithmetic import ZERO, divide, rounded
from domain.amortisation.level import is_uneven, level_instalment, weights_of
from domain.amortisation.periods import Accrual, Period, periods_of
from domain.amortisation.terms import (
    INSTALMENTS_MAX,
    LEVEL,
    UNTIL_REPAID,
    Advance,
    ScheduleTerms,
)
from domain.refusals import TermsContradict

RESPREADS_MAX: Final = 3


class Row(NamedTuple):
    """An instalment with its exact amounts, in minor units."""

    number: int
    start: dt.date
    due: dt.date
    principal: Decimal
    interest: Decimal
    balance: Decimal


class Standing(NamedTuple):
    """What is owed at the start of a period: principal, and interest accrued whose payment waits."""

    balance: Decimal
    deferred: Decimal


# The principal to be repaid, from the number of the period, the balance and its interest.
Plan: TypeAlias = Callable[[int, Decimal, Decimal], Decimal]


class Segment(NamedTuple):
    """From the period at `first` on, at the rates and with the disbursements known when it began."""

    terms: ScheduleTerms
    periods: list[Period]
    instalments: int  # a balloon's periods go on after them, for its level instalment
    first: int
    accrual: Accrual
    earned: list[Decimal]  # by one unit in each whole period from the first on
    advances: tuple[Advance, ...]  # made in the first period of this segment


def declining_rows(terms: ScheduleTerms) -> list[Row]:
    """All rows, segment after segment. The first segment begins with the loan."""
    count = terms.instalments or INSTALMENTS_MAX
    periods = periods_of(terms, terms.amortisation_instalments or count)
    changes, advances = _by_period(terms, periods, count)
    standing = Standing(Decimal(terms.principal), Decimal(terms.interest_brought))
    rows: list[Row] = []
    firsts = sorted({0, *changes, *advances})
    for first, following in zip(firsts, [*firsts[1:], count], strict=True):
        known = tuple(change for change in terms.rate_changes if change.on < periods[first].due)
        accrual = Accrual(terms, known)
        earned = [accrual.since(period, period.start) for period in periods[first:]]
        segment = Segment(terms, periods, count, first, accrual, earned, tuple(advances[first]))
        made, standing = walked(segment, plan_of(segment, standing), standing, following)
        if rows:
            at_due = sum(one.amount for one in segment.advances if one.on == rows[-1].due)
            rows[-1] = rows[-1]._replace(balance=rows[-1].balance + at_due)
        rows += made
    _check_repaid(terms, rows)
    return rows


def _by_period(
    terms: ScheduleTerms, periods: list[Period], count: int
) -> tuple[set[int], dict[int, list[Advance]]]:
    """At which periods a rate changes and what is disbursed in each. A due date begins the next."""
    index_of = {}
    days = {change.on for change in terms.rate_changes} | {one.on for one in terms.advances}
    for index, period in enumerate(periods[:count]):
        for day in [day for day in days if day < period.due]:
            index_of[day] = index
            days.remove(day)
    advances: dict[int, list[Advance]] = defaultdict(list)
    for advance in terms.advances:
        if advance.on not in index_of:
            raise disbursed_too_late()
        advances[index_of[advance.on]].append(advance)
    changes = {index_of[change.on] for change in terms.rate_changes if change.on in index_of}
    return changes, advances


def disbursed_too_late() -> TermsContradict:
    why = "holds a date that is not before the last due date"
    return TermsContradict(field="disbursements", why=why)


def walked(
    segment: Segment, plan: Plan, standing: Standing, stop: int
) -> tuple[list[Row], Standing]:
    """The rows of the segment up to the period at `stop`, and what is owed after them."""
    terms, rows = segment.terms, []
    balance, deferred = standing
    for index in range(segment.first, stop):
        period = segment.periods[index]
        accrued = balance * segment.earned[index - segment.first]
        if index == segment.first:
            accrued += _accrued_on_advances(segment)
            balance += _advanced(segment)
        accrued = amount(terms, accrued)
        waited, interest, deferred = deferred, accrued + deferred, ZERO
        if period.number <= terms.grace_interest_payment:
            interest, deferred = ZERO, interest
        if index == segment.instalments - 1:
            principal = balance
        else:
            # What waited in a grace period is paid on top of the instalment, what was brought within.
            is_after_grace = period.number == terms.grace_interest_payment + 1 > 1
            borne = accrued if deferred else interest - (waited if is_after_grace else ZERO)
            principal = min(plan(period.number, balance, borne), balance)
            if principal < 0 and terms.method in LEVEL:
                # Interest that the instalment does not cover waits, and earns none itself.
                if interest:
                    interest, deferred = interest + principal, deferred - principal
                principal = ZERO
        balance -= principal
        rows.append(Row(period.number, period.start, period.due, principal, interest, balance))
    return rows, Standing(balance, deferred)


def _advanced(segment: Segment) -> Decimal:
    return sum((Decimal(one.amount) for one in segment.advances), ZERO)


def _accrued_on_advances(segment: Segment) -> Decimal:
    """What the advances earn until the end of the period in which they are made."""
    first = segment.periods[segment.first]
    return sum(
        (one.amount * segment.accrual.since(first, one.on) for one in segment.advances), ZERO
    )


def amount(terms: ScheduleTerms, exact: Decimal) -> Decimal:
    """As it is carried on: rounded to the currency's units, or exact."""
    if not terms.balances_rounded:
        return exact
    return Decimal(rounded(exact, terms.rounding, terms.currency_multiple_of))


def instalment_amount(terms: ScheduleTerms, exact: Decimal) -> Decimal:
    """A level instalment, rounded to its own multiple where there is one."""
    if terms.instalment_multiple_of > 1:
        return Decimal(rounded(exact, terms.rounding, terms.instalment_multiple_of))
    return amount(terms, exact)


def plan_of(segment: Segment, standing: Standing) -> Plan:
    """How this segment repays what is owed at its beginning."""
    terms = segment.terms
    grace = terms.grace_principal
    fixed = Decimal(terms.payment or 0)
    match terms.method:
        case "interest_only":
            return lambda number, balance, interest: ZERO
        case "equal_principal":
            share = _equal_share(segment, standing)
            return lambda number, balance, interest: ZERO if number <= grace else share
        case "fixed_principal":
            return lambda number, balance, interest: ZERO if number <= grace else fixed
        case "fixed_payment":
            return lambda number, balance, interest: ZERO if number <= grace else fixed - interest
        case "percent_of_balance":
            percent = divide(terms.percent, 100)
            return lambda number, balance, interest: (
                max(fixed, amount(terms, (balance + interest) * percent)) - interest
            )
        case _:
            return _level_plan(segment, standing)


def _equal_share(segment: Segment, standing: Standing) -> Decimal:
    begin = max(segment.first, segment.terms.grace_principal)
    owed = standing.balance + _advanced(segment)
    return instalment_amount(segment.terms, divide(owed, segment.instalments - begin))


def _level_plan(segment: Segment, standing: Standing) -> Plan:
    terms, grace = segment.terms, segment.terms.grace_principal
    exact = _exact_instalment(segment, standing)
    if terms.method == "graduated":
        weights = weights_of(terms, range(1, segment.instalments + 1))
        return lambda number, balance, interest: (
            ZERO
            if number <= grace
            else instalment_amount(terms, exact * weights[number - 1]) - interest
        )
    instalment = instalment_amount(terms, exact)
    if terms.method == "progressive" and terms.balances_rounded:
        instalment = _respread(segment, standing, instalment)
    return _constant(instalment, grace)


def _constant(instalment: Decimal, grace: int) -> Plan:
    return lambda number, balance, interest: ZERO if number <= grace else instalment - interest


def _exact_instalment(segment: Segment, standing: Standing) -> Decimal:
    """Solved on what will be owed just before the first instalment that repays principal."""
    terms, accrual = segment.terms, segment.accrual
    begin = max(segment.first, terms.grace_principal)
    first = segment.periods[begin]
    balance = standing.balance + _advanced(segment)
    brought = ZERO if terms.grace_interest_payment else standing.deferred
    if begin > segment.first:
        owed = balance * (1 + accrual.regular(first))
    elif terms.method == "progressive":
        # As if disbursed when the period began; `_respread` makes up for it.
        owed = balance * (1 + accrual.regular(first)) + brought
    else:
        owed = balance + standing.balance * segment.earned[0] + brought
        owed += _accrued_on_advances(segment)
    weights = weights_of(terms, range(begin + 1, len(segment.periods) + 1))
    return level_instalment(owed, segment.earned[begin + 1 - segment.first :], weights)


def _respread(segment: Segment, standing: Standing, instalment: Decimal) -> Decimal:
    """Spread what the last instalment has too much or too little over all, while that helps.

    The rule of progressive loans: when it differs by more than half a minor unit for each instalment.
    """
    terms, grace = segment.terms, segment.terms.grace_principal
    number = segment.instalments - max(segment.first, grace)

    def difference(level: Decimal) -> Decimal:
        rows, _ = walked(segment, _constant(level, grace), standing, segment.instalments)
        return rows[-1].principal + rows[-1].interest - level

    found = difference(instalment)
    for _ in range(RESPREADS_MAX):
        if not is_uneven(found, number):
            break
        step = amount(terms, divide(found, number))
        tried = instalment_amount(terms, instalment + step)
        left = difference(tried)
        if tried == instalment or abs(left) >= abs(found):
            break
        instalment, found = tried, left
    return instalment


def _check_repaid(terms: ScheduleTerms, rows: list[Row]) -> None:
    if terms.method not in UNTIL_REPAID:
        return
    for row in rows:
        if row.principal < 0:
            why = f"leaves instalment {row.number} less than its interest"
            raise TermsContradict(field="payment", why=why)
    if rows[-1].balance > 0:
        why = f"does not repay the loan in {INSTALMENTS_MAX} instalments"
        raise TermsContradict(field="payment", why=why)
