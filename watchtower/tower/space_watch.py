"""The watch over the store's disk: alarms before it is full, and the reserve made again after.

It decides nothing about claims: those who take them ask the disk for themselves (`reserve.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from watchtower.alerts import of_space
from watchtower.alerts.desk import Desk
from watchtower.store.space import Pace, Room, Thresholds, claims_have_room, is_urgent

__all__ = ["SpaceWatch"]

_log = structlog.get_logger(__name__)


class Reserve(Protocol):
    """What is asked of the reserve, and of the disk that it is on."""

    @property
    def size(self) -> int:
        """How many bytes it should have; 0 for none."""
        ...

    @property
    def held(self) -> int:
        """How many it has."""
        ...

    def room(self) -> Room:
        """Return what the disk has left beside it."""
        ...

    def make(self) -> bool:
        """Have it stand, if there is room."""
        ...


class SpaceWatch:
    """Looks at the disk of one store."""

    def __init__(
        self,
        store: str,
        reserve: Reserve,
        thresholds: Thresholds,
        desk: Desk,
        *,
        clock: Callable[[], float],
    ) -> None:
        """Look at the disk of ``store``; ``clock`` is a steady one, in seconds."""
        self._store = store
        self._reserve = reserve
        self._thresholds = thresholds
        self._desk = desk
        self._clock = clock
        self._pace = Pace()

    def hold_to(self, thresholds: Thresholds) -> None:
        """Tell of the disk by other thresholds, from the next round on."""
        self._thresholds = thresholds

    async def look_at_disk(self) -> None:
        """Tell of what is wrong with the disk, and have the reserve stand again.

        Raises:
            StoreFullError: the reserve could not be made.
        """
        reserve = self._reserve
        try:
            room = reserve.room()
        except OSError as problem:
            _log.warning("disk_not_measured", why=problem.strerror or str(problem))
            return
        held = reserve.held
        self._tell_of_room(room, held)
        if room.is_read_only:
            self._desk.stand(of_space.disk_read_only(self._store))
            return
        self._desk.end("disk_read_only", self._store)
        if held != reserve.size:
            # It may be some megabytes to be written, and what presses does not wait for them.
            await asyncio.to_thread(reserve.make)

    def _tell_of_room(self, room: Room, held: int) -> None:
        # What the reserve holds is not lost to the disk: to give it up is no growth.
        self._pace.look(self._clock(), room.available + held)
        pace = self._pace.full_in()
        urgent = is_urgent(room, None if pace is None else pace[0], self._thresholds)
        if urgent is None:
            self._desk.end("disk_space_low", self._store)
        else:
            self._desk.stand(
                of_space.disk_space_low(
                    self._store,
                    available=room.available,
                    files=room.files,
                    pace=pace,
                    is_urgent=urgent,
                )
            )
        size = self._reserve.size
        if claims_have_room(room, reserve=size, held=held):
            self._desk.end("disk_full", self._store)
        else:
            self._desk.stand(
                of_space.disk_full(self._store, available=room.available, reserve=size, held=held)
            )
