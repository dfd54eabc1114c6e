"""The sealer: what it signs, what it refuses to sign, and that it goes on from where it was killed."""

import asyncio
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from daybook.evidence.publishing import CommandPublisher, FolderPublisher, Publisher
from daybook.evidence.sealer import Sealer, SealRefused
from daybook.evidence.signed_note import checked_checkpoint
from ledger.log_tree import canonical_event, leaf_hash, root_of
from readmodels.log_proofs import (
    EventLeaf,
    latest_checkpoint,
    log_events,
    proof_of_consistency,
    proof_of_inclusion,
    root_at,
)
from readmodels.sealed_leaves import sealed_leaves
from tests.bank import Bank
from tests.evidence.sealing import as_superuser, keys_in, pay, reading, seal

STORED = """
    SELECT notification_id, originator_id, originator_version, topic, state
      FROM daybook_events ORDER BY notification_id
"""


@pytest.fixture
def bank(database: str) -> Iterator[Bank]:
    with Bank(database) as running:
        running.with_accounts({1: 100_000, 2: 0})
        yield running


def naive_root(conninfo: str, size: int) -> bytes:
    """From the rows of the log alone, by the definition."""
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute(STORED).fetchall()
    leaves = [
        leaf_hash(canonical_event(position, stream.encode(), version, tag.encode(), state))
        for position, stream, version, tag, state in rows[:size]
    ]

    def root(first: int, end: int) -> bytes:
        if end - first == 1:
            return leaves[first]
        half = 1
        while half * 2 < end - first:
            half *= 2
        return sha256(b"\x01" + root(first, first + half) + root(first + half, end)).digest()

    return root(0, size)


def test_what_is_signed_is_the_tree_over_the_log(database: str, bank: Bank, tmp_path: Path) -> None:
    keys = keys_in(tmp_path)
    pay(bank, 700)

    checkpoint = seal(database, keys)

    assert checkpoint is not None
    assert checkpoint.size == bank.log()[-1].position == 1404
    assert checkpoint.root == naive_root(database, 1404)
    said = checked_checkpoint(checkpoint.note.encode(), keys.verifier_keys())
    assert (said.size, said.root) == (1404, checkpoint.root)
    assert said.recorded_at == bank.log()[-1].event.recorded_at
    assert reading(database, latest_checkpoint) == checkpoint
    assert seal(database, keys) is None


def test_every_event_has_its_proof_under_every_checkpoint(
    database: str, bank: Bank, tmp_path: Path
) -> None:
    keys = keys_in(tmp_path)
    checkpoints = []
    for times in (0, 3, 120, 130, 400, 1):
        if times:
            pay(bank, times)
        checkpoints.append(seal(database, keys))

    async def prove(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> int:
        proved = 0
        for checkpoint in checkpoints:
            assert checkpoint is not None
            events = await log_events(connection, 0, checkpoint.size)
            for event in events[:: max(1, len(events) // 40)] + events[-3:]:
                # It proves what it gives, or it raises.
                await proof_of_inclusion(connection, event, checkpoint)
                proved += 1
            for older in checkpoints:
                assert older is not None
                if older.size <= checkpoint.size:
                    await proof_of_consistency(connection, older, checkpoint)
        return proved

    assert reading(database, prove) > 150


def test_a_sealer_that_starts_again_goes_on_with_the_same_tree(
    database: str, bank: Bank, tmp_path: Path
) -> None:
    keys = keys_in(tmp_path)
    for times in (1, 127, 128, 129, 500):
        pay(bank, times)
        checkpoint = seal(database, keys)

        assert checkpoint is not None
        assert checkpoint.root == naive_root(database, checkpoint.size)
        assert reading(database, partial(root_at, size=checkpoint.size)) == checkpoint.root


def test_tiles_that_were_thrown_away_are_derived_again(
    database: str, bank: Bank, tmp_path: Path
) -> None:
    keys = keys_in(tmp_path)
    pay(bank, 300)
    seal(database, keys)
    with psycopg.connect(database) as connection:
        before = connection.execute("SELECT * FROM tiles ORDER BY level, number").fetchall()
        connection.execute("TRUNCATE tiles")
    pay(bank, 1)

    assert seal(database, keys) is not None

    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT * FROM tiles ORDER BY level, number").fetchall() == before
    assert len(before) == 2


def test_the_leaves_of_the_tile_that_is_not_full_are_kept_as_they_were_sealed(
    database: str, bank: Bank, tmp_path: Path
) -> None:
    keys = keys_in(tmp_path)
    for times in (1, 100, 25, 1, 300):
        pay(bank, times)
        seal(database, keys)
        with psycopg.connect(database) as connection:
            rows = connection.execute(STORED).fetchall()
            kept = [sealed_leaves(connection, number) for number in range(len(rows) // 256 + 2)]
            open_rows = connection.execute("SELECT count(*) FROM open_leaves").fetchone()

        leaves = [
            leaf_hash(canonical_event(position, stream.encode(), version, tag.encode(), state))
            for position, stream, version, tag, state in rows
        ]
        assert [leaf for tile in kept for leaf in tile] == leaves
        assert open_rows == (1 if len(leaves) % 256 else 0,)
    assert len(leaves) > 512


def test_of_tiles_of_which_some_are_missing_nothing_is_signed(
    database: str, bank: Bank, tmp_path: Path
) -> None:
    keys = keys_in(tmp_path)
    pay(bank, 300)
    seal(database, keys)
    as_superuser(database, "DELETE FROM tiles WHERE level = 0 AND number = 0")
    pay(bank, 1)

    with pytest.raises(SealRefused, match="hashes are missing"):
        seal(database, keys)


def test_of_two_sealers_one_seals(database: str, bank: Bank, tmp_path: Path) -> None:
    keys = keys_in(tmp_path)

    async def both() -> tuple[object, object, object]:
        one, other = Sealer(database, keys), Sealer(database, keys)
        first, second = await one.seal(), await other.seal()
        await one.close()
        pay(bank, 1)
        third = await other.seal()
        await other.close()
        return first, second, third

    first, second, third = asyncio.run(both())

    assert first is not None
    assert second is None
    assert third is not None


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE daybook_events SET state = state || ' ' WHERE notification_id = 7", "not those"),
        ("UPDATE daybook_events SET topic = 'x' WHERE notification_id = 3", "not those"),
        ("DELETE FROM daybook_events WHERE notification_id = 7", "a gap"),
        (
            """DELETE FROM daybook_events WHERE notification_id >= 20;
               DELETE FROM commits WHERE last_position >= 20""",
            "the log ends at position",
        ),
        ("UPDATE commits SET peaks = substr(peaks, 2) || '\\x00'", "do not come to the tree"),
        (
            "UPDATE daybook_events SET state = state || ' ' WHERE notification_id = 28",
            "do not come to the tree",
        ),
        ("DELETE FROM daybook_events WHERE notification_id = 28", "a gap"),
    ],
)
def test_a_history_that_was_changed_is_not_signed(
    database: str, bank: Bank, tmp_path: Path, damage: str, said: str
) -> None:
    keys = keys_in(tmp_path)
    pay(bank, 10)
    assert seal(database, keys) is not None
    if "28" in damage or "peaks" in damage:
        pay(bank, 3)

    as_superuser(database, damage)

    with pytest.raises(SealRefused, match=said):
        seal(database, keys)


def test_a_database_that_was_rolled_back_whole_is_not_signed_again(
    database: str, bank: Bank, tmp_path: Path
) -> None:
    """Its checkpoints went back with it; the one beside the keys did not."""
    keys = keys_in(tmp_path)
    pay(bank, 5)
    first = seal(database, keys)
    pay(bank, 5)
    assert first is not None
    assert seal(database, keys) is not None

    as_superuser(
        database,
        f"DELETE FROM daybook_events WHERE notification_id > {first.size}",
        f"DELETE FROM commits WHERE last_position > {first.size}",
        f"DELETE FROM checkpoints WHERE size > {first.size}",
    )

    with pytest.raises(SealRefused, match=r"ends at position 14, and a checkpoint of 24"):
        seal(database, keys)


def test_a_sealer_killed_between_signing_and_storing_signs_no_other_root(
    database: str, bank: Bank, tmp_path: Path
) -> None:
    keys = keys_in(tmp_path)
    first = seal(database, keys)
    assert first is not None
    as_superuser(database, "TRUNCATE checkpoints")

    again = seal(database, keys)

    assert again is not None
    assert (again.size, again.root, again.note) == (first.size, first.root, first.note)


def test_a_checkpoint_is_published_to_a_folder_and_to_a_program(
    database: str, bank: Bank, tmp_path: Path
) -> None:
    keys = keys_in(tmp_path)
    folder, told = tmp_path / "published", tmp_path / "told"
    publishers: list[Publisher] = [
        FolderPublisher(folder),
        CommandPublisher(["tee", "-a", str(told)]),
    ]

    notes = []
    for _ in range(2):
        pay(bank, 1)
        checkpoint = seal(database, keys, publishers)
        assert checkpoint is not None
        notes.append(checkpoint)

    assert (folder / "checkpoint").read_text() == notes[1].note
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == ["6", "8"]
    assert notes[0].note in told.read_text()
    assert notes[1].note in told.read_text()


def test_what_could_not_be_published_is_published_later(
    database: str, bank: Bank, tmp_path: Path
) -> None:
    keys = keys_in(tmp_path)
    folder = tmp_path / "published"

    async def run() -> None:
        sealer = Sealer(database, keys, [FolderPublisher(folder)])
        folder.write_text("in the way")
        await sealer.seal()
        folder.unlink()
        await sealer.seal()
        await sealer.close()

    asyncio.run(run())

    assert (folder / "checkpoint").exists()


def test_an_old_key_verifies_for_ever_and_signs_no_more(
    database: str, bank: Bank, tmp_path: Path
) -> None:
    keys = keys_in(tmp_path)
    first = seal(database, keys)
    fresh = keys.rotate(now=1_700_000_001.0)
    pay(bank, 1)
    second = seal(database, keys)
    assert first is not None
    assert second is not None

    verifier_keys = keys.verifier_keys()

    assert verifier_keys[0] == fresh
    assert len(verifier_keys) == 2
    for checkpoint in (first, second):
        assert checked_checkpoint(checkpoint.note.encode(), verifier_keys).root == checkpoint.root
    checked_checkpoint(second.note.encode(), [fresh])
    with pytest.raises(ValueError, match="no key of the log"):
        checked_checkpoint(first.note.encode(), [fresh])
    assert (
        "private"
        not in (tmp_path / "keys" / "checkpoint-keys.json")
        .read_text()
        .partition('"retired_at"')[2]
        .partition("}")[0]
    )


def test_the_head_of_the_log_is_that_of_its_tree_after_any_number_of_writers(
    database: str, bank: Bank
) -> None:
    with Bank(database) as other:
        for _ in range(20):
            pay(bank, 2)
            pay(other, 3)
    with psycopg.connect(database) as connection:
        heads = connection.execute("SELECT last_position, peaks FROM commits").fetchall()

    assert len(heads) > 20
    for position, peaks in heads:
        assert root_of(peaks) == naive_root(database, position)


def test_the_leaf_of_an_event_is_that_of_its_canonical_bytes(database: str, bank: Bank) -> None:
    event: EventLeaf = reading(database, lambda c: log_events(c, 0, 1))[0]

    assert event.leaf == leaf_hash(event.canonical)
    assert event.canonical.endswith(event.state)
