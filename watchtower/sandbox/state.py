"""The state of the ledger, with its past, and views that change it one transaction at a time.

`StateStore` keeps every version of every entry it was told to, so a ledger costs what it changed
and nothing else; `Snapshot` is the state as of one closed ledger, `OpenView` lays the open ledger
over it, and `ApplyView` collects what one transaction does, to be kept or dropped as a whole.

An entry that came out of `read` is shared and must not be changed; `peek` gives a copy to change.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Protocol

from watchtower.sandbox.entries import Entry

__all__ = ["ApplyView", "OpenView", "ReadView", "Snapshot", "StateStore"]


class ReadView(Protocol):
    """Anything that entries can be read from."""

    def read(self, index: str) -> Entry | None:
        """Return the entry at ``index``, which must not be changed."""
        ...


class StateStore:
    """Every version of every entry: what stood where, from which ledger on."""

    def __init__(self) -> None:
        self._since: dict[str, list[int]] = {}
        self._values: dict[str, list[Entry | None]] = {}

    def write(self, ledger_index: int, changes: dict[str, Entry | None]) -> None:
        """Record what ledger ``ledger_index`` changed; None is an entry that is gone."""
        for index, entry in changes.items():
            since = self._since.setdefault(index, [])
            values = self._values.setdefault(index, [])
            if since and since[-1] == ledger_index:
                values[-1] = entry
            else:
                since.append(ledger_index)
                values.append(entry)

    def read(self, index: str, ledger_index: int) -> Entry | None:
        """Return the entry as ledger ``ledger_index`` left it."""
        since = self._since.get(index)
        if since is None:
            return None
        at = len(since) if since[-1] <= ledger_index else bisect_right(since, ledger_index)
        return self._values[index][at - 1] if at else None

    def indexes(self, ledger_index: int) -> Iterator[str]:
        """Return the indexes of all entries of a ledger, in order."""
        return (i for i in sorted(self._since) if self.read(i, ledger_index) is not None)


class Snapshot:
    """The state as one closed ledger left it."""

    def __init__(self, store: StateStore, ledger_index: int) -> None:
        self._store = store
        self._ledger_index = ledger_index

    def read(self, index: str) -> Entry | None:
        """Return the entry at ``index``."""
        return self._store.read(index, self._ledger_index)

    def indexes(self) -> Iterator[str]:
        """Return the indexes of all entries, in order."""
        return self._store.indexes(self._ledger_index)


class OpenView:
    """Changes laid over a snapshot: a ledger being built."""

    def __init__(self, base: ReadView) -> None:
        self._base = base
        self.changes: dict[str, Entry | None] = {}

    def read(self, index: str) -> Entry | None:
        """Return the entry at ``index``."""
        if index in self.changes:
            return self.changes[index]
        return self._base.read(index)

    def branch(self) -> OpenView:
        """Return a view over this one, for a series of transactions that may be dropped."""
        return OpenView(self)

    def merge(self, changes: dict[str, Entry | None]) -> None:
        """Take over what a transaction, or a branch, changed."""
        self.changes.update(changes)


class ApplyView:
    """What one transaction does to a view, until it is kept or dropped."""

    def __init__(self, base: ReadView) -> None:
        self.base = base
        self._touched: dict[str, Entry] = {}
        self._erased: set[str] = set()

    def read(self, index: str) -> Entry | None:
        """Return the entry at ``index`` as the transaction has it so far."""
        if index in self._erased:
            return None
        touched = self._touched.get(index)
        return touched if touched is not None else self.base.read(index)

    def peek(self, index: str) -> Entry | None:
        """Return the entry at ``index``, to be changed. Lists in it are replaced, never changed."""
        if index in self._erased:
            return None
        if index not in self._touched:
            entry = self.base.read(index)
            if entry is None:
                return None
            self._touched[index] = dict(entry)
        return self._touched[index]

    def insert(self, index: str, entry: Entry) -> None:
        """Add an entry."""
        self._erased.discard(index)
        self._touched[index] = entry

    def erase(self, index: str) -> None:
        """Remove the entry at ``index``; what was changed in it before stays known to metadata."""
        self.peek(index)
        self._erased.add(index)

    def outcome(self) -> Iterator[tuple[str, Entry | None, Entry | None]]:
        """Return ``(index, before, after)`` of all that differs, in order of index.

        ``after`` of an erased entry is the entry as it last was; `is_erased` tells them apart.
        """
        for index in sorted(self._touched):
            before, after = self.base.read(index), self._touched[index]
            if index in self._erased:
                if before is not None:
                    yield index, before, after
            elif before != after:
                yield index, before, after

    def is_erased(self, index: str) -> bool:
        """Return whether the transaction removed the entry at ``index``."""
        return index in self._erased

    def changes(self) -> dict[str, Entry | None]:
        """Return what to write over the base."""
        return {
            index: None if index in self._erased else after for index, _, after in self.outcome()
        }
