"""The loans of the Berka bank as its transactions go by: each is granted on its day, and repaid.

The bank's transactions show no loan being paid out, so it is paid out of the bank and no account is
touched. What an account paid for its loan is a repayment of it, in the same transaction.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

from application.books import Command
from application.commands import Details
from application.loan_take_over import take_over
from daybook.berka_files import Movement
from daybook.berka_loan_files import AMOUNT_MAX, MONTHS_MAX, REPAYMENT, BankLoan, exact_payment
from daybook.loading import ask
from domain.amortisation.due_dates import add_months
from domain.loans.products import Product
from domain.money import minor_units_of

NOTHING: Final = Decimal(0)
# The bank of the files takes every payment for a loan on this day of the month.
DUE_DAY: Final = 12

# Nobody is offered this product. Money above what is due repays principal at once.
PRODUCT: Final = Product(
    name="berka",
    title="Loan of the Berka bank, without interest",
    currency="CZK",
    amount_min=1,
    amount_max=minor_units_of(AMOUNT_MAX, "CZK"),
    instalments_max=MONTHS_MAX,
    annual_rate=NOTHING,
    excess="shorter_term",
    four_eyes_above=minor_units_of(AMOUNT_MAX, "CZK"),
)


class Lending:
    """Which loans were granted and what is left of each, up to the transaction that was read last."""

    def __init__(
        self,
        loans: Iterable[BankLoan],
        ids: dict[int, int],
        opened: dict[int, int],
        ordered: dict[int, Decimal],
    ) -> None:
        """`loans` are one an account, `ids` and `opened` our loan of theirs and our account."""
        self._by_account = {loan.account_id: loan for loan in loans}
        self._ids, self._opened, self._ordered = ids, opened, ordered
        # The next to be granted is the last.
        self._to_come = sorted(
            self._by_account.values(),
            key=lambda loan: (loan.granted_on, loan.loan_id),
            reverse=True,
        )
        self._left: dict[int, Decimal] = {}

    @property
    def later(self) -> int:
        """How many loans were granted after every transaction that was read."""
        return len(self._to_come)

    def granted_by(self, day: dt.date) -> Iterator[tuple[BankLoan, Command]]:
        """The loans granted by a day that were not yet, with the commands that make them."""
        while self._to_come and self._to_come[-1].granted_on <= day:
            loan = self._to_come.pop()
            self._left[loan.account_id] = loan.amount
            yield loan, self._granted(loan)

    def repaid_by(self, row: Movement) -> tuple[int | None, str]:
        """Our loan that a transaction repays; or none, and why, where it is for a loan after all."""
        if row.category != REPAYMENT or row.kind != "payment sent":
            return None, ""
        loan = self._by_account.get(row.account_id)
        if loan is None:
            return None, f"account {row.account_id} has no loan"
        if row.booked_on < loan.granted_on:
            return None, f"loan {loan.loan_id} was granted on {loan.granted_on}"
        left = self._left[row.account_id]
        if left <= 0:
            return None, f"loan {loan.loan_id} was repaid before"
        self._left[row.account_id] = left - row.amount
        return self._ids[loan.loan_id], ""

    def _granted(self, loan: BankLoan) -> Command:
        return take_over(
            ask(f"berka-loan-{loan.loan_id}"),
            self._ids[loan.loan_id],
            Details(
                description=f"berka loan {loan.loan_id}, status {loan.status} at the end of 1998",
                booking_date=loan.granted_on,
                reason="import",
            ),
            reference=f"berka-{loan.loan_id}",
            account_id=self._opened[loan.account_id],
            product=PRODUCT,
            amount=loan.amount,
            instalments=loan.months,
            payment=exact_payment(loan, self._ordered.get(loan.account_id)),
            first_due=first_due(loan.granted_on),
        )


def first_due(granted_on: dt.date) -> dt.date:
    """The first due day of the bank after the loan was granted."""
    day = granted_on.replace(day=DUE_DAY)
    return day if day > granted_on else add_months(day, 1)
