"""The declared matrix of rights against the server: every role, every table, every right, tried."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from application.append import TAKE_ROLE
from migrations.rights import (
    FUNCTIONS,
    MATRIX,
    OWNER,
    PROJECTOR,
    SEQUENCE_USERS,
    TABLES,
    VIEW_READERS,
    apply_rights,
    rights_missing,
)
from migrations.runner import migrate
from readmodels.rebuild import rebuild
from tests.bank import Bank
from tests.readmodels.asking import project

RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
APPEND_ONLY = ("daybook_events", "commits", "commands", "claims", "checkpoints")
# What no right can be given for: it is the owner's.
OWNERS = (
    "ALTER TABLE {} ADD COLUMN more integer",
    "DROP TABLE {} CASCADE",
    "ALTER TABLE {} DISABLE TRIGGER ALL",
    "CREATE RULE more AS ON INSERT TO {} DO INSTEAD NOTHING",
    "ALTER TABLE {} OWNER TO CURRENT_USER",
    "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
)
COLUMNS = """
    SELECT attname::text FROM pg_attribute
     WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


def tables(connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    found = connection.execute(TABLES).fetchall()
    return [(schema, table) for table, kind, schema in found if kind == "r"]


@contextmanager
def acting_as(conninfo: str, role: str) -> Iterator[psycopg.Connection[Any]]:
    """A login of its own, with this one role; dropped at the end."""
    login = sql.Identifier(f"login_{role}")
    with psycopg.connect(conninfo, autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN").format(login))
        owner.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(role), login))
        try:
            with psycopg.connect(make_conninfo(conninfo, user=f"login_{role}")) as connection:
                yield connection
        finally:
            owner.execute(sql.SQL("DROP ROLE {}").format(login))


def is_let(connection: psycopg.Connection[Any], statement: sql.Composed) -> bool:
    """Whether the server lets it be done; it is undone."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return False
    except psycopg.Error:
        return True  # It was let, and then failed for what was asked of it.
    return True


def test_every_table_is_in_the_matrix(database: str) -> None:
    """A new table: say in migrations/rights.py who may do what with it."""
    with psycopg.connect(database) as connection:
        public = {table for schema, table in tables(connection) if schema == "public"}

    assert {table for rights in MATRIX.values() for table in rights} == public


@pytest.mark.parametrize("role", MATRIX)
def test_a_role_has_the_rights_that_are_declared_and_no_others(database: str, role: str) -> None:
    with psycopg.connect(database) as connection:
        held, declared = set(), set()
        for schema, table in tables(connection):
            name = f"{schema}.{table}"
            for (column,) in connection.execute(COLUMNS, [name]).fetchall():
                for right in RIGHTS[:3] + RIGHTS[5:6]:
                    asked = "SELECT has_column_privilege(%s, %s::regclass, %s, %s)"
                    row = connection.execute(asked, [role, name, column, right]).fetchone()
                    if row is not None and row[0]:
                        held.add((name, column, right))
                    if is_declared(role, schema, table, right, column):
                        declared.add((name, column, right))
            for right in RIGHTS:
                asked = "SELECT has_table_privilege(%s, %s::regclass, %s)"
                row = connection.execute(asked, [role, name, right]).fetchone()
                if row is not None and row[0]:
                    held.add((name, None, right))
                if is_declared(role, schema, table, right, None):
                    declared.add((name, None, right))

    assert held == declared


def is_declared(role: str, schema: str, table: str, right: str, column: str | None) -> bool:
    if schema == "readmodels":
        return role == PROJECTOR or (role in VIEW_READERS and right == "SELECT")
    if role == OWNER and table != "migrations":
        return True
    rights = MATRIX[role].get(table, {})
    return right in rights and (rights[right] is None or column in (rights[right] or ()))


@pytest.mark.parametrize("role", MATRIX)
def test_what_is_not_declared_is_refused_when_it_is_tried(database: str, role: str) -> None:
    tried = 0
    with psycopg.connect(database) as connection:
        existing = [
            (schema, table, connection.execute(COLUMNS, [f"{schema}.{table}"]).fetchall()[-1][0])
            for schema, table in tables(connection)
        ]
    with acting_as(database, role) as connection:
        for schema, table, last in existing:
            name, column = sql.Identifier(schema, table), sql.Identifier(last)
            attempts = {
                "SELECT": sql.SQL("SELECT * FROM {}").format(name),
                "INSERT": sql.SQL("INSERT INTO {} SELECT * FROM {} LIMIT 0").format(name, name),
                "UPDATE": sql.SQL("UPDATE {} SET {} = {}").format(name, column, column),
                "DELETE": sql.SQL("DELETE FROM {}").format(name),
                "TRUNCATE": sql.SQL("TRUNCATE {} CASCADE").format(name),
            }
            owns = schema == "readmodels" and role == PROJECTOR
            owns = owns or (schema == "public" and role == OWNER and table != "migrations")
            for right, statement in attempts.items():
                whole = is_declared(role, schema, table, right, None)
                if right == "INSERT":
                    # It reads as well.
                    whole = whole and is_declared(role, schema, table, "SELECT", None)
                if right == "UPDATE":
                    whole = is_declared(role, schema, table, "UPDATE", last)
                    whole = whole and is_declared(role, schema, table, "SELECT", last)
                if right in ("UPDATE", "DELETE", "TRUNCATE") and table in APPEND_ONLY:
                    whole = False  # The triggers refuse the owner too.
                assert is_let(connection, statement) == whole, (role, table, right)
                tried += 1
            if not owns:
                for owners in OWNERS:
                    refused = sql.SQL(owners).format(name)
                    if not is_lock_by_right(owners, role, schema, table):
                        assert not is_let(connection, refused), (role, table, owners)
                    tried += 1

    assert tried > 100


def is_lock_by_right(statement: str, role: str, schema: str, table: str) -> bool:
    """Who may delete rows may lock them all out, too."""
    return statement.startswith("LOCK") and any(
        is_declared(role, schema, table, right, None) for right in ("UPDATE", "DELETE", "TRUNCATE")
    )


@pytest.mark.parametrize("role", MATRIX)
def test_numbers_and_functions_are_for_those_who_need_them(database: str, role: str) -> None:
    with psycopg.connect(database) as connection:
        sequences = [t for t, kind, schema in connection.execute(TABLES).fetchall() if kind == "S"]
        assert len(sequences) >= 4
        for sequence in sequences:
            asked = "SELECT has_sequence_privilege(%s, %s, 'USAGE')"
            row = connection.execute(asked, [role, sequence]).fetchone()
            assert row == (role in (*SEQUENCE_USERS, OWNER),)
        for function, users in FUNCTIONS.items():
            asked = "SELECT has_function_privilege(%s, %s, 'EXECUTE')"
            assert connection.execute(asked, [role, function]).fetchone() == (role in users,)
        asked = "SELECT has_schema_privilege(%s, 'public', 'CREATE')"
        assert connection.execute(asked, [role]).fetchone() == (role == OWNER,)


def test_a_connection_takes_its_role_for_good_where_there_is_one(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(TAKE_ROLE, ["daybook_reader"])
        assert connection.execute("SELECT current_user::text").fetchone() == ("daybook_reader",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO claims VALUES ('a', 'b')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT password_hash FROM users")

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(TAKE_ROLE, ["nobody"])
        assert connection.execute("SELECT current_user = session_user").fetchone() == (True,)


def test_the_tables_of_a_rebuild_can_be_read_by_the_same_roles(database: str) -> None:
    with Bank(database) as bank:
        bank.with_accounts({1: 1})
    project(database)

    rebuild(database)

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(TAKE_ROLE, ["daybook_reader"])
        balance = connection.execute("SELECT balance FROM readmodels.accounts").fetchall()
        assert balance == [(100,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("UPDATE readmodels.accounts SET balance = 0")


def test_rights_that_were_changed_by_hand_are_put_right_when_they_are_applied_anew(
    database: str,
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("GRANT UPDATE ON users TO daybook_reader")
        connection.execute("REVOKE SELECT ON commits FROM daybook_reader")
        apply_rights(connection, anew=True)
        asked = "SELECT has_table_privilege('daybook_reader', %s, %s)"

        assert connection.execute(asked, ["users", "UPDATE"]).fetchone() == (False,)
        assert connection.execute(asked, ["commits", "SELECT"]).fetchone() == (True,)


def test_a_login_that_may_make_no_roles_keeps_its_own_rights(empty_database: str) -> None:
    with psycopg.connect(empty_database, autocommit=True) as owner:
        owner.execute("CREATE ROLE plain_login LOGIN")
        name = psycopg.conninfo.conninfo_to_dict(empty_database)["dbname"]
        owner.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO plain_login").format(sql.Identifier(str(name)))
        )
        plain = make_conninfo(empty_database, user="plain_login")
        try:
            assert rights_missing(empty_database) == []
            migrate(plain)
            with Bank(plain) as bank:
                bank.with_accounts({1: 1})
            assert project(plain) == 3
            missing = rights_missing(plain)
        finally:
            owner.execute("REASSIGN OWNED BY plain_login TO CURRENT_USER")
            owner.execute("DROP OWNED BY plain_login")
            owner.execute("DROP ROLE plain_login")

    assert missing == list(MATRIX)
