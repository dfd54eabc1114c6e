"""The second signature of checkpoints: in C2SP's form, beside the first, and passed over by who does not know it."""

import base64
import datetime as dt
from pathlib import Path

import psycopg
import pytest
from cryptography.exceptions import InvalidSignature

from daybook import daybook_verify
from daybook.evidence import signed_note
from daybook.evidence.checkpoint_keys import CheckpointKeys, CheckpointKeysUnsafe
from daybook.evidence.signed_note import (
    ED25519,
    ML_DSA_44,
    LogCheckpoint,
    NoteRefused,
    checked_checkpoint,
    read_keys,
    read_note,
    verified_by,
)
from daybook.settings import SettingsError, read_settings
from tests.bank import Bank
from tests.evidence.sealing import NOW, ORIGIN, pay, seal
from tests.evidence.test_tampering import exported

mldsa = pytest.importorskip(
    "cryptography.hazmat.primitives.asymmetric.mldsa", reason="cryptography 47 or later"
)
CHECKPOINT = LogCheckpoint(ORIGIN, 5, b"r" * 32, dt.datetime(2026, 1, 2, tzinfo=dt.UTC))


def keys_in(folder: Path, *, second: bool = True) -> CheckpointKeys:
    return CheckpointKeys(folder / "keys", origin=ORIGIN, now=NOW, second=second)


def test_a_checkpoint_has_two_signatures_and_both_count(tmp_path: Path) -> None:
    keys = keys_in(tmp_path)

    note = keys.sign(CHECKPOINT)

    assert note.count("\n— ") == 2
    known = keys.verifier_keys()
    assert [key.algorithm for key in known] == [ED25519, ML_DSA_44]
    assert read_keys("\n".join(map(str, known))) == known
    assert verified_by(read_note(note.encode()), known) == known
    assert checked_checkpoint(note.encode(), known) == keys.last_signed() == CHECKPOINT


def test_what_is_signed_is_what_c2sp_says(tmp_path: Path) -> None:
    keys = keys_in(tmp_path)
    line = keys.sign(CHECKPOINT).splitlines()[-1]
    name, raw = line.split()[1], base64.b64decode(line.split()[2])
    public = keys.verifier_keys()[1].public
    length = bytes([len(ORIGIN)]) + ORIGIN.encode()
    message = b"subtree/v1\n\x00" + length + bytes(8) + length + bytes(8)
    message += (5).to_bytes(8, "big") + b"r" * 32

    assert name == ORIGIN
    assert (len(public), len(raw), raw[4:12]) == (1312, 4 + 8 + 2420, bytes(8))
    mldsa.MLDSA44PublicKey.from_public_bytes(public).verify(raw[12:], message)
    with pytest.raises(InvalidSignature):
        mldsa.MLDSA44PublicKey.from_public_bytes(public).verify(raw[12:], message + b"x")


@pytest.mark.parametrize(
    "change", ["its signature", "its time", "the size", "the root", "the origin"]
)
def test_a_false_second_signature_is_refused(tmp_path: Path, change: str) -> None:
    keys = keys_in(tmp_path)
    note = keys.sign(CHECKPOINT)
    second = keys.verifier_keys()[1:]
    line = note.splitlines()[-1].split()[2]
    raw = bytearray(base64.b64decode(line))
    raw[{"its signature": 40, "its time": 11}.get(change, 0)] ^= (
        1 if change.startswith("its") else 0
    )
    changed = note.replace(line, base64.b64encode(raw).decode())
    if change == "the size":
        changed = changed.replace("\n5\n", "\n6\n")
    if change == "the root":
        changed = changed.replace(
            base64.b64encode(b"r" * 32).decode(), base64.b64encode(b"s" * 32).decode()
        )
    if change == "the origin":
        changed = changed.replace(f"{ORIGIN}\n5", "elsewhere.example\n5", 1)
    assert changed != note

    with pytest.raises(NoteRefused, match="is false"):
        verified_by(read_note(changed.encode()), second)


def test_the_auditors_program_and_a_library_without_it_pass_it_over(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = keys_in(tmp_path)
    with Bank(database) as bank:
        bank.with_accounts({1: 100, 2: 0})
        pay(bank, 3)
    checkpoint = seal(database, keys)
    assert checkpoint is not None
    public = "\n".join(map(str, keys.verifier_keys()))
    with psycopg.connect(database) as connection:
        lines = exported(connection)

    note = checkpoint.note.encode()
    told = daybook_verify.verify(lines, [note], daybook_verify.read_keys(public))
    monkeypatch.setattr(signed_note, "mldsa", None)
    by = verified_by(read_note(note), read_keys(public))

    assert told["signed_events"] == len(lines)
    assert [key.algorithm for key in by] == [ED25519]
    assert checked_checkpoint(note, read_keys(public)).size == len(lines)
    # Alone it is not enough for either.
    alone = note[: note.index(b"\xe2\x80\x94")] + note[note.rindex(b"\xe2\x80\x94") :]
    with pytest.raises(NoteRefused, match="no key of the log"):
        checked_checkpoint(alone, read_keys(public))
    with pytest.raises(daybook_verify.Wrong, match="not signed by a key of the log"):
        daybook_verify.verify(lines, [alone], daybook_verify.read_keys(public))


def test_it_is_made_when_it_is_asked_for_rotated_with_the_first_and_off_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keys_in(tmp_path, second=False)
    old = before.sign(CHECKPOINT)
    both = keys_in(tmp_path).sign(CHECKPOINT)
    rotated = keys_in(tmp_path)
    rotated.rotate(now=NOW + 1)
    new = rotated.sign(CHECKPOINT)
    off = keys_in(tmp_path, second=False)

    known = off.verifier_keys()
    assert [key.algorithm for key in known] == [ED25519, ML_DSA_44, ED25519, ML_DSA_44]
    assert [len(verified_by(read_note(n.encode()), known)) for n in (old, both, new)] == [1, 2, 2]
    assert off.sign(CHECKPOINT).count("\n— ") == 1
    monkeypatch.setattr(signed_note, "mldsa", None)
    with pytest.raises(CheckpointKeysUnsafe, match="DAYBOOK_CHECKPOINT_SIGNATURES"):
        keys_in(tmp_path / "elsewhere")


def test_the_setting_says_which(tmp_path: Path) -> None:
    given = {"DAYBOOK_DATA": str(tmp_path)}
    name = "DAYBOOK_CHECKPOINT_SIGNATURES"

    assert not read_settings(given).second_signature
    assert read_settings({**given, name: "ed25519,ml-dsa-44"}).second_signature
    with pytest.raises(SettingsError, match="ml-dsa-44"):
        read_settings({**given, name: "rsa"})
