"""How money that comes in is laid on what is due: by a named order of components, on a named axis.

*Instalment first* pays all of the oldest instalment before any of the next; *component first* pays a
component of all instalments, oldest first, before the next component. The parts and the rest always
add up to the payment.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from domain.loans.loan_terms import Charge, Figures, LoanTerms, Parts
from domain.loans.products import Axis, Component

_FIELD: Final[dict[Component, str]] = {
    "principal": "principal",
    "interest": "interest",
    "fee": "fees",
    "penalty": "penalties",
}


class Due(NamedTuple):
    """An amount that is due and unpaid, and the due date of the instalment that it belongs to."""

    on: dt.date
    component: Component
    amount: int


def dues(terms: LoanTerms, figures: Figures, on: dt.date) -> list[Due]:
    """What is due by a day and unpaid, in the order of the due dates.

    Interest for being late belongs to the oldest unpaid instalment.
    """
    settled = figures.settled
    principal, interest = settled.principal, settled.interest
    found: list[Due] = []
    for row in terms.rows:
        if row.due > on:
            break
        paid = min(principal, row.principal)
        principal -= paid
        if row.principal > paid:
            found.append(Due(row.due, "principal", row.principal - paid))
        paid = min(interest, row.interest)
        interest -= paid
        if row.interest > paid:
            found.append(Due(row.due, "interest", row.interest - paid))
    fees = (fee for fee, _ in fees_in_order(terms))
    found.extend(_open(fees, "fee", settled.fees, on))
    penalties = settled.penalties
    late = figures.late_charged - min(penalties, figures.late_charged)
    penalties -= min(penalties, figures.late_charged)
    if late:
        found.append(Due(min((d.on for d in found), default=on), "penalty", late))
    found.extend(_open(terms.charges, "penalty", penalties, on))
    found.sort(key=lambda due: due.on)
    return found


def fees_in_order(terms: LoanTerms) -> list[tuple[Charge, bool]]:
    """All fees by the days they are due, in which order they are paid, and whether each is an
    instalment's: those go before the others of their day."""
    fees = [(fee, True) for fee in terms.fee_schedule]
    fees += [(charge, False) for charge in terms.charges if charge.component == "fee"]
    return sorted(fees, key=lambda fee: fee[0].due)


def _open(
    charges: Iterable[Charge], component: Component, settled: int, on: dt.date
) -> Iterable[Due]:
    for charge in charges:
        if charge.component == component:
            paid = min(settled, charge.amount)
            settled -= paid
            if charge.amount > paid and charge.due <= on:
                yield Due(charge.due, component, charge.amount - paid)


def allocate(
    amount: int, due: Sequence[Due], order: Sequence[Component], axis: Axis
) -> tuple[Parts, int]:
    """The parts of the amount, and the rest above all that is due. `due` is in order of dates."""
    rank = {component: place for place, component in enumerate(order)}
    if axis == "instalment_first":
        queue = sorted(due, key=lambda each: (each.on, rank[each.component]))
    else:
        queue = sorted(due, key=lambda each: (rank[each.component], each.on))
    parts: dict[str, int] = {}
    for each in queue:
        if not amount:
            break
        paid = min(amount, each.amount)
        amount -= paid
        field = _FIELD[each.component]
        parts[field] = parts.get(field, 0) + paid
    return Parts(**parts), amount


def due_total(due: Iterable[Due]) -> int:
    return sum(each.amount for each in due)


def past_due_since(terms: LoanTerms, figures: Figures, on: dt.date) -> dt.date | None:
    """The due date of the oldest instalment that was due before this day and is not fully paid.

    Its own fee is of it; what was charged beside the instalments is not.
    """
    oldest = _oldest_unpaid(terms, figures, on)
    if terms.fee_schedule:
        settled = figures.settled.fees
        for fee, of_instalment in fees_in_order(terms):
            settled -= fee.amount
            if fee.due < on and settled < 0 and of_instalment:
                return min(fee.due, oldest or fee.due)
    return oldest


def _oldest_unpaid(terms: LoanTerms, figures: Figures, on: dt.date) -> dt.date | None:
    settled = figures.settled
    principal, interest = settled.principal, settled.interest
    for row in terms.rows:
        if row.due >= on:
            return None
        principal -= row.principal
        interest -= row.interest
        if principal < 0 or interest < 0:
            return row.due
    return None


def overdue_principal(terms: LoanTerms, figures: Figures, on: dt.date) -> int:
    """Principal that is due by a day and unpaid."""
    fallen = 0
    for row in terms.rows:
        if row.due > on:
            break
        fallen += row.principal
    return max(0, fallen - figures.settled.principal)
