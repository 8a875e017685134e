"""SQLite on a thread of its own, with one trip to it for as much as can be said at once.

A trip to the thread and back is two waits for the processor, around statements that take SQLite a
few microseconds. So a transaction says all that it has to say in one `Driven.trip`. SQLAlchemy,
which makes the schema and brings it up to date, makes a cursor, executes, fetches and closes; what
it asks is small and is fetched whole in any case, so that all four are one trip too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Generator, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, Self, TypeVar

import aiosqlite
from typing_extensions import override

from watchtower.store.statements import Statement
from watchtower.store.uninterrupted import Promised

__all__ = ["Driven", "connect", "reading", "reading_still"]

_T = TypeVar("_T")

_CHUNK: Final = 64


def connect(database: str, **options: Any) -> Driven:
    """Return a connection that is made, on a thread of its own, once it is awaited."""

    def connector() -> sqlite3.Connection:
        made: sqlite3.Connection = sqlite3.connect(database, **options)
        return made

    connection = Driven(connector, iter_chunk_size=_CHUNK)
    # Whoever forgets to close it must still be able to end.
    connection._thread.daemon = True  # noqa: SLF001 - as SQLAlchemy does with its own
    return connection


async def reading(database: str, **options: Any) -> Driven:
    """Open a connection by which SQLite writes nothing."""
    return await connect(database.replace("?mode=rw", "?mode=ro"), **options)


async def reading_still(database: str, **options: Any) -> Driven:
    """Open one to a file that nobody changes, which leaves nothing beside it."""
    return await connect(database.replace("?mode=rw", "?mode=ro&immutable=1"), **options)


class Driven(aiosqlite.Connection):
    """A connection to SQLite, which is asked where it is."""

    @override
    def __await__(self) -> Generator[Any, None, Self]:
        yield from super().__await__()
        return self

    @override
    def cursor(self) -> Any:
        return _Cursor(self)

    def trip(self, statements: Sequence[Statement]) -> Awaitable[list[list[Any]]]:
        """Run statements one after the other, and return the rows that each of them brought.

        It is finished, however often who waits for it is cancelled meanwhile.

        Raises:
            sqlite3.Error: of the first that fails; those behind it are not run.
            ValueError: the connection is closed.
        """
        if not self._running:
            raise ValueError("the connection is closed")
        done: Promised[list[list[Any]]] = Promised()
        self._tx.put_nowait((done, partial(_travel, self.sqlite, statements)))
        return done

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

    def __init__(self, connection: Driven) -> None:
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


def _travel(sqlite: sqlite3.Connection, statements: Sequence[Statement]) -> list[list[Any]]:
    return [sqlite.execute(sql, parameters).fetchall() for sql, parameters in statements]


def _run(do: Callable[..., sqlite3.Cursor], sql: str, parameters: Any) -> _Found:
    cursor = do(sql, parameters)
    try:
        rows = cursor.fetchall() if cursor.description else []
        return _Found(rows, cursor.description, cursor.rowcount, cursor.lastrowid)
    finally:
        cursor.close()
