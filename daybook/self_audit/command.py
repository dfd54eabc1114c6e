"""`daybook audit verify`, and the same in the background of `daybook serve`."""

import argparse
import contextlib
import os
import signal
import sys
import threading
from contextlib import nullcontext
from typing import Final

import msgspec
import psycopg
import structlog

from application.key_encryption import KeyEncryption, key_encryption
from application.key_files import KeyFileUnsafe
from daybook.audit import whole_file
from daybook.bank_database import bank_database
from daybook.logs import start_logging
from daybook.processes import end_with_parent
from daybook.self_audit.audit import Certificate, audit, resting
from daybook.self_audit.findings import USERS
from daybook.settings import Settings, read_settings
from readmodels.compared import WATCH
from readmodels.rebuild import RebuildRefused

STATUS: Final = {"agrees": 0, "rebuilt": 0, "views differ": 1, "users differ": 2, "log damaged": 2}
# In the background: how long after the start, how long between two audits, and how much of a core.
FIRST_SECONDS: Final = 60.0
BETWEEN_SECONDS: Final = 3600.0
SHARE: Final = 0.1
NICENESS: Final = 10
LINES_MAX: Final = 20

_log = structlog.get_logger("daybook.self_audit")


def run_verify(arguments: argparse.Namespace) -> int:
    """0 where all agrees or was rebuilt, 1 where views differ, 2 where users do or the log is damaged."""
    start_logging()
    settings = read_settings()
    # A file that cannot be written is found out before the long work, not after it.
    writing = whole_file(arguments.certificate) if arguments.certificate else nullcontext()
    with writing as file:
        with bank_database(settings) as conninfo:
            encryption = _encryption(settings)
            certificate = audit(conninfo, repair=arguments.repair, encryption=encryption)
        if file is not None:
            file.write(msgspec.json.format(msgspec.json.encode(certificate), indent=2) + b"\n")
    for line in said(certificate):
        print(f"daybook: {line}")
    return STATUS[certificate.verdict]


def _encryption(settings: Settings) -> KeyEncryption | None:
    """The key that wraps the keys of persons, where it is here; an auditor may not have it."""
    try:
        return key_encryption(settings.kek, settings.data, create=False)
    except KeyFileUnsafe as error:
        print(f"daybook: the keys of persons are not looked at: {error}", file=sys.stderr)
        return None


def run_watch(arguments: argparse.Namespace) -> int:
    """As a child of `serve`: again and again, slowly, and out loud about what is wrong."""
    start_logging()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    end_with_parent(arguments.lifeline)
    settings = read_settings()
    assert settings.database_url is not None
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    pause = FIRST_SECONDS
    while not stop.wait(pause):
        pause = BETWEEN_SECONDS
        watch_once(settings.database_url, stop)
    return 0


class _Stopped(Exception):
    """The program ends; the audit is begun again by the next."""


def watch_once(conninfo: str, stop: threading.Event, *, share: float = SHARE) -> Certificate | None:
    """One audit with views rebuilt where they differ; None where it could not be made."""

    def rest(seconds: float) -> None:
        if stop.wait(seconds):
            raise _Stopped

    try:
        certificate = audit(conninfo, repair=True, pace=resting(share, rest), schema=WATCH)
    except _Stopped:
        return None
    except (psycopg.Error, RebuildRefused) as error:
        _log.warning("the self-audit could not be made", reason=str(error))
        return None
    if certificate.verdict == "agrees":
        _log.info("the self-audit agrees", position=certificate.through, root=certificate.root)
    else:
        _log.error(
            "the self-audit found differences",
            verdict=certificate.verdict,
            findings=[msgspec.to_builtins(each) for each in certificate.findings[:LINES_MAX]],
            views=[msgspec.to_builtins(each) for each in certificate.differences],
            rebuilt=certificate.rebuilt,
        )
    return certificate


def said(certificate: Certificate) -> list[str]:
    """What the certificate says, in a few lines."""
    whole = (
        f"{certificate.events:,} events in {certificate.commits:,} commits and "
        f"{certificate.streams:,} streams, {certificate.vouched_commands:,} commands with request and "
        f"answer, up to position {certificate.through:,}, "
        f"root {certificate.root}"
    )
    lines = [whole]
    if certificate.opened_keys is None:
        lines.append("the keys of persons were not looked at")
    else:
        lines.append(f"{certificate.opened_keys:,} keys of persons open what the log holds of them")
    for finding in certificate.findings[:LINES_MAX]:
        if finding.check == USERS:
            lines.append(f"users differ: {finding.detail}")
            continue
        where = f"position {finding.position}"
        if finding.through != finding.position:
            where = f"positions {finding.position} to {finding.through}"
        whose = "" if finding.stream is None else f" of {finding.stream}"
        lines.append(f"log damaged at {where}{whose}: {finding.check}: {finding.detail}")
    if certificate.findings_count > LINES_MAX:
        lines.append(f"and {certificate.findings_count - LINES_MAX:,} findings more")
    for difference in certificate.differences:
        lines.append(
            f"{difference.table} differs: {difference.missing:,} rows missing, "
            f"{difference.extra:,} extra; {'; '.join(difference.examples[:2])}"
        )
    if certificate.views_position is not None:
        rows = sum(certificate.view_rows.values())
        lines.append(
            f"{rows:,} rows of {len(certificate.view_rows)} tables compared at position "
            f"{certificate.views_position:,}"
        )
    if certificate.rebuilt:
        lines.append(f"rebuilt: {', '.join(certificate.rebuilt)}")
    seconds = (certificate.ended_at - certificate.began_at).total_seconds()
    lines.append(f"{certificate.verdict}, in {seconds:.1f} s")
    return lines
