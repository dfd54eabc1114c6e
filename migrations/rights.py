"""Who may do what in the database: the declared matrix of roles, and bringing the server to it.

The roles are groups without a login. Each pool of connections takes the one it needs (`take_role`), so a
mistake in a reader cannot write and the writer cannot change what it wrote. Whoever runs the program
under several logins makes each a member of the role it needs and of no other (docs/operations.md).

The tables of the read models are derived: the projector owns them, and may drop and build them again.
"""

import hashlib
from typing import Any, Final, LiteralString, TypeAlias

import psycopg
from psycopg import sql

OWNER: Final = "daybook_owner"
PROJECTOR: Final = "daybook_projector"
VIEW_SCHEMAS: Final = ("readmodels", "readmodels_next", "readmodels_audit", "readmodels_watch")
# Reads every table of the read models, of those that are there now and those that a rebuild makes.
VIEW_READERS: Final = ("daybook_reader", "daybook_auditor", "daybook_sender")

# A right, alone or with the columns it is limited to.
Rights: TypeAlias = dict[str, tuple[str, ...] | None]

READ: Final[Rights] = {"SELECT": None}
ADD: Final[Rights] = {"SELECT": None, "INSERT": None}

# By role, what it may do with the tables that are not derived. What is not here is not allowed.
MATRIX: Final[dict[str, dict[str, Rights]]] = {
    OWNER: {},
    "daybook_writer": {
        "daybook_events": ADD,
        "commits": ADD,
        "commands": ADD,
        "claims": ADD,
        "outbox": {"INSERT": ("payment_id", "gateway", "message")},
        "users": {
            "SELECT": ("user_id", "username_key", "email_key", "disabled_at", "erased_at"),
            "INSERT": (
                *("user_id", "username_key", "email_key"),
                *("password_hash", "role", "created_at"),
            ),
            "UPDATE": (
                *("email_key", "role", "disabled_at"),
                *("password_hash", "password_changes"),
            ),
        },
        "person_keys": {"INSERT": ("user_id", "key_id", "kek", "wrapped")},
        # Ended in the commit that says why, by the triggers of users too.
        "sessions": {
            "SELECT": ("sid", "user_id", "revoked_at", "refused_at"),
            "UPDATE": ("revoked_at", "revoked_xid", "refused_at"),
        },
    },
    PROJECTOR: {"daybook_events": READ, "commits": READ},
    "daybook_reader": {
        "daybook_events": READ,
        "commits": READ,
        # What was asked for under a key; auditors ask it over HTTP.
        "commands": READ,
        "claims": READ,
        "tiles": READ,
        "open_leaves": READ,
        "checkpoints": READ,
        "outbox": {
            "SELECT": ("payment_id", "gateway", "created_at", "due_at", "attempts", "in_doubt")
        },
    },
    "daybook_auditor": {
        "daybook_events": READ,
        "commits": READ,
        "commands": READ,
        "claims": READ,
        "outbox": READ,
        "tiles": READ,
        "open_leaves": READ,
        "checkpoints": READ,
        "migrations": READ,
        # What the log says of a person's standing too; neither a name nor a hash.
        "users": {
            "SELECT": ("user_id", "role", "disabled_at", "erased_at", "password_changes"),
        },
    },
    "daybook_sealer": {
        "daybook_events": READ,
        "commits": READ,
        "tiles": ADD,
        "open_leaves": {**ADD, "UPDATE": ("hashes",), "DELETE": None},
        "checkpoints": ADD,
    },
    # Of the keys that personal data is encrypted under; no other role sees them, and none deletes them
    # but by `forget_person`.
    "daybook_keys": {
        "daybook_events": READ,
        "person_keys": READ,
        "ledger_keys": ADD,
        "users": {
            "SELECT": ("user_id", "username_key", "email_key", "role", "disabled_at", "erased_at")
        },
    },
    # Wraps those keys with another key-encryption key; used by `daybook keys rotate-kek` alone.
    "daybook_key_rotation": {
        "person_keys": {"SELECT": None, "UPDATE": ("kek", "wrapped")},
        "ledger_keys": {"SELECT": None, "UPDATE": ("kek", "wrapped")},
    },
    # What is told to payment gateways and learned from them.
    "daybook_sender": {
        "daybook_events": READ,
        "claims": READ,
        "outbox": {
            "SELECT": None,
            "UPDATE": ("due_at", "attempts", "in_doubt"),
            "DELETE": None,
        },
    },
    "daybook_sign_in": {
        "users": {"SELECT": None, "UPDATE": ("password_hash",)},
        "sessions": {
            "SELECT": None,
            "INSERT": ("sid", "user_id", "created_at", "expires_at"),
            "DELETE": None,
        },
        "refresh_tokens": {
            "SELECT": None,
            "INSERT": ("token_hash", "sid", "issued_at"),
            "UPDATE": ("used_at", "successor_hash"),
        },
    },
}
# New numbers are drawn before the writer is asked.
SEQUENCE_USERS: Final = ("daybook_sign_in", "daybook_sender")
FUNCTIONS: Final[dict[str, tuple[str, ...]]] = {
    "lock_log(bigint)": ("daybook_writer",),
    "forget_person(bigint)": ("daybook_writer", "daybook_keys"),
}

TABLES: Final[LiteralString] = """
    SELECT c.relname, c.relkind::text, n.nspname
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname IN ('public', 'readmodels') AND c.relkind IN ('r', 'S')
     ORDER BY c.relkind, c.relname
"""
MAKE_ROLE: Final = """
    DO $$ BEGIN
        IF to_regrole({text}) IS NULL THEN CREATE ROLE {role} NOLOGIN NOINHERIT; END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- another made it meanwhile
    END $$
"""
IS_MEMBER: Final = "SELECT pg_has_role(current_user, %s, 'MEMBER')"
APPLIED: Final = "SELECT obj_description('public.migrations'::regclass, 'pg_class')"
MISSING: Final = """
    SELECT wanted FROM unnest(%s::text[]) AS wanted
     WHERE to_regrole(wanted) IS NULL OR NOT pg_has_role(current_user, to_regrole(wanted), 'MEMBER')
"""

Connection: TypeAlias = psycopg.Connection[Any]


def apply_rights(connection: Connection, *, anew: bool) -> None:
    """Bring the rights of the database to the matrix; nothing where they are and `anew` is false.

    Where the login may make no roles and nobody has made them for it, all stays as it was, and the
    program runs with the rights of its login (`rights_missing` says so).
    """
    digest = _digest()
    row = connection.execute(APPLIED).fetchone()
    if not anew and row is not None and row[0] == digest:
        return
    try:
        with connection.transaction():
            _make_roles(connection)
            _give(connection)
            _run(connection, "COMMENT ON TABLE public.migrations IS {}", sql.Literal(digest))
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedObject):
        pass


def rights_missing(conninfo: str) -> list[str]:
    """The roles that the login cannot take."""
    with psycopg.connect(conninfo, connect_timeout=10) as connection:
        return [row[0] for row in connection.execute(MISSING, [list(MATRIX)]).fetchall()]


def _make_roles(connection: Connection) -> None:
    for role in MATRIX:
        _run(connection, MAKE_ROLE, text=sql.Literal(role), role=sql.Identifier(role))
        member = connection.execute(IS_MEMBER, [role]).fetchone()
        if member is None or not member[0]:
            _run(connection, "GRANT {} TO CURRENT_USER", sql.Identifier(role))


def _give(connection: Connection) -> None:
    """Everything taken from everybody, and what the matrix says given."""
    roles = sql.SQL(", ").join(map(sql.Identifier, MATRIX))
    found = connection.execute(TABLES).fetchall()
    _run(connection, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    _run(connection, "GRANT USAGE ON SCHEMA public TO {}", roles)
    _run(connection, "GRANT CREATE ON SCHEMA public TO {}", sql.Identifier(OWNER))
    for kind in ("TABLES", "SEQUENCES"):
        _run(
            connection,
            "REVOKE ALL ON ALL {} IN SCHEMA public FROM PUBLIC, {}",
            sql.SQL(kind),
            roles,
        )
    for table, kind, schema in found:
        if schema == "readmodels":
            _own(connection, PROJECTOR, schema, table, kind)
        elif table != "migrations":
            _own(connection, OWNER, schema, table, kind)
    _give_views(connection)
    for table, kind, schema in found:
        if schema == "public" and kind == "S":
            for role in SEQUENCE_USERS:
                names = map(sql.Identifier, (table, role))
                _run(connection, "GRANT USAGE ON SEQUENCE public.{} TO {}", *names)
        for role, rights in MATRIX.items():
            for right, columns in rights.get(table, {}).items() if schema == "public" else ():
                _grant(connection, right, columns, table, role)
    for function, users in FUNCTIONS.items():
        _run(connection, f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        for role in users:
            _run(connection, f"GRANT EXECUTE ON FUNCTION {function} TO {{}}", sql.Identifier(role))


def _give_views(connection: Connection) -> None:
    readers = sql.SQL(", ").join(map(sql.Identifier, VIEW_READERS))
    projector = sql.Identifier(PROJECTOR)
    for schema in VIEW_SCHEMAS:
        _run(connection, "ALTER SCHEMA {} OWNER TO {}", sql.Identifier(schema), projector)
    _run(connection, "GRANT USAGE ON SCHEMA readmodels TO {}", readers)
    _run(connection, "GRANT SELECT ON ALL TABLES IN SCHEMA readmodels TO {}", readers)
    # A rebuild makes new tables, which must be readable the moment they take the place of the old.
    future = "ALTER DEFAULT PRIVILEGES FOR ROLE {} GRANT SELECT ON TABLES TO {}"
    _run(connection, future, projector, readers)


def _own(connection: Connection, owner: str, schema: str, name: str, kind: str) -> None:
    if kind == "S" and _is_of_a_column(connection, f"{schema}.{name}"):
        return  # It goes with its table.
    statement = "ALTER {} {}.{} OWNER TO {}"
    words = sql.SQL("SEQUENCE" if kind == "S" else "TABLE")
    _run(connection, statement, words, *map(sql.Identifier, (schema, name, owner)))


def _is_of_a_column(connection: Connection, sequence: str) -> bool:
    asked = "SELECT FROM pg_depend WHERE objid = %s::regclass AND deptype = 'a'"
    return connection.execute(asked, [sequence]).fetchone() is not None


def _grant(
    connection: Connection, right: str, columns: tuple[str, ...] | None, table: str, role: str
) -> None:
    limited: sql.Composable = sql.SQL("")
    if columns is not None:
        limited = sql.SQL("({})").format(sql.SQL(", ").join(map(sql.Identifier, columns)))
    names = map(sql.Identifier, (table, role))
    _run(connection, "GRANT {} {} ON public.{} TO {}", sql.SQL(right), limited, *names)


def _run(connection: Connection, statement: Any, *parts: sql.Composable, **named: Any) -> None:
    connection.execute(sql.SQL(statement).format(*parts, **named))


def _digest() -> str:
    declared = repr((MATRIX, SEQUENCE_USERS, FUNCTIONS, VIEW_READERS))
    return f"rights {hashlib.sha256(declared.encode()).hexdigest()}"
