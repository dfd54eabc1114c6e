"""The table of users against the log: who may sign in, and as what, is what the log says.

The log cannot be changed unseen; a row of this table can, by whoever is above all rights in the database.
The names and the hash of the password are not in the log in a form to compare with, and are not compared.
"""

from typing import Any, Final, NamedTuple

import psycopg

from daybook.self_audit.findings import USERS, Findings
from daybook.self_audit.log_by_stream import BROKEN
from daybook.self_audit.log_in_order import FETCH_EVENTS, Pace
from domain.customer import Customer, restore, stream_of
from ledger.journal import decode

ROWS: Final = """
    SELECT u.user_id, u.role, u.disabled_at IS NOT NULL, u.erased_at IS NOT NULL, u.password_changes,
           e.notification_id, e.originator_version, e.topic, e.state
      FROM users u LEFT JOIN LATERAL (
           SELECT notification_id, originator_version, topic, state FROM daybook_events
            WHERE originator_id = 'customer-' || u.user_id
            ORDER BY originator_version DESC LIMIT 1) AS e ON true
     ORDER BY u.user_id
"""


class _Standing(NamedTuple):
    """What both say of a person."""

    role: str
    may_sign_in: bool
    erased: bool
    password_changes: int


def audit_users(
    connection: psycopg.Connection[Any],
    head: int,
    registered: int,
    findings: Findings,
    pace: Pace,
) -> None:
    """One pass over the table, in the snapshot that the log was read in.

    `registered` counts the persons whom the log knows with a key of their own: each has a row for ever.
    """
    rows = 0
    with connection.cursor("users", binary=True) as cursor:
        cursor.itersize = FETCH_EVENTS
        cursor.execute(ROWS)
        for user_id, role, disabled, erased, changes, position, version, tag, state in cursor:
            pace(1)
            stored = _Standing(role, not disabled, erased, changes)
            if tag is None:
                detail = f"user {user_id} is a row of the table, and nobody in the log"
                findings.add(USERS, max(head, 1), detail, stream=stream_of(user_id))
                continue
            rows += 1
            try:
                known = _standing_of(restore(user_id, decode(tag, state).fact, version))
            except BROKEN:
                continue  # The event is a finding of its own.
            for name, one, other in zip(_Standing._fields, stored, known, strict=True):
                if one != other:
                    said = f"user {user_id}: {name} is {one} in the table, and {other} in the log"
                    findings.add(USERS, position, said, stream=stream_of(user_id))
    if rows < registered:
        detail = f"{registered} persons were registered, and the table has rows of {rows}"
        findings.add(USERS, 1, detail, to=head)


def _standing_of(customer: Customer) -> _Standing:
    may_sign_in = not (customer.ended or customer.erased)
    return _Standing(customer.role, may_sign_in, customer.erased, customer.password_changes)
