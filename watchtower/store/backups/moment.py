"""One moment of a store, as frames: all of it, or what changed since the last backup.

What it guarantees: everything is read in one transaction, while others go on writing. A record
counts as changed if its sealing is another one, which no two writings share, whatever its version
says: one that was removed and written anew has the first version again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from watchtower.errors import StoreRekeyingError, StoreTamperedError
from watchtower.store.backups.form import Closing, Opening, Removed, Written, write_frame
from watchtower.store.backups.index import INDEXED, IndexLiesError
from watchtower.store.cipher import CENSUS_MODULUS, Keyring, Place
from watchtower.store.tables import CENSUS
from watchtower.store.transaction import NONE, Count

__all__ = ["Moment", "place_of"]

_PAGE: Final = 256
"""Records in a frame: some 100 KiB, as records mostly are."""

_PATIENCE: Final = 5.0
_LIMIT: Final = 2**63
_CENSUS: Final = str(CENSUS.name)


class Moment:
    """A store and the index of its backups, in one transaction of a connection of its own."""

    def __init__(self, store: Path, index: Path, keyring: Keyring) -> None:
        """Open them; the moment is that of the first question.

        Raises:
            StoreRekeyingError: records are sealed by two master keys, and a backup has one.
        """
        self._keyring = keyring
        self._path = store
        self.connection = sqlite3.connect(
            f"file:{quote(str(store))}?mode=rw",
            uri=True,
            timeout=_PATIENCE,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            self.connection.execute("ATTACH ? AS known", (f"file:{quote(str(index))}?mode=rw",))
            self.connection.execute("PRAGMA known.synchronous=FULL")
            self.connection.execute("BEGIN")
            (self.store_format,) = self.connection.execute("SELECT format FROM header").fetchone()
            (epoch,) = self.connection.execute("PRAGMA main.user_version").fetchone()
            is_one_key = keyring.predecessor is None and epoch == keyring.epoch
        except BaseException:
            self.connection.close()
            raise
        if not is_one_key:
            self.connection.close()
            raise StoreRekeyingError(path=store)

    def close(self) -> None:
        """Let go of both; what was not committed is undone."""
        self.connection.close()

    def frames(self, digest: bytes, before: dict[str, Count] | None) -> Iterator[bytes]:
        """Yield the frames of an increment, or of a base if nothing was before.

        ``digest`` is that of the head's bytes. ``before`` is left without what this moment has no
        more: what is in the frames comes to it, and has to make the census of this moment.

        Raises:
            StoreTamperedError: a row is of types that we never write.
            IndexLiesError: one of the index is.
        """
        yield write_frame(Opening(head=digest, master=self._keyring.master))
        written = removed = 0
        for table in INDEXED:
            told = _everything(table) if before is None else _changed(table)
            for rows in _pages(self.connection.execute(told)):
                written += len(rows)
                if before is not None:
                    self._take_away(before, table, [row[4:] for row in rows if row[4] is not None])
                yield self._told(table, [row[:4] for row in rows])
            if before is None:
                continue
            for rows in _pages(self.connection.execute(_gone(table))):
                removed += len(rows)
                self._take_away(before, table, rows)
                yield write_frame(Removed(table, [row[0] for row in rows]))
        census = self.connection.execute(_everything(_CENSUS)).fetchall()
        if census:
            written += len(census)
            yield self._told(_CENSUS, census)
        yield write_frame(Closing(written=written, removed=removed))

    def _told(self, table: str, rows: list[Any]) -> bytes:
        if any(place_of(table, row) is None for row in rows):
            raise StoreTamperedError(path=self._path, what=f"a record of {table}")
        return write_frame(Written(table, rows))

    def _take_away(self, before: dict[str, Count], table: str, rows: list[Any]) -> None:
        shares = 0
        for row in rows:
            place = place_of(table, row)
            if place is None:
                raise IndexLiesError
            # Of a sealing its end is enough, which is all that the index has.
            shares += self._keyring.share(place, row[3])
        count = before.get(table, NONE)
        total = (int.from_bytes(count.shares) - shares) % CENSUS_MODULUS
        before[table] = Count(count.records - len(rows), total.to_bytes(32))


def place_of(table: str, row: Any) -> Place | None:
    """Return where a record lives; None if its columns are of types that we never write."""
    key, topic, version, sealed = row
    if isinstance(key, int) and 0 < key < _LIMIT:
        key = key.to_bytes(8)
    is_ours = (
        isinstance(key, bytes)
        and isinstance(topic, bytes)
        and isinstance(version, int)
        and 0 < version < _LIMIT
        and isinstance(sealed, bytes)
    )
    return Place(table, key, topic, version) if is_ours else None


def _pages(cursor: sqlite3.Cursor) -> Iterator[list[Any]]:
    while rows := cursor.fetchmany(_PAGE):
        yield rows


def _everything(table: str) -> str:
    return f"SELECT row, topic, version, sealed FROM main.{table}"  # noqa: S608 - our name


def _changed(table: str) -> str:
    return (
        "SELECT s.row, s.topic, s.version, s.sealed, k.row, k.topic, k.version, k.tag"  # noqa: S608 - our name
        f" FROM main.{table} s LEFT JOIN known.{table} k ON k.row = s.row"
        " WHERE k.row IS NULL OR k.tag IS NOT substr(s.sealed, -16)"
    )


def _gone(table: str) -> str:
    return (
        "SELECT k.row, k.topic, k.version, k.tag"  # noqa: S608 - our name
        f" FROM known.{table} k LEFT JOIN main.{table} s ON s.row = k.row WHERE s.row IS NULL"
    )
