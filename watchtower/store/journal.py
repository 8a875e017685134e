"""The journal: what happened and what was done about it, in order, never changed.

Entries are numbered without gaps; a number is never given twice, and a missing entry fails the
census. Each has an identity of its own beside its number, by which two copies of a journal can
be united without telling anything twice; and each is a leaf of the journal's tree
(``journal_tree.py``) in the transaction that writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Final

import msgspec

from watchtower.store.sealed import Record, SealedTable
from watchtower.store.tables import JOURNAL
from watchtower.store.transaction import Transaction
from watchtower.store.tree import Frontier, leaf_hash
from watchtower.units import ChannelId, LedgerIndex

__all__ = ["OF_KEYS", "Entry", "Journal", "Line", "NumberedEntry"]

OF_KEYS: Final = frozenset(
    {
        "key_imported",
        "key_derived",
        "key_removed",
        "key_retired",
        "key_rotated",
        "rotation_begun",
    }
)
"""The kinds of lines by which a daemon notices that the keys are others."""

_IDENTITY_BYTES: Final = 16

_NO_NUMBER: Final = 2**63 - 1
"""Above every number: the largest integer that SQLite has."""

Line = tuple[str, ChannelId | None, LedgerIndex | None, Mapping[str, Any]]
"""What an entry says: its kind, its channel, its ledger, its facts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened.

    ``facts`` are JSON values; ``written`` is the host's Unix time in milliseconds, for people
    only: nothing is ever decided by it.
    """

    identity: str
    kind: str
    channel: ChannelId | None
    ledger_index: LedgerIndex | None
    facts: dict[str, Any]
    written: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedEntry:
    """An entry with its number in this journal."""

    number: int
    entry: Entry


class Journal:
    """The journal, in one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        """Look at the journal through ``transaction``."""
        self._transaction = transaction
        self._entries = SealedTable(transaction, JOURNAL, Entry)
        self._texts = SealedTable(transaction, JOURNAL, msgspec.Raw)

    async def append(
        self,
        kind: str,
        *,
        channel: ChannelId | None = None,
        ledger_index: LedgerIndex | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> int:
        """Write an entry, and return its number, which is above all earlier ones."""
        return await self.append_all([(kind, channel, ledger_index, facts or {})])

    async def append_all(self, lines: Iterable[Line]) -> int:
        """Write entries in their order, and return the number of the last one."""
        written = int(self._transaction.clock() * 1000)
        entries = (
            Entry(
                identity=token_hex(_IDENTITY_BYTES),
                kind=kind,
                channel=channel,
                ledger_index=ledger_index,
                facts=dict(facts),
                written=written,
            )
            for kind, channel, ledger_index, facts in lines
        )
        return await self._append(entries)

    async def copy(self, entry: Entry) -> int:
        """Write an entry of another copy of this journal; return its number here."""
        return await self._append([entry])

    async def _append(self, entries: Iterable[Entry]) -> int:
        # Encoded once: what is sealed is, to the byte, what the tree has a leaf for.
        told = [(msgspec.msgpack.encode(entry), entry.channel or "") for entry in entries]
        # What has to be asked is asked before: from here on nobody else of this transaction comes
        # in between, and the leaves are in the order of the numbers.
        last = await self._transaction.last_number(JOURNAL.name)
        frontier = await self._transaction.frontier() or Frontier()
        # Who was pruned had a number, too.
        self._transaction.numbered(JOURNAL.name, max(last, frontier.size))
        await self._transaction.grow(leaf_hash(text) for text, _ in told)
        return await self._texts.append_all([Record(msgspec.Raw(t), topic) for t, topic in told])

    async def story(self, channel: ChannelId) -> list[NumberedEntry]:
        """Return the entries about one channel, in order."""
        return _numbered(await self._entries.about(channel))

    async def story_below(
        self, channel: ChannelId, number: int | None, limit: int
    ) -> list[NumberedEntry]:
        """Return the ``limit`` last entries about one channel before ``number``, newest first.

        Without a number these are the newest of all. However long the story is, no more is read.
        """
        below = _NO_NUMBER if number is None else min(number, _NO_NUMBER)
        return _numbered(await self._entries.about_below(channel, below, limit))

    async def last_number(self) -> int:
        """Return the number of the newest entry; 0 without any. The entry itself is not read."""
        return await self._transaction.last_number(JOURNAL.name)

    async def tail(self, limit: int) -> list[NumberedEntry]:
        """Return the last ``limit`` entries, in order."""
        return _numbered(await self._entries.last(limit))

    async def since(self, number: int, limit: int) -> list[NumberedEntry]:
        """Return the next entries behind ``number``: what another process wrote meanwhile."""
        return _numbered(await self._entries.after(number, limit))

    async def load_all(self) -> list[Entry]:
        """Return every entry, in order."""
        return await self._entries.all()


def _numbered(found: list[tuple[int | bytes, Entry]]) -> list[NumberedEntry]:
    return [NumberedEntry(number=int(number), entry=entry) for number, entry in found]
