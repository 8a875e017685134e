"""The journal: what happened and what was done about it, in order, never changed.

Entries are numbered without gaps; a number is never given twice, and a missing entry fails the
census. Each has an identity of its own beside its number, by which two copies of a journal can
be united without telling anything twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Final

from watchtower.store.sealed import Record, SealedTable
from watchtower.store.tables import JOURNAL
from watchtower.store.transaction import Transaction
from watchtower.units import ChannelId, LedgerIndex

__all__ = ["Entry", "Journal", "Line", "NumberedEntry"]

_IDENTITY_BYTES: Final = 16

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
        return await self._entries.append_all([Record(e, e.channel or "") for e in entries])

    async def copy(self, entry: Entry) -> int:
        """Write an entry of another copy of this journal; return its number here."""
        return await self._entries.append(entry, topic=entry.channel or "")

    async def story(self, channel: ChannelId) -> list[NumberedEntry]:
        """Return the entries about one channel, in order."""
        return _numbered(await self._entries.about(channel))

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
