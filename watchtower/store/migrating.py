"""Before a store is brought to a newer format: a copy of it beside it, verified, kept for good.

What it guarantees: nothing of a store is changed before its copy stands under its name, durable and
the same in every record. Whatever is killed, whenever, leaves the old store or the new one, and the
next who opens it goes on: a copy that was finished is found to be the same, one that was not is
thrown away. Nobody migrates a store under a daemon that runs on it. There is no way back but the
copy, and that knows nothing of what came since.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Final
from urllib.parse import quote

import structlog

from watchtower.errors import StoreDamagedError, StoreFullError
from watchtower.store.alone import alone_or_ours
from watchtower.store.faults import sqlite_faults
from watchtower.store.files import new_file

__all__ = ["copied_before_migration", "copies_of"]

_log = structlog.get_logger(__name__)

_TABLES: Final = (
    "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
    "ORDER BY name"
)


@asynccontextmanager
async def copied_before_migration(store: Path, found: int, now: float) -> AsyncIterator[None]:
    """Hold ``store``, of format ``found``, alone, once there is a copy of it.

    ``now`` is the host's Unix time, for the copy's name.

    Raises:
        StoreBusyError: a daemon runs on it, or somebody writes for longer than we wait.
        StoreFullError: there is no room for the copy; nothing was changed.
        StoreDamagedError: the copy is not the same, and was thrown away; nothing was changed.
    """
    with alone_or_ours(store):
        day = datetime.fromtimestamp(now, UTC).date().isoformat()
        copy = await asyncio.to_thread(_copy, store, f"{store.name}.format-{found}-{day}")
        _log.warning("store_copied", copy=str(copy), format=found)
        yield


def copies_of(store: Path) -> frozenset[Path]:
    """Return the copies that stand beside a store, whatever their format and day."""
    return frozenset(store.parent.glob(f"{_escaped(store.name)}.format-*-*"))


def _copy(store: Path, name: str) -> Path:
    _clear_away(store)
    with sqlite_faults(store), closing(_opened(store)) as holding:
        # Nobody writes until the copy has been compared.
        holding.execute("BEGIN IMMEDIATE")
        told = _digest(holding)
        for target in _names(store.with_name(name)):
            if not os.path.lexists(target):
                break
            if _is_same(target, told):
                return target
        _refuse_without_room(store)
        with new_file(target) as draft:
            with closing(_opened(store)) as reading:
                reading.execute("VACUUM INTO ?", (str(draft),))
            if not _is_same(draft, told):
                raise StoreDamagedError(path=store, why="a copy of it was not the same")
    return target


def _opened(path: Path, mode: str = "rw") -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode={mode}", uri=True, isolation_level=None)


def _names(target: Path) -> Iterator[Path]:
    """Yield the name, and others for copies of one day that are not the same."""
    yield target
    for number in count(2):
        yield target.with_name(f"{target.name}-{number}")


def _is_same(copy: Path, told: bytes) -> bool:
    try:
        with closing(_opened(copy, "ro")) as reading:
            (found,) = reading.execute("PRAGMA integrity_check(1)").fetchone()
            return found == "ok" and _digest(reading) == told
    except sqlite3.Error:
        return False


def _digest(reading: sqlite3.Connection) -> bytes:
    """Return a digest over every table and every record in it."""
    digest = sha256()
    for name, sql in reading.execute(_TABLES).fetchall():
        digest.update(repr((name, sql)).encode())
        for row in reading.execute(f'SELECT * FROM "{name}" ORDER BY 1'):  # noqa: S608 - of ours
            digest.update(repr(row).encode())
    return digest.digest()


def _refuse_without_room(store: Path) -> None:
    told = os.statvfs(store.parent)
    free = told.f_bavail * told.f_frsize
    needed = sum(path.stat().st_size for path in (store, Path(f"{store}-wal")) if path.exists())
    if free < needed:
        why = (
            f"it is to be brought to a newer format, and the copy that is made of it before needs "
            f"{needed // 1024} KiB beside it, of which {free // 1024} are free"
        )
        raise StoreFullError(path=store, why=why)


def _clear_away(store: Path) -> None:
    """Throw away copies that were not finished; whoever makes one holds the store alone."""
    for draft in store.parent.glob(f".{_escaped(store.name)}.format-*"):
        draft.unlink(missing_ok=True)


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
