"""The reserve: room on the disk that nobody else can take, given up when a write finds none.

What it guarantees: whatever fills the disk, the writes that redeeming needs (an attempt is on disk
before it is sent, rule 2) find so much room once the reserve is gone; and claims, which anybody may
send in any number, cannot eat it up (rule 6 stops them). It is made again as soon as there is room.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import structlog

from watchtower.errors import StoreExistsError, StoreRoomError
from watchtower.store.database import Store
from watchtower.store.faults import disk_faults
from watchtower.store.space import Room, claims_have_room
from watchtower.store.work import Work

__all__ = ["Measure", "Reserve", "RoomForClaims", "measure"]

_log = structlog.get_logger(__name__)

Measure = Callable[[Path], Room]
"""Tells how much room the file system of a folder has."""

_BLOCK: Final = 512
"""What ``st_blocks`` counts, whatever the file system (POSIX, sys/stat.h)."""

_CHUNK: Final = 1 << 20


def measure(folder: Path) -> Room:
    """Ask the operating system.

    Raises:
        OSError: there is no such folder, or its disk does not answer.
    """
    told = os.statvfs(folder)
    return Room(
        # What is left for us, and not what root could have as well.
        available=told.f_bavail * told.f_frsize,
        # Some count none, and say 0 of 0 (btrfs).
        files=told.f_favail if told.f_files else None,
        is_read_only=bool(told.f_flag & os.ST_RDONLY),
    )


class Reserve:
    """The reserve beside the store at ``store``; of no bytes, there is none."""

    def __init__(self, store: Path, size: int, measuring: Measure = measure) -> None:
        """Make nothing yet."""
        self.store = store
        self.size = size
        self.path = store.with_name(store.name + ".reserve")
        self._measure = measuring

    def hold_to(self, size: int) -> None:
        """Be of another size from the next `make` on."""
        self.size = size

    @property
    def held(self) -> int:
        """How many bytes stand in it now."""
        try:
            return self.path.lstat().st_size
        except OSError:
            return 0

    def room(self) -> Room:
        """Return what the disk has left beside it.

        Raises:
            OSError: the disk does not answer.
        """
        return self._measure(self.store.parent)

    def why_no_claims(self) -> str | None:
        """Return why no claim may be taken now; None if they may."""
        if not self.size:
            return None
        try:
            room = self.room()
        except OSError:
            return None  # SQLite will say more of it
        if claims_have_room(room, reserve=self.size, held=self.held):
            return None
        return f"its disk has {room.available // 1024} KiB left"

    def make(self) -> bool:
        """Have it stand with its size, if there is room; return whether it does. Takes a while.

        Not if claims could not be taken with it: it would be given up again at once.
        """
        held = self.held
        if not self.size:
            self.give_up()
            return True
        if held == self.size:
            return True
        if not claims_have_room(self.room(), reserve=self.size, held=held):
            return False
        self._remove()
        try:
            with disk_faults(self.path):
                _allocate(self.path, self.size)
        except StoreExistsError:
            # A round that was cut short goes on in its thread, and makes it already.
            return False
        except BaseException:
            self._remove()
            raise
        return True

    def give_up(self) -> bool:
        """Give its room back to the disk; say whether there was any."""
        held = self.held
        self._remove()
        if held:
            _log.warning("reserve_given_up", bytes=held, store=str(self.store))
        return held > 0

    def _remove(self) -> None:
        # A disk that is mounted for reading only keeps it, and gains nothing by that.
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


class RoomForClaims:
    """A store as those see it who take claims: nothing is written into the room for redeeming."""

    def __init__(self, store: Store, reserve: Reserve) -> None:
        """Let claims into ``store`` while ``reserve`` has room for them."""
        self._store = store
        self._reserve = reserve

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Work]:
        """Begin one durable transaction.

        Raises:
            StoreRoomError: what room is left is for redeeming.
            StoreError: as the store's own `write`.
        """
        why = self._reserve.why_no_claims()
        if why is not None:
            raise StoreRoomError(path=self._store.path, why=why)
        async with self._store.write() as work:
            yield work

    def read(self) -> AbstractAsyncContextManager[Work]:
        """Look at one moment."""
        return self._store.read()


def _allocate(path: Path, size: int) -> None:
    """Make a file that has all its bytes on the disk already, readable by its owner only."""
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW
    file = os.open(path, flags, 0o600)
    try:
        os.posix_fallocate(file, 0, size)
        if os.fstat(file).st_blocks * _BLOCK < size:
            # Some file systems keep nothing for zeros (ZFS); noise they have to write.
            for first in range(0, size, _CHUNK):
                os.pwrite(file, os.urandom(min(_CHUNK, size - first)), first)
        os.fsync(file)
    finally:
        os.close(file)
