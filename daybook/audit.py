"""`daybook audit`: what an auditor takes away with her."""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import IO, Any, Final, TypeAlias

import msgspec
import psycopg

from api.parameters import ParameterRefused, known_at_of
from daybook.bank_database import bank_database
from daybook.books_export.beancount import BEANCOUNT
from daybook.books_export.export import export_books
from daybook.books_export.forms import Form
from daybook.books_export.hledger import HLEDGER
from daybook.books_export.parquet import export_parquet
from daybook.settings import read_settings
from readmodels.log_proofs import TILE
from readmodels.moments import HEAD, KNOWN_AT
from readmodels.sealed_leaves import sealed_leaves

FETCH_EVENTS: Final = 10_000

LOG: Final = """
    SELECT notification_id, originator_id, originator_version, topic, state
      FROM daybook_events WHERE notification_id <= %s ORDER BY notification_id
"""

# Up to the end of the commit that the position lies in: a command's events may lie on both sides of it.
COMMANDS: Final = """
    SELECT principal, key, status, position, request, answer FROM commands
     WHERE position IS NULL OR position <= coalesce(
           (SELECT min(last_position) FROM commits WHERE last_position >= %(position)s), %(position)s)
     ORDER BY position, principal, key
"""

Connection: TypeAlias = psycopg.Connection[Any]
# Writes the log up to a position to a file, and answers in words what it wrote.
Exporter: TypeAlias = Callable[[Connection, int, IO[bytes]], str]


class AuditRefused(Exception):
    """What was asked for cannot be given; the message says why."""


def run_export(arguments: argparse.Namespace) -> int:
    """Write the log, as known at a position or instant, in the format asked for."""
    with (
        bank_database(read_settings()) as conninfo,
        psycopg.connect(conninfo) as connection,
    ):
        # One snapshot: what is written meanwhile is not seen.
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        position = _position(connection, arguments.known_at)
        with whole_file(arguments.file) as file:
            written = EXPORTERS[arguments.format](connection, position, file)
    print(f"daybook: {written} up to position {position:,}", file=sys.stderr)
    return 0


def export_jsonl(connection: Connection, position: int, file: IO[bytes]) -> str:
    """A line an event, in the form of docs/evidence-format.md: the state stands in it byte for byte.

    With it stands the hash that the sealer made when the event was new: one that was changed since is
    then told by its number.
    """
    events = 0
    sealed: list[bytes] = []
    encoded = msgspec.json.encode
    with connection.cursor("export", binary=True) as cursor:
        cursor.itersize = FETCH_EVENTS
        cursor.execute(LOG, (position,))
        for place, stream, version, tag, state in cursor:
            number, at = divmod(place - 1, TILE)
            if at == 0:
                sealed = sealed_leaves(connection, number)
            leaf = b'"leaf":"%b",' % sealed[at].hex().encode() if at < len(sealed) else b""
            file.write(
                b'{"position":%d,"stream":%b,"version":%d,"tag":%b,%b"state":%b}\n'
                % (place, encoded(stream), version, encoded(tag), leaf, state)
            )
            events += 1
    return f"{events:,} events"


class _CommandLine(msgspec.Struct):
    """A command's record as it is given away: request and answer are texts, byte for byte."""

    principal: str
    key: str
    status: int
    position: int | None
    request: str
    answer: str


def export_commands(connection: Connection, position: int, file: IO[bytes]) -> str:
    """A line a command, for `daybook_verify.py --commands`."""
    written = 0
    with connection.cursor("commands", binary=True) as cursor:
        cursor.itersize = FETCH_EVENTS
        cursor.execute(COMMANDS, {"position": position})
        for principal, key, status, at, request, answer in cursor:
            # What is no UTF-8 any more was changed; the hash will tell.
            texts = (text.decode(errors="replace") for text in (request, answer))
            line = _CommandLine(principal, key, status, at, *texts)
            file.write(msgspec.json.encode(line) + b"\n")
            written += 1
    return f"{written:,} commands"


def run_verifier(arguments: argparse.Namespace) -> int:
    """Print the program that checks an export: one file, for any Python."""
    sys.stdout.write(files("daybook").joinpath("daybook_verify.py").read_text())
    return 0


def _export_books(form: Form) -> Exporter:
    def export(connection: Connection, position: int, file: IO[bytes]) -> str:
        written = export_books(form, connection, position, file)
        return (
            f"{written.entries:,} entries on {written.accounts:,} accounts, and "
            f"{written.assertions:,} balances at the ends of {written.days:,} days,"
        )

    return export


def _position(connection: Connection, text: str | None) -> int:
    """The last position known at the moment meant; the head of the log unless one is given."""
    try:
        known_at = known_at_of(text)
    except ParameterRefused as error:
        raise AuditRefused(f"--known-at: {error.errors[0].detail}") from None
    head = _one(connection, HEAD, {})
    if known_at is None:
        return head
    if isinstance(known_at, int):
        if known_at > head:
            raise AuditRefused(f"the log has not come to position {known_at}; it ends at {head}")
        return known_at
    return _one(connection, KNOWN_AT, {"instant": known_at})


def _one(connection: Connection, query: Any, parameters: dict[str, Any]) -> int:
    row = connection.execute(query, parameters).fetchone()
    assert row is not None, "an aggregate has a row"
    return int(row[0])


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """The file appears under its name once it is complete; `-` is standard output."""
    if str(path) == "-":
        yield sys.stdout.buffer
        return
    part = path.with_name(f".{path.name}.part")
    try:
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise AuditRefused(f"cannot write {path}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def _export_parquet(connection: Connection, position: int, file: IO[bytes]) -> str:
    return f"{export_parquet(connection, position, file):,} postings"


EXPORTERS: Final[dict[str, Exporter]] = {
    "jsonl": export_jsonl,
    "commands": export_commands,
    "hledger": _export_books(HLEDGER),
    "beancount": _export_books(BEANCOUNT),
    "parquet": _export_parquet,
}
