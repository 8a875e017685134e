"""SQLite on a thread of its own, with one trip to it for each statement.

SQLAlchemy makes a cursor, executes, fetches and closes, and with aiosqlite's own cursors each of
these is a trip to the thread and back: four in which both sides wait for the processor, of a
statement that takes SQLite a few microseconds. What we ask is small and is fetched whole in any
case, so that all four can be one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Self, TypeVar

import aiosqlite
from typing_extensions import override

__all__ = ["connect"]

_T = TypeVar("_T")

_CHUNK: Final = 64


def connect(database: str, **options: Any) -> _Connection:
    """Return a connection that is made, on a thread of its own, once it is awaited."""

    def connector() -> sqlite3.Connection:
        made: sqlite3.Connection = sqlite3.connect(database, **options)
        return made

    connection = _Connection(connector, iter_chunk_size=_CHUNK)
    # Whoever forgets to close it must still be able to end.
    connection._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does with its own
    return connection


class _Connection(aiosqlite.Connection):
    @override
    def cursor(self) -> Any:
        return _Cursor(self)

    async def on_its_thread(self, do: Callable[..., _T], *args: Any) -> _T:
        """Do something where SQLite is."""
        done: _T = await self._execute(do, *args)  # type: ignore[no-untyped-call]  # its way in
        return done

    @property
    def sqlite(self) -> sqlite3.Connection:
        """SQLite itself, for its own thread.

        Raises:
            ValueError: the connection is closed.
        """
        found: sqlite3.Connection = self._conn
        return found


class _Found(NamedTuple):
    rows: list[Any]
    description: Any
    rowcount: int
    lastrowid: int | None


class _Cursor:
    """What SQLAlchemy takes for a cursor: it has what a statement brought, and nothing open."""

    arraysize = 1

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._found = _Found([], None, -1, None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def description(self) -> Any:
        """The columns that the statement brought; None for one that brings none."""
        return self._found.description

    @property
    def rowcount(self) -> int:
        """The rows that it changed."""
        return self._found.rowcount

    @property
    def lastrowid(self) -> int | None:
        """The row that it inserted."""
        return self._found.lastrowid

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement, and fetch all that it brings."""
        self._found = await self._connection.on_its_thread(
            _run, self._connection.sqlite.execute, sql, parameters
        )

    async def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each of ``parameters``."""
        self._found = await self._connection.on_its_thread(
            _run, self._connection.sqlite.executemany, sql, parameters
        )

    async def fetchall(self) -> list[Any]:
        """Hand over what was fetched."""
        rows = self._found.rows
        self._found = self._found._replace(rows=[])
        return rows

    async def close(self) -> None:
        """Close nothing: it was closed where it was open."""


def _run(do: Callable[..., sqlite3.Cursor], sql: str, parameters: Any) -> _Found:
    cursor = do(sql, parameters)
    try:
        rows = cursor.fetchall() if cursor.description else []
        return _Found(rows, cursor.description, cursor.rowcount, cursor.lastrowid)
    finally:
        cursor.close()
