"""(i): the end of a day over many loans, each with its interest, and some with an instalment to collect."""

import datetime as dt
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import uvloop

from application.accounts import deposit, open_account
from application.books import Command
from application.clock import business_date, now
from application.commands import Details
from application.loans import Application, accept, apply, approve, pay_out
from application.passwords import Passwords
from application.users import NewUser
from daybook.bench.databases import Databases, settle
from daybook.bench.figures import Measured, Scale
from daybook.bench.processes import BenchError
from daybook.bench.workload import CURRENCY, HOLDERS, passing_keyring, username_of, write
from daybook.end_of_day.run import Bank, DayRun, end_days
from daybook.loading import ask, bring_views_up, register

AMOUNT: Final = Decimal(500)
INSTALMENTS: Final = 6
FUNDS: Final = Decimal(1_000_000)
# Of the loans, one in thirty has an instalment due on each of the days.
DUE_EVERY: Final = 30
DAYS_BEFORE: Final = 40


def measure(databases: Databases, scale: Scale) -> list[Measured]:
    """A day a round, from the first read to the event that says it is ended; views included."""
    conninfo = databases.migrated("ending-days")
    paid_out = business_date(now(), dt.UTC) - dt.timedelta(days=DAYS_BEFORE)
    uvloop.run(_lend(conninfo, scale.loans, paid_out))
    if not bring_views_up(conninfo):
        raise BenchError("the views did not come to the end of the log")
    settle(conninfo)
    whole = Measured(
        item="i",
        key="end-of-day",
        label=f"the end of a day over {scale.loans:,} loans",
        unit="s",
    )
    rate = Measured(item="i", key="end-of-day.rate", label="its items", unit="events/s")
    for number in range(scale.rounds):
        # From the first due dates on, so that there is something to collect each day.
        date = paid_out + dt.timedelta(days=30 + number)
        began = time.monotonic()
        run = uvloop.run(_end(conninfo, date))
        seconds = time.monotonic() - began
        done = sum(step.done for step in run.steps)
        if run.refused or done < scale.loans:
            raise BenchError(f"of {scale.loans:,} loans {done:,} had their day: {run.refusals}")
        whole.values.append(seconds)
        rate.values.append(done / seconds)
        whole.note = ", ".join(f"{step.step} {step.done:,}" for step in run.steps if step.done)
    databases.drop(conninfo)
    return [whole, rate]


async def _end(conninfo: str, date: dt.date) -> DayRun:
    runs: list[DayRun] = []
    await end_days(Bank(conninfo=conninfo), [date], ended=runs.append)
    return runs[0]


async def _lend(conninfo: str, loans: int, paid_out: dt.date) -> None:
    """Borrowers with money on an account each, and their loans, paid out on one day."""
    passwords = Passwords(environment="dev")
    password_hash = await passwords.hash("nobody signs in")
    passwords.close()
    details = Details(booking_date=paid_out, reason="the bank is made")

    keyring = passing_keyring(conninfo)

    def commands() -> Iterator[Command]:
        for user_id in range(1, HOLDERS + 1):
            name = username_of(user_id)
            email = f"{name}@bank.example"
            yield register(name, NewUser(user_id, name, email, "user", password_hash), keyring)
            yield open_account(
                ask(f"open-{user_id}"),
                account_id=user_id,
                user_id=user_id,
                account_type="checking",
                currency=CURRENCY,
                opened_on=paid_out,
            )
            yield deposit(ask(f"fund-{user_id}"), user_id, FUNDS, details)
        for loan_id in range(1, loans + 1):
            yield from _loan(loan_id, details, paid_out)

    await write(conninfo, commands())


def _loan(loan_id: int, details: Details, paid_out: dt.date) -> Iterator[Command]:
    holder = (loan_id - 1) % HOLDERS + 1
    application = Application(
        user_id=holder,
        product="instalment",
        amount=AMOUNT,
        instalments=INSTALMENTS,
        income=Decimal(5000),
        account_id=holder,
    )
    first_due = paid_out + dt.timedelta(days=30 + (loan_id - 1) % DUE_EVERY)
    yield apply(ask(f"apply-{loan_id}"), loan_id, application, details)
    yield approve(ask(f"approve-{loan_id}"), loan_id, details)
    yield accept(ask(f"accept-{loan_id}"), loan_id, details, holder)
    yield pay_out(
        ask(f"pay-out-{loan_id}"), loan_id, details, account_id=holder, first_due=first_due
    )
