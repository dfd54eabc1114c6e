"""The page that others write verifiers from says what the program does: its vectors are read from it."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from daybook import daybook_verify
from daybook.evidence.signed_note import checked_checkpoint, read_keys, read_note, verified_by
from ledger.log_tree import (
    canonical_event,
    check_consistency,
    check_inclusion,
    extended,
    leaf_hash,
    root_of,
)

PAGE = (Path(__file__).parents[2] / "docs" / "evidence-format.md").read_text()
FENCE = re.compile(r"```(json|note|keys)\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    events, tree, note, keys = (
        json.loads(text) if kind == "json" else text for kind, text in FENCE.findall(PAGE)
    )
    return {"events": events, **tree, "note": note.encode(), "keys": keys}


def test_the_canonical_bytes_and_leaves_are_those_written(written: dict[str, Any]) -> None:
    assert len(written["events"]) == 2
    for event in written["events"]:
        texts = [event[name].encode() for name in ("stream", "tag", "state")]
        canonical = canonical_event(
            event["position"], texts[0], event["version"], texts[1], texts[2]
        )
        assert canonical.hex() == event["canonical"]
        assert leaf_hash(canonical).hex() == event["leaf"]
        assert written["leaves"][event["position"] - 1] == event["leaf"]


def test_the_roots_and_proofs_are_those_written(written: dict[str, Any]) -> None:
    leaves = [bytes.fromhex(leaf) for leaf in written["leaves"]]
    roots = [bytes.fromhex(root) for root in written["roots"]]
    inclusion, consistency = written["inclusion"], written["consistency"]

    assert [root_of(extended(b"", 0, leaves[:size])) for size in range(6)] == roots
    leaf, size = inclusion["position"] - 1, inclusion["size"]
    path = [bytes.fromhex(digest) for digest in inclusion["path"]]
    check_inclusion(leaves[leaf], leaf, size, roots[size], path)
    old, new = consistency["from"], consistency["to"]
    path = [bytes.fromhex(digest) for digest in consistency["path"]]
    check_consistency(old, roots[old], new, roots[new], path)


def test_the_checkpoint_is_signed_by_the_two_keys_written(written: dict[str, Any]) -> None:
    keys = read_keys(written["keys"])

    checkpoint = checked_checkpoint(written["note"], keys)

    assert (checkpoint.size, checkpoint.root.hex()) == (5, written["roots"][5])
    assert base64.b64encode(checkpoint.root) in written["note"]
    assert verified_by(read_note(written["note"]), keys) == keys
    theirs = daybook_verify.read_keys(written["keys"])
    told = daybook_verify.read_checkpoint(written["note"], theirs, theirs)
    assert (told["size"], told["root"]) == (checkpoint.size, checkpoint.root)


def test_the_kinds_and_decimals_of_statements_are_those_written() -> None:
    (kinds,) = re.findall(r"```kinds\n(.*?)```", PAGE, re.DOTALL)
    lines = re.sub(r"\n +", " ", kinds).splitlines()
    by_tag = {f"{tag}.1": line.split()[0] for line in lines for tag in line.split()[1:]}

    assert by_tag == daybook_verify.KINDS
    for codes in daybook_verify.DECIMALS.values():
        assert codes in " ".join(PAGE.split())
