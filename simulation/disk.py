"""A disk under the store: real SQLite on a real file, without threads, and with all that fails.

What is asked of SQLite is done at once. A process that is killed leaves what was committed and
nothing else, as the operating system would: its connections are closed in the middle of whatever
they were at.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Generator, Sequence
from enum import StrEnum
from functools import partial
from typing import Any, Final, Self

from typing_extensions import override

from watchtower.store.driver import Driven
from watchtower.store.statements import COMMIT, Statement
from watchtower.store.uninterrupted import uninterrupted

__all__ = ["Disk", "Ill", "Step", "Steps"]

_LOOK_AGAIN: Final = 0.05
"""Seconds after which a connection that found the file locked looks again."""

_WRITES: Final = ("INSERT", "UPDATE", "DELETE", "CREATE")


class Ill(StrEnum):
    """What may be wrong with a disk."""

    FULL = "disk_full"
    FSYNC_FAILS = "fsync_fails"


class Step(StrEnum):
    """Where a process may be killed."""

    BEFORE_COMMIT = "before a commit"
    AFTER_COMMIT = "after a commit"
    BEFORE_FRAME = "before a frame leaves"
    AFTER_FRAME = "after a frame left"


Steps = Callable[[Step], None]
"""Is told each step of a process before it is gone; may kill it there."""


class Disk:
    """What the file system of one host does.

    ``ill`` is what is wrong with it now, ``locks`` how many others keep the store locked.
    """

    def __init__(self) -> None:
        """Begin well."""
        self.ill: Ill | None = None
        self.locks = 0

    def connections(self, steps: Steps) -> Connections:
        """Return the way of one process to its files."""
        return Connections(self, steps)


class Connections:
    """The connections of one process."""

    def __init__(self, disk: Disk, steps: Steps) -> None:
        """Begin with none."""
        self.disk = disk
        self.steps = steps
        self._open: dict[_Connection, None] = {}
        self._is_dead = False

    def open(self, *args: Any, **options: Any) -> Awaitable[Driven]:
        """Open a connection, given what `sqlite3.connect` takes (a `store.database.Driver`)."""
        patience = options.pop("timeout")
        connection = _Connection(
            partial(self._connect, *args, timeout=0, **options), self, patience
        )
        self._open[connection] = None
        return connection

    def forget(self, connection: _Connection) -> None:
        """Take note that a connection is closed."""
        self._open.pop(connection, None)

    def kill(self) -> None:
        """Close everything in the middle of whatever it is at."""
        self._is_dead = True
        for connection in [*self._open]:
            connection.break_off()

    def _connect(self, *args: Any, **options: Any) -> sqlite3.Connection:
        if self._is_dead:
            raise _failure(sqlite3.SQLITE_CANTOPEN, "the process is dead")
        connection: sqlite3.Connection = sqlite3.connect(*args, **options)
        return connection


class _Connection(Driven):
    """A connection without a thread: what is asked is done before anybody else has a turn."""

    def __init__(
        self,
        connector: Callable[[], sqlite3.Connection],
        process: Connections,
        patience: float,
    ) -> None:
        super().__init__(connector, iter_chunk_size=64)
        self._process = process
        self._patience = patience

    @override
    def __await__(self) -> Generator[Any, None, Self]:
        yield from self._connect().__await__()
        return self

    @override
    async def _connect(self) -> Driven:
        self._connection = self._connector()
        return self

    @override
    async def close(self) -> None:
        self.break_off()

    @override
    def stop(self) -> asyncio.Future[Any] | None:
        self.break_off()
        return None

    def break_off(self) -> None:
        """Close, whatever is under way; nothing of that is kept."""
        self._process.forget(self)
        self._running = False
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @override
    async def _execute(self, fn: Callable[..., Any], *args: Any, **options: Any) -> Any:
        if self._connection is None:
            raise _failure(sqlite3.SQLITE_CANTOPEN, "the process is dead")
        name = getattr(fn, "__name__", "")
        if name == "commit" and self._connection.in_transaction:
            return self._commit(fn)
        if name in {"execute", "executemany"}:
            return await self._run(fn, *args, **options)
        return fn(*args, **options)

    @override
    async def trip(self, statements: Sequence[Statement]) -> list[list[Any]]:
        return await uninterrupted(self._travel(statements))

    async def _travel(self, statements: Sequence[Statement]) -> list[list[Any]]:
        return [await self._ask(statement) for statement in statements]

    async def _ask(self, statement: Statement) -> list[Any]:
        self._look_alive()
        if statement == COMMIT:
            return self._commit(self.sqlite.commit) or []
        found: sqlite3.Cursor = await self._run(self.sqlite.execute, *statement)
        return found.fetchall()

    async def _run(self, fn: Callable[..., Any], sql: str, *args: Any, **options: Any) -> Any:
        if self._process.disk.ill is Ill.FULL and sql.lstrip().startswith(_WRITES):
            raise _failure(sqlite3.SQLITE_FULL, "database or disk is full")
        loop = asyncio.get_running_loop()
        given_up = loop.time() + self._patience
        while True:
            try:
                return fn(sql, *args, **options)
            except sqlite3.OperationalError as error:
                is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not is_busy or loop.time() >= given_up:
                    raise
            await asyncio.sleep(_LOOK_AGAIN)

    def _commit(self, commit: Callable[[], Any]) -> Any:
        process = self._process
        process.steps(Step.BEFORE_COMMIT)
        self._look_alive()
        if process.disk.ill is Ill.FSYNC_FAILS:
            # SQLite rolls a commit back that fails (vdbeaux.c, sqlite3VdbeHalt), and a page that
            # was written is seen by nobody before it is synced (wal.c, sqlite3WalFrames); that
            # it is there after a power cut is what AFTER_COMMIT stands for.
            self._roll_back()
            raise _failure(sqlite3.SQLITE_IOERR_FSYNC, "disk I/O error")
        done = commit()
        process.steps(Step.AFTER_COMMIT)
        self._look_alive()
        return done

    def _roll_back(self) -> None:
        if self._connection is not None:
            self._connection.rollback()

    def _look_alive(self) -> None:
        if self._connection is None:
            raise _failure(sqlite3.SQLITE_CANTOPEN, "the process is dead")


def _failure(code: int, words: str) -> sqlite3.OperationalError:
    """Return the error that SQLite makes of a result code (https://www.sqlite.org/rescode.html)."""
    error = sqlite3.OperationalError(words)
    error.sqlite_errorcode = code
    return error
