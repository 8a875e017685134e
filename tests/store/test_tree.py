"""The tree is that of RFC 9162, and what is said to be proven of it is.

Two oracles that share nothing with us: `pymerkle`, and the vectors of Certificate Transparency.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree, verify_inclusion
from pymerkle.proof import InclusionProof

from watchtower.store.tree import (
    EMPTY_ROOT,
    Frontier,
    Piece,
    Span,
    Tree,
    consistency_spans,
    inclusion_spans,
    is_extension,
    laid_out,
    leaf_hash,
    merged,
    root_by,
    root_of,
    roots_of,
)

LEAVES = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Of one leaf, of two, and so on: the test vectors of Certificate Transparency (RFC 6962)."""

SOME_LEAVES = st.lists(st.binary(max_size=8), min_size=1, max_size=70)


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    """Any other software of the field finds the same."""
    assert Tree(LEAVES[:size]).root.hex() == ROOTS[size - 1]


@given(SOME_LEAVES, st.data())
def test_every_leaf_has_a_path_to_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    """Whatever the size of the group."""
    tree = Tree(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = tree.path(index)

    assert root_by(leaves[index], index=index, size=len(leaves), path=path) == tree.root


@given(SOME_LEAVES, st.data())
def test_no_path_leads_from_another_leaf_or_place(leaves: list[bytes], data: st.DataObject) -> None:
    """A path proves one leaf at one place."""
    tree = Tree(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    other = data.draw(st.integers(0, len(leaves) - 1))
    forged = data.draw(st.binary(max_size=70))
    path = tree.path(index)

    if forged != leaves[index]:
        assert root_by(forged, index=index, size=len(leaves), path=path) != tree.root
    if leaves[other] != leaves[index]:
        assert root_by(leaves[other], index=other, size=len(leaves), path=path) != tree.root


@given(SOME_LEAVES, st.integers(-3, 80), st.integers(-3, 80), st.data())
def test_a_path_of_another_length_fits_no_tree(
    leaves: list[bytes], index: int, size: int, data: st.DataObject
) -> None:
    """Longer or shorter than the tree is high: nothing, and no exception."""
    path = data.draw(st.lists(st.binary(min_size=32, max_size=32), max_size=9))
    root = root_by(leaves[0], index=index, size=size, path=path)

    if not 0 <= index < size:
        assert root is None
    else:
        fits = len(Tree([b""] * size).path(index)) == len(path)
        assert (root is not None) == fits


def test_a_node_is_no_leaf() -> None:
    """Whoever hands in two hashes as a leaf gets no further (a second preimage)."""
    tree = Tree(LEAVES[:2])
    both = b"".join(tree.path(1) + tree.path(0))

    assert root_by(both, index=0, size=1, path=()) != tree.root


HASHES = [leaf_hash(leaf) for leaf in LEAVES]
PATHS = {
    0: [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    5: [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}
"""Of leaves in the tree of eight: the test vectors of Certificate Transparency."""

EXTENSIONS = {
    (1, 8): PATHS[0],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
"""Between a tree and the one that it grew to: from the same vectors."""

SIZES = st.integers(1, 70)


def hashes_of(size: int) -> list[bytes]:
    """So many leaves, by their hashes."""
    return [leaf_hash(bytes([number])) for number in range(size)]


def proof(spans: list[Span], hashes: list[bytes]) -> list[bytes]:
    """What is proven of a tree with these leaves, in one walk."""
    found = roots_of(spans, laid_out(hashes))
    assert found is not None
    return found


def theirs(size: int) -> InmemoryTree:
    """The same tree, by somebody else."""
    tree = InmemoryTree(algorithm="sha256")
    for number in range(size):
        tree.append_entry(bytes([number]))
    return tree


@pytest.mark.parametrize("index", PATHS)
def test_paths_are_those_of_certificate_transparency(index: int) -> None:
    """Made in one walk, and read by whoever knows the RFC."""
    path = proof(inclusion_spans(index, 8), HASHES)

    assert [one.hex() for one in path] == PATHS[index]
    assert Tree(LEAVES).path(index) == tuple(path)


@pytest.mark.parametrize("sizes", EXTENSIONS)
def test_extensions_are_those_of_certificate_transparency(sizes: tuple[int, int]) -> None:
    """The proof is the published one, and accepted between the published roots."""
    old, new = sizes
    found = proof(consistency_spans(old, new), HASHES[:new])
    roots = [bytes.fromhex(ROOTS[size - 1]) for size in sizes]

    assert [one.hex() for one in found] == EXTENSIONS[sizes]
    assert is_extension((old, roots[0]), (new, roots[1]), found)


@given(st.integers(0, 70), st.integers(0, 70))
def test_a_frontier_grows_to_the_same_root_as_pymerkle(first: int, more: int) -> None:
    """In two steps or in one, at every size; the empty tree has the root of nothing."""
    hashes = hashes_of(first + more)
    grown = Frontier().grown(hashes[:first]).grown(hashes[first:])

    assert grown == Frontier().grown(hashes)
    assert grown.is_well_formed
    assert grown.size == first + more
    assert grown.root == (theirs(first + more).get_root() if hashes else EMPTY_ROOT)


@given(SIZES, st.data())
def test_pymerkle_makes_and_takes_the_same_path(size: int, data: st.DataObject) -> None:
    """Whoever is handed a proof of ours can check it with software that we did not write."""
    index = data.draw(st.integers(0, size - 1))
    hashes, tree = hashes_of(size), theirs(size)
    path = proof(inclusion_spans(index, size), hashes)
    other = tree.prove_inclusion(index + 1, size)

    assert path == other.path[1:]
    assert root_of(hashes[index], index=index, size=size, path=path) == tree.get_root(size)
    ours = InclusionProof(
        algorithm="sha256",
        security=True,
        size=size,
        index=index + 1,
        rule=other.rule,
        path=[hashes[index], *path],
    )
    verify_inclusion(hashes[index], tree.get_root(size), ours)


@given(SIZES, SIZES, st.data())
def test_an_older_tree_is_proven_to_be_the_beginning_of_a_newer_one(
    one: int, other: int, data: st.DataObject
) -> None:
    """Between the roots that pymerkle has, and no other ones."""
    old, new = sorted((one, other))
    tree = theirs(new)
    found = proof(consistency_spans(old, new), hashes_of(new))
    before, after = tree.get_root(old), tree.get_root(new)
    wrong = data.draw(st.binary(min_size=32, max_size=32))

    assert is_extension((old, before), (new, after), found)
    assert not is_extension((old, wrong), (new, after), found)
    assert not is_extension((old, before), (new, wrong), found)


@given(
    st.integers(-2, 40),
    st.integers(-2, 40),
    st.lists(st.binary(min_size=32, max_size=32), max_size=8),
)
def test_a_made_up_extension_proves_nothing(old: int, new: int, made_up: list[bytes]) -> None:
    """Of another length, between sizes that no tree has: no, and no exception."""
    assert not is_extension((old, b"o" * 32), (new, b"n" * 32), made_up)


@st.composite
def pruned(draw: st.DrawFn) -> tuple[int, list[int]]:
    """A tree's size, and which of its leaves were pruned."""
    size = draw(SIZES)
    return size, sorted(draw(st.sets(st.integers(0, size - 1))))


@given(pruned(), st.data())
def test_a_tree_stands_on_what_was_pruned(
    those: tuple[int, list[int]], data: st.DataObject
) -> None:
    """The root stays, in whatever order leaves go, and what is left is proven as before."""
    size, gone = those
    hashes = hashes_of(size)
    order = data.draw(st.permutations(gone))
    stumps: list[Piece] = []
    for index in order:
        stumps = merged([*stumps, Piece(index, 0, hashes[index])])
    left = [digest for index, digest in enumerate(hashes) if index not in gone]
    standing = Frontier().joined(laid_out(left, stumps))

    assert standing == Frontier().grown(hashes)
    assert len(merged(stumps)) == len(stumps)
    for index in {*range(size)} - {*gone}:
        spans = inclusion_spans(index, size)
        assert roots_of(spans, laid_out(left, stumps)) == proof(spans, hashes)
    for index in gone:
        # What was swallowed with its neighbour is proven no more, and nothing is made up.
        spans = inclusion_spans(index, size)
        assert roots_of(spans, laid_out(left, stumps)) in (None, proof(spans, hashes))


def test_a_crowd_of_neighbours_leaves_a_single_hash() -> None:
    """What was pruned takes no more room than its shape needs."""
    stumps = merged(Piece(index, 0, digest) for index, digest in enumerate(hashes_of(64)))

    assert stumps == [Piece(0, 6, theirs(64).get_root())]
    assert len(merged([*stumps, Piece(65, 0, b"x" * 32)])) == 2


@pytest.mark.parametrize("missing", range(8))
def test_missing_leaves_are_never_taken_for_a_tree(missing: int) -> None:
    """A piece that does not follow is no tree, and proves nothing."""
    pieces = [piece for piece in laid_out(HASHES) if piece.first != missing]

    if missing < 7:
        assert Frontier().joined(pieces) is None
    else:
        assert Frontier().joined(pieces) != Frontier().grown(HASHES)
    assert roots_of([Span(0, 8)], pieces) is None
