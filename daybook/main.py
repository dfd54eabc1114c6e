"""The command line. Each command imports what it needs when it is called, so that `--help` is quick."""

import argparse
import datetime as dt
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

PORT: Final = 8000
EXPORT_FORMATS: Final = ("jsonl", "commands", "hledger", "beancount", "parquet")
STAFF_ROLES: Final = ("teller", "loan_officer", "auditor", "compliance", "admin")

GATEWAY_PORT: Final = 8010
GATEWAY_FAULTS: Final = {
    "decline": "payments that are declined, at once or later",
    "slow": "requests that are answered slowly, some of them as busy",
    "timeout": "requests that get no answer; most of these payments happen",
    "duplicate": "callbacks that are sent again",
    "reorder": "callbacks that come after the news that follows them",
    "difference": "lines of the settlement file that are missing, extra, different or double",
}
GATEWAY_TIMES: Final = (
    ("slow", 0.5, "how long a slow answer takes"),
    ("silence", 30.0, "how long a request without an answer is held open"),
    ("capture", 0.5, "within what time an accepted payment is captured"),
)

# Started by `serve`, and no commands of a user.
INTERNAL: Final = (["worker"], ["watch"])

# What went wrong outside of the program: said in a line, without a traceback.
EXPECTED: Final = (
    ("daybook.settings", "SettingsError"),
    ("daybook.serve", "ServeError"),
    ("daybook.bank_database", "NoBank"),
    ("daybook.server_check", "ServerRefused"),
    ("daybook.postgres_programs", "EmbeddedPostgresError"),
    ("daybook.staff", "StaffRefused"),
    ("daybook.audit", "AuditRefused"),
    ("daybook.evidence.checkpoint_keys", "CheckpointKeysUnsafe"),
    ("daybook.evidence.sealer", "SealRefused"),
    ("daybook.evidence.signed_note", "NoteRefused"),
    ("daybook.evidence.witness", "WitnessRefused"),
    ("daybook.demo_loading", "DemoRefused"),
    ("daybook.berka_files", "BerkaError"),
    ("daybook.statements", "StatementsRefused"),
    ("daybook.end_of_day.run", "EndOfDayRefused"),
    ("daybook.books_export.booked", "ExportRefused"),
    ("daybook.gateway_simulator.run", "SimulatorError"),
    ("daybook.reconcile", "ReconcileRefused"),
    ("daybook.bench.processes", "BenchError"),
    ("migrations.runner", "MigrationError"),
    ("readmodels.rebuild", "RebuildRefused"),
    ("readmodels.audited", "LogDamaged"),
    ("application.kept_files", "FileInUse"),
    ("application.key_files", "KeyFileUnsafe"),
    ("application.keyring", "KeyringRefused"),
    ("application.key_encryption", "KeyRefused"),
    ("application.key_encryption", "KeysUnavailable"),
    ("application.key_rotation", "RotationRefused"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the status is 0 when done, 1 when partly, 2 when it could not be done."""
    given = sys.argv[1:] if arguments is None else [*arguments]
    parsed = (_internal() if given[:1] in INTERNAL else parser()).parse_args(given)
    data = getattr(parsed, "data", None)
    if data is not None:
        os.environ["DAYBOOK_DATA"] = str(data)
    try:
        status: int = parsed.run(parsed)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if not _is_expected(error):
            raise
        for line in str(error).splitlines():
            print(f"daybook: {line}", file=sys.stderr)
        return 2
    return status


def parser() -> argparse.ArgumentParser:
    daybook = argparse.ArgumentParser(
        prog="daybook", description="The ledger core of a bank: event-sourced, double-entry."
    )
    daybook.add_argument("--version", action="version", version=f"daybook {version('daybook')}")
    commands = daybook.add_subparsers(metavar="COMMAND", required=True)

    serve = _added(commands, "serve", "migrate, start the API and the projector")
    _add_data(serve)
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    serve.add_argument("--port", type=_port, default=PORT, help=f"{PORT} unless given")
    serve.add_argument("--workers", type=int, default=1, help="processes that serve as one")
    serve.set_defaults(run=_later("daybook.serve", "run"))

    demo = _added(commands, "demo", "serve with a living bank in it, and say what to try")
    _add_data(demo)
    demo.add_argument("--port", type=_port, default=PORT, help=f"{PORT} unless given")
    demo.add_argument("--check", action="store_true", help="ask it a few things, and end")
    demo.set_defaults(run=_later("daybook.demo", "run"))

    migrate = _added(commands, "migrate", "bring the database up to date")
    _add_data(migrate)
    migrate.set_defaults(run=_later("daybook.upkeep", "run_migrate"))

    rebuild = _added(commands, "rebuild", "build the read models again from the log")
    _add_data(rebuild)
    rebuild.add_argument("view", nargs="?", metavar="VIEW", help="one of them; all unless given")
    rebuild.set_defaults(run=_later("daybook.upkeep", "run_rebuild"))

    project = _added(commands, "project", "keep the read models current")
    _add_data(project)
    project.add_argument("--lifeline", type=int, help=argparse.SUPPRESS)
    project.set_defaults(run=_later("daybook.upkeep", "run_project"))

    seal = _added(commands, "seal", "sign the head of the log as it moves")
    _add_data(seal)
    seal.add_argument("--lifeline", type=int, help=argparse.SUPPRESS)
    seal.set_defaults(run=_later("daybook.evidence.command", "run_seal"))
    check = _added(
        commands,
        "restore-check",
        "after a restore: destroy again the keys of those who were erased",
    )
    _add_data(check)
    check.set_defaults(run=_later("daybook.restore_check", "run"))

    _add_import(commands)
    _add_statements(commands)
    _add_end_of_day(commands)
    _add_audit(commands)
    _add_keys(commands)
    _add_witness(commands)
    _add_staff(commands)
    _add_reconcile(commands)
    _add_gateway_simulator(commands)
    _add_bench(commands)

    return daybook


def _internal() -> argparse.ArgumentParser:
    """What `serve` starts for itself. An error of the other parser lists none of it."""
    daybook = argparse.ArgumentParser(prog="daybook")
    commands = daybook.add_subparsers(required=True)
    worker = commands.add_parser("worker")
    for name in ("--number", "--socket", "--shared", "--lifeline"):
        worker.add_argument(name, type=int, required=True)
    worker.set_defaults(run=_later("daybook.serve", "run_worker"))
    watch = commands.add_parser("watch")
    watch.add_argument("--lifeline", type=int, required=True)
    watch.set_defaults(run=_later("daybook.self_audit.command", "run_watch"))
    return daybook


def _add_import(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    importing = _added(commands, "import", "bring another bank's books in")
    banks = importing.add_subparsers(metavar="BANK", required=True)
    berka = _added(banks, "berka", "the Berka bank: gzip CSV files of PKDD'99")
    _add_data(berka)
    berka.add_argument(
        "folder", metavar="DIR", type=Path, help="where account.csv.gz and so on are"
    )
    berka.add_argument("--json", action="store_true", help="report as JSON, on standard output")
    berka.set_defaults(run=_later("daybook.import_berka", "run"))


def _add_statements(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    statements = _added(commands, "statements", "a month's statement of every account")
    _add_data(statements)
    statements.add_argument("--month", required=True, metavar="YYYY-MM", help="the month stated")
    statements.add_argument(
        "--format",
        default="pdf",
        metavar="FORMATS",
        help="json, csv, pdf, camt053, mt940, ofx: one, or several with commas; pdf unless given",
    )
    statements.add_argument("folder", metavar="DIR", type=Path, help="where the files are written")
    statements.set_defaults(run=_later("daybook.statements", "run"))


def _add_end_of_day(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    ending = _added(commands, "end-of-day", "what falls due on a business day, once")
    _add_data(ending)
    ending.add_argument(
        "date",
        nargs="?",
        type=_date,
        metavar="DATE",
        help="the day; all that are due and over unless given",
    )
    ending.add_argument(
        "--from",
        dest="first",
        type=_date,
        metavar="DATE",
        help="the first day the bank ends; up to DATE, or yesterday",
    )
    ending.add_argument("--dry-run", action="store_true", help="list what it would do")
    ending.set_defaults(run=_later("daybook.end_of_day.command", "run"))


def _add_audit(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    audit = _added(commands, "audit", "prove the books")
    actions = audit.add_subparsers(metavar="ACTION", required=True)
    export = _added(actions, "export", "write the log, or the books, to a file")
    _add_data(export)
    export.add_argument("--format", choices=EXPORT_FORMATS, default=EXPORT_FORMATS[0])
    export.add_argument(
        "--known-at", metavar="P", help="up to a position, or what was recorded by an instant"
    )
    export.add_argument("file", metavar="FILE", type=Path, help="where to; - is standard output")
    export.set_defaults(run=_later("daybook.audit", "run_export"))
    verifier = _added(actions, "verifier", "print the program that checks an export")
    verifier.set_defaults(run=_later("daybook.audit", "run_verifier"))
    verify = _added(actions, "verify", "hold the log against itself, and the views against it")
    _add_data(verify)
    verify.add_argument("--certificate", metavar="FILE", type=Path, help="what was found, as JSON")
    verify.add_argument("--repair", action="store_true", help="rebuild views that differ")
    verify.set_defaults(run=_later("daybook.self_audit.command", "run_verify"))


def _add_keys(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    keys = _added(commands, "keys", "the keys that sign checkpoints, and that wrap keys")
    actions = keys.add_subparsers(metavar="ACTION", required=True)
    for name, rotate, said in (
        ("show", False, "print the public keys, the one that signs first"),
        ("rotate", True, "sign with a fresh key from now on; old ones verify for ever"),
    ):
        action = _added(actions, name, said)
        _add_data(action)
        action.set_defaults(run=_later("daybook.evidence.command", "run_keys"), rotate=rotate)
    kek = _added(actions, "rotate-kek", "wrap the keys of persons with another key-encryption key")
    _add_data(kek)
    step = kek.add_mutually_exclusive_group()
    step.add_argument("--prepare", action="store_true", help="put a key in the file, for all hosts")
    step.add_argument("--retire", action="store_true", help="drop the keys that wrap nothing")
    kek.set_defaults(run=_later("daybook.key_encryption_command", "run_rotate"))


def _add_witness(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    witness = _added(commands, "witness", "countersign another's log, that it only grew")
    witness.add_argument("--url", required=True, help="where the bank's API is")
    witness.add_argument("--key", required=True, type=Path, metavar="FILE", help="the log's keys")
    witness.add_argument("--folder", required=True, type=Path, help="what was seen is kept here")
    witness.add_argument("--username", required=True, help="an auditor at the bank")
    witness.add_argument("--name", default="witness", help="of this witness, in its signatures")
    witness.add_argument("--every", type=_seconds, metavar="SECONDS", help="once unless given")
    witness.set_defaults(run=_later("daybook.evidence.command", "run_witness"))


def _add_staff(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    staff = _added(commands, "staff", "those who work at the bank")
    actions = staff.add_subparsers(metavar="ACTION", required=True)
    add = _added(actions, "add", "add one; the password is DAYBOOK_STAFF_PASSWORD, or asked for")
    _add_data(add)
    add.add_argument("username", metavar="USERNAME")
    add.add_argument("--role", required=True, choices=STAFF_ROLES)
    add.add_argument("--email", help="USERNAME@staff.invalid unless given")
    add.set_defaults(run=_later("daybook.staff", "run_add"))
    for name, function, said in (
        ("role", "run_role", "give one another role; user for who stays a customer only"),
        ("end", "run_end", "let one sign in no more; the role stays what it is"),
        ("reinstate", "run_reinstate", "let one who has ended sign in again"),
        ("password", "run_password", "give one another password, as with add"),
    ):
        change = _added(actions, name, said)
        _add_data(change)
        change.add_argument("username", metavar="USERNAME")
        if name == "role":
            change.add_argument("--role", required=True, choices=("user", *STAFF_ROLES))
        change.set_defaults(run=_later("daybook.staff", function))
    listing = _added(actions, "list", "list them, and those who have ended")
    _add_data(listing)
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(run=_later("daybook.staff", "run_list"))


def _add_reconcile(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    reconcile = _added(commands, "reconcile", "compare a gateway's settlement file with the log")
    _add_data(reconcile)
    reconcile.add_argument("gateway", metavar="GATEWAY", help="as billers name it")
    reconcile.add_argument("date", metavar="DATE", type=_date, help="the day of the file")
    reconcile.add_argument(
        "file", metavar="FILE", type=Path, nargs="?", help="fetched from the gateway unless given"
    )
    reconcile.set_defaults(run=_later("daybook.reconcile", "run"))


def _add_gateway_simulator(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    simulator = _added(
        commands,
        "gateway-simulator",
        "a payment gateway to try the bank against, hostile on request",
    )
    simulator.add_argument("--port", type=_port, default=GATEWAY_PORT, help="0 takes any")
    simulator.add_argument(
        "--data",
        dest="folder",
        metavar="DIR",
        type=Path,
        default=Path(".daybook/gateway"),
        help="its own books; ./.daybook/gateway unless given",
    )
    simulator.add_argument(
        "--callback-url", metavar="URL", help="where the bank takes callbacks; else none are sent"
    )
    simulator.add_argument("--seed", type=int, default=0, help="which payments meet which fate")
    for fault, text in GATEWAY_FAULTS.items():
        simulator.add_argument(f"--{fault}", type=float, default=0.0, metavar="SHARE", help=text)
    for name, seconds, text in GATEWAY_TIMES:
        simulator.add_argument(
            f"--{name}-seconds", type=float, default=seconds, metavar="S", help=text
        )
    simulator.set_defaults(run=_later("daybook.gateway_simulator.run", "run"))


def _add_bench(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    bench = _added(commands, "bench", "measure everything, beside pgbench")
    _add_data(bench)
    bench.add_argument("--quick", action="store_true", help="a small bank, one short round each")
    bench.add_argument(
        "--berka", metavar="DIR", type=Path, help="the Berka files; DAYBOOK_BERKA_DIR unless given"
    )
    bench.add_argument(
        "--page", metavar="FILE", type=Path, help="where to write it; docs/benchmarks.md if full"
    )
    bench.add_argument(
        "--only",
        choices=("bank", "years", "end-of-day"),
        help="a part; its page goes to the data folder",
    )
    bench.set_defaults(run=_later("daybook.bench.run", "run"))


def _added(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    """A command, which says what it does in the list of them and at the head of its own help."""
    return commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")


def _add_data(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--data", metavar="DIR", type=Path, help="the data folder; DAYBOOK_DATA, or ./.daybook"
    )


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a date is like 2026-03-31, not {text!r}") from None


def _seconds(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 86_400):
        raise argparse.ArgumentTypeError(f"seconds are a number from 1 to 86400, not {text!r}")
    return int(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65_535):
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def _later(module: str, function: str) -> Callable[[argparse.Namespace], int]:
    def run(arguments: argparse.Namespace) -> int:
        status: int = getattr(importlib.import_module(module), function)(arguments)
        return status

    return run


def _is_expected(error: Exception) -> bool:
    return any((kind.__module__, kind.__qualname__) in EXPECTED for kind in type(error).__mro__)
