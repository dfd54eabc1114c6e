"""Loans of the demo bank: one in every state that a loan can be in, with the nights it has lived."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec

from application import loan_servicing, loans
from application.books import Command
from application.commands import Actor, Details
from application.loan_days import collect_due, end_loan_day
from daybook.loading import ask

REASON: Final = "demo"
LIVED_DAYS: Final = 110


class DemoLoan(msgspec.Struct, frozen=True):
    """A borrower's loan: how far it has come, and when it was paid out, if it was."""

    loan_id: int
    user_id: int
    account_id: int
    state: str
    amount: int


STATES: Final = (
    *("submitted", "in_review", "approved", "accepted", "declined", "withdrawn"),
    *("repaying", "repaying", "late", "late", "repaid early", "overpaid"),
    *("rescheduled", "charged off", "written off"),
)


def commands_of(loan: DemoLoan, today: dt.date, officer: Actor) -> Iterator[Command]:
    """What was done on the loan, from the application to today, in the order of the days."""
    state, key = loan.state, f"demo-loan-{loan.loan_id}"
    began = today - dt.timedelta(days=LIVED_DAYS)
    booked = Details(booking_date=began, reason=REASON)
    now = Details(booking_date=today, reason=REASON)
    applied = loans.Application(
        user_id=loan.user_id,
        product="personal",
        amount=Decimal(25_000 if state == "in_review" else loan.amount),
        instalments=36,
        income=Decimal(5_000),
        living_costs=Decimal(900),
        purpose="a car",
        account_id=loan.account_id,
    )
    yield loans.apply(ask(f"{key}-apply"), loan.loan_id, applied, booked)
    if state == "declined":
        reasons = ["unable to verify what was stated"]
        yield loans.decline(ask(f"{key}-decline", officer), loan.loan_id, reasons)
    elif state == "withdrawn":
        yield loans.withdraw(ask(f"{key}-withdraw"), loan.loan_id)
    if state in ("submitted", "declined", "withdrawn"):
        return
    approval = now if state == "approved" else booked
    yield loans.approve(ask(f"{key}-approve", officer), loan.loan_id, approval)
    if state in ("in_review", "approved"):
        return
    yield loans.accept(ask(f"{key}-accept"), loan.loan_id, booked, None)
    if state == "accepted":
        return
    # Where it is late, the money went elsewhere: it was paid to another bank and none comes back.
    to_account = None if state in ("late", "charged off", "written off") else loan.account_id
    yield loans.pay_out(
        ask(f"{key}-disburse", officer), loan.loan_id, booked, account_id=to_account
    )
    for day in range(LIVED_DAYS):
        details = Details(booking_date=began + dt.timedelta(day), reason=REASON)
        if to_account is not None:
            asking = ask(f"{key}-collect-{day}")
            yield collect_due(asking, loan.loan_id, to_account, details)
        yield end_loan_day(ask(f"{key}-night-{day}"), loan.loan_id, details)
    yield from _today(loan, key, now, officer)


def _today(loan: DemoLoan, key: str, now: Details, officer: Actor) -> Iterator[Command]:
    asking = ask(f"{key}-today", officer)
    if loan.state in ("repaid early", "overpaid"):
        extra = Decimal(loan.amount) * (2 if loan.state == "overpaid" else Decimal("0.5"))
        yield loan_servicing.repay(asking, loan.loan_id, extra, now, account_id=None)
    elif loan.state == "rescheduled":
        yield loan_servicing.reschedule(asking, loan.loan_id, now, instalments=48, forborne=True)
    elif loan.state == "charged off":
        yield loan_servicing.charge_off(asking, loan.loan_id, "no payment for months")
    elif loan.state == "written off":
        yield loan_servicing.write_off(ask(f"{key}-asked"), loan.loan_id, "insolvency")
        yield loan_servicing.write_off(asking, loan.loan_id, "insolvency")
