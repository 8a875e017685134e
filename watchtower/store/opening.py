"""Opening a store: what stands in front of the records is looked at before any is believed.

What it guarantees: what is no database of ours is refused before SQLite writes to it; whoever can
open one of the slots gets the keys, and nobody else; and a file of an older format is brought to
the present one, copied before, in one transaction.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from watchtower.errors import StoreDamagedError, StoreMissingError, StoreTamperedError
from watchtower.store.cipher import Keyring
from watchtower.store.connections import PATIENCE, Connections
from watchtower.store.driver import reading, reading_still
from watchtower.store.epoch import Header, keyring_of
from watchtower.store.faults import disk_faults, sqlite_faults
from watchtower.store.header import PREDECESSOR
from watchtower.store.migrating import copied_before_migration
from watchtower.store.schema import Known, known_header, put_slots, read_epoch
from watchtower.store.tables import FORMAT
from watchtower.store.transaction import Transaction
from watchtower.store.unlocking import Unlocker

__all__ = ["absolute", "header_in", "header_of", "look_at", "unlock"]

_LEAST_PAGE: Final = 512  # https://www.sqlite.org/fileformat2.html, section 1.3.2


async def header_of(path: Path) -> Header:
    """Return what stands in front of a store's records, which nobody has to open for that.

    Raises:
        StoreMissingError: there is none.
        StoreDamagedError: the file is truncated, or no database of ours.
        StoreVersionError: it was written by a newer watchtower.
    """
    path = absolute(path)
    await asyncio.to_thread(look_at, path)
    log = Path(f"{path}-wal")
    is_still = not await asyncio.to_thread(log.exists)
    # A look changes nothing: opened for writing, a store without a log would be given one.
    driver = reading_still if is_still else reading
    with sqlite_faults(path):
        header = await header_in(Connections(path, PATIENCE, driver), path)
        if is_still and await asyncio.to_thread(log.exists):
            header = await header_in(Connections(path, PATIENCE, reading), path)
        return header


def absolute(path: Path) -> Path:
    """Return where a store is, whatever directory this process changes to."""
    return path.absolute()


def look_at(path: Path) -> None:
    """Refuse what is no database before SQLite touches it.

    It is not opened for that: closing any descriptor of a file drops the locks that SQLite holds
    on it for this process (https://www.sqlite.org/howtocorrupt.html, 2.2). What a longer file
    holds SQLite sees itself, and writes nothing; an empty one it would make a database of.
    """
    if not path.is_file():
        raise StoreMissingError(path=path)
    with disk_faults(path):
        size = path.stat().st_size
    if size < _LEAST_PAGE:
        raise StoreDamagedError(path=path, why="it is no database")


async def header_in(connections: Connections, path: Path) -> Header:
    """Return what stands in front of the records, as of one moment."""
    async with connections.engine().connect() as connection:
        return await _header(connection, path)


async def _header(connection: AsyncConnection, path: Path) -> Header:
    await connection.exec_driver_sql("BEGIN")
    try:
        epoch = await read_epoch(connection)
        store_format, slots = await known_header(connection, path)
    finally:
        await connection.rollback()
    return Header(store_format, epoch, slots)


async def unlock(
    connection: AsyncConnection, path: Path, by: Unlocker, now: float, *, keeps_old: bool
) -> Keyring:
    """Return the keys of a store that ``by`` opens, which is of the present format afterwards.

    Raises:
        StoreDamagedError: the file is no database of ours, or not whole.
        StoreTamperedError: somebody has put triggers or views into it, or an older format.
        StoreVersionError: it was written by a newer watchtower.
        StoreFullError: an older format cannot be copied, and so is not changed.
        StoreBusyError: a daemon runs on an older format, or somebody else migrates it.
        WatchtowerError: ``by`` does not open it.
    """
    found = (await connection.exec_driver_sql("PRAGMA quick_check(1)")).scalar_one()
    if found != "ok":
        raise StoreDamagedError(path=path, why=found)
    # We make no triggers and no views; one that is there would act inside our transactions.
    foreign = "SELECT count(*) FROM sqlite_master WHERE type IN ('trigger', 'view')"
    if (await connection.exec_driver_sql(foreign)).scalar_one():
        raise StoreTamperedError(path=path, what="its schema")
    header = await _header(connection, path)
    ways = [slot for slot in header.slots if slot.kind != PREDECESSOR]
    master = await by.open(path, ways, header.store_format)
    keyring = keyring_of(path, header, master)
    if header.store_format < FORMAT:
        await _refuse_younger(connection, path, keyring)
        kept = copied_before_migration(path, header.store_format, now) if keeps_old else None
        async with kept or nullcontext():
            # The slots stay as they are: whoever migrates has one way in, and need have no other.
            await put_slots(connection, path, ways, known=Known(header.epoch, ways))
    return keyring


async def _refuse_younger(connection: AsyncConnection, path: Path, keyring: Keyring) -> None:
    """Refuse a store whose header says an older format than that of what is in it.

    Slots of an older format open it, so that the header alone does not tell. What does is sealed:
    before format 3 no census had a tree. Each later format has to leave such a mark, and to be
    looked for here.
    """
    driven = (await connection.get_raw_connection()).driver_connection
    if driven is None:
        raise StoreDamagedError(path=path, why="it was closed")
    sealed = Transaction(connection=driven, keyring=keyring, path=path)
    try:
        changes, census = await sealed.standing()
    finally:
        await driven.rollback()
    if changes and census.journal is not None:
        raise StoreTamperedError(path=path, what="its format")
