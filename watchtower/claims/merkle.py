"""Many statements under one signature: a Merkle tree, and the path from one of them to its root.

The tree is that of Certificate Transparency (RFC 9162, section 2.1), with SHA-256: leaves and
nodes are hashed with different first bytes, so that no node can be told as a leaf; a last node
without a neighbour goes up as it is.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

__all__ = ["HASH_BYTES", "Tree", "root_by"]

HASH_BYTES: Final = 32

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"


class Tree:
    """The tree over ``leaves``; there is at least one."""

    __slots__ = ("_levels", "root", "size")

    def __init__(self, leaves: Sequence[bytes]) -> None:
        """Hash all of them."""
        level = [sha256(_LEAF + leaf).digest() for leaf in leaves]
        self.size = len(level)
        self._levels: list[list[bytes]] = []
        while len(level) > 1:
            self._levels.append(level)
            level = _above(level)
        (self.root,) = level

    def path(self, index: int) -> tuple[bytes, ...]:
        """Return the neighbours on the way from a leaf up to the root, the lowest first."""
        path: list[bytes] = []
        for level in self._levels:
            neighbour = index ^ 1
            if neighbour < len(level):
                path.append(level[neighbour])
            index >>= 1
        return tuple(path)


def root_by(leaf: bytes, *, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a path leads to; None if no tree of that size has such a path.

    RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    here, last = index, size - 1
    root = sha256(_LEAF + leaf).digest()
    for neighbour in path:
        if last == 0:
            return None
        if here & 1 or here == last:
            root = sha256(_NODE + neighbour + root).digest()
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            root = sha256(_NODE + root + neighbour).digest()
        here, last = here >> 1, last >> 1
    return root if last == 0 else None


def _above(level: Sequence[bytes]) -> list[bytes]:
    pairs = zip(level[::2], level[1::2], strict=False)
    above = [sha256(_NODE + left + right).digest() for left, right in pairs]
    if len(level) & 1:
        above.append(level[-1])
    return above
