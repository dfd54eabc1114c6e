"""Statements of one account that are issued at once each get the next number, up to a bound."""

import datetime as dt

from application import statements
from application.books import Command
from domain.statement import Letterhead
from tests.bank import Bank, ask, told

DAY = dt.date(2026, 1, 31)
BANK = Letterhead(name="Daybook Bank", bic="DAYBCZPP", address=(), contact=None)


def issue(statement_id: int, *, known: int = 0) -> Command:
    return statements.issue_statement(
        ask(),
        statements.Issue(
            account_id=1,
            statement_id=statement_id,
            known=known,
            booked_from=DAY,
            booked_to=DAY,
            as_of=DAY,
            known_at=1,
            bank=BANK,
            form="daybook.statement.1",
            code_version="0.1.0",
            sha256=lambda number: f"{number:064x}",
        ),
    )


def test_of_statements_that_were_made_at_once_the_last_says_what_to_do(database: str) -> None:
    with Bank(database) as bank:
        bank.with_accounts({1: 0})

        issued = bank.submit_all([issue(number + 1) for number in range(statements.NUMBERS)])
        refused = bank.submit(issue(100))
        again = bank.submit(issue(101, known=statements.NUMBERS))

    assert {answer.status for answer in issued} == {201}
    assert told(refused).refused == "TooManyStatements"
    assert "under a new idempotency key" in str(told(refused).detail)
    assert again.status == 201
