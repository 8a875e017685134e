"""Pruning: entries leave the journal, and what stands for them comes into its tree.

What it guarantees: after `prune`, in the same transaction, the census counts what is there, and the
tree has the root that it had. It costs what the entries cost that go, and not what is kept: a stump
is merged with those that stand beside it, and no others are read.

Which entries may go is not decided here (``retention.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from watchtower.errors import StoreTamperedError
from watchtower.store.sealed import Record, SealedTable
from watchtower.store.state import PRUNED
from watchtower.store.statements import statements_of
from watchtower.store.tables import JOURNAL, STATE, STUMPS
from watchtower.store.transaction import NONE, Transaction
from watchtower.store.tree import Frontier, Piece, leaf_hash, merged

__all__ = ["Pruning"]

_WHAT: Final = "the tree of journal"


class Pruning:
    """The journal and what stands for the entries that it lost, in one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        """Look at both through ``transaction``."""
        self._transaction = transaction
        self._texts = SealedTable(transaction, JOURNAL, msgspec.Raw)
        self._stumps = SealedTable(transaction, STUMPS, Piece)
        self._state = SealedTable(transaction, STATE, int)

    async def count(self) -> int:
        """Return how many entries the journal has lost so far.

        With it a gap that somebody else made is seen without a look at all entries.
        """
        return await self._state.get(PRUNED) or 0

    async def refuse_gaps(self) -> None:
        """Make sure that entry n is leaf n - 1, as in every journal that was written by us.

        Raises:
            StoreTamperedError: an entry has neither stayed nor been pruned, or its number was
                never given.
        """
        there = (await self._transaction.census()).get(JOURNAL.name, NONE).records
        frontier = await self._transaction.frontier() or Frontier()
        if there + await self.count() != frontier.size:
            raise StoreTamperedError(path=self._transaction.path, what=_WHAT)

    async def prune(self, numbers: Collection[int]) -> int:
        """Delete entries for good, of those that are there; return how many there were.

        Raises:
            StoreTamperedError: an entry fails its seal, or journal and tree do not fit.
        """
        if not numbers:
            return 0
        await self.refuse_gaps()
        ordered, wanted = sorted(numbers), {*numbers}
        behind = ordered[0] - 1
        rows = await self._texts.after(behind, ordered[-1] - behind)
        gone = {int(row): text for row, text in rows if row in wanted}
        if not gone:
            return 0
        await self._delete(list(gone))
        await self._stand([Piece(n - 1, 0, leaf_hash(text)) for n, text in gone.items()])
        await self._state.put(PRUNED, await self.count() + len(gone))
        return len(gone)

    async def _delete(self, numbers: Sequence[int]) -> None:
        ask, keyring = statements_of(JOURNAL.name), self._transaction.keyring
        (rows,) = await self._transaction.ask(ask.find(numbers))
        found = [self._transaction.found(JOURNAL.name, row) for row in rows]
        self._transaction.write(ask.remove(numbers))
        shares = -sum(keyring.share(each.place, each.sealed) for each in found)
        await self._transaction.count(JOURNAL.name, records=-len(found), shares=shares)

    async def _stand(self, leaves: Sequence[Piece]) -> None:
        """Let stumps stand for leaves, each merged with the one that is its other half."""
        now, met = merged(leaves), set[Piece]()
        while True:
            # Of two halves of different subtrees both may begin with the same leaf.
            beside = {(piece.first ^ (1 << piece.level), piece.level) for piece in now}
            known = await self._stumps.find({str(first) for first, _ in beside})
            more = {p for p in known.values() if (p.first, p.level) in beside} - met
            if not more:
                break
            met |= more
            now = merged([*now, *more])
        await self._stumps.remove_all({str(piece.first) for piece in met})
        await self._stumps.put_all({str(piece.first): Record(piece) for piece in now})
