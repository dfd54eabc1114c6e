"""Notes and keys: what is not in their one form is refused, by us and by the verifier alike."""

import random
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daybook import daybook_verify
from daybook.evidence.signed_note import (
    NoteRefused,
    checked_checkpoint,
    read_key,
    read_keys,
    read_note,
    verified_by,
)
from tests.evidence.made_logs import LOG_KEY, OTHER_SEED, WITNESS_KEY, Key, small_bank

KEYS = read_keys(LOG_KEY.text + WITNESS_KEY.text)
THEIRS = daybook_verify.read_keys(LOG_KEY.text + WITNESS_KEY.text)
GOOD = small_bank().checkpoint(5, LOG_KEY, WITNESS_KEY)
CHANGES = 600


@given(st.binary(max_size=300))
def test_no_bytes_are_more_than_refused(raw: bytes) -> None:
    for text in (raw, GOOD[:40] + raw, GOOD + raw):
        try:
            note = read_note(text)
        except NoteRefused:
            continue
        assert note.text.endswith("\n")


def test_every_change_of_a_byte_is_refused_by_both_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daybook_verify, "is_signed", cache(daybook_verify.is_signed))
    chance = random.Random(3)
    for _ in range(CHANGES):
        at = chance.randrange(len(GOOD))
        change = chance.choice(("flip", "drop", "twice", "newline"))
        changed = {
            "flip": GOOD[:at] + bytes([GOOD[at] ^ 1 << chance.randrange(8)]) + GOOD[at + 1 :],
            "drop": GOOD[:at] + GOOD[at + 1 :],
            "twice": GOOD[: at + 1] + GOOD[at:],
            "newline": GOOD[:at] + b"\n" + GOOD[at:],
        }[change]
        accepted: list[int | None] = []
        for read in (_ours, _theirs):
            try:
                accepted.append(read(changed))
            except (NoteRefused, daybook_verify.Wrong):
                accepted.append(None)
        assert accepted[0] == accepted[1], (change, at, changed)
        # Only a change of the witness's name or id leaves the log's signature as it is.
        assert accepted[0] in (None, 5)
        if accepted[0] == 5:
            assert at > GOOD.index(b"auditor") - 10


def _ours(raw: bytes) -> int:
    return checked_checkpoint(raw, KEYS).size


def _theirs(raw: bytes) -> int:
    return int(daybook_verify.read_checkpoint(raw, THEIRS, None)["size"])


def test_keys_are_read_back_and_others_are_refused() -> None:
    for key in (LOG_KEY, WITNESS_KEY):
        assert f"{read_key(key.text)}\n" == key.text
    for text in (
        "",
        "bank",
        "bank+00000000+AAAA",
        LOG_KEY.text.replace(LOG_KEY.id.hex(), "00000000"),
        LOG_KEY.text.replace("bank", "b ank"),
        Key("bank.example/ledger", OTHER_SEED, 7).text,
        LOG_KEY.text.strip()[:-1],
    ):
        with pytest.raises(NoteRefused):
            read_key(text)


def test_the_same_text_under_another_name_is_another_key() -> None:
    note = read_note(GOOD)

    assert verified_by(note, KEYS) == KEYS
    assert verified_by(note, read_keys(Key("another.example", bytes(32)).text)) == []
    with pytest.raises(NoteRefused, match="no key of the log"):
        checked_checkpoint(GOOD, read_keys(WITNESS_KEY.text))
