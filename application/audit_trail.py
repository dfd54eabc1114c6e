"""Writing the audit trail: an access as a command, which is committed like any other.

The door waits for the commit before it answers, so that nothing is shown and nobody is let in without an
event that says so. Refusals of commands need no command of their own: they are noted where they are decided.
"""

import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final

from application.books import Answer, Books, Command, Transaction
from domain.access import STREAM, AccessFact
from domain.refusals import Refused

# Whom nobody knows yet.
ANONYMOUS: Final = "anonymous"
NOTED: Final = Answer(200, b"{}")

# The fact of an access, given the version it will have in the stream: what is sealed is bound to it.
FactAt = Callable[[int], AccessFact]


def noted(
    actor: str, fact_at: FactAt, statements: Sequence[tuple[str, tuple[Any, ...]]] = ()
) -> Command:
    """Have an access of the actor's recorded, once however often the batch is run again.

    `statements` run in the same commit: what the event says happens if and only if it is there.
    """

    def decide(books: Books) -> list[Transaction]:
        access = Transaction(actor=actor, booking_date=books.today, value_date=books.today)
        add_access(books, access, fact_at)
        return [access]

    return Command(
        principal=actor,
        key=uuid.uuid4().hex,
        keyed=False,
        request=b'{"call":"access"}',
        streams=(STREAM,),
        decide=decide,
        answer=lambda _: NOTED,
        refuse=_never_refused,
        statements=statements,
    )


def add_access(books: Books, transaction: Transaction, fact_at: FactAt) -> None:
    """Draft an access as part of a transaction."""
    trail = books.state(STREAM)
    version = 1 if trail is None else trail.version + 1
    books.add(transaction, STREAM, [fact_at(version)])


def _never_refused(refusal: Refused) -> Answer:
    raise AssertionError(f"an access is a fact, and was refused: {refusal}")
