"""Many statements under one hash: the Merkle tree of RFC 9162, and what can be proven of it.

The tree is that of Certificate Transparency (RFC 9162, section 2.1), with SHA-256: leaves and
nodes are hashed with different first bytes, so that no node can be told as a leaf; a last node
without a neighbour goes up as it is. Two use it: receipts, whose groups are small and stand in
memory whole (`Tree`), and the journal, which only grows.

Of a tree that grows only its *frontier* is needed: the roots of its complete subtrees, the largest
first, one for each bit of its size. A leaf is added with one hash on average, and the root is some
twenty hashes away, however many leaves there are.

What is proven of the journal is made in one walk over its *pieces*: complete subtrees in their
order, each known by its hash alone. A piece of level 0 is a leaf. Larger ones are *stumps*, which
stand where entries were pruned (`merged` makes as few as there can be), so that the root stays what
it was, and all that is still there can be proven as before.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from msgspec import Struct

__all__ = [
    "EMPTY_ROOT",
    "HASH_BYTES",
    "Frontier",
    "Piece",
    "Span",
    "Tree",
    "consistency_spans",
    "inclusion_spans",
    "is_extension",
    "laid_out",
    "leaf_hash",
    "merged",
    "root_by",
    "root_of",
    "roots_of",
]

HASH_BYTES: Final = 32

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"

EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of a tree without leaves."""


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of one leaf."""
    return sha256(_LEAF + leaf).digest()


class Tree:
    """The tree over ``leaves``, whole; there is at least one."""

    __slots__ = ("_levels", "root", "size")

    def __init__(self, leaves: Sequence[bytes]) -> None:
        """Hash all of them."""
        level = [leaf_hash(leaf) for leaf in leaves]
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


class Piece(NamedTuple):
    """A complete subtree over ``1 << level`` leaves from the leaf ``first`` on, by its root."""

    first: int
    level: int
    root: bytes

    @property
    def end(self) -> int:
        """The leaf behind its last one."""
        return self.first + (1 << self.level)


class Span(NamedTuple):
    """The leaves from ``first`` on, up to ``end`` and without it."""

    first: int
    end: int


class Frontier(Struct, frozen=True, gc=False, array_like=True):
    """What a tree that grows has to remember.

    Attributes:
        size: how many leaves it has.
        peaks: the roots of its complete subtrees, the largest first.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    @property
    def root(self) -> bytes:
        """The root of the tree."""
        if not self.peaks:
            return EMPTY_ROOT
        *higher, root = self.peaks
        for peak in reversed(higher):
            root = _node(peak, root)
        return root

    @property
    def is_well_formed(self) -> bool:
        """Whether any tree can have it: as many peaks as the size has bits, each of them a hash."""
        return self.size.bit_count() == len(self.peaks) and all(
            len(peak) == HASH_BYTES for peak in self.peaks
        )

    def grown(self, leaves: Iterable[bytes]) -> Frontier:
        """Return the frontier of the tree with more leaves behind it, each told by its hash."""
        peaks, size = [*self.peaks], self.size
        for leaf in leaves:
            size = _push(peaks, size, 0, leaf)
        return Frontier(size, tuple(peaks))

    def joined(self, pieces: Iterable[Piece]) -> Frontier | None:
        """Return the frontier with ``pieces`` behind it; None if they do not follow each other."""
        peaks, size = [*self.peaks], self.size
        for piece in pieces:
            if piece.first != size or size & ((1 << piece.level) - 1):
                return None
            size = _push(peaks, size, piece.level, piece.root)
        return Frontier(size, tuple(peaks))


def merged(pieces: Iterable[Piece]) -> list[Piece]:
    """Return as few pieces as say the same: of two halves of a complete subtree, the subtree."""
    stack: list[Piece] = []
    for piece in sorted(pieces):
        stack.append(piece)
        while len(stack) > 1 and _are_halves(stack[-2], stack[-1]):
            right, left = stack.pop(), stack.pop()
            stack.append(Piece(left.first, left.level + 1, _node(left.root, right.root)))
    return stack


def laid_out(leaves: Iterable[bytes], stumps: Iterable[Piece] = ()) -> Iterator[Piece]:
    """Yield the pieces of a tree in order: what is left of its leaves, by hash, and its stumps."""
    left, first = iter(leaves), 0
    for stump in sorted(stumps):
        while first < stump.first:
            leaf = next(left, None)
            if leaf is None:
                break
            yield Piece(first, 0, leaf)
            first += 1
        yield stump
        first = stump.end
    for leaf in left:
        yield Piece(first, 0, leaf)
        first += 1


def inclusion_spans(index: int, size: int) -> list[Span]:
    """Return what the neighbours of a leaf stand for, on its way up to the root, the lowest first.

    RFC 9162, section 2.1.3.1; ``roots_of`` makes the proof of it.
    """
    spans: list[Span] = []
    first, end = 0, size
    while end - first > 1:
        middle = first + _half(end - first)
        if index < middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(first, middle))
            first = middle
    return spans[::-1]


def consistency_spans(old: int, size: int) -> list[Span]:
    """Return what proves that the tree of ``size`` leaves begins with that of the first ``old``.

    RFC 9162, section 2.1.4.1; none for a tree that is empty or the same.
    """
    if not 0 < old < size:
        return []
    spans: list[Span] = []
    first, end, is_known = 0, size, True
    while old < end:
        middle = first + _half(end - first)
        if old <= middle:
            spans.append(Span(middle, end))
            end = middle
        else:
            spans.append(Span(first, middle))
            first, is_known = middle, False
    if not is_known:
        spans.append(Span(first, end))
    return spans[::-1]


def roots_of(spans: Sequence[Span], pieces: Iterable[Piece]) -> list[bytes] | None:
    """Return the root over each of ``spans``, in one walk; None where the pieces do not tell.

    They do not if some are missing, or where a stump has swallowed what is asked for. The spans are
    those of one proof: no two of them overlap, and each begins where a complete subtree may.
    """
    found: dict[Span, bytes] = {}
    left = sorted(spans, reverse=True)
    peaks: list[bytes] = []
    size = 0
    for piece in pieces:
        if not left:
            break
        span = left[-1]
        if piece.end <= span.first:
            continue
        if piece.first != span.first + size or piece.end > span.end:
            return None
        size = _push(peaks, size, piece.level, piece.root)
        if size == span.end - span.first:
            found[left.pop()] = Frontier(size, tuple(peaks)).root
            peaks, size = [], 0
    return None if left else [found[span] for span in spans]


def root_by(leaf: bytes, *, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a path leads to; None if no tree of that size has such a path.

    RFC 9162, section 2.1.3.2.
    """
    return root_of(leaf_hash(leaf), index=index, size=size, path=path)


def root_of(leaf: bytes, *, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the same for a leaf that is told by its hash."""
    if not 0 <= index < size:
        return None
    here, last = index, size - 1
    root = leaf
    for neighbour in path:
        if last == 0:
            return None
        if here & 1 or here == last:
            root = _node(neighbour, root)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            root = _node(root, neighbour)
        here, last = here >> 1, last >> 1
    return root if last == 0 else None


def is_extension(old: tuple[int, bytes], new: tuple[int, bytes], proof: Sequence[bytes]) -> bool:
    """Return whether ``proof`` shows that a tree begins with an older one; each is size and root.

    RFC 9162, section 2.1.4.2.
    """
    (old_size, old_root), (new_size, new_root) = old, new
    if old_size == new_size:
        return not proof and old_root == new_root
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    path = [*proof] if old_size & (old_size - 1) else [old_root, *proof]
    if not proof or not 0 < old_size < new_size:
        return False
    here, last = old_size - 1, new_size - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    before = after = path[0]
    for neighbour in path[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            before, after = _node(neighbour, before), _node(neighbour, after)
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            after = _node(after, neighbour)
        here, last = here >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(_NODE + left + right).digest()


def _above(level: Sequence[bytes]) -> list[bytes]:
    pairs = zip(level[::2], level[1::2], strict=False)
    above = [_node(left, right) for left, right in pairs]
    if len(level) & 1:
        above.append(level[-1])
    return above


def _push(peaks: list[bytes], size: int, level: int, root: bytes) -> int:
    """Put a complete subtree behind a tree whose size it divides; return the size of both."""
    height = size >> level
    while height & 1:
        root = _node(peaks.pop(), root)
        height >>= 1
    peaks.append(root)
    return size + (1 << level)


def _are_halves(left: Piece, right: Piece) -> bool:
    return (
        left.level == right.level
        and left.end == right.first
        and left.first & ((2 << left.level) - 1) == 0
    )


def _half(size: int) -> int:
    """Return the largest power of two below ``size``, which is above 1."""
    return 1 << ((size - 1).bit_length() - 1)
