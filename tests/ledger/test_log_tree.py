"""The tree over the log: RFC 6962, against its definition written out and against published vectors."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.log_tree import (
    EMPTY_ROOT,
    ProofRefused,
    canonical_event,
    check_consistency,
    check_inclusion,
    consistency_proof,
    extended,
    inclusion_proof,
    leaf_hash,
    leaves_of,
    root_of,
)

# The inputs and roots of the reference implementation of Certificate Transparency.
PUBLISHED_INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
PUBLISHED_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SIZES = 130


def naive_root(entries: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it is written there."""
    n = len(entries)
    if n == 0:
        return sha256(b"").digest()
    if n == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = 1
    while k * 2 < n:
        k *= 2
    return sha256(b"\x01" + naive_root(entries[:k]) + naive_root(entries[k:])).digest()


def naive_path(m: int, entries: list[bytes]) -> list[bytes]:
    """RFC 6962, section 2.1.1."""
    n = len(entries)
    if n == 1:
        return []
    k = 1
    while k * 2 < n:
        k *= 2
    if m < k:
        return [*naive_path(m, entries[:k]), naive_root(entries[k:])]
    return [*naive_path(m - k, entries[k:]), naive_root(entries[:k])]


def naive_subproof(m: int, entries: list[bytes], whole: bool) -> list[bytes]:
    """RFC 6962, section 2.1.2."""
    n = len(entries)
    if m == n:
        return [] if whole else [naive_root(entries)]
    k = 1
    while k * 2 < n:
        k *= 2
    if m <= k:
        return [*naive_subproof(m, entries[:k], whole), naive_root(entries[k:])]
    return [*naive_subproof(m - k, entries[k:], False), naive_root(entries[:k])]


class Tree:
    """A tree over made-up entries, with its perfect subtrees."""

    def __init__(self, size: int) -> None:
        self.entries = [b"entry %d" % number for number in range(size)]
        self.leaves = [leaf_hash(entry) for entry in self.entries]

    def node(self, level: int, number: int) -> bytes:
        return naive_root(self.entries[number << level : (number + 1) << level])

    def root(self, size: int) -> bytes:
        return naive_root(self.entries[:size])


@pytest.fixture(scope="module")
def tree() -> Tree:
    return Tree(SIZES)


@pytest.mark.parametrize("size", range(1, 9))
def test_the_published_roots_are_ours(size: int) -> None:
    leaves = [leaf_hash(entry) for entry in PUBLISHED_INPUTS[:size]]

    assert root_of(extended(b"", 0, leaves)).hex() == PUBLISHED_ROOTS[size - 1]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert root_of(b"") == EMPTY_ROOT == naive_root([])


@given(st.lists(st.integers(0, 40), max_size=12))
def test_a_tree_that_grew_in_batches_is_the_tree_of_all_leaves(batches: list[int]) -> None:
    entries: list[bytes] = []
    peaks = b""
    for count in batches:
        new = [b"%d" % (len(entries) + number) for number in range(count)]
        peaks = extended(peaks, len(entries), [leaf_hash(entry) for entry in new])
        entries += new

    assert root_of(peaks) == naive_root(entries)
    assert len(peaks) == 32 * len(entries).bit_count()


def test_every_leaf_of_every_tree_has_its_path_and_the_path_proves_it(tree: Tree) -> None:
    for size in (*range(1, 40), 63, 64, 65, 127, 128, 129, 130):
        root = tree.root(size)
        for leaf in range(size):
            path = inclusion_proof(leaf, size, tree.node)

            assert path == naive_path(leaf, tree.entries[:size])
            check_inclusion(tree.leaves[leaf], leaf, size, root, path)


def test_every_two_trees_have_their_proof_and_it_proves_them(tree: Tree) -> None:
    for size in (*range(1, 40), 64, 65, 127, 128, 129, 130):
        for old in range(1, size + 1):
            path = consistency_proof(old, size, tree.node)

            assert path == naive_subproof(old, tree.entries[:size], True)
            check_consistency(old, tree.root(old), size, tree.root(size), path)


def wrong_paths(path: list[bytes]) -> list[list[bytes]]:
    """Every way to be nearly right."""
    wrong = [[*path, bytes(32)], [bytes(32), *path], [*path, path[-1] if path else b""]]
    for place in range(len(path)):
        flipped = bytes([path[place][0] ^ 1]) + path[place][1:]
        wrong.append([*path[:place], flipped, *path[place + 1 :]])
        wrong.append([*path[:place], *path[place + 1 :]])
        wrong.append([*path[:place], path[place], *path[place:]])
        wrong.append([*path[:place], path[place][:31], *path[place + 1 :]])
    if len(set(path)) > 1:
        wrong.append(path[::-1])
    return wrong


def test_no_other_path_no_other_place_and_no_other_size_proves_a_leaf(tree: Tree) -> None:
    refused = 0
    for size in (1, 2, 3, 4, 5, 7, 8, 9, 16, 17):
        root = tree.root(size)
        for leaf in range(size):
            path = inclusion_proof(leaf, size, tree.node)
            attempts = [(leaf, size, other) for other in wrong_paths(path)]
            attempts += [(other, size, path) for other in range(-1, size + 2) if other != leaf]
            for place, count, given_path in attempts:
                with pytest.raises(ProofRefused):
                    check_inclusion(tree.leaves[leaf], place, count, root, given_path)
                refused += 1
            with pytest.raises(ProofRefused):
                # A node is no leaf: the two are hashed apart.
                check_inclusion(root, leaf, size + 40, root, path)
    assert refused > 1000


def test_no_other_proof_makes_two_trees_consistent(tree: Tree) -> None:
    refused = 0
    for size in (1, 2, 3, 4, 5, 7, 8, 9, 16, 17):
        root = tree.root(size)
        for old in range(1, size + 1):
            path = consistency_proof(old, size, tree.node)
            for other in wrong_paths(path):
                with pytest.raises(ProofRefused):
                    check_consistency(old, tree.root(old), size, root, other)
                refused += 1
            forked = leaf_hash(b"another history")
            for roots in ((forked, root), (tree.root(old), forked)):
                with pytest.raises(ProofRefused):
                    check_consistency(old, roots[0], size, roots[1], path)
    assert refused > 400
    with pytest.raises(ProofRefused):
        check_consistency(0, tree.root(1), 5, tree.root(5), [])
    with pytest.raises(ProofRefused):
        check_consistency(6, tree.root(6), 5, tree.root(5), [])
    check_consistency(0, EMPTY_ROOT, 5, tree.root(5), [])


texts = st.binary(max_size=12)
numbers = st.integers(1, 2**63 - 1)
events = st.tuples(numbers, texts, numbers, texts, texts)


@given(events, events)
def test_two_events_never_have_the_same_bytes(
    one: tuple[int, bytes, int, bytes, bytes], other: tuple[int, bytes, int, bytes, bytes]
) -> None:
    assert (canonical_event(*one) == canonical_event(*other)) == (one == other)


@given(st.binary(max_size=8), st.binary(max_size=8), st.integers(0, 8), st.integers(0, 8))
def test_a_letter_that_moves_from_one_field_to_the_next_changes_the_bytes(
    stream: bytes, rest: bytes, one: int, other: int
) -> None:
    """The control: joined without lengths, these would be the same."""
    text = stream + rest
    splits = [(text[:at], text[at:]) for at in (min(one, len(text)), min(other, len(text)))]

    made = [canonical_event(1, first, 1, second, b"{}") for first, second in splits]

    assert b"".join(splits[0]) == b"".join(splits[1])
    assert (made[0] == made[1]) == (splits[0] == splits[1])


@given(st.lists(st.tuples(texts, numbers, texts, texts), max_size=5), st.integers(1, 2**62))
def test_the_leaves_of_a_batch_are_the_leaves_of_its_events(
    batch: list[tuple[bytes, int, bytes, bytes]], first: int
) -> None:
    one_by_one = [leaf_hash(canonical_event(first + at, *event)) for at, event in enumerate(batch)]

    assert leaves_of(first, batch) == one_by_one
