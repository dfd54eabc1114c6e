"""The view of loans: lists from its table, and one loan at any moment from its own stream of the log."""

import datetime as dt
from decimal import Decimal
from typing import Any, Final

import msgspec

from domain.loans.history import Step, steps_of
from domain.loans.loan import Loan, restore, stream_of
from domain.loans.loan_facts import Agreement
from ledger.journal import Recorded, decode
from ledger.loan_history import events_of
from readmodels.moments import Moment
from readmodels.reading import Connection, page_size

COLUMNS: Final = """
    l.loan_id, l.borrower, l.product, l.status, l.currency, l.amount, l.instalments, l.annual_rate,
    l.applied_on, l.disbursed, l.disbursed_on, l.account_id, l.principal, l.interest, l.suspended,
    l.fees, l.penalties, l.overpaid, l.off_balance, l.past_due_since, l.non_accrual, l.position
"""
BORROWER: Final = "SELECT borrower FROM readmodels.loans WHERE loan_id = %s"
EVENTS: Final = """
    SELECT originator_id, originator_version, notification_id, topic, state
      FROM daybook_events
     WHERE originator_id = %s AND notification_id <= %s ORDER BY originator_version
"""
# The newest event and, where that names another as the last agreement, that one.
NEWEST: Final = """
    WITH newest AS (
        SELECT originator_version, topic, state FROM daybook_events
         WHERE originator_id = %(stream)s AND notification_id <= %(known_at)s
         ORDER BY originator_version DESC LIMIT 1)
    SELECT newest.*, terms.originator_version, terms.topic, terms.state
      FROM newest
      LEFT JOIN daybook_events terms ON terms.originator_id = %(stream)s
       AND terms.originator_version = CASE
           json_typeof(convert_from(newest.state, 'UTF8')::json #> '{fact,terms}')
           WHEN 'number' THEN (convert_from(newest.state, 'UTF8')::json #>> '{fact,terms}')::bigint
           END
"""


class LoanRow(msgspec.Struct, frozen=True):
    """A loan as it stands now; minor units. `amount` is what was applied for or approved."""

    loan_id: int
    borrower: int
    product: str
    status: str
    currency: str
    amount: int
    instalments: int
    annual_rate: Decimal
    applied_on: dt.date
    disbursed: int
    disbursed_on: dt.date | None
    account_id: int | None
    principal: int
    interest: int
    suspended: int
    fees: int
    penalties: int
    overpaid: int
    off_balance: int
    past_due_since: dt.date | None
    non_accrual: bool
    position: int


async def borrower_of(connection: Connection, loan_id: int) -> int | None:
    """Whose loan it is; None where there is no such loan."""
    row = await (await connection.execute(BORROWER, (loan_id,))).fetchone()
    return None if row is None else int(row[0])


async def loans_of(
    connection: Connection,
    *,
    user_id: int | None = None,
    status: str | None = None,
    in_arrears: bool = False,
    limit: int,
    after: int = 0,
) -> list[LoanRow]:
    """Loans by rising id, from the one after `after`: a borrower's, or all; of a status; or late ones."""
    conditions = ["l.loan_id > %(after)s"]
    parameters: dict[str, Any] = {"after": after, "limit": page_size(limit)}
    if user_id is not None:
        conditions.append("l.borrower = %(user_id)s")
        parameters["user_id"] = user_id
    if status is not None:
        conditions.append("l.status = %(status)s")
        parameters["status"] = status
    if in_arrears:
        conditions.append("l.past_due_since IS NOT NULL")
    found = await connection.execute(
        f"""SELECT {COLUMNS} FROM readmodels.loans l WHERE {" AND ".join(conditions)}
             ORDER BY l.loan_id LIMIT %(limit)s""",
        parameters,
    )
    return [LoanRow(*row) for row in await found.fetchall()]


async def loan_events(connection: Connection, loan_id: int, known_at: int) -> list[Recorded]:
    """Every event of the loan up to a position, oldest first; they never change."""
    found = await connection.execute(EVENTS, (stream_of(loan_id), known_at), binary=True)
    return [
        Recorded(stream, version, position, decode(tag, state))
        for stream, version, position, tag, state in await found.fetchall()
    ]


async def life_of(connection: Connection, loan_id: int, moment: Moment) -> list[Step]:
    """The events that stand at the moment, each with the loan after it; none before the first."""
    events = await loan_events(connection, loan_id, moment.known_at)
    return steps_of(events_of(events), loan_id, as_of=moment.as_of)


async def loan_at(
    connection: Connection, loan_id: int, moment: Moment, *, today: dt.date
) -> Loan | None:
    """The loan in the books of a day, as known at a position; None where there was none."""
    if moment.as_of < today:
        life = await life_of(connection, loan_id, moment)
        return life[-1].loan if life else None
    parameters = {"stream": stream_of(loan_id), "known_at": moment.known_at}
    row = await (await connection.execute(NEWEST, parameters, binary=True)).fetchone()
    if row is None:
        return None
    version, tag, state, terms_version, terms_tag, terms_state = row
    newest = decode(tag, state).fact
    if isinstance(newest, Agreement):
        return restore(loan_id, newest, version, newest, version)
    last = decode(terms_tag, terms_state).fact
    return restore(loan_id, newest, version, last, terms_version)
