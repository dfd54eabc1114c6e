"""The worked day: cash in, a transfer, a loan of 12,000 at 2 % a month, a month of it, an instalment."""

import datetime as dt
from decimal import Decimal

from application import accounts, loan_servicing, loans
from application.commands import Actor, Details
from application.loan_days import end_loan_day
from ledger.trial_balance import trial_balance
from tests.bank import Bank, ask, open_account, register

ALICE, BOB, LOAN = 1, 2, 1
BEGAN, DUE = dt.date(2026, 1, 31), dt.date(2026, 2, 28)


def on(date: dt.date) -> Details:
    return Details(booking_date=date, reason="a worked example")


def test_the_books_of_the_worked_day_come_to_the_published_trial_balance(database: str) -> None:
    officer = Actor(3, "loan_officer")
    application = loans.Application(
        user_id=1,
        product="instalment",
        amount=Decimal(12_000),
        instalments=4,
        income=Decimal(10_000),
        account_id=ALICE,
    )
    with Bank(database) as bank:
        day = [
            register(1),
            open_account(ALICE),
            open_account(BOB),
            accounts.deposit(ask(), ALICE, Decimal(5000), on(BEGAN)),
            accounts.transfer(ask(), ALICE, BOB, Decimal(1200), on(BEGAN)),
            loans.apply(ask(), LOAN, application, on(BEGAN)),
            loans.approve(ask(None, officer), LOAN, on(BEGAN)),
            loans.accept(ask(), LOAN, on(BEGAN), None),
            loans.pay_out(ask(None, officer), LOAN, on(BEGAN), account_id=ALICE),
        ]
        month = [
            end_loan_day(ask(f"night/{n}"), LOAN, on(BEGAN + dt.timedelta(n))) for n in range(29)
        ]
        paid = loan_servicing.repay(ask(), LOAN, Decimal("3151.49"), on(DUE), account_id=ALICE)
        for command in (*day, *month, paid):
            answer = bank.submit(command)
            assert answer.status == 201, answer.body
        log = bank.log()

    balances = {
        line.ledger_account: line.balance
        for line in trial_balance(recorded.event.entry for recorded in log)
        if line.balance
    }
    # The bill of 84.37 and its fee of 0.50 are in the account still.
    assert balances == {
        1010: 5_000_00,
        1310: 9_088_51,
        2110: 12_563_64 + 84_37 + 50 + 1_200_00,
        4110: 240_00,
    }
    through_transit = [
        posting.amount if posting.side == "D" else -posting.amount
        for recorded in log
        for posting in recorded.event.entry
        if posting.ledger_account == 2320
    ]
    assert through_transit
    assert sum(through_transit) == 0
