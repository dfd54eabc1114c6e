"""From the events of a loan to its row, and to one for each day on which its standing changed."""

from typing import Any, Final

from domain.loans.loan_facts import Agreement, InterestAccrued, Paused
from domain.loans.loan_terms import Figures, LoanTerms
from ledger.journal import JournalEvent
from readmodels.copy_text import NULL, number_of

LOAN: Final = "loan-"


class LoanRows:
    """What a batch leaves of each loan: its terms where they changed, and its figures."""

    def __init__(self) -> None:
        self.terms: dict[int, LoanTerms] = {}
        # Version, position, booking date and figures.
        self.figures: dict[int, tuple[int, int, Figures]] = {}
        # Rows in the text form of COPY.
        self.standings: list[str] = []
        self.pauses: list[str] = []

    def add(self, position: int, loan_id: int, version: int, event: JournalEvent[Any]) -> None:
        fact = event.fact
        figures: Figures = fact.figures
        status = disbursed = NULL
        if isinstance(fact, Agreement):
            self.terms[loan_id] = fact.terms
            status, disbursed = fact.terms.status, str(fact.terms.disbursed)
        self.figures[loan_id] = (version, position, figures)
        booked = event.booking_date.isoformat()
        if isinstance(fact, Paused):
            pause = fact.terms.pauses[-1]
            self.pauses.append(f"{loan_id}\t{position}\t{booked}\t{pause.first}\t{pause.last}\n")
        if not isinstance(fact, InterestAccrued):
            # What a night earns changes neither the principal nor what is late nor set aside.
            since = figures.past_due_since
            self.standings.append(
                f"{loan_id}\t{position}\t{booked}\t{status}\t{disbursed}\t{figures.principal}"
                f"\t{figures.off_balance}\t{NULL if since is None else since.isoformat()}"
                f"\t{'t' if figures.non_accrual else 'f'}\t{figures.valuation.allowance}\n"
            )

    def put(self) -> list[tuple[Any, ...]]:
        """The rows of loans whose terms changed, in the order of the columns of the table."""
        rows = []
        for loan_id, terms in self.terms.items():
            rows.append(
                (
                    loan_id,
                    terms.borrower,
                    terms.product.name,
                    terms.status,
                    terms.currency,
                    terms.principal,
                    terms.instalments,
                    terms.annual_rate,
                    terms.applied_on.isoformat(),
                    terms.approved_until,
                    terms.disbursed,
                    terms.disbursed_on,
                    terms.account_id,
                    terms.forborne,
                    dates_of(terms),
                    *self._moved(loan_id),
                )
            )
        return rows

    def move(self) -> list[tuple[Any, ...]]:
        """The figures of loans whose terms are as they were."""
        return [
            (loan_id, *self._moved(loan_id))
            for loan_id in self.figures
            if loan_id not in self.terms
        ]

    def _moved(self, loan_id: int) -> tuple[Any, ...]:
        version, position, figures = self.figures[loan_id]
        return (
            figures.principal,
            figures.interest,
            figures.suspended,
            figures.fees,
            figures.penalties,
            figures.overpaid,
            figures.off_balance,
            figures.past_due_since,
            figures.non_accrual,
            figures.through,
            version,
            position,
        )


def dates_of(terms: LoanTerms) -> str:
    """The due dates of the schedule, as an array of Postgres."""
    return "{" + ",".join(sorted({row.due.isoformat() for row in terms.rows})) + "}"


def loan_of_line(sub_account: str | None) -> str:
    """The loan of a line's sub-account, as a column of COPY."""
    if sub_account is not None and sub_account.startswith(LOAN):
        return number_of(int(sub_account[len(LOAN) :]))
    return NULL
