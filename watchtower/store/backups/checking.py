"""Whether a file that was just written is a backup: what was read again, against the store's word.

Every record is unsealed, and every share in the census is counted: what was there before, without
what went, with what came, has to be what the census of this moment says, which is sealed. So an
increment vouches for the whole chain, and costs what it holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from watchtower.errors import BackupDamagedError, StoreTamperedError
from watchtower.store.backups.form import Frame, Opening, Removed, Written
from watchtower.store.backups.index import INDEXED, IndexLiesError
from watchtower.store.backups.moment import place_of
from watchtower.store.cipher import CENSUS_MODULUS, Keyring
from watchtower.store.tables import CENSUS
from watchtower.store.transaction import CENSUS_KIND, NONE, Count, census_of

__all__ = ["Check"]


class Check:
    """Counts what is in one file, which is in the making.

    ``before`` is what the chain had, without what this file replaces or removes; None for a base.
    """

    def __init__(self, store: Path, keyring: Keyring, before: dict[str, Count] | None) -> None:
        """Begin with nothing read."""
        self._store = store
        self._keyring = keyring
        self._before = before
        self._came: dict[str, tuple[int, int]] = {}
        self.census: Mapping[str, Count] = {}
        self.written = 0
        self.removed = 0

    def visit(self, frame: Frame) -> None:
        """Take up a frame.

        Raises:
            StoreTamperedError: a record fails its seal, as it does in the store.
        """
        match frame:
            case Opening() if frame.master != self._keyring.master:
                raise BackupDamagedError(path=self._store, why="it has another master key")
            case Written():
                self.written += len(frame.rows)
                for row in frame.rows:
                    self._take(frame.table, row)
            case Removed():
                self.removed += len(frame.rows)
            case _:
                pass

    def _take(self, table: str, row: Any) -> None:
        place, sealed = place_of(table, row), row[3]
        text = None if place is None else self._keyring.unseal(place, sealed)
        if place is None or text is None:
            raise StoreTamperedError(path=self._store, what=f"a record of {table}")
        if table == CENSUS.name:
            self.census = census_of(msgspec.msgpack.decode(text, type=CENSUS_KIND)).tables
            return
        records, shares = self._came.get(table, (0, 0))
        self._came[table] = records + 1, shares + self._keyring.share(place, sealed)

    def finish(self) -> None:
        """Compare all that there is with the census.

        Raises:
            StoreTamperedError: a base is not what the census says, so the store is not either.
            IndexLiesError: an increment does not bring its chain to that.
        """
        before = self._before or {}
        for table in INDEXED:
            had, (came, shares) = before.get(table, NONE), self._came.get(table, (0, 0))
            total = (int.from_bytes(had.shares) + shares) % CENSUS_MODULUS
            if Count(had.records + came, total.to_bytes(32)) == self.census.get(table, NONE):
                continue
            if self._before is not None:
                raise IndexLiesError
            raise StoreTamperedError(path=self._store, what=f"the census of {table}")
