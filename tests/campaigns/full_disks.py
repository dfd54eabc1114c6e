"""Full disks: of the data, and of the write-ahead log, each on a file system of a few megabytes."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import psycopg

from application import append, clock
from daybook.postgres_programs import find_identity
from migrations.runner import migrate
from tests.bank import Bank, balances_of, deposit, read_log
from tests.campaigns.outcome import Asked, Outcome
from tests.campaigns.over_http import Depositor
from tests.campaigns.under_clients import control
from tests.durable_postgres import DurablePostgres
from tests.faults.client_processes import PATIENCE_SECONDS
from tests.running_api import running_api

MEGABYTES: Final = 256
# So many deposits fill what a full disk has left in pages that were begun.
CARELESS_MAX: Final = 20_000
# The WAL is to need new files soon, and to give back what it does not need.
SMALL_WAL: Final = {"max_wal_size": "48MB", "min_wal_size": "32MB", "wal_recycle": "off"}


def why_not() -> str | None:
    """Why a disk cannot be filled here, in words; None where it can."""
    if os.geteuid() != 0:
        return "mounting a small file system takes root"
    return None


class SmallDisk:
    """A file system in memory to which a folder of a stopped server is moved; it can be filled."""

    def __init__(self, place: Path, folder: Path) -> None:
        self._place = place
        place.mkdir()
        size = f"size={MEGABYTES}m,mode=0711"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", place], check=True)
        identity = find_identity()
        os.chown(place, identity.uid, identity.gid)
        moved = place / folder.name
        subprocess.run(["cp", "-a", folder, moved], check=True)
        subprocess.run(["rm", "-r", folder], check=True)
        folder.symlink_to(moved)
        os.chown(folder, identity.uid, identity.gid, follow_symlinks=False)

    @property
    def _ballast(self) -> Path:
        return self._place / "ballast"

    def fill(self) -> None:
        with self._ballast.open("ab", buffering=0) as file:
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(1 << 20))
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(4096))

    def empty(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def remove(self) -> None:
        subprocess.run(["umount", "--lazy", self._place], check=False, capture_output=True)


@contextlib.contextmanager
def small_disks(folder: Path) -> Iterator[tuple[DurablePostgres, SmallDisk, SmallDisk]]:
    """A running server, the disk of its data and that of its write-ahead log."""
    postgres = DurablePostgres(folder, SMALL_WAL)
    postgres.start()
    migrate(postgres.conninfo)
    postgres.stop()
    disks: list[SmallDisk] = []
    try:
        for name in ("base", "pg_wal"):
            disks.append(SmallDisk(folder / f"disk-{name}", folder / "postgres" / name))
        postgres.start()
        yield postgres, disks[0], disks[1]
    finally:
        postgres.stop()
        for disk in disks:
            disk.remove()


def fill_disks(asked: Asked, folder: Path) -> Outcome:
    """The disk of the data and that of the write-ahead log, in turns, under a served bank."""
    outcome = Outcome(campaign="full-disks", seed=asked.seed, began_at=clock.now())
    with (
        small_disks(folder / "small") as (postgres, data, wal),
        running_api(postgres.conninfo, folder) as api,
    ):
        client = Depositor(api.address)
        for number in asked.rounds():
            for _ in range(20):
                client.until_answered()
            if number % 2:
                _fill_data(outcome, client, data)
            else:
                _fill_wal(outcome, client, postgres, wal)
        client.finish()
        log = read_log(postgres.conninfo)
        outcome.tally = client.tally(log)
        outcome.findings += client.findings(log)
        outcome.situation("a write refused as not done", client.faults_told["unavailable"])
    control(
        outcome, "a writer that takes a full disk for done", partial(_careless, folder), times=1
    )
    return outcome


def _fill_data(outcome: Outcome, client: Depositor, disk: SmallDisk) -> None:
    outcome.fault("the disk of the data is full")
    disk.fill()
    key = client.until_refused()
    outcome.situation("not ready while the disk is full", client.ready() == 503)
    balance = client.client.get(f"/v1/accounts/{client.account_id}/balance")
    outcome.situation("read from while the disk of the data is full", balance.status_code == 200)
    if client.answers[key] != 503:
        outcome.findings.append(f"a full disk was answered {client.answers[key]}")
    _give_space(outcome, client, disk, key)


def _fill_wal(
    outcome: Outcome, client: Depositor, postgres: DurablePostgres, disk: SmallDisk
) -> None:
    outcome.fault("the disk of the write-ahead log is full")
    disk.fill()
    _use_up_the_wal(postgres.conninfo)
    key = client.until_refused()
    outcome.situation("not ready while the disk is full", client.ready() == 503)
    began = time.monotonic()
    disk.empty()
    # The server has stopped itself and cannot start without space: whoever watches it starts it again.
    postgres.start_again()
    _until_written(outcome, client, key, began)


def _use_up_the_wal(conninfo: str) -> None:
    """Begin new files of the write-ahead log until there is none, which stops the server."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    with (
        contextlib.suppress(psycopg.OperationalError),
        psycopg.connect(conninfo, autocommit=True) as connection,
    ):
        while time.monotonic() < deadline:
            connection.execute("SELECT pg_logical_emit_message(true, 'fill', repeat('x', 999999))")
            connection.execute("SELECT pg_switch_wal()")


def _give_space(outcome: Outcome, client: Depositor, disk: SmallDisk, key: str) -> None:
    began = time.monotonic()
    disk.empty()
    _until_written(outcome, client, key, began)


def _until_written(outcome: Outcome, client: Depositor, key: str, began: float) -> None:
    if client.until_answered(key) != 201:
        outcome.findings.append("with space again, a deposit was not made")
    outcome.recovery_seconds.append(round(time.monotonic() - began, 3))
    client.until_ready()
    outcome.situation("ready again with space", 1)


def _careless(folder: Path, number: int) -> list[str]:
    """Deposits through a writer that does not hear of full disks; those that are not there."""
    commit, commit_ahead = append.commit, append.lock_and_commit

    def deaf(step: Any) -> Any:
        async def stepped(connection: Any, *arguments: Any) -> None:
            try:
                await step(connection, *arguments)
            except psycopg.errors.DiskFull:
                await connection.rollback()

        return stepped

    append.commit, append.lock_and_commit = deaf(commit), deaf(commit_ahead)
    try:
        with (
            small_disks(folder / "careless") as (postgres, data, _),
            Bank(postgres.conninfo).with_accounts({1: 1}) as bank,
        ):
            data.fill()
            said = 0
            while said < CARELESS_MAX:
                answers = [bank.submit(deposit(1, 1)) for _ in range(50)]
                said += sum(answer.status == 201 for answer in answers)
                stored = balances_of(read_log(postgres.conninfo))["account-1"] // 100 - 1
                if stored < said:
                    return [f"{said - stored} deposits that were acknowledged are not there"]
            return []
    finally:
        append.commit, append.lock_and_commit = commit, commit_ahead
