"""Every column that is not derived, and who finds a change of it, or why it is no evidence: a declared table.

A test holds it against the server's catalogue, so a column that is new must be thought about. Each column
that is found is changed by the campaign, a row at a time, and looked for by those who are to find it.
"""

import io
import random
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final, LiteralString, TypeAlias

import psycopg
from psycopg import sql

from application import bill_payments, billers, clock, holds
from application.payment_places import Place
from application.presenting import Outcome, PresentedBill, present_bill
from application.users import NewUser, register_user, seal_user
from daybook.audit import export_commands, export_jsonl
from daybook.self_audit.findings import Findings
from daybook.self_audit.keys_by_log import audit_keys
from daybook.self_audit.log_by_stream import audit_by_stream
from daybook.self_audit.log_in_order import audit_in_order
from daybook.self_audit.users_by_log import audit_users
from domain.bills.biller import BillerTerms
from tests.bank import CUSTOMER, Bank, ask, open_account, told
from tests.keys import KEK, keyring_of

Connection: TypeAlias = psycopg.Connection[Any]
# Told of what an auditor is given: the log, the records of commands, and the notes that are served.
Verify: TypeAlias = Callable[[list[bytes], list[bytes], list[bytes]], object]

VERIFIER: Final = "the auditor's program"
AUDIT: Final = "the self-audit"
BOTH: Final = (VERIFIER, AUDIT)

WORK: Final = "when the sender tries again, not what it sends"
ALONE: Final = "proves no deed: whoever signs in, and what is done then, stands in the log"
REFUSED: Final = "a program whose migrations are others does not start (tests/migrations)"
SAID: Final = "the log has the instant"

COLUMNS: Final[dict[str, dict[str, tuple[str, ...] | str]]] = {
    "daybook_events": {
        "originator_id": BOTH,
        "originator_version": BOTH,
        "topic": BOTH,
        "state": BOTH,
        "notification_id": BOTH,
    },
    "commits": dict.fromkeys(("last_position", "first_position", "recorded_at", "peaks"), (AUDIT,)),
    "commands": dict.fromkeys(
        ("principal", "key", "request", "status", "answer", "position"), BOTH
    ),
    "claims": {"name": (AUDIT,), "holder": (AUDIT,)},
    "outbox": {
        **dict.fromkeys(("payment_id", "gateway", "message"), (AUDIT,)),
        **dict.fromkeys(("created_at", "due_at", "attempts", "in_doubt"), WORK),
    },
    "users": {
        **dict.fromkeys(("user_id", "username_key", "email_key", "role"), (AUDIT,)),
        **dict.fromkeys(("disabled_at", "erased_at", "password_changes"), (AUDIT,)),
        "password_hash": ALONE,
        "created_at": SAID,
    },
    "person_keys": {
        **dict.fromkeys(("user_id", "key_id", "kek", "wrapped"), (AUDIT,)),
        "created_at": SAID,
    },
    "ledger_keys": dict.fromkeys(("name", "kek", "wrapped"), (AUDIT,)),
    "sessions": dict.fromkeys(
        ("sid", "user_id", "created_at", "expires_at", "revoked_at", "revoked_xid", "refused_at"),
        ALONE,
    ),
    "refresh_tokens": dict.fromkeys(
        ("token_hash", "sid", "issued_at", "used_at", "successor_hash"), ALONE
    ),
    "tiles": dict.fromkeys(("level", "number", "root", "hashes"), (AUDIT,)),
    "open_leaves": {"number": (AUDIT,), "hashes": BOTH},
    "checkpoints": {
        **dict.fromkeys(("size", "root", "recorded_at"), (AUDIT,)),
        # What it says is held against the log by both, who signed it by the one that has the keys.
        "note": (VERIFIER,),
    },
    "migrations": dict.fromkeys(("number", "name", "sha256", "applied_at"), REFUSED),
}

# A record that no event vouches for, a refusal that is no evidence, is under no tree.
ROWS: Final[dict[str, LiteralString]] = {"commands": "position IS NOT NULL"}
BY_TYPE: Final[dict[str, LiteralString]] = {
    "bytea": "set_bit({c}, %(bit)s %% (8 * length({c})), 1 - get_bit({c}, %(bit)s %% (8 * length({c}))))",
    "text": """overlay({c} PLACING CASE substr({c}, 1 + %(bit)s %% length({c}), 1)
               WHEN 'x' THEN 'y' ELSE 'x' END FROM 1 + %(bit)s %% length({c}))""",
    "bigint": "{c} + 1000000",
    "integer": "{c} + 1",
    "smallint": "{c} + 1",
    "timestamp with time zone": "coalesce({c} + interval '1 microsecond', now())",
}
BY_NAME: Final[dict[str, LiteralString]] = {
    "role": "CASE {c} WHEN 'user' THEN 'admin' ELSE 'user' END",
}
CATALOGUE: Final = """
    SELECT table_name, column_name, data_type FROM information_schema.columns
      JOIN information_schema.tables USING (table_schema, table_name)
     WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
"""


def catalogue(connection: Connection) -> dict[tuple[str, str], str]:
    """The type of every column of every table that is not a view of the read side."""
    return {(table, column): kind for table, column, kind in connection.execute(CATALOGUE)}


def found_columns() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Table, column, and who finds a change of it."""
    for table, columns in COLUMNS.items():
        for column, by in columns.items():
            if isinstance(by, tuple):
                yield table, column, by


def change(connection: Connection, table: str, column: str, chance: random.Random) -> int:
    """Change the column in one row, as whoever is above all rights can; how many rows that were."""
    expression = BY_NAME.get(column) or BY_TYPE[catalogue(connection)[table, column]]
    statement = sql.SQL(
        "UPDATE {t} SET {c} = " + expression + " WHERE ctid = (SELECT ctid FROM {t} WHERE {rows}"
        " ORDER BY ctid OFFSET %(which)s %% (SELECT count(*) FROM {t} WHERE {rows}) LIMIT 1)"
    ).format(
        t=sql.Identifier(table), c=sql.Identifier(column), rows=sql.SQL(ROWS.get(table, "true"))
    )
    return connection.execute(
        statement, {"bit": chance.randrange(2**30), "which": chance.randrange(2**20)}
    ).rowcount


def missed_by(connection: Connection, by: tuple[str, ...], size: int, verify: Verify) -> list[str]:
    """Those who are to find a change in what is there, and do not."""
    found = {VERIFIER: VERIFIER in by and bool(verify(*given(connection))), AUDIT: False}
    if AUDIT in by:
        found[AUDIT] = bool(audited(connection, size).count)
    return [each for each in by if not found[each]]


def given(connection: Connection) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """What an auditor is given: the log, the records of commands, and the notes that are served."""
    log, records = io.BytesIO(), io.BytesIO()
    export_jsonl(connection, 2**62, log)
    export_commands(connection, 2**62, records)
    notes = connection.execute("SELECT note FROM checkpoints ORDER BY size").fetchall()
    lines = (file.getvalue().splitlines(keepends=True) for file in (log, records))
    return next(lines), next(lines), [note.encode() for (note,) in notes]


def audited(connection: Connection, size: int) -> Findings:
    """What the self-audit finds in the log and beside it, by one who has the key of keys."""
    findings = Findings()
    in_order = audit_in_order(connection, size, findings, lambda events: None)
    by_stream = audit_by_stream(connection, size, findings, lambda events: None)
    in_order.outbox.check_pending(by_stream.pending, size)
    audit_users(connection, size, by_stream.persons, findings, lambda events: None)
    audit_keys(connection, KEK, size, findings)
    return findings


def have_all_sorts(bank: Bank) -> None:
    """Persons, claims of several sorts, and a payment that waits for a gateway: of each table a row."""
    keyring = keyring_of(bank.conninfo)
    commands = []
    for user_id, name in ((11, "ada"), (12, "bob")):
        user = seal_user(NewUser(user_id, name, f"{name}@example.org", "user", "!"), keyring)
        by = ask()
        commands.append(
            register_user(user, key=None, principal="anonymous", answer=by.answer, refuse=by.refuse)
        )
    commands.append(open_account(3, reference="CZ-3"))
    commands.append(
        holds.place_hold(
            ask(), 1, 1, Decimal(5), expires_at=None, counterparty=None, description=None
        )
    )
    terms = BillerTerms(name="Water", currencies=("EUR",), gateway="girobank")
    commands.append(billers.register_biller(ask(), 1, terms))
    bill = PresentedBill(
        biller_id=1,
        user_id=CUSTOMER,
        amount=Decimal(20),
        currency="EUR",
        due_date=clock.now().date(),
        external_id="W-1",
    )
    commands.append(present_bill(ask(), bill, bill_id=1, known=None, outcome=Outcome()))
    place = Place(payment_id=1, bill_id=1, account_id=1, biller_id=1)
    commands.append(
        bill_payments.authorise(ask(), place, user_id=CUSTOMER, hold_id=2, amount=Decimal(20))
    )
    for command in commands:
        answer = bank.submit(command)
        assert answer.status == 201, told(answer)
