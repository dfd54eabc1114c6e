"""Refuse to keep books on a server that may forget what it has acknowledged."""

import os
import re
from collections.abc import Mapping

import psycopg
from psycopg.rows import dict_row

VERSION_MIN = 15
CONNECT_TIMEOUT_SECONDS = 10

# current_setting answers for the role and the database of this very connection, which is where
# ALTER ROLE and ALTER DATABASE ... SET synchronous_commit would hide.
ASKED = """
    SELECT current_setting('server_version_num')::integer / 10000 AS version,
           current_setting('fsync') AS fsync,
           current_setting('full_page_writes') AS full_page_writes,
           current_setting('synchronous_commit') AS synchronous_commit,
           current_setting('synchronous_standby_names') AS standbys,
           current_setting('data_checksums') AS data_checksums,
           current_setting('data_sync_retry') AS data_sync_retry,
           current_setting('server_encoding') AS encoding,
           pg_is_in_recovery() AS standby,
           current_user::text AS role,
           current_database()::text AS database
"""

ON_AGAIN = "turn it on with: ALTER SYSTEM SET {name} = on; SELECT pg_reload_conf()"
LIBRARY_MODE = re.compile(r"(?:.+_)?POSTGRES_ENABLE_DB_FUNCTIONS", re.IGNORECASE)
TRUE = {"y", "yes", "t", "true", "on", "1"}


class ServerRefused(Exception):
    """The server must not hold a ledger; the message gives every reason and its remedy."""


def check_server(conninfo: str, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Answer the warnings about a server that will do; raise ServerRefused for one that will not.

    Refused: no connection, Postgres before 15, a standby, an encoding other than UTF8, fsync,
    full_page_writes or synchronous_commit off, data_sync_retry on, and an environment that puts the
    event store's library into the mode in which followers can miss events for ever.
    """
    refusals = _refusals_of_environment(environ)
    try:
        with psycopg.connect(
            conninfo,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            client_encoding="utf8",  # else an SQL_ASCII database answers in bytes
            row_factory=dict_row,
        ) as connection:
            server = connection.execute(ASKED).fetchone()
    except psycopg.Error as error:
        raise ServerRefused(f"cannot connect to the database: {str(error).strip()}") from error
    assert server is not None
    refusals += _refusals_of_server(server)
    if refusals:
        raise ServerRefused("\n".join(refusals))
    return _warnings_of_server(server)


def _refusals_of_environment(environ: Mapping[str, str]) -> list[str]:
    return [
        f"{name} is on: in that mode of the event store events are lost to projections; unset it"
        for name, value in environ.items()
        if LIBRARY_MODE.fullmatch(name) and value.strip().lower() in TRUE
    ]


def _refusals_of_server(server: Mapping[str, object]) -> list[str]:
    refusals = []
    version = server["version"]
    assert isinstance(version, int)
    if version < VERSION_MIN:
        refusals.append(f"the server is Postgres {version}; {VERSION_MIN} or later is needed")
    if server["standby"]:
        refusals.append("the server is a standby, which takes no writes; connect to the primary")
    if server["encoding"] != "UTF8":
        refusals.append(f"the database is encoded in {server['encoding']}; make one in UTF8")
    for name, cost in (
        ("fsync", "a power cut can destroy the database"),
        ("full_page_writes", "a power cut can leave half-written pages"),
    ):
        if server[name] != "on":
            refusals.append(f"{name} is off: {cost}; {ON_AGAIN.format(name=name)}")
    if server["synchronous_commit"] == "off":
        refusals.append(
            f"synchronous_commit is off for role {server['role']} in database "
            f"{server['database']}: a crash can lose what was acknowledged; turn it on for the "
            f"server (ALTER SYSTEM), and reset it where ALTER ROLE or ALTER DATABASE has set it"
        )
    if server["data_sync_retry"] != "off":
        refusals.append(
            "data_sync_retry is on: a failed write to disk can pass unnoticed; turn it off with: "
            "ALTER SYSTEM SET data_sync_retry = off, and restart the server"
        )
    return refusals


def _warnings_of_server(server: Mapping[str, object]) -> list[str]:
    warnings = []
    if server["data_checksums"] != "on":
        warnings.append(
            "data_checksums is off: a damaged page can pass unnoticed; stop the server and run "
            "pg_checksums --enable"
        )
    if server["standbys"] and server["synchronous_commit"] not in ("on", "remote_apply"):
        warnings.append(
            f"synchronous_commit is {server['synchronous_commit']}: the promotion of a standby "
            "can lose what was acknowledged; set it to on"
        )
    return warnings
