"""The audit of the program by itself: a sound bank agrees, and every damage is found and named."""

import threading
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import sql

from application import accounts
from application.commands import NO_DETAILS, Actor
from daybook.self_audit.audit import Certificate, audit, resting
from daybook.self_audit.command import STATUS, said, watch_once
from readmodels.audited import LogDamaged, check_stream
from readmodels.beside import INDEXED_FROM_THE_START
from readmodels.view_tables import VIEWS
from tests.bank import Bank, ask, deposit, withdraw
from tests.busy_bank import keep_busy
from tests.evidence.sealing import keys_in, pay, seal
from tests.readmodels.asking import dump, project, read
from tests.readmodels.processes import process, project_until_killed, write_transfers

HELD = [("accounts", "balance"), ("journal_lines", "debit"), ("transactions", "amount")]
ANYTHING = {
    "text": "x",
    "date": "2026-01-01",
    "timestamp with time zone": "2026-01-01",
    "boolean": "f",
    "bytea": "",
    "json": "{}",
    "jsonb": "{}",
}
TABLES = [(view, table) for view, tables in VIEWS.items() for table in tables]


@pytest.fixture
def busy(database: str) -> str:
    with Bank(database) as bank:
        keep_busy(bank, seed=3, moves=40)
    project(database)
    return database


@contextmanager
def damaging(conninfo: str) -> Iterator[psycopg.Connection[Any]]:
    """As a superuser, for whom no trigger holds."""
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET session_replication_role = replica")
        yield connection


def add_a_row(connection: psycopg.Connection[Any], table: str) -> None:
    columns = connection.execute(
        """SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
            WHERE attrelid = %s::regclass AND attnum > 0 AND attnotnull""",
        [f"readmodels.{table}"],
    ).fetchall()
    values = ["{}" if kind.endswith("[]") else ANYTHING.get(kind, "1") for _, kind in columns]
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier("readmodels", table),
            sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns),
            sql.SQL(", ").join(map(sql.Literal, values)),
        )
    )


def commits_of(conninfo: str) -> list[tuple[int, int]]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute(
            "SELECT first_position, last_position FROM commits ORDER BY last_position"
        ).fetchall()


def checks(certificate: Certificate) -> set[str]:
    return {finding.check for finding in certificate.findings}


def named(certificate: Certificate) -> set[int]:
    """Every position that is within a finding that names no more than a commit."""
    return {
        position
        for finding in certificate.findings
        if finding.check != "control accounts"
        for position in range(finding.position, finding.through + 1)
    }


# --- A sound bank


def test_a_sound_bank_agrees_with_itself(busy: str) -> None:
    before = dump(busy)

    certificate = audit(busy)

    assert said(certificate)[-1].startswith("agrees")
    assert (certificate.verdict, certificate.findings_count) == ("agrees", 0)
    assert not certificate.differences
    assert not certificate.rebuilt
    assert certificate.events == certificate.through == certificate.views_position
    assert certificate.view_rows["journal_lines"] == len(before["journal_lines"]) > 0
    assert len(certificate.root) == 64
    assert dump(busy) == before
    assert audit(busy).root == certificate.root


def test_an_empty_bank_agrees(database: str) -> None:
    certificate = audit(database)

    assert certificate.verdict == "agrees"
    assert (certificate.first, certificate.through) == (0, 0)


def test_a_bank_agrees_while_it_writes_and_projects(database: str) -> None:
    with Bank(database) as bank:
        bank.with_accounts(dict.fromkeys(range(1, 6), 1_000))
    with (
        process(project_until_killed, database, 64),
        process(write_transfers, database, 5, 2_000) as writing,
    ):
        verdicts: list[tuple[str, list[str]]] = []
        while writing.is_alive() or not verdicts:
            certificate = audit(database)
            verdicts.append((certificate.verdict, said(certificate)))

    assert [verdict for verdict, _ in verdicts] == ["agrees"] * len(verdicts), verdicts


# --- Damaged views


@pytest.mark.parametrize(("view", "table"), TABLES)
@pytest.mark.parametrize("damage", ["a row is gone", "a row is there twice"])
def test_a_damaged_view_is_found_and_rebuilt(busy: str, view: str, table: str, damage: str) -> None:
    name = sql.Identifier("readmodels", table)
    sound = dump(busy)
    with damaging(busy) as connection:
        rows = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone()
        if damage == "a row is there twice" and (rows == (0,) or table in INDEXED_FROM_THE_START):
            pytest.skip(
                "there is no row, or it is filled by the unique index that would be in the way"
            )
        if damage == "a row is there twice":
            # A unique index would not let it; one that is damaged lets it.
            for (index,) in connection.execute(
                "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass",
                [f"readmodels.{table}"],
            ).fetchall():
                connection.execute(sql.SQL("DROP INDEX {}").format(sql.SQL(index)))
            doubled = "INSERT INTO {} SELECT * FROM {} LIMIT 1"
            connection.execute(sql.SQL(doubled).format(name, name))
        elif rows == (0,):
            # Nothing happened in this bank that stands there: a row is one too many.
            add_a_row(connection, table)
        else:
            gone = "DELETE FROM {} WHERE ctid = (SELECT max(ctid) FROM {})"
            connection.execute(sql.SQL(gone).format(name, name))

    found = audit(busy)
    mended = audit(busy, repair=True)

    assert found.verdict == "views differ"
    assert {(d.view, d.table) for d in found.differences} == {(view, table)}
    assert found.rebuilt == []
    assert (mended.verdict, mended.rebuilt) == ("rebuilt", [view])
    if damage != "a row is there twice":
        assert dump(busy) == sound
    assert audit(busy).verdict == "agrees"


@pytest.mark.parametrize(("table", "column"), HELD)
def test_a_single_minor_unit_in_a_view_is_found(busy: str, table: str, column: str) -> None:
    with damaging(busy) as connection:
        name, amount = sql.Identifier("readmodels", table), sql.Identifier(column)
        changed = "UPDATE {} SET {} = {} + 1 WHERE ctid = (SELECT max(ctid) FROM {})"
        connection.execute(sql.SQL(changed).format(name, amount, amount, name))

    (difference,) = audit(busy).differences

    assert (difference.table, difference.missing, difference.extra) == (table, 1, 1)
    assert len(difference.examples) == 2


@pytest.mark.parametrize("position", ["position + 7", "position - 3", "NULL"])
def test_views_that_stand_elsewhere_than_they_say_are_found_and_rebuilt(
    busy: str, position: str
) -> None:
    sound = dump(busy)
    with damaging(busy) as connection:
        if position == "NULL":
            connection.execute("UPDATE readmodels.projection SET recorded_at = now()")
        else:
            connection.execute(f"UPDATE readmodels.projection SET position = {position}".encode())

    assert audit(busy).verdict == "views differ"
    assert audit(busy, repair=True).verdict == "rebuilt"
    assert dump(busy) == sound


# --- A damaged log

LOG_DAMAGES = {
    "a state": "UPDATE daybook_events SET state = state || ' ' WHERE notification_id = %s",
    "a description": """UPDATE daybook_events SET state = convert_to(replace(
        convert_from(state, 'UTF8'), '"actor":"', '"actor":"not '), 'UTF8')
        WHERE notification_id = %s""",
    "no JSON": "UPDATE daybook_events SET state = '{' WHERE notification_id = %s",
    "a tag": "UPDATE daybook_events SET topic = 'account.closed.1' WHERE notification_id = %s",
    "an unknown tag": "UPDATE daybook_events SET topic = 'x.1' WHERE notification_id = %s",
    "a version": """UPDATE daybook_events SET originator_version = originator_version + 1000
        WHERE notification_id = %s""",
    "a stream": "UPDATE daybook_events SET originator_id = 'account-999' WHERE notification_id = %s",
    "a strange stream": "UPDATE daybook_events SET originator_id = 'x' WHERE notification_id = %s",
    "one is gone": "DELETE FROM daybook_events WHERE notification_id = %s",
    "a balanced lie": """UPDATE daybook_events SET state = convert_to(regexp_replace(
        convert_from(state, 'UTF8'), '"amount":[0-9]+', '"amount":12345678'), 'UTF8')
        WHERE notification_id = %s""",
}


# The newest event of an account that another of the account follows, and the newest of all.
FOLLOWED = """
    SELECT max(e.notification_id), (SELECT max(notification_id) FROM daybook_events)
      FROM daybook_events e JOIN daybook_events next
        ON next.originator_id = e.originator_id
       AND next.originator_version = e.originator_version + 1
     WHERE e.originator_id LIKE 'account-%'
"""


@pytest.mark.parametrize("damage", LOG_DAMAGES)
def test_a_damaged_log_is_named_and_nothing_is_stated_over_it(busy: str, damage: str) -> None:
    with damaging(busy) as connection:
        row = connection.execute(FOLLOWED).fetchone()
        assert row is not None
        position, head = row
        stream = connection.execute(
            "SELECT originator_id FROM daybook_events WHERE notification_id = %s", [position]
        ).fetchone()
        assert stream is not None
        damaged = connection.execute(LOG_DAMAGES[damage].encode(), [position])
        assert damaged.rowcount == 1

    certificate = audit(busy, repair=True)

    assert certificate.verdict == "log damaged"
    assert STATUS[certificate.verdict] == 2
    assert position in named(certificate)
    assert f"{position}" in "\n".join(said(certificate))
    with pytest.raises(LogDamaged, match=r"damaged at position \d+"):
        read(busy, lambda c: check_stream(c, stream[0], head))
    # What was known before is as it was.
    read(busy, lambda c: check_stream(c, stream[0], position - 10))


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        ("UPDATE commits SET recorded_at = recorded_at + interval '1s'", "events"),
        ("UPDATE commits SET peaks = ''", "tree"),
        (
            "DELETE FROM commits WHERE last_position = (SELECT max(last_position) - 1 FROM commits)",
            "",
        ),
        ("DELETE FROM commits", "commits"),
        ("DELETE FROM daybook_events WHERE notification_id > 20", "positions"),
        ("UPDATE commits SET first_position = 1 WHERE first_position > 20", "commits"),
    ],
)
def test_damaged_commits_and_a_cut_log_are_found(busy: str, damage: str, check: str) -> None:
    with damaging(busy) as connection:
        changed = connection.execute(damage.encode())
        if not changed.rowcount:
            pytest.skip("no such commit")

    certificate = audit(busy)

    assert certificate.verdict == "log damaged"
    assert check in checks(certificate) or not check


@pytest.mark.parametrize("position", [30, 100, 256, 257, 270, 300])
def test_of_a_sealed_commit_the_event_that_was_changed_is_named_and_no_other(
    database: str, tmp_path: Path, position: int
) -> None:
    """In a full tile and in the one that is not: the commit is of some three hundred events."""
    with Bank(database) as bank:
        bank.with_accounts({1: 1_000, 2: 0, 3: 5})
        pay(bank, 150)
        longest = max(b - a for a, b in commits_of(database))
    seal(database, keys_in(tmp_path))
    with damaging(database) as connection:
        row = connection.execute(
            "UPDATE daybook_events SET state = overlay(state placing 'x' from"
            " position('\"actor\":\"' in convert_from(state, 'UTF8')) + 9)"
            " WHERE notification_id = %s RETURNING originator_id",
            [position],
        ).fetchone()
    assert row is not None

    certificate = audit(database)

    assert longest > 20
    tree = [finding for finding in certificate.findings if finding.check == "tree"]
    assert [(f.position, f.through, f.stream) for f in tree] == [(position, position, row[0])]
    other = {"account-1": "account-2", "account-2": "account-1"}[row[0]]
    read(database, lambda c: check_stream(c, other, 10_000))


def test_where_the_leaves_were_changed_too_the_commit_is_named(
    database: str, tmp_path: Path
) -> None:
    with Bank(database) as bank:
        bank.with_accounts({1: 1_000, 2: 0})
        pay(bank, 20)
    seal(database, keys_in(tmp_path))
    first, last = commits_of(database)[-1]
    with damaging(database) as connection:
        connection.execute(LOG_DAMAGES["a description"].encode(), [last])
        connection.execute("UPDATE open_leaves SET hashes = sha256(hashes)")

    found = [f for f in audit(database).findings if f.check == "tree"]

    assert {(f.position, f.through) for f in found} == {(first, last)}
    assert {f.stream for f in found} == {"account-1", "account-2"}


def test_a_log_that_was_mended_is_stated_again(busy: str) -> None:
    with damaging(busy) as connection:
        connection.execute("CREATE TABLE kept AS TABLE daybook_events")
        connection.execute("DELETE FROM daybook_events WHERE notification_id = 9")
    assert audit(busy).verdict == "log damaged"
    with pytest.raises(LogDamaged):
        read(busy, lambda c: check_stream(c, "account-1", 100))

    with damaging(busy) as connection:
        connection.execute(
            "INSERT INTO daybook_events SELECT * FROM kept WHERE notification_id = 9"
        )

    assert audit(busy).verdict == "agrees"
    read(busy, lambda c: check_stream(c, "account-1", 100))


def test_the_bank_goes_on_beside_an_audit_that_found_damage(busy: str) -> None:
    with damaging(busy) as connection:
        connection.execute("UPDATE daybook_events SET state = '{' WHERE notification_id = 3")
    assert audit(busy).verdict == "log damaged"

    with Bank(busy) as bank:
        assert bank.submit(deposit(1, 5)).status == 201
        assert bank.submit(withdraw(1, 1)).status == 201


# --- Requests and answers

COMMAND_DAMAGES = {
    "a request": (
        "UPDATE commands SET request = request || ' ' WHERE position = %s",
        "is not the one that was committed",
    ),
    "an answer": (
        """UPDATE commands SET answer = convert_to(replace(convert_from(answer, 'UTF8'), '0', '1'),
           'UTF8') WHERE position = %s""",
        "is not the one that was committed",
    ),
    "a status": ("UPDATE commands SET status = 202 WHERE position = %s", "is not the one"),
    "a position": (
        # Beyond the end: one beside another's would be read before or after it, as their keys are.
        "UPDATE commands SET position = position + 1000000 WHERE position = %s",
        "is missing",
    ),
    "a principal": ("UPDATE commands SET principal = 'x' WHERE position = %s", "is not the one"),
    "a key": ("UPDATE commands SET key = 'x' WHERE position = %s", "no event tells of"),
    "a record": ("DELETE FROM commands WHERE position = %s", "is missing"),
    "one more record": (
        """INSERT INTO commands SELECT 'x', key, request, status, answer, position
             FROM commands WHERE position = %s""",
        "no event tells of",
    ),
}


@pytest.mark.parametrize("damage", COMMAND_DAMAGES)
def test_a_request_or_an_answer_that_was_changed_is_found_and_the_books_stand(
    busy: str, damage: str
) -> None:
    statement, said_of_it = COMMAND_DAMAGES[damage]
    with damaging(busy) as connection:
        row = connection.execute(
            "SELECT position, (SELECT count(*) FROM daybook_events"
            " WHERE convert_from(state, 'UTF8') LIKE '%,\"command_hash\":%')"
            " FROM commands WHERE position IS NOT NULL ORDER BY position DESC OFFSET 5 LIMIT 1"
        ).fetchone()
        assert row is not None
        position, commands = row
        sound = audit(busy)
        assert connection.execute(statement.encode(), [position]).rowcount == 1

    found = audit(busy)

    assert (sound.verdict, sound.vouched_commands) == ("agrees", commands)
    assert found.verdict == "log damaged"
    assert checks(found) == {"commands"}
    assert any(said_of_it in finding.detail for finding in found.findings)
    assert abs(found.findings[0].position - position) <= 1
    assert f"{found.vouched_commands:,} commands with request and answer" in said(found)[0]
    read(busy, lambda c: check_stream(c, "account-1", 10_000))


def test_a_refusal_under_the_key_of_what_another_does_next_is_no_damage(database: str) -> None:
    with Bank(database).with_accounts({1: 5, 2: 5}) as bank:
        refused = accounts.withdraw(ask("1", Actor(7, "teller")), 1, Decimal(9), NO_DETAILS)
        done = accounts.deposit(ask("1", Actor(8, "teller")), 2, Decimal(1), NO_DETAILS)
        assert [bank.submit(each).status for each in (refused, done)] == [409, 201]
    project(database)

    found = audit(database)

    assert (found.verdict, found.findings) == ("agrees", [])


# --- In the background


def test_the_audit_in_the_background_rebuilds_says_so_and_ends_when_it_is_told_to(
    busy: str, caplog: pytest.LogCaptureFixture
) -> None:
    stop = threading.Event()
    with damaging(busy) as connection:
        connection.execute("UPDATE readmodels.accounts SET balance = balance + 1")

    found = watch_once(busy, stop, share=1.0)
    after = watch_once(busy, stop, share=1.0)
    assert found is not None
    assert after is not None
    assert (found.verdict, found.rebuilt, after.verdict) == ("rebuilt", ["accounts"], "agrees")

    stop.set()
    with Bank(busy) as bank:
        for _ in range(20):
            bank.submit_all([deposit(1, 1) for _ in range(50)])
    assert watch_once(busy, stop, share=0.001) is None


def test_an_audit_at_a_tenth_of_the_time_rests_nine_times_as_long_as_it_works() -> None:
    rests: list[float] = []
    pace = resting(0.1, rests.append)

    for _ in range(10):
        pace(100)

    assert len(rests) == 2
    assert all(rest > 0 for rest in rests)


def test_a_certificate_is_text_that_can_be_read_again(busy: str, tmp_path: Path) -> None:
    certificate = audit(busy)

    again = msgspec.json.decode(msgspec.json.encode(certificate), type=Certificate)

    assert again == certificate
    assert Namespace(**msgspec.structs.asdict(again)).form == "daybook.self-audit.1"
