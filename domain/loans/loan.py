"""A loan: money that the bank has lent to a customer. Its state, and how a decision moves it along.

What can happen to it stands in `loan_facts`; what may be decided on it, in the files beside this one.
A decision about a loan may say what happened on several days (interest fell due since, and then the
borrower paid), so each of its facts is dated: the day from which it counts.
"""

import datetime as dt
from typing import Any, NamedTuple

import msgspec

from domain.loans.loan_facts import (
    Agreement,
    Applied,
    LoanClosed,
    LoanFact,
    LoanMovement,
    ScheduleAgreement,
)
from domain.loans.loan_refusals import LoanNotFound, LoanStatusForbids
from domain.loans.loan_terms import UNVALUED, Figures, LoanTerms, Status
from domain.money import Money


class Loan(msgspec.Struct, frozen=True):
    """A loan that was applied for, after `version` events. `None` stands for one that was not."""

    loan_id: int
    terms: LoanTerms
    terms_version: int
    figures: Figures
    version: int

    def money(self, minor_units: int) -> Money:
        return Money(minor_units, self.terms.currency)

    @property
    def undrawn(self) -> int:
        """What the bank is committed to and has not paid out."""
        return self.terms.principal - self.terms.disbursed


def stream_of(loan_id: int) -> str:
    return f"loan-{loan_id}"


def evolve(loan: Loan | None, fact: LoanFact, loan_id: int = 0) -> Loan:
    """The loan after one more fact. Never refuses: what was recorded happened."""
    if loan is None:
        assert isinstance(fact, Applied), f"{fact.TAG} before the loan was applied for"
        return Loan(loan_id, fact.terms, 1, fact.figures, 1)
    version = loan.version + 1
    if isinstance(fact, Agreement):
        return Loan(loan.loan_id, fact.terms, version, fact.figures, version)
    return Loan(loan.loan_id, loan.terms, loan.terms_version, fact.figures, version)


def restore(
    loan_id: int, newest: LoanFact, newest_version: int, last: Agreement, last_version: int
) -> Loan:
    """The loan from its newest event and its last `Agreement`; equal to folding the stream."""
    return Loan(loan_id, last.terms, last_version, newest.figures, newest_version)


class Dated(NamedTuple):
    """A fact, and the day from which it counts."""

    on: dt.date
    fact: LoanFact


class Course:
    """A loan on its way through a decision: the facts decided so far, and the loan after them."""

    def __init__(self, loan: Loan) -> None:
        self.loan = loan
        self.facts: list[Dated] = []

    @property
    def terms(self) -> LoanTerms:
        return self.loan.terms

    @property
    def figures(self) -> Figures:
        return self.loan.figures

    def add(self, on: dt.date, fact: LoanFact) -> None:
        self.loan = evolve(self.loan, fact)
        self.facts.append(Dated(on, fact))

    def agree(
        self,
        on: dt.date,
        kind: type[Agreement],
        terms: LoanTerms | None = None,
        figures: Figures | None = None,
        **more: Any,
    ) -> None:
        """Add a fact of this kind; terms and figures not given are as they were.

        Days that earned nothing have no event, so the figures may stand at an earlier day until here.
        """
        figures = figures or self.figures
        if issubclass(kind, ScheduleAgreement):
            figures = msgspec.structs.replace(figures, through=on)
        self.add(on, kind(terms=terms or self.terms, figures=figures, **more))

    def move(self, on: dt.date, kind: type[LoanMovement], figures: Figures, **more: Any) -> None:
        self.add(on, kind(figures=figures, terms=self.loan.terms_version, **more))

    def close_if_settled(self, on: dt.date) -> None:
        """Nothing is owed on either side: the loan ends, with what was never paid out.

        What the books held against it goes with it.
        """
        terms, figures = self.terms, self.figures
        if terms.status == "active" and not figures.owed and not figures.overpaid:
            closed = msgspec.structs.replace(terms, status="closed", principal=terms.disbursed)
            left = msgspec.structs.replace(figures, valuation=UNVALUED)
            self.agree(
                on,
                LoanClosed,
                closed,
                left,
                released=self.loan.undrawn,
                valuation=figures.valuation,
            )


def known(loan: Loan | None, loan_id: int) -> Loan:
    if loan is None:
        raise LoanNotFound(loan_id=loan_id)
    return loan


def check_status(loan: Loan, *allowed: Status) -> None:
    """Refused: what the loan's status has no place for."""
    if loan.terms.status not in allowed:
        raise LoanStatusForbids(
            loan_id=loan.loan_id, status=loan.terms.status, needed=" or ".join(allowed)
        )
