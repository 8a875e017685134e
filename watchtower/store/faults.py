"""The one place where what SQLite and the operating system complain of becomes our own errors."""

from __future__ import annotations

import errno
import os
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
    StoreReadOnlyError,
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
_READ_ONLY: Final = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM})
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

_FORBIDDEN: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


@contextmanager
def sqlite_faults(path: Path) -> Iterator[None]:
    """Raise the store's own error for what SQLite raises inside; anything else passes through.

    Raises:
        StoreBusyError: another process kept the lock for longer than we wait.
        StoreDamagedError: the file is truncated, or no database.
        StoreReadOnlyError: the disk, the folder or the file may not be written.
        StoreFullError: no space left, or the disk refuses otherwise.
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
        StoreReadOnlyError: it may not be written.
        StoreFullError: anything else: no space, no directory.
    """
    try:
        yield
    except FileExistsError:
        raise StoreExistsError(path=path) from None
    except OSError as error:
        why = error.strerror or str(error)
        if error.errno in _FORBIDDEN:
            raise StoreReadOnlyError(path=path, why=_why_read_only(path) or why) from error
        raise StoreFullError(path=path, why=why) from error


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
        # SQLite tells a disk that was mounted anew for reading only as "disk I/O error", and one
        # that was from the beginning as "unable to open database file".
        why = None if code & _PRIMARY == sqlite3.SQLITE_FULL else _why_read_only(path)
        if why is None and code & _PRIMARY in _READ_ONLY:
            why = str(error)
        if why is not None:
            return StoreReadOnlyError(path=path, why=why)
        return StoreFullError(path=path, why="its disk is full" if _is_full(path) else str(error))
    return error


def _is_full(path: Path) -> bool:
    # What SQLite keeps in memory it shares through a file; that there is no room for that one is
    # "disk I/O error" to it (os_unix.c, SQLITE_IOERR_SHMSIZE).
    try:
        return os.statvfs(path.parent).f_bavail == 0
    except OSError:
        return False


def _why_read_only(path: Path) -> str | None:
    """Return what may not be written of a store; None if all of it may be, as far as can be seen.

    The folder too: SQLite writes its log beside the file (https://www.sqlite.org/wal.html).
    """
    for place in (path, path.parent):
        try:
            if os.statvfs(place).f_flag & os.ST_RDONLY:
                return "its disk is mounted for reading only"
            is_forbidden = not os.access(place, os.W_OK)
        except OSError:  # it is not there, or cannot be reached: that is another fault
            continue
        if is_forbidden:
            return f"this user may not write {'the file' if place == path else 'its folder'}"
    return None
