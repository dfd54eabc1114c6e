"""One event of every tag that was ever written, byte for byte: they must be read for ever.

A file here is never edited. A new tag gets a new file: `python -m tests.ledger.write_golden_files`.
"""

from pathlib import Path

import pytest

from domain.facts import FACTS
from ledger.journal import decode, encode
from tests.ledger.samples import SAMPLES, STREAMS

GOLDEN = Path(__file__).parent / "golden"
TAGS = sorted(path.name.removesuffix(".json") for path in GOLDEN.glob("*.json"))


def test_every_tag_has_a_golden_file_and_every_golden_file_a_tag() -> None:
    assert sorted(FACTS) == TAGS


@pytest.mark.parametrize("tag", TAGS)
def test_a_golden_file_is_read_as_what_was_written(tag: str) -> None:
    stored = (GOLDEN / f"{tag}.json").read_bytes().removesuffix(b"\n")

    event = decode(tag, stored)

    assert event == SAMPLES[tag].event


@pytest.mark.parametrize("tag", TAGS)
def test_an_event_is_written_as_the_exact_bytes_of_its_golden_file(tag: str) -> None:
    stored = (GOLDEN / f"{tag}.json").read_bytes().removesuffix(b"\n")

    assert encode(SAMPLES[tag].event) == stored


@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_names_an_aggregate_a_fact_and_a_number(tag: str) -> None:
    aggregate, fact, number = tag.split(".")

    assert aggregate in STREAMS
    assert fact == fact.lower()
    assert int(number) >= 1


def test_an_event_of_a_loan_from_before_valuations_is_read_as_having_none() -> None:
    tag = "loan.past-due-marked.1"
    stored = (GOLDEN / f"{tag}.json").read_bytes().removesuffix(b"\n")
    assert stored.count(b",[0,0,0]]") == 1

    assert decode(tag, stored.replace(b",[0,0,0]]", b"]")) == SAMPLES[tag].event


def test_a_look_at_a_list_has_what_it_showed_after_all_that_older_looks_have() -> None:
    tag = "access.looked.1"
    stored = (GOLDEN / f"{tag}.json").read_bytes().removesuffix(b"\n")
    shown = b'"outcome":"answered","shown":{"account":[5,7],"user":[3]}}'

    event = decode(tag, stored.replace(b'"outcome":"answered"}', shown))

    assert event.fact.shown == {"account": (5, 7), "user": (3,)}
    assert encode(event) == stored.replace(b'"outcome":"answered"}', shown)
