"""The witness: it countersigns a log that only grew, and keeps the proof of one that did not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from daybook import daybook_verify
from daybook.evidence.checkpoint_keys import CheckpointKeys
from daybook.evidence.signed_note import NoteRefused, read_keys, read_note, verified_by
from daybook.evidence.witness import HttpSource, Witness, WitnessRefused
from daybook.main import main
from ledger.log_tree import consistency_proof
from tests.evidence.made_logs import LOG_KEY, OTHER_SEED, Key, MadeLog, root, small_bank
from tests.evidence.sealing import ORIGIN
from tests.running_api import PASSWORD, RunningApi, running_api

LOG_KEYS = read_keys(LOG_KEY.text)


class MadeSource:
    """A log made by hand, which says what it is told to say."""

    def __init__(self, log: MadeLog, size: int | None = None) -> None:
        self.log = log
        self.note = log.checkpoint(size)
        self.path: list[bytes] | None = None

    def latest(self) -> bytes:
        return self.note

    def consistency(self, old: int, new: int) -> list[bytes]:
        if self.path is not None:
            return self.path
        leaves = self.log.leaves()
        return consistency_proof(
            old, new, lambda level, number: root(leaves[number << level : (number + 1) << level])
        )


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path / "witness", "auditor.example", LOG_KEYS)


def test_a_log_that_grew_is_countersigned(witness: Witness, tmp_path: Path) -> None:
    for size in (1, 3, 3, 5):
        witness.look(MadeSource(small_bank(), size), 1_700_000_000)

    kept = tmp_path / "witness"
    assert sorted(path.name for path in (kept / "seen").iterdir()) == ["1", "3", "5"]
    note = read_note((kept / "checkpoint").read_bytes())
    assert verified_by(note, [*LOG_KEYS, witness.key]) == [*LOG_KEYS, witness.key]
    # And the auditor's verifier, which has none of this code, believes the witness.
    daybook_verify.verify(
        small_bank().lines(),
        [(kept / "checkpoint").read_bytes()],
        daybook_verify.read_keys(LOG_KEY.text),
        daybook_verify.read_keys(str(witness.key)),
    )


def another_history() -> MadeLog:
    log = small_bank()
    log.rows[1]["state"]["description"] = "another history"
    return log


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (MadeSource(small_bank(), 3), "rolled back from 4 events to 3"),
        (MadeSource(another_history(), 4), "two histories of 4 events"),
        (MadeSource(another_history()), "does not lead to the two roots"),
    ],
)
def test_a_fork_and_a_roll_back_are_not_countersigned_and_are_kept(
    witness: Witness, tmp_path: Path, source: MadeSource, said: str
) -> None:
    witness.look(MadeSource(small_bank(), 4), 1_700_000_000)
    kept = tmp_path / "witness"
    before = (kept / "checkpoint").read_bytes()

    with pytest.raises(WitnessRefused, match=said):
        witness.look(source, 1_700_000_001)

    assert (kept / "checkpoint").read_bytes() == before
    (refused,) = (kept / "refused").iterdir()
    assert refused.read_bytes() == source.note
    # It remembers across restarts.
    again = Witness(kept, "auditor.example", LOG_KEYS)
    assert again.key == witness.key
    with pytest.raises(WitnessRefused, match=said):
        again.look(source, 1_700_000_002)
    again.look(MadeSource(small_bank()), 1_700_000_003)


def test_a_proof_that_proves_nothing_is_refused(witness: Witness) -> None:
    witness.look(MadeSource(small_bank(), 3), 1_700_000_000)
    source = MadeSource(small_bank())
    for path in ([], [bytes(32)] * 3, source.consistency(3, 5)[:-1]):
        source.path = path
        with pytest.raises(WitnessRefused):
            witness.look(source, 1_700_000_001)


def test_what_another_has_signed_is_refused(witness: Witness) -> None:
    source = MadeSource(small_bank())
    source.note = small_bank().checkpoint(5, Key(LOG_KEY.name, OTHER_SEED))

    with pytest.raises(NoteRefused, match="no key of the log"):
        witness.look(source, 1_700_000_000)


@pytest.fixture
def bank(database: str, tmp_path: Path) -> Iterator[RunningApi]:
    with running_api(database, tmp_path) as running:
        yield running


def test_it_watches_a_bank_over_http(
    bank: RunningApi,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    auditor, holder = bank.person("auditor"), bank.person()
    account_id = bank.account(holder, 10)
    keys = CheckpointKeys(tmp_path / "keys", origin=ORIGIN, now=0)
    (tmp_path / "log-keys").write_text(f"{keys.verifier_keys()[0]}\n")
    asked = ["witness", "--url", bank.address, "--key", str(tmp_path / "log-keys")]
    asked += ["--folder", str(tmp_path / "witness"), "--username", auditor.username]

    refused = main(asked)
    monkeypatch.setenv("DAYBOOK_WITNESS_PASSWORD", PASSWORD)
    first = main(asked)
    for _ in range(3):
        holder.post(f"/accounts/{account_id}/deposit", {"amount": 1})
    second = main(asked)

    assert (refused, first, second) == (2, 0, 0)
    told = capsys.readouterr()
    assert told.out.count("countersigned") == 2
    assert "set DAYBOOK_WITNESS_PASSWORD" in told.err
    with pytest.raises(WitnessRefused, match="cannot be asked"):
        HttpSource(bank.address, auditor.username, "wrong password here").latest()
