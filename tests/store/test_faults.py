"""What SQLite and the system complain of becomes one sentence of ours."""

from __future__ import annotations

import errno
import re
import sqlite3
from pathlib import Path

import pytest

from watchtower.errors import (
    StoreBusyError,
    StoreDamagedError,
    StoreError,
    StoreExistsError,
    StoreFullError,
)
from watchtower.store.faults import disk_faults, sqlite_faults

PATH = Path("/var/lib/watchtower/watchtower.db")


def _complaint(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("what SQLite said")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        (sqlite3.SQLITE_BUSY, StoreBusyError),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StoreBusyError),
        (sqlite3.SQLITE_FULL, StoreFullError),
        (sqlite3.SQLITE_IOERR_FSYNC, StoreFullError),
        (sqlite3.SQLITE_IOERR_WRITE, StoreFullError),
        (sqlite3.SQLITE_READONLY_DIRECTORY, StoreFullError),
        (sqlite3.SQLITE_CANTOPEN, StoreFullError),
        (sqlite3.SQLITE_NOTADB, StoreDamagedError),
        (sqlite3.SQLITE_CORRUPT_INDEX, StoreDamagedError),
        (sqlite3.SQLITE_IOERR_SHORT_READ, StoreDamagedError),
        (sqlite3.SQLITE_ERROR, StoreDamagedError),
    ],
)
def test_each_result_code_has_its_error(code: int, ours: type[StoreError]) -> None:
    """Extended codes count as their primary one, but for reads that end too early."""
    with (
        pytest.raises(ours, match=re.escape(str(PATH))) as caught,
        sqlite_faults(PATH),
    ):
        raise _complaint(code)
    assert caught.value.__cause__ is None  # what was bound to the statement stays behind


def test_a_misuse_of_ours_is_not_disguised() -> None:
    """A bug is no damage of the file."""
    with pytest.raises(sqlite3.OperationalError), sqlite_faults(PATH):
        raise _complaint(sqlite3.SQLITE_MISUSE)


def test_text_that_is_none_is_damage() -> None:
    """Python cannot decode it and gives no result code."""
    with pytest.raises(StoreDamagedError, match="Could not decode"), sqlite_faults(PATH):
        raise sqlite3.OperationalError("Could not decode to UTF-8 column")
    with pytest.raises(StoreDamagedError, match="schema cannot be read"), sqlite_faults(PATH):
        b"\xff".decode()


def test_a_mistake_in_a_statement_is_not_disguised() -> None:
    """Python finds it before SQLite does."""
    with pytest.raises(sqlite3.ProgrammingError), sqlite_faults(PATH):
        raise sqlite3.ProgrammingError("Incorrect number of bindings supplied")


def test_what_a_caller_raises_passes_through() -> None:
    """A timeout inside a transaction is an OSError, and says nothing of the disk."""
    with pytest.raises(TimeoutError), sqlite_faults(PATH):
        raise TimeoutError


@pytest.mark.parametrize(
    ("number", "ours"),
    [
        (errno.EEXIST, StoreExistsError),
        (errno.ENOSPC, StoreFullError),
        (errno.EROFS, StoreFullError),
        (errno.EACCES, StoreFullError),
        (errno.ENOENT, StoreFullError),
    ],
)
def test_each_refusal_of_the_system_has_its_error(number: int, ours: type[StoreError]) -> None:
    """A taken name is a store that exists; all else is a disk that does not write."""
    with pytest.raises(ours, match=re.escape(str(PATH))), disk_faults(PATH):
        raise OSError(number, "refused")
