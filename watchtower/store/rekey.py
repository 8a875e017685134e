"""Another master key for a store that is in use: begun, gone on with after a kill, and ended.

1. *Begin*: one transaction puts new slots in place of the old ones, each with the new master key,
   and beside them the old key, sealed under the new one; the epoch grows. From its commit on every
   process seals by the new key, and reads by both (``epoch.py``).
2. *Move*: page by page, each in a transaction of its own, the records that the old key still seals
   are sealed by the new one, in rows that it makes. None can be added meanwhile, so that one walk
   through each table is enough. What was moved is seen to be, when a walk begins again.
3. *Verify*: every seal, and the census of every table, by the new key alone.
4. *Compact*: the file is written anew (``VACUUM``), and its log emptied, so that nothing that the
   old key has sealed is left in free space, also of earlier times.
5. *End*: one transaction takes the old key away; the epoch grows again.

Killed anywhere, the store opens by the slots that are there, and holds every record under one of
the two keys; whoever opens it can go on from 2. Claims are kept meanwhile, and are redeemed.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

from watchtower.errors import StoreBusyError, StoreError, StoreFullError
from watchtower.store.cipher import Keyring, new_master_key
from watchtower.store.connections import Connections
from watchtower.store.epoch import Keys
from watchtower.store.faults import sqlite_faults
from watchtower.store.header import PREDECESSOR, Slot, predecessor_slot
from watchtower.store.schema import slots_in_place
from watchtower.store.state import names_of_state
from watchtower.store.statements import Statement
from watchtower.store.tables import FORMAT, SEALED_TABLES
from watchtower.store.transaction import Transaction
from watchtower.store.work import Work

__all__ = ["REKEYED", "REKEY_BEGUN", "Rekeying"]

REKEY_BEGUN: Final = "store_rekey_begun"
REKEYED: Final = "store_rekeyed"

_PAGE: Final = 200
"""Records that are moved in one transaction, while which nobody else writes: some 20 ms."""

_MANY: Final = 500

_TRIES: Final = 240
_PAUSE: Final = 1.0
"""Seconds between two tries: readers that are done within some minutes are waited for."""

_SLOTS: Final = Statement("SELECT kind, parameters, wrapped FROM slots ORDER BY id")
_VACUUM: Final = Statement("VACUUM")
_CHECKPOINT: Final = Statement("PRAGMA wal_checkpoint(TRUNCATE)")
_PATIENCE: Final = Statement("PRAGMA busy_timeout")
_PAGES: Final = [
    Statement(f"PRAGMA {each}") for each in ("page_size", "page_count", "freelist_count")
]

_TEMPORARY: Final = ("SQLITE_TMPDIR", "TMPDIR")
_TEMPORARY_BESIDE: Final = ("/var/tmp", "/usr/tmp", "/tmp", ".")  # noqa: S108 - looked at alone
"""Where SQLite has its temporary files, the first that is there
(https://www.sqlite.org/tempfiles.html, section 5)."""


class Writer(Protocol):
    """The store, as far as it is read and written here."""

    path: Path

    def read(self) -> Any:
        """Look at one moment of it."""
        ...

    def write(self) -> Any:
        """Begin a transaction."""
        ...

    async def slots(self) -> list[Slot]:
        """Return the ways to its master key."""
        ...


class Rekeying:
    """Gives a store another master key."""

    def __init__(
        self, store: Writer, connections: Connections, keys: Keys, *, spare: int = 0
    ) -> None:
        """Work on ``store``, by its own connections and keys.

        ``spare`` are bytes of the disk that are left to others, whatever room it takes.
        """
        self._store = store
        self._spare = spare
        self._connections = connections
        self._keys = keys

    async def is_under_way(self) -> bool:
        """Return whether a new master key was begun with, and is not everywhere yet."""
        async with self._store.read() as work:
            await work.cursor.get()
        return self._keys.keyring.predecessor is not None

    async def begin(self, make: Callable[[bytes], Awaitable[Sequence[Slot]]]) -> None:
        """Let what ``make`` makes of a new master key open the store from now on.

        Nothing is changed if a record could not be moved later.

        Raises:
            StoreTamperedError: a record fails its seal, or nobody can tell how it is called.
            StoreBusyError: somebody else has changed what opens the store meanwhile.
            StoreFullError: there would be no room to write the file anew.
        """
        await self._refuse_without_room()
        async with self._store.read() as work:
            await work.verify()
        names = await self._names()
        async with self._store.read() as work:
            for table in SEALED_TABLES:
                await work.rehearse(table.name, names)
        keyring, known = self._keys.keyring, await self._store.slots()
        if keyring.predecessor is not None:
            raise StoreBusyError(path=self._store.path)
        master = new_master_key()
        before = predecessor_slot(master, keyring.master, store_format=FORMAT)
        slots = [*(await make(master)), before]
        async with self._store.write() as work:
            await work.journal.append(REKEY_BEGUN, facts={"ways": _kinds(slots)})
            if self._keys.keyring is not keyring or await work.ask(_SLOTS) != _as_rows(known):
                raise StoreBusyError(path=self._store.path)
            work.do(slots_in_place(slots, keyring.epoch + 1))
        self._keys.keyring = Keyring(master, predecessor=keyring.master, epoch=keyring.epoch + 1)

    async def move(self) -> int:
        """Have the present key seal every record; return how many it had not sealed yet.

        Raises:
            StoreTamperedError: a record fails its seal.
            StoreFullError: there is no room; what was moved stays so.
        """
        async with self._giving_back():
            return await self._move()

    async def _move(self) -> int:
        names, moved = await self._names(), 0
        for table in SEALED_TABLES:
            behind, is_first = None, True
            while is_first or behind is not None:
                is_first, begun = False, time.monotonic()
                async with self._store.write() as work:
                    behind, now = await work.reseal(table.name, behind, _PAGE, names)
                moved += now
                if now:
                    # Whoever waits for the lock asks for it now and then: leave it free as long.
                    await asyncio.sleep(time.monotonic() - begun)
        return moved

    async def end(self) -> None:
        """Forget the key of before, when nothing is sealed by it any more.

        Raises:
            StoreTamperedError: something is, or fails its seal; the key of before stays.
            StoreBusyError: others use the file so that its log cannot be emptied; try again.
            StoreFullError: there is no room to write the file anew.
        """
        keyring = self._keys.keyring
        await self._verify(Keyring(keyring.master))
        with sqlite_faults(self._store.path):
            await self._log_is_empty()
        await self._refuse_without_room()
        async with self._giving_back():
            with sqlite_faults(self._store.path):
                async with self._connections.writing() as connection:
                    await connection.trip([_VACUUM])
                await self._empty_log()
        async with self._store.write() as work:
            await work.journal.append(REKEYED)
            rows = await work.ask(_SLOTS)
            slots = [Slot(kind=row[0], parameters=row[1], wrapped=row[2]) for row in rows]
            kept = [slot for slot in slots if slot.kind != PREDECESSOR]
            if self._keys.keyring is not keyring:
                raise StoreBusyError(path=self._store.path)
            work.do(slots_in_place(kept, keyring.epoch + 1))
        self._keys.keyring = Keyring(keyring.master, epoch=keyring.epoch + 1)
        with sqlite_faults(self._store.path):
            await self._empty_log()

    async def _verify(self, keyring: Keyring) -> None:
        path = self._store.path
        with sqlite_faults(path):
            async with self._connections.reading() as connection:
                alone = Transaction(connection=connection, keyring=keyring, path=path)
                await Work(alone).verify()

    async def _refuse_without_room(self) -> None:
        """Refuse what would fill the disk, on which claims and attempts are written meanwhile."""
        path = self._store.path
        with sqlite_faults(path):
            async with self._connections.reading() as connection:
                ((size,),), ((pages,),), ((unused,),) = await connection.trip(_PAGES)
        free, needed = await asyncio.to_thread(_room, path.parent, size * (pages - unused))
        if free < needed + self._spare:
            why = (
                f"it is to be written anew, which needs {(needed + self._spare) // 1024} KiB "
                f"beside it, of which {free // 1024} are free"
            )
            raise StoreFullError(path=path, why=why)

    @asynccontextmanager
    async def _giving_back(self) -> AsyncIterator[None]:
        """Empty the log where there was no room: it has taken what there was, and would keep it."""
        try:
            yield
        except StoreFullError:
            with suppress(StoreError), sqlite_faults(self._store.path):
                await self._empty_log()
            raise

    async def _empty_log(self) -> None:
        """Take over the log into the file, and empty it, as soon as nobody reads what it was."""
        for _ in range(_TRIES):
            if await self._log_is_empty():
                return
            await asyncio.sleep(_PAUSE)
        raise StoreBusyError(path=self._store.path)

    async def _log_is_empty(self) -> bool:
        """Empty the log unless somebody reads what it was; say whether it is empty.

        SQLite would wait for readers with nobody let write meanwhile (sqlite3.h, at
        ``SQLITE_CHECKPOINT_RESTART``), so that it must not wait at all: an attempt would.
        """
        async with self._connections.writing() as connection:
            (((patience,),),) = await connection.trip([_PATIENCE])
            await connection.trip([Statement("PRAGMA busy_timeout = 0")])
            try:
                ((row,),) = await connection.trip([_CHECKPOINT])
            finally:
                await connection.trip([Statement(f"PRAGMA busy_timeout = {patience:d}")])
        return not row[0]

    async def _names(self) -> frozenset[str]:
        """Return every name that a record can have which does not say how it is called."""
        async with self._store.read() as work:
            if not await work.highest.are_kept():
                return frozenset(names_of_state(()))
            channels = {channel.entry.channel for channel in await work.channels.load_all()}
            await work.claims.visit_all(lambda claim: channels.add(claim.channel))
            entries = await work.journal.since(0, _MANY)
            while entries:
                channels.update(each.entry.channel for each in entries if each.entry.channel)
                entries = await work.journal.since(entries[-1].number, _MANY)
        return frozenset(names_of_state(channels))


def _room(folder: Path, size: int) -> tuple[int, int]:
    """Return how many bytes a folder has left, and how many writing so many anew takes there.

    They are written to a temporary file, and from there to the log, with 24 bytes for each page
    (https://www.sqlite.org/lang_vacuum.html, https://www.sqlite.org/fileformat2.html, 4.1).
    """
    told, needed = os.statvfs(folder), size + size // 64
    named = [each for name in _TEMPORARY if (each := os.environ.get(name))]
    for place in map(Path, (*named, *_TEMPORARY_BESIDE)):
        if place.is_dir() and os.access(place, os.W_OK | os.X_OK):
            if place.stat().st_dev == folder.stat().st_dev:
                needed += size
            break
    return told.f_bavail * told.f_frsize, needed


def _kinds(slots: Sequence[Slot]) -> list[str]:
    return [slot.kind for slot in slots if slot.kind != PREDECESSOR]


def _as_rows(slots: Sequence[Slot]) -> list[tuple[str, bytes, bytes]]:
    return [(slot.kind, slot.parameters, slot.wrapped) for slot in slots]
