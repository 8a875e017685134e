"""The header in the file, and the way from every earlier format to the present one."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Sequence
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from watchtower.errors import StoreDamagedError, StoreVersionError
from watchtower.store.header import Cost, Slot, checksum, wrap
from watchtower.store.tables import FORMAT, HEADER, SLOTS

__all__ = ["create_schema", "known_header", "put_slots", "read_header"]


async def create_schema(
    connection: AsyncConnection, master: bytes, passphrase: str, cost: Cost
) -> None:
    """Create every table, and the header with its first slot, in one transaction."""
    slot = await asyncio.to_thread(wrap, master, passphrase, store_format=FORMAT, cost=cost)
    await connection.exec_driver_sql("BEGIN IMMEDIATE")
    await connection.run_sync(_upgrade)
    await _write_header(connection, [slot])
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


async def put_slots(connection: AsyncConnection, slots: Sequence[Slot]) -> None:
    """Bring the tables to the present format, and have ``slots`` alone, in one transaction.

    A slot that goes is overwritten, so that nobody finds it in the file's free space.
    """
    await connection.exec_driver_sql("PRAGMA secure_delete=ON")
    await connection.exec_driver_sql("BEGIN IMMEDIATE")
    await connection.run_sync(_upgrade)
    await connection.execute(delete(HEADER))
    await connection.execute(delete(SLOTS))
    await _write_header(connection, slots)
    await connection.commit()
    # The pages of before stand in the log until they are taken over into the file.
    await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _upgrade(connection: Connection) -> None:
    config = Config()
    place = str(Path(__file__).with_name("migrations"))
    config.set_main_option("script_location", place.replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def _write_header(connection: AsyncConnection, slots: Sequence[Slot]) -> None:
    for slot in slots:
        await connection.execute(
            insert(SLOTS).values(kind=slot.kind, parameters=slot.parameters, wrapped=slot.wrapped)
        )
    digest = checksum(FORMAT, list(slots))
    await connection.execute(insert(HEADER).values(id=1, format=FORMAT, checksum=digest))


async def read_header(connection: AsyncConnection, path: Path) -> tuple[int, list[Slot]]:
    """Return the format and the slots, as they were written.

    Raises:
        StoreDamagedError: there are none, or they are not as they were written.
    """
    header = (await connection.execute(select(HEADER))).first()
    rows = (await connection.execute(select(SLOTS).order_by(SLOTS.c.id))).all()
    if header is None:
        raise StoreDamagedError(path=path, why="it has no header")
    slots = [Slot(kind=row.kind, parameters=row.parameters, wrapped=row.wrapped) for row in rows]
    try:
        is_whole = hmac.compare_digest(checksum(header.format, slots), header.checksum)
    except (AttributeError, OverflowError, TypeError):  # columns of types that we never write
        is_whole = False
    if not is_whole:
        raise StoreDamagedError(path=path, why="its header is not as it was written")
    return header.format, slots
