"""The whole audit: the log in order and by stream, users and views by it; and the certificate of what it found."""

import datetime as dt
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Final, Literal, TypeAlias

import msgspec
import psycopg

from application import clock
from application.key_encryption import KeyEncryption, KeysUnavailable
from daybook.self_audit.claims_in_order import CHECK as CLAIMS
from daybook.self_audit.commands_in_order import CHECK as COMMANDS
from daybook.self_audit.findings import USERS, Finding, Findings
from daybook.self_audit.keys_by_log import audit_keys
from daybook.self_audit.log_by_stream import LogByStream, audit_by_stream
from daybook.self_audit.log_in_order import LogInOrder, Pace, audit_in_order
from daybook.self_audit.outbox_in_order import CHECK as OUTBOX
from daybook.self_audit.tree_in_order import CHECK as STORED_TREE
from daybook.self_audit.users_by_log import audit_users
from ledger.chart_of_accounts import CONTROL_ACCOUNT
from ledger.log_tree import root_of
from readmodels.audited import Damage, LastAudit, remember_audit, remember_damage
from readmodels.compared import AUDIT, PROJECTION, Compared, ViewDifference, compare_views
from readmodels.fold import LogGap, PoisonedEvent
from readmodels.projector import connect
from readmodels.rebuild import rebuild

FORM: Final = "daybook.self-audit.1"
HEAD: Final = """
    SELECT last_position, peaks FROM commits ORDER BY last_position DESC LIMIT 1
"""
HEAD_OF_EVENTS: Final = "SELECT coalesce(max(notification_id), 0) FROM daybook_events"

CONTROL: Final = "control accounts"
# What the books do not rest on, as what was asked and who may sign in: nothing is refused over these.
BESIDE_THE_BOOKS: Final = frozenset({CLAIMS, COMMANDS, OUTBOX, STORED_TREE, USERS})

Verdict: TypeAlias = Literal["agrees", "rebuilt", "views differ", "users differ", "log damaged"]


class Certificate(msgspec.Struct, kw_only=True):
    """What was audited, by which program, and what differed.

    `root` is the root of the tree over the log at `through`, in hex; `findings` are of the log, and of
    users whose row is not what the log says, and
    there are `findings_count` of them, of which the first are listed. `vouched_commands` counts those whose
    request and answer are what the log says they were; `opened_keys` the keys of persons that open what the
    log holds of them, where these were looked at. `rebuilt` names the views that were
    found wrong and built again; then they were compared once more.
    """

    form: str = FORM
    code_version: str
    began_at: dt.datetime
    ended_at: dt.datetime
    first: int
    through: int
    root: str
    events: int
    commits: int
    streams: int
    vouched_commands: int
    opened_keys: int | None = None
    views_position: int | None = None
    view_rows: dict[str, int] = msgspec.field(default_factory=dict)
    findings_count: int
    findings: list[Finding]
    differences: list[ViewDifference]
    rebuilt: list[str]
    verdict: Verdict


def audit(
    conninfo: str,
    *,
    repair: bool = False,
    pace: Pace = lambda events: None,
    schema: str = AUDIT,
    encryption: KeyEncryption | None = None,
) -> Certificate:
    """Audit everything, and leave what was found for those who serve.

    The keys of persons are looked at where the key-encryption key is given.

    With `repair`, views that differ are rebuilt; the log is never touched. Raises `RebuildRefused` while
    a rebuild runs.
    """
    began_at = clock.now()
    findings = Findings()
    through, peaks, in_order, by_stream = _audit_log(conninfo, findings, pace)
    opened = None if encryption is None else _audit_keys(conninfo, encryption, through, findings)
    with connect(conninfo, "daybook audit") as connection:
        remember_damage(connection, _damage(findings.kept))
    compared = _compare(conninfo, findings, pace, schema)
    rebuilt: list[str] = []
    found = [] if compared is None else list(compared.differences)
    if repair and found and not findings.of_log:
        rebuilt = _rebuild(conninfo, found)
        compared = _compare(conninfo, findings, pace, schema)
    certificate = Certificate(
        code_version=version("daybook"),
        began_at=began_at,
        ended_at=clock.now(),
        first=min(1, through),
        through=through,
        root=root_of(peaks).hex(),
        events=in_order.events,
        commits=in_order.commits,
        streams=by_stream.streams,
        vouched_commands=in_order.vouched,
        opened_keys=opened,
        views_position=None if compared is None else compared.position,
        view_rows={} if compared is None else compared.rows,
        findings_count=findings.count,
        findings=findings.kept,
        differences=found,
        rebuilt=rebuilt,
        verdict=_verdict(findings, found, compared, rebuilt),
    )
    with connect(conninfo, "daybook audit") as connection:
        remember_audit(
            connection,
            LastAudit(
                *(certificate.ended_at, through, findings.of_log, len(found), len(rebuilt)),
                findings.of_users,
            ),
        )
    return certificate


def _verdict(
    findings: Findings, found: list[ViewDifference], compared: Compared | None, rebuilt: list[str]
) -> Verdict:
    if findings.of_log or compared is None:
        return "log damaged"
    if findings.of_users:
        return "users differ"
    if compared.differences or (found and not rebuilt):
        return "views differ"
    return "rebuilt" if found else "agrees"


def _audit_log(
    conninfo: str, findings: Findings, pace: Pace
) -> tuple[int, bytes, LogInOrder, LogByStream]:
    """Both passes over the log in one snapshot, and what they say of one another."""
    with psycopg.connect(conninfo, application_name="daybook audit (log)") as connection:
        connection.execute("SELECT take_role('daybook_auditor')")
        connection.commit()
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        head: Any = connection.execute(HEAD).fetchone() or (0, b"")
        row = connection.execute(HEAD_OF_EVENTS).fetchone()
        through = max(head[0], row[0] if row else 0)
        in_order = audit_in_order(connection, through, findings, pace)
        by_stream = audit_by_stream(connection, through, findings, pace)
        audit_users(connection, through, by_stream.persons, findings, pace)
        in_order.outbox.check_pending(by_stream.pending, through)
    for code in sorted(set(CONTROL_ACCOUNT.values())):
        for currency in sorted({c for _, c in (*in_order.totals, *by_stream.balances)}):
            control = in_order.totals.get((code, currency), 0)
            accounts = by_stream.balances.get((code, currency), 0)
            if control != accounts:
                detail = (
                    f"account {code} stands at {control} {currency}, and its accounts at {accounts}"
                )
                findings.add(CONTROL, 1, detail, to=through)
    return through, head[1], in_order, by_stream


def _audit_keys(
    conninfo: str, encryption: KeyEncryption, through: int, findings: Findings
) -> int | None:
    """On a connection of its own: who reads the log sees no keys. None where their keeper is away."""
    with psycopg.connect(conninfo, application_name="daybook audit (keys)") as connection:
        connection.execute("SELECT take_role('daybook_keys')")
        connection.commit()
        connection.read_only = True
        try:
            return audit_keys(connection, encryption, through, findings)
        except KeysUnavailable:
            return None


def _compare(conninfo: str, findings: Findings, pace: Pace, schema: str) -> Compared | None:
    """None where the log leads to no views."""
    done = 0

    def progress(position: int, _target: int) -> None:
        nonlocal done
        pace(position - done)
        done = position

    try:
        return compare_views(conninfo, progress, schema=schema)
    except PoisonedEvent as error:
        findings.add("views", error.position, error)
    except LogGap as error:
        findings.add("views", done + 1, error)
    return None


def _rebuild(conninfo: str, differences: list[ViewDifference]) -> list[str]:
    """Each view that differs; all of them where it is not known how far they have come."""
    views = list(dict.fromkeys(difference.view for difference in differences))
    if PROJECTION in views:
        rebuild(conninfo)
        return ["all"]
    for view in views:
        rebuild(conninfo, view)
    return views


def _damage(findings: list[Finding]) -> list[Damage]:
    """Where the log is damaged. Control accounts differ where accounts do, which is found by stream."""
    of_the_books = [finding for finding in findings if finding.check not in BESIDE_THE_BOOKS]
    placed = [finding for finding in of_the_books if finding.check != CONTROL] or of_the_books
    return [Damage(f.position, f.through, f.stream, f"{f.check}: {f.detail}") for f in placed]


def resting(share: float, sleep: Callable[[float], object] = time.sleep) -> Pace:
    """A pace at which the audit works for a share of the time, and rests for the others."""
    worked_since = time.monotonic()
    events = 0

    def pace(more: int) -> None:
        nonlocal worked_since, events
        events += more
        if events < 500:
            return
        events = 0
        sleep((time.monotonic() - worked_since) * (1 - share) / share)
        worked_since = time.monotonic()

    return pace
