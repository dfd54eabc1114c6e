"""The loans of the Berka bank and their instalments, read row by row."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

from daybook.berka_files import (
    Advance,
    Fault,
    Fields,
    Place,
    amount_in,
    number_in,
    parsed,
    short_date_in,
)
from daybook.berka_orders import standing_orders

# The symbol of a payment for a loan, on a transaction and on a standing order.
REPAYMENT: Final = "UVER"
AMOUNT_MAX: Final = Decimal(1_000_000_000)
MONTHS_MAX: Final = 600
STATUSES: Final = ("A", "B", "C", "D")
# The loan file rounds an instalment to whole crowns, the standing order has it to the heller.
ROUNDED_BY: Final = Decimal(1)


class BankLoan(msgspec.Struct, frozen=True):
    """A loan: `payment` a month for so many months comes to its amount, so it bears no interest.

    `status` is how it stood at the end of 1998: A paid, B ended unpaid, C running, D running in debt.
    """

    place: Place
    loan_id: int
    account_id: int
    granted_on: dt.date
    amount: Decimal
    months: int
    payment: Decimal
    status: str


def loans(path: Path, advance: Advance) -> Iterator[BankLoan | Fault]:
    return parsed(path, advance, _loan)


def instalments(path: Path) -> dict[int, Decimal]:
    """What each account's standing order pays for its loan, by the account; of several, the first."""
    found: dict[int, Decimal] = {}
    for row in standing_orders(path, lambda _: None):
        if not isinstance(row, Fault) and row.category == REPAYMENT:
            found.setdefault(row.account_id, row.amount)
    return found


def exact_payment(loan: BankLoan, ordered: Decimal | None) -> Decimal:
    """The instalment as it is paid: the standing order's, where that is the loan's own unrounded."""
    if ordered is None or abs(ordered - loan.payment) >= ROUNDED_BY:
        return loan.payment
    return ordered


def _loan(place: Place, row: Fields) -> BankLoan:
    loan = BankLoan(
        place=place,
        loan_id=number_in(row, "loan_id"),
        account_id=number_in(row, "account_id"),
        granted_on=short_date_in(row),
        amount=amount_in(row, "amount"),
        months=number_in(row, "duration"),
        payment=amount_in(row, "payments"),
        status=row["status"],
    )
    if not 0 < loan.amount <= AMOUNT_MAX:
        raise ValueError(f"the amount is {loan.amount}, and should be within 0 and {AMOUNT_MAX}")
    if loan.months > MONTHS_MAX:
        raise ValueError(f"the duration is {loan.months}, and should be at most {MONTHS_MAX}")
    if loan.payment * loan.months != loan.amount:
        raise ValueError(
            f"{loan.months} payments of {loan.payment} should come to the amount, {loan.amount}"
        )
    if loan.status not in STATUSES:
        raise ValueError(f"the status is {loan.status!r}, and should be A, B, C or D")
    return loan
