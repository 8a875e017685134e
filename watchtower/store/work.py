"""Work: one transaction, seen as the things it is about.

All that is done through one ``Work`` is there together or not at all; what is read through it is
one moment of the store.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import cached_property
from typing import Any, Final

from watchtower.errors import StoreTamperedError
from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.response.attempt import Attempt
from watchtower.response.bundle import Presigned
from watchtower.store.audit import Auditor
from watchtower.store.bundles import Bundles
from watchtower.store.channels import Channels
from watchtower.store.claims import Claims
from watchtower.store.cosignatures import Cosignatures
from watchtower.store.journal import Entry, Journal
from watchtower.store.journal_tree import JournalTree
from watchtower.store.naming import NAMINGS, ByRow
from watchtower.store.notes import Note, Notes
from watchtower.store.pruning import Pruning
from watchtower.store.responses import Attempts
from watchtower.store.rotations import Rotations
from watchtower.store.sealed import Naming, SealedTable
from watchtower.store.secrets import Secrets, StoredKey
from watchtower.store.state import Cursor, Highest, Network
from watchtower.store.statements import Statement
from watchtower.store.tables import (
    BUNDLES,
    CLAIMS,
    CLOSED_CHANNELS,
    JOURNAL,
    KEYS,
    NOTES,
    OPEN_ATTEMPTS,
    OPEN_CHANNELS,
    PENDING_CLAIMS,
    SEALED_TABLES,
    SETTLED_ATTEMPTS,
    STATE,
    STUMPS,
)
from watchtower.store.tokens import Tokens
from watchtower.store.transaction import Census, Transaction
from watchtower.store.tree import Piece

__all__ = ["Work"]

_KINDS: Final[dict[str, type[Any]]] = {
    OPEN_CHANNELS.name: Channel,
    CLOSED_CHANNELS.name: Channel,
    CLAIMS.name: Claim,
    PENDING_CLAIMS.name: Claim,
    OPEN_ATTEMPTS.name: Attempt,
    SETTLED_ATTEMPTS.name: Attempt,
    JOURNAL.name: Entry,
    KEYS.name: StoredKey,
    STATE.name: int,
    NOTES.name: Note,
    BUNDLES.name: Presigned,
    STUMPS.name: Piece,
}
"""What the records of each table are."""


class Work:
    """The rooms of the store, in one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        """Open rooms on ``transaction`` as they are entered."""
        self._transaction = transaction

    @cached_property
    def channels(self) -> Channels:
        """The channels as last known."""
        return Channels(self._transaction)

    @cached_property
    def claims(self) -> Claims:
        """The best claims, and those that wait to be judged."""
        return Claims(self._transaction)

    @cached_property
    def attempts(self) -> Attempts:
        """What was tried."""
        return Attempts(self._transaction)

    @cached_property
    def bundles(self) -> Bundles:
        """What payees signed ahead of need."""
        return Bundles(self._transaction)

    @cached_property
    def journal(self) -> Journal:
        """What happened."""
        return Journal(self._transaction)

    @cached_property
    def journal_tree(self) -> JournalTree:
        """The tree over what happened."""
        return JournalTree(self._transaction)

    @cached_property
    def pruning(self) -> Pruning:
        """What the journal loses."""
        return Pruning(self._transaction)

    @cached_property
    def cursor(self) -> Cursor:
        """The last ledger accounted for."""
        return Cursor(self._transaction)

    @cached_property
    def network(self) -> Network:
        """The network that the store belongs to."""
        return Network(self._transaction)

    @cached_property
    def highest(self) -> Highest:
        """Up to what a signer has signed."""
        return Highest(self._transaction)

    @cached_property
    def secrets(self) -> Secrets:
        """The keys that sign."""
        return Secrets(self._transaction)

    @cached_property
    def notes(self) -> Notes:
        """Small values under fixed names."""
        return Notes(self._transaction)

    @cached_property
    def rotations(self) -> Rotations:
        """How far the rotations of keys have come."""
        return Rotations(self.notes)

    @cached_property
    def cosignatures(self) -> Cosignatures:
        """What several sign together."""
        return Cosignatures(self.notes, self.journal)

    @cached_property
    def tokens(self) -> Tokens:
        """What lets others in."""
        return Tokens(self.notes, self.journal)

    def auditor(self) -> Auditor:
        """Return who looks through the whole store."""
        return Auditor(self._transaction, _KINDS)

    async def standing(self) -> tuple[int, Census]:
        """Return how often the store was changed, and the census of the last change."""
        return await self._transaction.standing()

    async def verify(self) -> dict[str, int]:
        """Check every seal, every census and the tree; return how many records each table has.

        Raises:
            StoreTamperedError: naming all that fails.
            StoreDamagedError: a record is sealed and cannot be understood.
        """
        records: dict[str, int] = {}
        broken: list[str] = []
        for table in SEALED_TABLES:
            sealed = SealedTable(self._transaction, table, _KINDS[table.name])
            try:
                records[table.name] = await sealed.walk(lambda _: None)
            except StoreTamperedError as error:
                broken.append(str(error.facts["what"]))
        if not broken:
            await self.journal_tree.verify()
        if broken:
            raise StoreTamperedError(path=self._transaction.path, what="; ".join(broken))
        return records

    async def ask(self, question: Statement) -> list[Any]:
        """Return what a question about no record brings, in the transaction."""
        (rows,) = await self._transaction.ask(question)
        return rows

    def do(self, statements: Iterable[Statement]) -> None:
        """Have statements about no record run before the end of the transaction."""
        self._transaction.write(statements)

    async def rehearse(self, table: str, names: Collection[str]) -> None:
        """See that a name can be made of every record of ``table``, as `reseal` will have to.

        Raises:
            StoreTamperedError: a record fails its seal, or is not where its name would put it.
        """
        await self._sealed(table).rehearse(self._naming(table, names))

    async def reseal(
        self, table: str, behind: int | bytes | None, limit: int, names: Collection[str]
    ) -> tuple[int | bytes | None, int]:
        """Seal the next records of ``table`` by the present master key; see `SealedTable.reseal`.

        ``names`` are those that records can have which do not say how they are called.
        """
        naming = self._naming(table, names)
        return await self._sealed(table).reseal(behind, limit, naming)

    def _sealed(self, table: str) -> SealedTable[Any]:
        found = next(each for each in SEALED_TABLES if each.name == table)
        return SealedTable(self._transaction, found, _KINDS[table])

    def _naming(self, table: str, names: Collection[str]) -> Naming:
        return NAMINGS[table] or ByRow(self._transaction, table, names)
