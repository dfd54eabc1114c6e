"""Restores: a base backup and archived write-ahead log, to random instants, with Postgres's own programs."""

import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg

from application import clock
from daybook import daybook_verify
from daybook.embedded_postgres import embedded_postgres
from daybook.postgres_programs import EmbeddedPostgresError, find_identity, find_programs
from ledger.log_tree import root_of
from migrations.runner import migrate
from readmodels.log_proofs import root_at
from tests.bank import Bank, deposit, read_log
from tests.campaigns.outcome import Asked, Control, Outcome
from tests.campaigns.tampering import exported
from tests.durable_postgres import DurablePostgres
from tests.evidence.sealing import keys_in, reading, seal
from tests.faults.client_processes import PATIENCE_SECONDS, Tally

DEPOSITS_BETWEEN: Final = 20
MOMENT: Final = """
    SELECT clock_timestamp()::text, file_name, file_offset
      FROM pg_walfile_name_offset(pg_current_wal_lsn())
"""


class Instant(msgspec.Struct):
    """A moment on the clock of the server, what was acknowledged before it, and what was signed then.

    `segment` and `offset` are where the write-ahead log had come to.
    """

    at: str
    segment: str
    offset: int
    acknowledged: int
    note: bytes
    size: int


class ArchivingBank:
    """A bank whose write-ahead log is archived, a base backup of it, and moments of its life."""

    def __init__(self, folder: Path, instants: int, chance: random.Random) -> None:
        self.folder = folder
        self.archive = folder / "archive"
        self.backup = folder / "backup"
        for place in (self.archive, self.backup):
            place.mkdir(parents=True)
            identity = find_identity()
            shutil.chown(place, identity.uid, identity.gid)
        archiving = {
            "archive_mode": "on",
            "archive_command": f"cp %p {self.archive}/%f",
            "max_wal_senders": "4",
        }
        postgres = DurablePostgres(folder / "primary", archiving)
        postgres.start()
        try:
            migrate(postgres.conninfo)
            self.keys = keys_in(folder)
            self._back_up(postgres.conninfo)
            self._live(postgres.conninfo, instants, chance)
        finally:
            postgres.stop()

    def _back_up(self, conninfo: str) -> None:
        programs = find_programs()
        command = [str(programs / "pg_basebackup"), "-d", conninfo]
        command += ["-D", str(self.backup / "postgres")]
        command += ["-X", "none", "--checkpoint=fast", "--no-sync"]
        subprocess.run(command, check=True, capture_output=True)

    def _live(self, conninfo: str, instants: int, chance: random.Random) -> None:
        """Deposits of 1, one after another, sealed now and then; a moment is between two of them."""
        self.instants: list[Instant] = []
        self.done = 0
        with Bank(conninfo).with_accounts({1: 1}) as bank:
            for _ in range(instants):
                for _ in range(chance.randrange(1, DEPOSITS_BETWEEN)):
                    self._deposit(bank)
                checkpoint = seal(conninfo, self.keys)
                assert checkpoint is not None
                for _ in range(chance.randrange(3)):
                    self._deposit(bank)
                ((at, segment, offset),) = _rows(conninfo, MOMENT)
                note = checkpoint.note.encode()
                self.instants.append(Instant(at, segment, offset, self.done, note, checkpoint.size))
                self._deposit(bank)
            self.roots = {
                last: root_of(peaks)
                for last, peaks in _rows(conninfo, "SELECT last_position, peaks FROM commits")
            }
            last = _asked(conninfo, "SELECT pg_walfile_name(pg_switch_wal())")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (self.archive / last).exists():
            assert time.monotonic() < deadline, "the write-ahead log was not archived"
            time.sleep(0.05)

    def _deposit(self, bank: Bank) -> None:
        self.done += 1
        assert bank.submit(deposit(1, 1, f"deposit-{self.done}")).status == 201

    @contextmanager
    def restored(self, instant: Instant, archive: Path | None = None) -> Iterator[str]:
        """The bank as it was then, on a server of its own. Raises where Postgres cannot get there."""
        data = self.folder / "restored"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir()
        subprocess.run(["cp", "-a", self.backup / "postgres", data / "postgres"], check=True)
        signal = data / "postgres" / "recovery.signal"
        signal.touch()
        identity = find_identity()
        shutil.chown(signal, identity.uid, identity.gid)
        overrides = {
            "restore_command": f"cp {archive or self.archive}/%f %p",
            "recovery_target_time": instant.at,
            "recovery_target_action": "promote",
            "hot_standby": "off",
        }
        with embedded_postgres(data, overrides=overrides) as conninfo:
            yield conninfo


def restore(asked: Asked, folder: Path) -> Outcome:
    """To moments in random order; each with what was acknowledged before it and nothing from after it."""
    outcome = Outcome(campaign="restores", seed=asked.seed, began_at=clock.now())
    chance = random.Random(asked.seed)
    bank = ArchivingBank(folder / "bank", asked.times, chance)
    found: list[str] = []
    lost = 0
    order = chance.sample(bank.instants, len(bank.instants))
    for number in asked.rounds():
        instant = order[number - 1]
        began = time.monotonic()
        with bank.restored(instant) as conninfo:
            outcome.recovery_seconds.append(round(time.monotonic() - began, 3))
            outcome.fault("a restore to a random instant")
            missing, said = _compared(bank, instant, conninfo)
            lost, found = lost + missing, found + said
    outcome.findings += found
    outcome.tally = Tally(
        attempted=bank.done,
        acknowledged=bank.done,
        refused=0,
        unknown=0,
        unknown_and_done=0,
        lost=lost,
        duplicated=0,
    )
    later = sum(i.size < max(bank.roots) for i in bank.instants)
    outcome.situation("an instant with something written after it", later)
    # The control: to be a moment early is seen as a loss.
    first, last = bank.instants[0], bank.instants[-1]
    with bank.restored(first) as conninfo:
        missing, said = _compared(bank, last, conninfo)
        outcome.controls.append(Control("a restore to an earlier instant", missing + len(said)))
    _damage_archives(outcome, bank, chance)
    return outcome


def _compared(bank: ArchivingBank, instant: Instant, conninfo: str) -> tuple[int, list[str]]:
    """How many acknowledged deposits are missing, and what else is not as it was at the instant."""
    log = read_log(conninfo)
    keys = [r.event.command_id for r in log if r.event.command_id.startswith("deposit-")]
    expected = [f"deposit-{number}" for number in range(1, instant.acknowledged + 1)]
    said = []
    if unexpected := set(keys) - set(expected):
        said.append(f"{len(unexpected)} deposits from after {instant.at}")
    if len(keys) != len(set(keys)):
        said.append(f"a deposit twice at {instant.at}")
    size = log[-1].position
    if reading(conninfo, lambda connection: root_at(connection, size)) != bank.roots.get(size):
        said.append(f"the root at {size} is not that of the bank")
    with psycopg.connect(conninfo) as connection:
        lines = exported(connection)
    public = "\n".join(map(str, bank.keys.verifier_keys()))
    try:
        daybook_verify.verify(lines, [instant.note], daybook_verify.read_keys(public))
    except daybook_verify.Wrong as wrong:
        said.append(f"the checkpoint of {instant.size} does not fit at {instant.at}: {wrong.why}")
    return len(set(expected) - set(keys)), said


def _damage_archives(outcome: Outcome, bank: ArchivingBank, chance: random.Random) -> None:
    """An archive with a file missing, and with a bit that is not as it was: never silently short."""
    last = bank.instants[-1]
    for kind in ("a file missing", "a bit flipped"):
        damaged = bank.folder / "damaged"
        shutil.rmtree(damaged, ignore_errors=True)
        subprocess.run(["cp", "-a", bank.archive, damaged], check=True)
        victim = damaged / last.segment
        if kind == "a file missing":
            victim.unlink()
        else:
            _flip_a_bit(victim, last.offset, chance)
        outcome.fault(f"an archive with {kind}")
        try:
            with bank.restored(last, damaged) as conninfo:
                missing, said = _compared(bank, last, conninfo)
        except EmbeddedPostgresError:
            outcome.situation("a damaged archive refused by Postgres", 1)
        else:
            if missing or said:
                outcome.situation("a damaged archive found by the checkpoint", 1)
            else:
                outcome.findings.append(f"an archive with {kind} was not noticed")


def _flip_a_bit(segment: Path, end: int, chance: random.Random) -> None:
    """Before the instant, and not in the empty bytes between two records."""
    raw = bytearray(segment.read_bytes())
    raw[chance.choice([at for at in range(end) if raw[at]])] ^= 1 << chance.randrange(8)
    segment.write_bytes(raw)


def _asked(conninfo: str, query: Any) -> str:
    return str(_rows(conninfo, query)[0][0])


def _rows(conninfo: str, query: Any) -> list[Any]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        return connection.execute(query).fetchall()
