"""Tampering: a superuser changes what the evidence consists of; somebody without the database finds it."""

import datetime as dt
import io
import random
import re
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from application import clock
from daybook import daybook_verify
from daybook.audit import export_jsonl
from daybook.evidence.checkpoint_keys import CheckpointKeys
from daybook.evidence.sealer import SealRefused
from daybook.evidence.signed_note import LogCheckpoint
from daybook.self_audit.findings import Findings
from daybook.self_audit.log_in_order import audit_in_order
from ledger.log_tree import extended, root_of
from migrations.runner import migrate
from readmodels.log_proofs import TreeDamaged, checkpoints_before, proof_of_consistency
from tests.bank import Bank
from tests.campaigns.changes import (
    CHANGES_OF_COMMANDS,
    CHANGES_OF_COMMITS,
    CHANGES_OF_EVENTS,
    CHANGES_OF_THE_SEALED,
)
from tests.campaigns.columns import BOTH, change, found_columns, have_all_sorts, missed_by
from tests.campaigns.outcome import Asked, Control, Outcome
from tests.durable_postgres import DurablePostgres
from tests.evidence.sealing import NOW, ORIGIN, keys_in, pay, reading, seal

# More than two tiles of the tree; an event that no full tile holds yet is named by its checkpoint.
ROUNDS: Final = 12
PAYMENTS_A_ROUND: Final = 30
CLEAN_EVERY: Final = 25
CHECKS: Final = """
    SELECT conrelid::regclass::text, conname FROM pg_constraint
     WHERE contype = 'c' AND conrelid IN ('users'::regclass, 'open_leaves'::regclass)
"""
SIGNED_FOR: Final = re.compile(r"the first (\d+) events are not those that the checkpoint")


class Sealed:
    """A bank that was sealed as it grew, and an auditor who kept each checkpoint as it came."""

    def __init__(self, conninfo: str, folder: Path) -> None:
        self.conninfo = conninfo
        self.keys = keys_in(folder)
        self.kept: list[bytes] = []
        self.sizes: list[int] = []
        with Bank(conninfo) as bank:
            bank.with_accounts({1: 100_000, 2: 0})
            have_all_sorts(bank)
            for _ in range(ROUNDS):
                pay(bank, PAYMENTS_A_ROUND)
                checkpoint = seal(conninfo, self.keys)
                assert checkpoint is not None
                self.kept.append(checkpoint.note.encode())
                self.sizes.append(checkpoint.size)
        self.public = "\n".join(map(str, self.keys.verifier_keys()))

    def verified(
        self, lines: list[bytes], notes: list[bytes], records: list[bytes] | None = None
    ) -> "daybook_verify.Wrong | None":
        """What the auditor's verifier says is wrong with the log, given these checkpoints and records."""
        keys = daybook_verify.read_keys(self.public)
        try:
            daybook_verify.verify(lines, notes, keys, commands=records)
        except daybook_verify.Wrong as wrong:
            return wrong
        return None


def tamper_with_a_bank(asked: Asked, folder: Path) -> Outcome:
    """On a server of its own."""
    postgres = DurablePostgres(folder / "durable")
    postgres.start()
    try:
        migrate(postgres.conninfo)
        return tamper(asked, postgres.conninfo, folder)
    finally:
        postgres.stop()


def tamper(asked: Asked, conninfo: str, folder: Path) -> Outcome:
    """So many random changes, each undone again, and after each few of them a look at the unchanged log."""
    outcome = Outcome(campaign="tampering", seed=asked.seed, began_at=clock.now())
    sealed = Sealed(conninfo, folder)
    chance = random.Random(asked.seed)
    is_signed = daybook_verify.is_signed
    # The same few signatures are looked at each time.
    daybook_verify.is_signed = cache(is_signed)
    try:
        with unfenced(conninfo) as connection:
            _tamper_with_the_log(asked, outcome, sealed, connection, chance)
            _tamper_with_columns(outcome, sealed, connection, chance, max(1, asked.times // 1000))
        _tamper_with_the_sealed(outcome, sealed, chance, max(6, asked.times // 50))
        _forge(outcome, sealed, folder, chance, max(4, asked.times // 100))
    finally:
        daybook_verify.is_signed = is_signed
    return outcome


@contextmanager
def unfenced(conninfo: str) -> Iterator["psycopg.Connection[Any]"]:
    """A connection for which no trigger and no index stands in the way; nothing of it is kept."""
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET session_replication_role = replica")
        for dropped in ("daybook_events_notification_id_check", "daybook_events_pkey"):
            connection.execute(f"ALTER TABLE daybook_events DROP CONSTRAINT {dropped}")
        connection.execute("DROP INDEX daybook_events_position")
        connection.execute("ALTER TABLE commits DROP CONSTRAINT commits_pkey")
        connection.execute("ALTER TABLE commits DROP CONSTRAINT commits_check")
        connection.execute("DROP INDEX commits_recorded_at")
        for table, name in connection.execute(CHECKS).fetchall():
            connection.execute(
                sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(
                    sql.Identifier(table), sql.Identifier(name)
                )
            )
        connection.execute("SAVEPOINT before")
        yield connection
        connection.rollback()


def _tamper_with_the_log(
    asked: Asked,
    outcome: Outcome,
    sealed: Sealed,
    connection: "psycopg.Connection[Any]",
    chance: random.Random,
) -> None:
    original = exported(connection)
    size = len(original)
    changes = [("daybook_events", name, change) for name, change in CHANGES_OF_EVENTS.items()] * 3
    changes += [("commits", name, change) for name, change in CHANGES_OF_COMMITS.items()]
    changes += [("commands", name, [change]) for name, change in CHANGES_OF_COMMANDS.items()]
    exactly = within = clean = 0
    for number in asked.rounds():
        table, name, change = chance.choice(changes)
        at, other = chance.sample(range(1, size + 1), 2)
        values = {"at": at, "other": other, "bit": chance.randrange(2**30)}
        made = sum(connection.execute(each, values).rowcount for each in change)
        if made:
            outcome.fault(f"{table}: {name}")
            if table != "daybook_events":
                findings = Findings()
                audit_in_order(connection, size, findings, lambda events: None)
                if not findings.count:
                    outcome.findings.append(f"not found: {table}, {name}, at {at}, {other}")
                within += bool(findings.count)
            else:
                lines = exported(connection)
                wrong = sealed.verified(lines, sealed.kept)
                if wrong is None:
                    outcome.findings.append(f"not found: {table}, {name}, at {at}, {other}")
                else:
                    named = _named(wrong, original, lines, sealed.sizes)
                    exactly, within = exactly + (named == 0), within + (named == 1)
                    if named > 1:
                        outcome.findings.append(f"named {wrong.index}: {name}, at {at}, {other}")
        connection.execute("ROLLBACK TO SAVEPOINT before")
        if number % CLEAN_EVERY == 0:
            clean += 1
            findings = Findings()
            audit_in_order(connection, size, findings, lambda events: None)
            if sealed.verified(exported(connection), sealed.kept) or findings.count:
                outcome.findings.append("a log that nobody changed was called wrong")
    outcome.figures["events in the log"] = size
    outcome.figures["found, and the first bad position named"] = exactly
    outcome.figures["found, and named as a commit, a command or between two checkpoints"] = within
    outcome.figures["looks at the unchanged log"] = clean
    outcome.figures["false alarms"] = sum("nobody changed" in f for f in outcome.findings)
    # The control: whoever brings no checkpoint of her own is shown a log whose tail is cut.
    cut = sealed.verified(original[: sealed.sizes[-2]], sealed.kept[:-1])
    outcome.controls.append(
        Control("an auditor who keeps no checkpoint: a cut tail", int(cut is None))
    )


def _tamper_with_columns(
    outcome: Outcome,
    sealed: Sealed,
    connection: "psycopg.Connection[Any]",
    chance: random.Random,
    times: int,
) -> None:
    """Every column that somebody is to find, in rows of any kind, by all who are to."""

    def verify(lines: list[bytes], records: list[bytes], notes: list[bytes]) -> object:
        return sealed.verified(lines, [*sealed.kept, *notes], records)

    for table, column, by in [*found_columns()] * times:
        made = change(connection, table, column, chance)
        outcome.fault(f"the column {table}.{column}", made)
        missed = missed_by(connection, by, sealed.sizes[-1], verify)
        outcome.findings += [f"not found by {each}: {table}.{column}" for each in missed]
        connection.execute("ROLLBACK TO SAVEPOINT before")
    everybody = missed_by(connection, BOTH, sealed.sizes[-1], verify)
    outcome.situation("nothing was changed, and nobody found anything", everybody == [*BOTH])


def exported(connection: "psycopg.Connection[Any]") -> list[bytes]:
    file = io.BytesIO()
    export_jsonl(connection, 2**62, file)
    return file.getvalue().splitlines(keepends=True)


def _named(
    wrong: daybook_verify.Wrong, original: list[bytes], lines: list[bytes], sizes: list[int]
) -> int:
    """0: the first position that differs was named; 1: the range of a checkpoint; 2: something else."""
    pairs = enumerate(zip(original, lines, strict=False), start=1)
    first = next(
        (n for n, (one, other) in pairs if one != other), min(len(original), len(lines)) + 1
    )
    last = sizes[min(bisect_left(sizes, first), len(sizes) - 1)]
    if wrong.index == first:
        return 0
    if wrong.index is not None:
        return 1 if first < wrong.index <= last else 2
    found = SIGNED_FOR.match(wrong.why)
    return 1 if found is None or int(found[1]) == last else 2


def _tamper_with_the_sealed(
    outcome: Outcome, sealed: Sealed, chance: random.Random, times: int
) -> None:
    """Tiles and checkpoints in the database, which proofs are read from and served with."""
    for _ in range(times):
        name = chance.choice(sorted(CHANGES_OF_THE_SEALED))
        with psycopg.connect(sealed.conninfo) as connection:
            connection.execute("SET session_replication_role = replica")
            for table in ("tiles", "checkpoints"):
                connection.execute(f"CREATE TABLE {table}_before AS SELECT * FROM {table}")
            values = {"which": chance.randrange(2**20), "bit": chance.randrange(2**20)}
            made = connection.execute(CHANGES_OF_THE_SEALED[name], values).rowcount
        try:
            if made:
                outcome.fault(name)
                # The newest checkpoint says nothing but what the log does: it is signed again, the same.
                if not (_noticed_by_proofs(sealed) or _is_put_back(sealed)):
                    outcome.findings.append(f"not found: {name} {values}")
        finally:
            with psycopg.connect(sealed.conninfo) as connection:
                connection.execute("SET session_replication_role = replica")
                for table in ("tiles", "checkpoints"):
                    connection.execute(f"DELETE FROM {table}")
                    connection.execute(f"INSERT INTO {table} SELECT * FROM {table}_before")
                    connection.execute(f"DROP TABLE {table}_before")


def _is_put_back(sealed: Sealed) -> bool:
    """Whether the sealer that started left everything as it was before the change, byte for byte."""
    with psycopg.connect(sealed.conninfo) as connection:
        return not any(
            connection.execute(
                f"(TABLE {one} EXCEPT TABLE {other}) UNION ALL (TABLE {other} EXCEPT TABLE {one})"
            ).fetchall()
            for one, other in (("tiles", "tiles_before"), ("checkpoints", "checkpoints_before"))
        )


def _noticed_by_proofs(sealed: Sealed) -> bool:
    """By a sealer that starts, by the auditor with what is exported and served, or by a proof that fails."""
    try:
        seal(sealed.conninfo, sealed.keys)
    except SealRefused:
        return True
    served = reading(sealed.conninfo, lambda c: checkpoints_before(c, 2**62, 1000))
    notes = [each.note.encode() for each in served]
    with psycopg.connect(sealed.conninfo) as connection:
        if sealed.verified(exported(connection), [*notes, *sealed.kept]) is not None:
            return True
    if sorted(notes) != sorted(sealed.kept):
        return True

    async def prove(connection: Any) -> None:
        for one in served:
            await proof_of_consistency(connection, one, served[0])

    try:
        reading(sealed.conninfo, prove)
    except TreeDamaged:
        return True
    return False


def _forge(
    outcome: Outcome, sealed: Sealed, folder: Path, chance: random.Random, times: int
) -> None:
    """Logs that are right in themselves, tree and checkpoint made anew: with another key, and with the bank's."""
    with psycopg.connect(sealed.conninfo) as connection:
        original = exported(connection)
    other_keys = CheckpointKeys(folder / "other-keys", origin=ORIGIN, now=NOW)
    bank_keys = CheckpointKeys(folder / "stolen-keys", origin=ORIGIN, now=NOW)
    (folder / "stolen-keys" / "checkpoint-keys.json").write_bytes(
        (folder / "keys" / "checkpoint-keys.json").read_bytes()
    )
    for _ in range(times):
        # Another description, which no rule of the books contradicts; and another end of the history.
        at = chance.randrange(10, len(original))
        forged = [re.sub(rb'"leaf":"[0-9a-f]{64}",', b"", line) for line in original]
        forged[at] = forged[at].replace(b'"actor":"system-0"', b'"actor":"system-1"')
        assert forged[at] != original[at]
        size = chance.randrange(at + 1, len(forged) + 1)
        for what, keys in (("another key", other_keys), ("the bank's own key", bank_keys)):
            outcome.fault(f"log, tree and checkpoint made anew, with {what}")
            note = _signed(forged[:size], keys)
            before = [n for n, s in zip(sealed.kept, sealed.sizes, strict=True) if s <= size]
            notes = [note] if keys is other_keys else [*sealed.kept, note]
            if sealed.verified(forged, notes) is None:
                outcome.findings.append(f"not found: a forgery of {at} with {what}")
            # Nor does it help to go on from a backup: what was kept from before is of the old history.
            if keys is bank_keys and len(before) > bisect_left(sealed.sizes, at + 1):
                outcome.fault(
                    "a fork: an older backup that went on, signed with the bank's own key"
                )
                if sealed.verified(forged[:size], [*before, note]) is None:
                    outcome.findings.append(f"not found: a fork at {at} of {size}")
        outcome.fault("an old checkpoint shown as the newest")
        if sealed.verified(original[: sealed.sizes[0]], [sealed.kept[0], sealed.kept[-1]]) is None:
            outcome.findings.append("not found: an old checkpoint in place of the newest")


def _signed(lines: list[bytes], keys: CheckpointKeys) -> bytes:
    """The checkpoint that these lines would have, by the program's own tree."""
    leaves, recorded = [], None
    for position, line in enumerate(lines, start=1):
        found = daybook_verify.LINE.fullmatch(line.rstrip(b"\n"))
        assert found is not None
        _, stream, version, tag, _, raw = found.groups()
        leaves.append(daybook_verify.leaf_of(position, stream, int(version), tag, raw))
        recorded = daybook_verify.read_state(raw)["recorded_at"]
    root = root_of(extended(b"", 0, leaves))
    assert recorded is not None, "a log has events"
    at = dt.datetime.fromisoformat(recorded)
    return keys.sign(LogCheckpoint(keys.origin, len(lines), root, at)).encode()
