"""The one place where what SQLite and the operating system complain of becomes our own errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError

from watchtower.errors import (
    StoreBusyError,
    StoreDamagedError,
    StoreExistsError,
    StoreFullError,
)

__all__ = ["disk_faults", "sqlite_faults"]

_PRIMARY: Final = 0xFF  # an extended result code holds the primary one in its low byte

_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED: Final = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_FORMAT,
        sqlite3.SQLITE_ERROR,  # a statement of ours does not fit the schema that is there
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
    }
)
_DAMAGED_IN_DETAIL: Final = frozenset(
    {sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS}
)
_UNWRITABLE: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_NOMEM,
    }
)


@contextmanager
def sqlite_faults(path: Path) -> Iterator[None]:
    """Raise the store's own error for what SQLite raises inside; anything else passes through.

    Raises:
        StoreBusyError: another process kept the lock for longer than we wait.
        StoreDamagedError: the file is truncated, or no database.
        StoreFullError: no space left, or the disk refuses.
    """
    try:
        yield
    except DBAPIError as error:
        # The statement's parameters stay behind: `from None` keeps them out of tracebacks.
        raise _of_sqlite(path, error.orig or error) from None
    except sqlite3.Error as error:
        raise _of_sqlite(path, error) from None
    except UnicodeDecodeError:
        # A damaged schema, which SQLite quotes in its complaint and Python then cannot read.
        raise StoreDamagedError(path=path, why="its schema cannot be read") from None


@contextmanager
def disk_faults(path: Path) -> Iterator[None]:
    """Raise the store's own error for what the operating system says to work on a whole file.

    Raises:
        StoreExistsError: ``path`` was to be new, and is there already.
        StoreFullError: anything else: no space, no directory, no permission.
    """
    try:
        yield
    except FileExistsError:
        raise StoreExistsError(path=path) from None
    except OSError as error:
        raise StoreFullError(path=path, why=error.strerror or str(error)) from error


def _of_sqlite(path: Path, error: BaseException) -> BaseException:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        # Python's own complaint: of text that is none, or of a mistake of ours.
        is_damage = isinstance(error, sqlite3.OperationalError)
        return StoreDamagedError(path=path, why=str(error)) if is_damage else error
    if code & _PRIMARY in _BUSY:
        return StoreBusyError(path=path)
    if code in _DAMAGED_IN_DETAIL or code & _PRIMARY in _DAMAGED:
        return StoreDamagedError(path=path, why=str(error))
    if code & _PRIMARY in _UNWRITABLE:
        return StoreFullError(path=path, why=str(error))
    return error
