"""Whole files: a store or a backup appears under its name complete and durable, or not at all.

Nothing is ever overwritten: the last step gives the finished file its name with ``link(2)``, which
fails if the name is taken.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watchtower.errors import StoreError, StoreExistsError
from watchtower.store.faults import disk_faults

__all__ = ["log_beside", "new_file", "refuse_log_beside", "renamed_errors"]


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """Give an empty file beside ``target``, readable by its owner only, that becomes ``target``.

    If the block fails, nothing of the file stays.

    Raises:
        StoreExistsError: ``target`` is there already; it stays as it is.
        StoreFullError: the file cannot be written.
    """
    if os.path.lexists(target):
        raise StoreExistsError(path=target)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    with disk_faults(target):
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield draft
        with disk_faults(target):
            _sync(draft)
            os.link(draft, target)
            draft.unlink()
            _sync(target.parent)
    finally:
        for leftover in (draft, Path(f"{draft}-wal"), Path(f"{draft}-shm")):
            leftover.unlink(missing_ok=True)


def log_beside(path: Path) -> Path | None:
    """Return a log of SQLite's that lies where the store ``path`` is, or would be; None if none."""
    for log in (Path(f"{path}-wal"), Path(f"{path}-journal")):
        if os.path.lexists(log):
            return log
    return None


def refuse_log_beside(target: Path) -> None:
    """Refuse a log that was left where a store was moved away: SQLite would play it into the next.

    It does not see that they do not belong together (https://www.sqlite.org/howtocorrupt.html,
    1.4), and what is in it belongs to the store that was moved: claims that were acknowledged.

    Raises:
        StoreExistsError: there is one; it stays as it is.
    """
    if (log := log_beside(target)) is not None:
        raise StoreExistsError(path=log)


@contextmanager
def renamed_errors(path: Path) -> Iterator[None]:
    """Let errors about a draft or a copy tell the name of the file that the caller knows."""
    try:
        yield
    except StoreError as error:
        raise type(error)(**{**error.facts, "path": path}) from None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
