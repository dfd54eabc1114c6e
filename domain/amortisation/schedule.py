"""The schedule of a loan: who asks for one calls `schedule(terms)`, and for no other thing here."""

import datetime as dt
from decimal import localcontext

from domain.amortisation.arithmetic import EXACT, rounded
from domain.amortisation.declining_balance import Row, declining_rows
from domain.amortisation.fixed_interest import bullet_rows, flat_rows
from domain.amortisation.terms import Instalment, ScheduleTerms, check_terms


def schedule(terms: ScheduleTerms) -> tuple[Instalment, ...]:
    """Every instalment from the start to the last, after which nothing is owed.

    Where balances are rounded, each payment is its principal, its interest and its fee, and the
    principal of all rows is what was lent. Where they are not, each figure is the rounded exact one. Refused with
    `TermsContradict`: terms that contradict one another, and payments that never repay the loan.
    """
    check_terms(terms)
    with localcontext(EXACT):
        match terms.method:
            case "flat":
                rows = flat_rows(terms)
            case "bullet":
                rows = bullet_rows(terms)
            case _:
                rows = declining_rows(terms)
        return tuple(_shown(terms, row) for row in _until_repaid(rows))


def _until_repaid(rows: list[Row]) -> list[Row]:
    """Without the rows at the end in which nothing happens, where rounding repaid the loan early."""
    while len(rows) > 1 and not (rows[-1].principal or rows[-1].interest):
        rows.pop()
    return rows


def _payment_day(terms: ScheduleTerms, date: dt.date) -> dt.date:
    if terms.day_rule is None:
        return date
    return terms.calendar.moved_after(terms.start, date, terms.day_rule)


def _shown(terms: ScheduleTerms, row: Row) -> Instalment:
    # Rounded balances are whole already, and the last holds what no multiple would.
    multiple_of = 1 if terms.balances_rounded else terms.currency_multiple_of
    principal, interest, payment, balance = (
        rounded(amount, terms.rounding, multiple_of)
        for amount in (row.principal, row.interest, row.principal + row.interest, row.balance)
    )
    fee = 0
    if terms.instalment_fee is not None:
        fee = terms.instalment_fee.on(principal, interest, terms.rounding, multiple_of)
    return Instalment(
        number=terms.first_number + row.number - 1,
        start=row.start,
        end=row.due,
        due=_payment_day(terms, row.due),
        days=(row.due - row.start).days,
        principal=principal,
        interest=interest,
        fee=fee,
        payment=payment + fee,
        balance=balance,
    )
