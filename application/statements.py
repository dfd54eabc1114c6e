"""The use case of statements: one is issued, and can be had again for ever.

The number is the next of the account, and is claimed together with the event. How many there are is
read before the command is made, so the decision looks at the numbers from there on and takes the first
that is free.
"""

import datetime as dt
from collections.abc import Callable
from typing import Final

import msgspec

from application.books import Books, Command, Draft, Transaction
from application.commands import NO_DETAILS, Ask, account_for, transaction
from domain.account import stream_of as account_stream
from domain.refusals import TooManyStatements
from domain.statement import Letterhead, StatementIssued, stream_of

# So many statements of one account may be issued between the reading and the decision.
NUMBERS: Final = 32


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """What is issued. `known` is how many statements of the account there are, or were lately.

    `sha256` gives the hash of the canonical bytes under a number: it is called inside the commit.
    """

    account_id: int
    statement_id: int
    known: int
    booked_from: dt.date
    booked_to: dt.date
    as_of: dt.date
    known_at: int
    bank: Letterhead
    form: str
    code_version: str
    sha256: Callable[[int], str]


def claim_of(statement_id: int) -> str:
    """The claim under which the statement's stream and number are found."""
    return f"statement/{statement_id}"


def claim_of_number(account_id: int, number: int) -> str:
    """The claim of the one statement that has the number among those of its account."""
    return f"statement-number/{account_id}/{number}"


def issue_statement(ask: Ask, issue: Issue) -> Command:
    """Record that the statement was issued. The second call under one key is told the first's."""
    stream = stream_of(issue.account_id)
    numbers = {
        number: claim_of_number(issue.account_id, number)
        for number in range(issue.known + 1, issue.known + 1 + NUMBERS)
    }
    claim = claim_of(issue.statement_id)

    def decide(books: Books) -> list[Transaction]:
        account_for(books, ask.actor, issue.account_id)
        number = next((n for n, name in numbers.items() if books.claimed(name) is None), None)
        if number is None:
            raise TooManyStatements(account_id=issue.account_id, limit=NUMBERS)
        posted = transaction(ask.actor, NO_DETAILS, books)
        fact = StatementIssued(
            statement_id=issue.statement_id,
            number=number,
            booked_from=issue.booked_from,
            booked_to=issue.booked_to,
            as_of=issue.as_of,
            known_at=issue.known_at,
            bank=issue.bank,
            form=issue.form,
            code_version=issue.code_version,
            sha256=issue.sha256(number),
        )
        # The version of an event in this stream is the number of the statement.
        posted.drafts = [Draft(stream, number, fact, ())]
        books.claim(numbers[number], str(issue.statement_id))
        books.claim(claim, f"{stream}/{number}")
        return [posted]

    request = {
        "call": "accounts/statements",
        "account_id": issue.account_id,
        "from": issue.booked_from,
        "to": issue.booked_to,
    }
    return ask.command(
        request, (account_stream(issue.account_id),), decide, claims=(claim, *numbers.values())
    )
