"""A bank that lived, taken to the auditor: right as it is, and wrong after any change by a superuser."""

import asyncio
import contextlib
import io
import random
import re
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

from daybook import daybook_verify
from daybook.audit import export_commands, export_jsonl
from daybook.evidence.checkpoint_keys import CheckpointKeys
from daybook.evidence.sealer import Sealer
from migrations.runner import migrate
from readmodels.log_proofs import checkpoints_before, latest_checkpoint
from tests.campaigns.changes import CHANGES_OF_COMMANDS, CHANGES_OF_EVENTS
from tests.campaigns.outcome import Asked, shortcomings
from tests.campaigns.tampering import tamper, unfenced
from tests.durable_postgres import DurablePostgres
from tests.evidence.sealing import NOW, ORIGIN, keys_in, reading, seal
from tests.faults.client_processes import ClientProcesses
from tests.running_api import Person, RunningApi, running_api

TAMPERS = 300
MONTH = {"from": "2026-01-01", "to": "2026-01-31"}


def verified(
    lines: list[bytes],
    notes: list[str],
    keys: CheckpointKeys,
    statements: list[bytes] | None = None,
) -> Any:
    """The report of the verifier, or what it says is wrong."""
    public = "\n".join(str(key) for key in keys.verifier_keys())
    try:
        return daybook_verify.verify(
            lines,
            [note.encode() for note in notes],
            daybook_verify.read_keys(public),
            None,
            statements or [],
        )
    except daybook_verify.Wrong as wrong:
        return wrong


def exported(connection: "psycopg.Connection[Any]", position: int = 2**62) -> list[bytes]:
    file = io.BytesIO()
    export_jsonl(connection, position, file)
    return file.getvalue().splitlines(keepends=True)


def live(api: RunningApi) -> tuple[Person, list[bytes]]:
    """Half an hour at the bank; the statements that were issued in it, as their holder has them."""
    holder, other, teller = api.person(), api.person(), api.person("teller")
    one, two = api.person("compliance"), api.person("compliance")
    mine, theirs = api.account(holder, 1000), api.account(other, 20)
    for amount in range(1, 40):
        body = {"source_account_id": mine, "destination_account_id": theirs, "amount": amount}
        assert holder.post("/transactions/create", body).status_code == 201
    held = holder.post(f"/accounts/{mine}/holds", {"amount": 5}).json()
    holder.post(f"/holds/{held['hold_id']}/settle", {"amount": 2})
    put = teller.post(
        f"/accounts/{mine}/deposit",
        {"amount": 12.34, "booking_date": "2026-01-15", "reason": "found", "description": "Nájem"},
    ).json()
    teller.post(
        f"/accounts/{mine}/withdraw", {"amount": 1, "booking_date": "2026-01-20", "reason": "slip"}
    )
    teller.post(f"/transactions/{put['transaction_id']}/reverse", {"reason": "not hers"})
    statements = []
    for account_id, person in ((mine, holder), (theirs, other), (mine, holder)):
        issued = person.post(f"/accounts/{account_id}/statements", MONTH)
        assert issued.status_code == 201, issued.text
        statements.append(person.get(f"/statements/{issued.json()['statement_id']}").content)
    for person in (one, two):
        person.post("/ledger/periods/2026-01/close", {"reason": "all is in"})
    return holder, statements


@pytest.fixture(scope="module")
def bank(
    module_database: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, CheckpointKeys, str, list[bytes]]:
    """The database after it lived, the keys, the last checkpoint and the issued statements."""
    folder = tmp_path_factory.mktemp("api")
    with running_api(module_database, folder) as api:
        _, statements = live(api)
    keys = keys_in(folder)
    seal(module_database, keys)
    return module_database, keys, reading(module_database, latest_checkpoint).note, statements


def test_a_bank_as_it_is_is_right_with_every_checkpoint_and_statement(
    bank: tuple[str, CheckpointKeys, str, list[bytes]],
) -> None:
    conninfo, keys, _, statements = bank
    every = reading(conninfo, lambda c: checkpoints_before(c, 2**62, 1000))
    with psycopg.connect(conninfo) as connection:
        lines = exported(connection)

    told = verified(lines, [each.note for each in every][:20], keys, statements)

    assert isinstance(told, dict), told.why
    assert told["events"] == told["signed_events"] == len(lines) > 90
    assert told["sealed_periods"] == 1
    assert (told["issued_statements"], told["compared_statements"]) == (3, 3)
    assert told["balances"]["account-2"] == {"EUR": 80000}


def test_every_change_by_a_superuser_is_found(
    bank: tuple[str, CheckpointKeys, str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    conninfo, keys, note, _ = bank
    # One checkpoint is looked at three hundred times; its signature is the same each time.
    monkeypatch.setattr(daybook_verify, "is_signed", cache(daybook_verify.is_signed))
    chance = random.Random(7)
    missed, indexed, done = [], 0, 0
    with unfenced(conninfo) as connection:
        size = len(exported(connection))
        while done < TAMPERS:
            name = chance.choice(sorted(CHANGES_OF_EVENTS))
            at, other = chance.sample(range(1, size + 1), 2)
            values = {"at": at, "other": other, "bit": chance.randrange(2**30)}
            if sum(connection.execute(c, values).rowcount for c in CHANGES_OF_EVENTS[name]):
                done += 1
                told = verified(exported(connection), [note], keys)
                if isinstance(told, dict):
                    missed.append((name, at, other))
                else:
                    indexed += told.index is not None
            connection.execute("ROLLBACK TO SAVEPOINT before")
        clean = verified(exported(connection), [note], keys)

    assert missed == []
    assert isinstance(clean, dict)
    # The leaves of the newest events are kept too, so each change has a position.
    assert indexed == done == TAMPERS


def test_every_change_of_a_request_or_an_answer_is_found(
    bank: tuple[str, CheckpointKeys, str, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    conninfo, keys, note, _ = bank
    monkeypatch.setattr(daybook_verify, "is_signed", cache(daybook_verify.is_signed))
    chance = random.Random(8)

    def told(connection: "psycopg.Connection[Any]") -> Any:
        public = daybook_verify.read_keys("\n".join(str(key) for key in keys.verifier_keys()))
        file = io.BytesIO()
        export_commands(connection, 2**62, file)
        records = file.getvalue().splitlines(keepends=True)
        try:
            return daybook_verify.verify(lines, [note.encode()], public, commands=records)
        except daybook_verify.Wrong as wrong:
            return wrong

    with psycopg.connect(conninfo) as connection:
        connection.execute("SET session_replication_role = replica")
        lines = exported(connection)
        done = connection.execute("SELECT position FROM commands WHERE position > 0").fetchall()
        clean = told(connection)
        connection.execute("SAVEPOINT before")
        missed = []
        for number in range(TAMPERS // 5):
            name = sorted(CHANGES_OF_COMMANDS)[number % len(CHANGES_OF_COMMANDS)]
            (at,), (other,) = chance.sample(done, 2)
            asked = {"at": at, "other": other, "bit": chance.randrange(2**30)}
            assert connection.execute(CHANGES_OF_COMMANDS[name], asked).rowcount == 1
            if isinstance(told(connection), dict):
                missed.append((name, at))
            connection.execute("ROLLBACK TO SAVEPOINT before")
        connection.rollback()

    assert isinstance(clean, dict), clean.why
    assert clean["vouched_commands"] >= len(done) > 50
    assert missed == []


def test_every_change_of_log_commits_tiles_and_checkpoints_is_found_and_named(
    database: str, tmp_path: Path
) -> None:
    """In short; `nox -s campaigns -- tampering` makes thousands of them."""
    outcome = tamper(Asked(times=75, seed=3), database, tmp_path)

    assert shortcomings(outcome) == []
    assert outcome.figures["false alarms"] == 0


def test_tiles_that_were_changed_too_do_not_help(
    bank: tuple[str, CheckpointKeys, str, list[bytes]],
) -> None:
    """Whoever changes an event and everything derived from it still has not the checkpoint."""
    conninfo, keys, note, _ = bank
    with psycopg.connect(conninfo) as connection:
        lines = exported(connection)
    forged = [line.replace(b'"reason":"found"', b'"reason":"lost!"') for line in lines]
    assert forged != lines
    forged = [re.sub(rb'"leaf":"[0-9a-f]{64}",', b"", line) for line in forged]

    told = verified(forged, [note], keys)

    assert isinstance(told, daybook_verify.Wrong)
    assert "are not those that the checkpoint was signed for" in told.why


@pytest.mark.timeout(240)
def test_a_bank_that_crashed_is_right_and_was_sealed_throughout(
    durable_postgres: DurablePostgres, tmp_path: Path
) -> None:
    """Postgres is killed under clients and a sealer; every checkpoint holds, and there is no alarm."""
    folder = tmp_path / "histories"
    folder.mkdir()
    migrate(durable_postgres.conninfo)
    keys = CheckpointKeys(tmp_path / "keys", origin=ORIGIN, now=NOW)
    stop, failed = threading.Event(), []

    async def run() -> None:
        sealing = asyncio.ensure_future(
            Sealer(durable_postgres.conninfo, keys, pace_seconds=0.05).run()
        )
        while not stop.is_set() and not sealing.done():
            await asyncio.sleep(0.05)
        sealing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sealing

    def sealer() -> None:
        try:
            asyncio.run(run())
        except Exception as error:  # noqa: BLE001 - told by the assertion below
            failed.append(error)

    with ClientProcesses(durable_postgres.conninfo, folder) as clients:
        thread = threading.Thread(target=sealer)
        thread.start()
        clients.start_clients()
        for _ in range(3):
            sealed = _checkpoints(durable_postgres.conninfo)
            # Killed only once the clients and the sealer have come back and done their work for a while.
            clients.wait_for_progress(300)
            deadline = time.monotonic() + 60
            while _checkpoints(durable_postgres.conninfo) < sealed + 2:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            durable_postgres.kill()
            durable_postgres.start()
        found = clients.finish().findings
        stop.set()
        thread.join(30)

    assert (found, failed) == ([], [])
    seal(durable_postgres.conninfo, keys)
    every = reading(durable_postgres.conninfo, lambda c: checkpoints_before(c, 2**62, 1000))
    with psycopg.connect(durable_postgres.conninfo) as connection:
        told = verified(exported(connection), [each.note for each in every[:40]], keys)
    assert isinstance(told, dict), told.why
    assert len(every) > 5
    assert told["unsigned_events"] == 0


def _checkpoints(conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        found = connection.execute("SELECT count(*) FROM checkpoints").fetchone()
    assert found is not None
    return int(found[0])
