"""A small SQLite file of a client's own, shared by its processes, and readable by its owner only.

What it guarantees: what was written is on disk when `writing` has ended (``synchronous=FULL``),
or nothing of it is; two processes take turns; and whatever goes wrong is a `ClientFileError`.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from watchtower.errors import ClientFileError

__all__ = ["PrivateFile"]

_MODE: Final = 0o600
_PATIENCE: Final = 5.0
"""Seconds to wait for the turn of another process."""


class PrivateFile:
    """One open file. Its methods block, and may be called on any thread.

    Args:
        path: where; made with ``schema`` if it is not there.
        kind: SQLite's ``application_id``, by which a file of another kind is told apart.
        schema: what is in a new file.

    Raises:
        ClientFileError: it cannot be opened, is of another kind, or others may read it.
    """

    def __init__(self, path: Path, *, kind: int, schema: str) -> None:
        self.path = path
        self._process = os.getpid()
        self._lock = threading.Lock()
        try:
            _make(path)
            self._connection = sqlite3.connect(
                path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
        except (OSError, sqlite3.Error) as problem:
            raise ClientFileError(path=path, why=problem) from problem
        try:
            self._set_up(kind, schema)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close it; what was written is on disk already."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for reading.

        Raises:
            ClientFileError: it cannot be read.
        """
        with self._lock, self._faults():
            self._refuse_another_process()
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection for one transaction, which is on disk when the block has ended.

        Raises:
            ClientFileError: nothing was written.
        """
        with self._lock, self._faults():
            self._refuse_another_process()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _set_up(self, kind: int, schema: str) -> None:
        with self.reading() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        with self.writing() as connection:
            found = connection.execute("PRAGMA application_id").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
            if found != kind and tables:
                raise ClientFileError(path=self.path, why="it is a file of another kind")
            if not tables:
                for statement in schema.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {kind}")

    def _refuse_another_process(self) -> None:
        # SQLite's locks do not go with a fork (sqlite.org/howtocorrupt.html, 2.6): a web server
        # that loads the application first and forks its workers then would break the file.
        if os.getpid() != self._process:
            why = "it was opened before this process was forked; open it in each worker"
            raise ClientFileError(path=self.path, why=why)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as problem:
            raise ClientFileError(path=self.path, why=problem) from problem


def _make(path: Path) -> None:
    """Make the file with its mode, before SQLite would make it with another one."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _MODE))
    # SQLite syncs the folder for its journals, and not for the file itself.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & ~_MODE:
        raise ClientFileError(path=path, why=f"its mode is {mode:o}, so others can use it; not 600")
