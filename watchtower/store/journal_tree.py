"""The tree over the journal: what makes it whole, and what proves a single entry to an outsider.

Each entry is a leaf, as it was encoded before it was sealed, so that another master key changes
nothing; and since it has 16 random bytes of its own (its identity), nobody can guess it from its
hash. The leaves are in the order of the entries' numbers. The frontier of the tree is in the
census, which only the store's own key seals.

An entry that is pruned leaves a *stump* behind: its hash, and a single one for all of a complete
subtree once its neighbours have gone too (``pruning.py``). Everything here stands on both, and the
root stays what it was. Those behind the oldest head that stands anywhere must stay, or a store
could not be compared with it any more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from watchtower.errors import StoreTamperedError
from watchtower.store.sealed import SealedTable
from watchtower.store.statements import PAGE
from watchtower.store.tables import JOURNAL, STUMPS
from watchtower.store.transaction import Transaction
from watchtower.store.tree import (
    Frontier,
    Piece,
    inclusion_spans,
    laid_out,
    leaf_hash,
    roots_of,
)

__all__ = ["JournalTree", "Proven"]

_WHAT: Final = "the tree of journal"


class Proven(msgspec.Struct, frozen=True, kw_only=True):
    """An entry, and its way to the root of the tree.

    Attributes:
        text: the entry as it was encoded (msgpack).
        index: the leaf's place in the tree.
        path: the neighbours on its way up, the lowest first.
        frontier: that of the tree that it is proven by.
    """

    text: bytes
    index: int
    path: tuple[bytes, ...]
    frontier: Frontier


class JournalTree:
    """The tree over the journal, in one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        """Look at it through ``transaction``."""
        self._transaction = transaction
        self._texts = SealedTable(transaction, JOURNAL, msgspec.Raw)
        self._stumps = SealedTable(transaction, STUMPS, Piece)

    async def frontier(self) -> Frontier:
        """Return the frontier, by the census."""
        return await self._transaction.frontier() or Frontier()

    async def is_planted(self) -> bool:
        """Say whether there is a tree: an older format left none."""
        return await self._transaction.frontier() is not None

    async def plant(self) -> bool:
        """Make the tree of a journal that has none yet; say whether it had none.

        Raises:
            StoreTamperedError: an entry fails its seal, or entries are missing.
        """
        if await self.is_planted():
            return False
        await self._transaction.plant(await self._of_entries(lambda _text: None))
        return True

    async def verify(self, visit: Callable[[bytes], object] = len) -> Frontier:
        """Compare the tree with every entry, each shown to ``visit``, and return its frontier.

        Raises:
            StoreTamperedError: they do not fit, an entry fails its seal, or entries are missing.
        """
        found = await self._of_entries(visit)
        if found != await self.frontier():
            raise StoreTamperedError(path=self._transaction.path, what=_WHAT)
        return found

    async def begins_with(self, old: Frontier) -> bool:
        """Say whether this tree is one that ``old`` has grown to: then nothing was taken back.

        It costs as much as was added since; if some of that was pruned, as much as the journal.

        Raises:
            StoreTamperedError: an entry fails its seal.
        """
        now = await self.frontier()
        if not old.is_well_formed or old.size > now.size:
            return False
        added = now.size - old.size
        newest = await self._newest(added)
        if len(newest) == added:
            # None of them was pruned: whatever stumps there are, each is a part of the old tree.
            return old.grown(newest) == now
        stumps, leaves = await self._stumps.all(), list[bytes]()
        await self._texts.walk(lambda text: leaves.append(leaf_hash(text)))
        behind = (piece for piece in laid_out(leaves, stumps) if piece.end > old.size)
        return old.joined(behind) == now

    async def prove(self, number: int) -> Proven | None:
        """Return the entry of that number with its proof; None if there is none any more.

        Raises:
            StoreTamperedError: an entry fails its seal, or entries and tree do not fit.
        """
        frontier, laid = await self.verify(), await self._laid()
        found = laid.entries.get(number)
        if found is None:
            return None
        path = roots_of(inclusion_spans(found.first, frontier.size), laid.pieces)
        if path is None:
            raise StoreTamperedError(path=self._transaction.path, what=_WHAT)
        ((_, text),) = await self._texts.after(number - 1, 1)
        return Proven(text=bytes(text), index=found.first, path=tuple(path), frontier=frontier)

    async def _laid(self) -> _Laid:
        """Return the pieces of the tree, and which of them is the entry of which number."""
        numbers, leaves, behind = list[int](), list[bytes](), 0
        while rows := await self._texts.after(behind, PAGE):
            numbers += [int(row) for row, _ in rows]
            leaves += [leaf_hash(text) for _, text in rows]
            behind = numbers[-1]
        stumps = set(await self._stumps.all())
        pieces = [*laid_out(leaves, stumps)]
        standing = (piece for piece in pieces if piece not in stumps)
        return _Laid(pieces, dict(zip(numbers, standing, strict=True)))

    async def _of_entries(self, visit: Callable[[bytes], object]) -> Frontier:
        stumps, leaves = await self._stumps.all(), list[bytes]()

        def take(text: msgspec.Raw) -> None:
            visit(bytes(text))
            leaves.append(leaf_hash(text))

        await self._texts.walk(take)
        found = Frontier().joined(laid_out(leaves, stumps))
        if found is None:
            raise StoreTamperedError(path=self._transaction.path, what=_WHAT)
        return found

    async def _newest(self, count: int) -> list[bytes]:
        """Return the last leaves, by their hashes."""
        leaves: list[bytes] = []
        behind = await self._transaction.last_number(JOURNAL.name) - count
        while len(leaves) < count and (rows := await self._texts.after(behind, PAGE)):
            leaves += [leaf_hash(raw) for _, raw in rows]
            behind = int(rows[-1][0])
        return leaves


class _Laid(NamedTuple):
    pieces: list[Piece]
    entries: dict[int, Piece]
