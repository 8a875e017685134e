"""The connections of one process to one store: one that writes, a few that read.

What it guarantees: a connection is handed over without a transaction in it, and comes back without
one. One that cannot undo what it was at is closed, which undoes it, and the next who asks gets a
new one. Nobody's cancellation leaves a connection behind that somebody holds on to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from watchtower.store.driver import Driven, connect
from watchtower.store.statements import Statement
from watchtower.store.uninterrupted import uninterrupted

__all__ = ["PATIENCE", "Connections", "Driver"]

PATIENCE: Final = 5.0
"""Seconds for which whoever writes waits for another process, unless told otherwise."""

Driver = Callable[..., Awaitable[Driven]]
"""Opens a connection to SQLite, given what `sqlite3.connect` takes."""

_IDLE: Final = 5
"""Connections that read and wait for the next who does."""

_PREPARE: Final = [
    Statement("PRAGMA journal_mode=WAL"),
    Statement("PRAGMA synchronous=FULL"),
    Statement("PRAGMA foreign_keys=ON"),
    # What is taken out is overwritten: slots, and records that a former master key has sealed.
    Statement("PRAGMA secure_delete=ON"),
]


class Connections:
    """The connections to the store at ``path``; ``writers`` is how many have written so far."""

    def __init__(self, path: Path, patience: float, driver: Driver | None = None) -> None:
        """Open none yet; each will wait ``patience`` seconds for what another process holds."""
        # `mode=rw`: a file that vanished meanwhile must not come back as an empty one.
        self._database = f"file:{quote(str(path))}?mode=rw"
        self._patience = patience
        self._driver = driver or connect
        self.writers = 0
        self._writer: Driven | None = None
        self._readers: list[Driven] = []
        self._turn = asyncio.Lock()
        self._is_closed = False

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Driven]:
        """Hand over the connection that writes, to one at a time.

        What was begun has ended when the block ends, and is undone if it ends with an exception.
        """
        async with self._turn:
            writer = self._writer
            if writer is None:
                writer = await uninterrupted(self._open_writer())
            try:
                yield writer
            except BaseException:
                await uninterrupted(self._undo(writer))
                raise

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Driven]:
        """Hand over a connection that nobody else has meanwhile; what was begun on it is undone."""
        while not self._readers:
            await uninterrupted(self._open_reader())
        reader = self._readers.pop()
        try:
            yield reader
        finally:
            await uninterrupted(self._put_back(reader))

    async def close(self) -> None:
        """Close them all, those that are still read from when that ends."""
        async with self._turn:
            self._is_closed = True
            if self._writer is not None:
                await uninterrupted(self._writer.close())
                self._writer = None
            while self._readers:
                await uninterrupted(self._readers.pop().close())

    def engine(self) -> AsyncEngine:
        """Return SQLAlchemy's way to the same file, for those that make the schema."""
        return create_async_engine(
            "sqlite+aiosqlite://",
            async_creator=self._open,
            poolclass=NullPool,
            hide_parameters=True,
        )

    async def _open(self) -> Driven:
        connection = await self._driver(
            self._database,
            uri=True,
            timeout=self._patience,
            isolation_level=None,  # transactions are begun by those who want them
        )
        try:
            await connection.trip(_PREPARE)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _open_writer(self) -> Driven:
        self._writer = writer = await self._open()
        self.writers += 1
        return writer

    async def _undo(self, writer: Driven) -> None:
        if not await _undone(writer):
            self._writer = None

    async def _open_reader(self) -> None:
        self._readers.append(await self._open())

    async def _put_back(self, reader: Driven) -> None:
        if not await _undone(reader):
            return
        if self._is_closed or len(self._readers) >= _IDLE:
            await reader.close()
        else:
            self._readers.append(reader)


async def _undone(connection: Driven) -> bool:
    """Undo what a connection is at; say whether it can be used again. One that cannot is closed."""
    try:
        await connection.rollback()
    except Exception:  # noqa: BLE001 - closing undoes it, whatever it was
        with suppress(Exception):
            await connection.close()
        return False
    return True
