"""Small disks that can be filled: a real file system where one can be mounted, and a counted one.

The counted one works anywhere: SQLite is told that the disk is full where a file system would tell
it, by what stands in the folder and how much may.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from typing_extensions import override

from watchtower.store.database import Driver
from watchtower.store.driver import Driven, connect
from watchtower.store.reserve import measure
from watchtower.store.space import Room
from watchtower.store.statements import Statement

__all__ = ["KINDS", "SmallDisk", "small_disk"]

KINDS: Final = ("mounted", "counted")
_SIZE: Final = 8 << 20
_WRITES: Final = ("INSERT", "UPDATE", "DELETE")


@dataclass(kw_only=True)
class SmallDisk:
    """A disk of some megabytes: where it is, what a machine has of it, and filling it."""

    folder: Path
    driver: Driver = connect
    measure: Callable[[Path], Room] = measure
    fill: Callable[[], None] = field(default=lambda: None)
    free: Callable[[], None] = field(default=lambda: None)
    freeze: Callable[[], None] = field(default=lambda: None)
    """Has it mounted anew for reading only, as a system does with a disk that fails; a counted one
    alone, for nobody may do that to a disk in use. `free` undoes it."""


@contextmanager
def small_disk(kind: str, folder: Path) -> Iterator[SmallDisk]:
    """Give a disk of one of `KINDS`; who may not mount anything is told so, and has the other."""
    place = folder / "disk"
    place.mkdir()
    if kind == "counted":
        yield _counted(place)
        return
    with mounted(place):
        yield _real(place)


@contextmanager
def mounted(place: Path, options: str = f"size={_SIZE}") -> Iterator[None]:
    """Mount a small file system in memory, or skip the test where nobody may."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        # Lazily: a connection may still be about to be closed.
        subprocess.run(["umount", "-l", str(place)], check=True)


def _real(place: Path) -> SmallDisk:
    filler = place / "filler"

    def fill() -> None:
        with filler.open("ab", buffering=0) as file:
            for size in (65_536, 4_096, 512):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue

    return SmallDisk(folder=place, fill=fill, free=filler.unlink)


class _Counted:
    """What stands in a folder, and how much may."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._size = _SIZE
        self._is_frozen = False

    def left(self) -> int:
        return max(0, self._size - sum(file.stat().st_size for file in self._place.iterdir()))

    def measure(self, _folder: Path) -> Room:
        return Room(available=self.left(), is_read_only=self._is_frozen)

    def fill(self) -> None:
        self._size -= self.left()

    def free(self) -> None:
        self._size, self._is_frozen = _SIZE, False

    def freeze(self) -> None:
        self._is_frozen = True

    def open(self, *args: Any, **options: Any) -> Driven:
        connection = _OnCounted(self, lambda: sqlite3.connect(*args, **options))
        connection._thread.daemon = True
        return connection

    def look_at(self, statements: Sequence[Statement]) -> None:
        """Refuse what writes, where a disk would."""
        if not any(each.sql.startswith(_WRITES) for each in statements):
            return
        if self._is_frozen:
            raise _failure(sqlite3.SQLITE_READONLY, "attempt to write a readonly database")
        if not self.left():
            raise _failure(sqlite3.SQLITE_FULL, "database or disk is full")


class _OnCounted(Driven):
    def __init__(self, disk: _Counted, connector: Callable[[], sqlite3.Connection]) -> None:
        super().__init__(connector, iter_chunk_size=64)
        self._disk = disk

    @override
    def trip(self, statements: Sequence[Statement]) -> Awaitable[list[list[Any]]]:
        self._disk.look_at(statements)
        return super().trip(statements)


def _counted(place: Path) -> SmallDisk:
    disk = _Counted(place)
    return SmallDisk(
        folder=place,
        driver=disk.open,
        measure=disk.measure,
        fill=disk.fill,
        free=disk.free,
        freeze=disk.freeze,
    )


def _failure(code: int, words: str) -> sqlite3.OperationalError:
    failure = sqlite3.OperationalError(words)
    failure.sqlite_errorcode = code
    return failure


IS_ROOT: Final = os.geteuid() == 0
"""Whether permissions say nothing to whoever runs the tests."""
