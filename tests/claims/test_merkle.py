"""The tree is that of Certificate Transparency, and a path leads to its root from one leaf."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.claims.merkle import Tree, root_by

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
