"""The life of a loan as its events tell it: what stands, and what was undone and told anew.

A correction takes back the newest events, one by one, and tells what follows anew; so the events that
stand are in the order of the days they count from, whatever the order they were recorded in.
"""

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

from domain.loans.loan import Loan
from domain.loans.loan_facts import Agreement, AgreementUndone, LoanFact, MovementUndone


class LoanEvent(NamedTuple):
    """An event of the loan's stream, in its place and with its dates."""

    version: int
    transaction_id: int
    command: str
    booked: dt.date
    valued: dt.date
    fact: LoanFact


class Step(NamedTuple):
    """A step of a loan's life: an event that stands, and the loan after it."""

    event: LoanEvent
    loan: Loan


def steps_of(
    events: Iterable[LoanEvent], loan_id: int, *, as_of: dt.date | None = None
) -> list[Step]:
    """The events that stand, oldest first; `events` are all events known, from the first.

    With `as_of`, those that stood in the books of that day: what was booked later counts for nothing,
    the undoing included.
    """
    agreements: dict[int, Agreement] = {}
    standing: list[Step] = []
    for event in events:
        fact = event.fact
        if isinstance(fact, Agreement):
            agreements[event.version] = fact
            terms, terms_version = fact.terms, event.version
        else:
            terms, terms_version = agreements[fact.terms].terms, fact.terms
        if as_of is not None and event.booked > as_of:
            continue
        if isinstance(fact, AgreementUndone | MovementUndone):
            # Mostly it is the newest that stands.
            if standing and standing[-1].event.version == fact.undoes:
                standing.pop()
            else:
                standing = [each for each in standing if each.event.version != fact.undoes]
        else:
            loan = Loan(loan_id, terms, terms_version, fact.figures, event.version)
            standing.append(Step(event, loan))
    return standing
