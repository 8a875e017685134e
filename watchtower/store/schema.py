"""The header in the file, and the way from every earlier format to the present one."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from watchtower.errors import StoreBusyError, StoreDamagedError, StoreVersionError
from watchtower.store.header import PREDECESSOR, Cost, Slot, checksum, wrap
from watchtower.store.statements import EPOCH, Statement
from watchtower.store.tables import FORMAT, HEADER, SLOTS

__all__ = [
    "Known",
    "create_schema",
    "known_header",
    "put_slots",
    "read_epoch",
    "read_header",
    "slots_in_place",
]


class Known(NamedTuple):
    """The epoch and the ways to its master key (the predecessor is none) that somebody read."""

    epoch: int
    ways: Sequence[Slot]


async def create_schema(
    connection: AsyncConnection,
    master: bytes,
    passphrase: str,
    cost: Cost,
    *,
    store_format: int = FORMAT,
) -> None:
    """Create every table, and the header with its first slot, in one transaction.

    ``store_format`` is that of what will be put into it, where that was made by an older version.
    """
    slot = await asyncio.to_thread(wrap, master, passphrase, store_format=store_format, cost=cost)
    await connection.exec_driver_sql("BEGIN IMMEDIATE")
    await connection.run_sync(_upgrade, f"{store_format:04}")
    await _write_header(connection, [slot], store_format)
    await connection.commit()


async def known_header(connection: AsyncConnection, path: Path) -> tuple[int, list[Slot]]:
    """Return the format and the slots of a file that this version can open.

    Raises:
        StoreDamagedError: there is no header, or not as it was written.
        StoreVersionError: the format is newer than we know.
    """
    store_format, slots = await read_header(connection, path)
    if store_format > FORMAT:
        raise StoreVersionError(path=path, found=store_format, known=FORMAT)
    return store_format, slots


async def put_slots(
    connection: AsyncConnection,
    path: Path,
    slots: Sequence[Slot],
    *,
    known: Known,
) -> None:
    """Bring the tables to the present format, and have ``slots`` alone, in one transaction.

    A slot that goes is overwritten (``PRAGMA secure_delete``), so that nobody finds it in the
    file's free space. That of a predecessor stays, for records are sealed by it still.

    ``known`` is what ``slots`` were made for. Making them takes seconds; whoever put another
    master key in place meanwhile would lose its only wrapped copy to those of the old one.

    Raises:
        StoreBusyError: what opens the store is not what was known any more; nothing was changed.
    """
    await connection.exec_driver_sql("BEGIN IMMEDIATE")
    await _refuse_others(connection, path, known)
    await connection.run_sync(_upgrade)
    kept = await connection.execute(select(SLOTS).where(SLOTS.c.kind == PREDECESSOR))
    beside = [_slot_of(row) for row in kept]
    await connection.execute(delete(HEADER))
    await connection.execute(delete(SLOTS))
    await _write_header(connection, [*slots, *beside])
    await connection.commit()
    # The pages of before stand in the log until they are taken over into the file.
    await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


async def _refuse_others(connection: AsyncConnection, path: Path, known: Known) -> None:
    _, found = await known_header(connection, path)
    is_same = [slot for slot in found if slot.kind != PREDECESSOR] == [*known.ways]
    if not is_same or await read_epoch(connection) != known.epoch:
        raise StoreBusyError(path=path)


def slots_in_place(slots: Sequence[Slot], epoch: int) -> list[Statement]:
    """Return what puts ``slots`` in place of all there are, and begins an epoch."""
    return [
        Statement("DELETE FROM slots"),
        *(
            Statement(
                "INSERT INTO slots (kind, parameters, wrapped) VALUES (?, ?, ?)",
                (slot.kind, slot.parameters, slot.wrapped),
            )
            for slot in slots
        ),
        Statement("UPDATE header SET checksum = ?", (checksum(FORMAT, list(slots)),)),
        # A pragma takes no parameters; the number is ours.
        Statement(f"PRAGMA user_version = {epoch:d}"),
    ]


def _upgrade(connection: Connection, revision: str = "head") -> None:
    config = Config()
    place = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", place.replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


async def _write_header(
    connection: AsyncConnection, slots: Sequence[Slot], store_format: int = FORMAT
) -> None:
    for slot in slots:
        await connection.execute(
            insert(SLOTS).values(kind=slot.kind, parameters=slot.parameters, wrapped=slot.wrapped)
        )
    digest = checksum(store_format, list(slots))
    await connection.execute(insert(HEADER).values(id=1, format=store_format, checksum=digest))


async def read_header(connection: AsyncConnection, path: Path) -> tuple[int, list[Slot]]:
    """Return the format and the slots, as they were written.

    Raises:
        StoreDamagedError: there are none, or they are not as they were written.
    """
    header = (await connection.execute(select(HEADER))).first()
    rows = (await connection.execute(select(SLOTS).order_by(SLOTS.c.id))).all()
    if header is None:
        raise StoreDamagedError(path=path, why="it has no header")
    slots = [_slot_of(row) for row in rows]
    try:
        is_whole = hmac.compare_digest(checksum(header.format, slots), header.checksum)
    except (AttributeError, OverflowError, TypeError):  # columns of types that we never write
        is_whole = False
    if not is_whole:
        raise StoreDamagedError(path=path, why="its header is not as it was written")
    return header.format, slots


async def read_epoch(connection: AsyncConnection) -> int:
    """Return the number in the file that changes with the master key."""
    found: int = (await connection.exec_driver_sql(EPOCH.sql)).scalar_one()
    return found


def _slot_of(row: Any) -> Slot:
    return Slot(kind=row.kind, parameters=row.parameters, wrapped=row.wrapped)
