"""Entries that do not balance cannot be built, and a log is read by a table of tags alone."""

import subprocess
import sys

import msgspec
import pytest
from eventsourcing.persistence import StoredEvent
from hypothesis import given
from hypothesis import strategies as st

from application.event_store import TagMapper
from domain.facts import FACTS, Fact, stored_as
from domain.money import MINOR_UNITS_MAX
from ledger.chart_of_accounts import CHART
from ledger.journal import (
    Posting,
    Unbalanced,
    UnknownTag,
    decode,
    encode,
    entry_of,
    mirrored,
    vouching,
)
from tests.ledger.samples import SAMPLES

ledger_accounts = st.sampled_from(sorted(CHART))
currencies = st.sampled_from(["EUR", "JPY", "KWD"])
amounts = st.integers(1, MINOR_UNITS_MAX)
postings = st.builds(
    Posting,
    ledger_account=st.one_of(ledger_accounts, st.just(9999)),
    sub_account=st.sampled_from([None, "account-1", "account-2"]),
    side=st.sampled_from(["D", "C"]),
    amount=st.integers(-2, 4),
    currency=currencies,
)


def balances(entry: tuple[Posting, ...]) -> bool:
    """The rule, said once more and as plainly as it can be."""
    return (
        len(entry) >= 2
        and all(p.amount > 0 and p.ledger_account in CHART for p in entry)
        and all(
            sum(p.amount for p in entry if p.currency == currency and p.side == "D")
            == sum(p.amount for p in entry if p.currency == currency and p.side == "C")
            for currency in {p.currency for p in entry}
        )
    )


@given(st.lists(postings, max_size=5).map(tuple))
def test_an_entry_is_built_if_and_only_if_it_balances(proposed: tuple[Posting, ...]) -> None:
    if balances(proposed):
        assert entry_of(*proposed) == proposed
        return

    with pytest.raises(Unbalanced):
        entry_of(*proposed)


@st.composite
def entries(draw: st.DrawFn) -> tuple[Posting, ...]:
    """Pairs in one or more currencies, and entries where one side is split."""
    lines: list[Posting] = []
    for currency in draw(st.lists(currencies, min_size=1, max_size=3, unique=True)):
        parts = draw(st.lists(st.integers(1, 10**12), min_size=1, max_size=3))
        one, other = draw(st.permutations(["D", "C"]))
        lines += [Posting(draw(ledger_accounts), None, one, part, currency) for part in parts]  # type: ignore[arg-type]
        lines.append(Posting(draw(ledger_accounts), "account-1", other, sum(parts), currency))  # type: ignore[arg-type]
    return tuple(lines)


@given(entries())
def test_an_entry_that_balances_is_built(entry: tuple[Posting, ...]) -> None:
    assert entry_of(*entry) == entry


@given(entries(), st.data())
def test_an_entry_with_any_one_amount_changed_is_not(
    entry: tuple[Posting, ...], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(entry) - 1))
    changed = msgspec.structs.replace(entry[index], amount=entry[index].amount + 1)

    with pytest.raises(Unbalanced):
        entry_of(*entry[:index], changed, *entry[index + 1 :])


@given(entries())
def test_an_entry_mirrored_twice_is_itself_and_with_its_mirror_comes_to_nothing(
    entry: tuple[Posting, ...],
) -> None:
    mirror = mirrored(entry)

    assert mirrored(mirror) == entry
    assert [p.side for p in mirror] == ["C" if p.side == "D" else "D" for p in entry]
    assert balances((*entry, *mirror))


@pytest.mark.parametrize("tag", SAMPLES)
def test_what_is_encoded_decodes_to_itself(tag: str) -> None:
    event = SAMPLES[tag].event

    assert decode(tag, encode(event)) == event


@pytest.mark.parametrize(
    "tag", ["account.deposited.2", "os:system", "domain.account:Deposited", ""]
)
def test_a_tag_that_is_not_in_the_table_is_refused_by_name(tag: str) -> None:
    with pytest.raises(UnknownTag, match=repr(tag)):
        decode(tag, b"{}")


def test_the_store_imports_nothing_to_read_a_tag() -> None:
    # The library would import `antigravity` and get an attribute of it.
    tag = "antigravity:fly"
    stored = StoredEvent("account-1", 1, tag, b"{}")

    with pytest.raises(UnknownTag, match="antigravity"):
        TagMapper(transcoder=None).to_domain_event(stored)  # type: ignore[arg-type]

    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("tag", SAMPLES)
def test_the_store_gives_back_what_it_was_given(tag: str) -> None:
    mapper = TagMapper(transcoder=None)  # type: ignore[arg-type]
    recorded = SAMPLES[tag]

    stored = mapper.to_stored_event(recorded)
    restored = mapper.to_domain_event(stored)

    assert stored.topic == tag
    assert restored == msgspec.structs.replace(recorded, position=0)


def test_the_journal_reads_every_tag_on_its_own() -> None:
    """In a fresh process that imports nothing else, as a projector might."""
    tags = sorted(FACTS)
    program = (
        "import ledger.journal as j, domain.facts as f; "
        f"missing = set({tags!r}) - set(f.FACTS); assert not missing, missing"
    )

    read = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert read.returncode == 0, read.stderr


def test_two_facts_cannot_share_a_tag() -> None:
    class Other(Fact, frozen=True):
        pass

    with pytest.raises(TypeError, match="taken by Deposited"):
        stored_as("account.deposited.1")(Other)


def test_a_command_hash_is_the_last_field_whoever_adds_it() -> None:
    event = SAMPLES["account.deposited.1"].event
    vouched = vouching(encode(event), b"aGFzaA==")

    assert vouched == encode(msgspec.structs.replace(event, command_hash="aGFzaA=="))
    assert decode("account.deposited.1", vouched).command_hash == "aGFzaA=="
