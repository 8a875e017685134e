"""Whether the store is the newest there is: heads compared, published, and told about.

Every second it is asked whether the store has changed since its head was published, and every ten
whether somebody else has published one. It holds up nobody: the store is read beside those who
write, and a place that hangs is waited for by nobody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import structlog

from watchtower.alerts import of_heads
from watchtower.alerts.desk import Desk
from watchtower.alerts.rules import Alarm
from watchtower.errors import StoreError
from watchtower.store.head import Finding
from watchtower.store.head_keeping import HeadKeeper, HeadUnreachable, Place
from watchtower.store.head_looks import Look

__all__ = ["HeadWatch", "alarm_of"]

_log = structlog.get_logger(__name__)

_EVERY: Final = 1.0
_READ_AGAIN: Final = 10.0
_PINNED_EVERY: Final = 3_600.0
"""Seconds between two looks at the store, at a place where nothing is to be published, and between
two lines of the journal that pin the census."""

_AHEAD: Final = 3_600.0
"""Seconds by which clocks may differ before a person is told."""


class HeadWatch:
    """Looks after the heads of one store, until cancelled."""

    def __init__(
        self,
        keeper: HeadKeeper,
        desk: Desk,
        *,
        wall: Callable[[], float],
        clock: Callable[[], float],
        every: float = _EVERY,
    ) -> None:
        """Look at nothing yet.

        Args:
            keeper: compares and publishes.
            desk: is told what is wrong.
            wall: gives seconds since 1970, by the host's clock; for alarms alone.
            clock: gives seconds on a steady clock.
            every: how many of those lie between two looks.
        """
        self._keeper = keeper
        self._desk = desk
        self._wall = wall
        self._clock = clock
        self._every = every
        self._published: dict[str, int] = {}
        self._read_at: dict[str, float] = {}
        self._standing: dict[str, Alarm] = {}
        self._pin_at = clock()

    @property
    def oldest(self) -> int | None:
        """How many lines the journal had for the oldest head that stands; see `HeadKeeper`."""
        return self._keeper.oldest

    def age(self) -> float | None:
        """Return how many seconds ago the head was compared for which that is longest ago.

        None until every one was.
        """
        if len(self._read_at) < len(self._keeper.places):
            return None
        return max((self._clock() - at for at in self._read_at.values()), default=None)

    async def watch_for_ever(self) -> None:
        """Look again and again; what fails is tried again."""
        while True:
            await self.look()
            await asyncio.sleep(self._every)

    async def look(self) -> None:
        """Compare and publish, wherever that is due."""
        await self._write()
        try:
            version, troubles = await self._keeper.version(), await self._keeper.troubles()
        except StoreError as failure:
            _log.warning("heads_not_compared", why=str(failure))
            return
        await asyncio.gather(
            *(self._tend(place, version, troubles.get(place.name)) for place in self._keeper.places)
        )

    async def _write(self) -> None:
        """Write what is due; a store that takes nothing is compared all the same."""
        try:
            await self._keeper.write_down(())
            if self._clock() >= self._pin_at:
                await self._keeper.pin()
                self._pin_at = self._clock() + _PINNED_EVERY
        except StoreError as failure:
            _log.warning("heads_not_written_down", why=str(failure))

    async def _tend(self, place: Place, version: int, trouble: Look | None) -> None:
        name = place.name
        if trouble is not None and trouble.finding is not Finding.GONE:
            self._stand(trouble)
            return
        is_quiet = self._published.get(name) == version and trouble is None
        if is_quiet and self._clock() < self._read_at.get(name, 0.0) + _READ_AGAIN:
            return
        try:
            await self._compare(place, trouble)
        except HeadUnreachable as away:
            self._desk.stand(of_heads.head_unreachable(name, why=str(away)))
        except StoreError as failure:
            _log.warning("head_not_published", place=name, why=str(failure))

    async def _compare(self, place: Place, trouble: Look | None) -> None:
        name = place.name
        look = await self._keeper.look(place)
        if look.finding is Finding.UNREACHABLE:
            raise HeadUnreachable(look.why)
        self._desk.end("head_unreachable", name)
        if look.finding.is_trouble:
            self._stand(look)
            await self._keeper.write_down([look])
            return
        if trouble is not None:
            await self._keeper.healed(name)
        if (alarm := self._standing.pop(name, None)) is not None:
            self._desk.end(alarm.name, name)
        self._look_at_the_clock(look)
        self._published[name] = await self._keeper.publish(place)
        self._read_at[name] = self._clock()

    def _stand(self, look: Look) -> None:
        alarm = alarm_of(look)
        before = self._standing.get(look.place)
        if before is not None and before.name != alarm.name:
            self._desk.end(before.name, look.place)
        if before is None:
            _log.warning("head_trouble", place=look.place, finding=look.finding.value)
        self._standing[look.place] = alarm
        self._desk.stand(alarm)

    def _look_at_the_clock(self, look: Look) -> None:
        if look.head is not None and look.head.at / 1_000 > self._wall() + _AHEAD:
            self._desk.stand(of_heads.head_ahead_of_clock(look.place, at=_time(look.head.at)))
        else:
            self._desk.end("head_ahead_of_clock", look.place)


def alarm_of(look: Look) -> Alarm:
    """Return the alarm for what is wrong at a place."""
    match look.finding:
        case Finding.OLDER:
            missing = look.missing
            return of_heads.store_older_than_head(
                look.place, entries=missing.entries, changes=missing.changes
            )
        case Finding.FORKED:
            return of_heads.store_forked(look.place)
        case Finding.GONE:
            return of_heads.head_gone(look.place)
        case Finding.ANOTHER_STORE:
            return of_heads.head_of_another_store(look.place)
        case Finding.BROKEN:
            return of_heads.head_not_comparable(look.place)
        case Finding.TAMPERED:
            return of_heads.head_tampered(look.place)
        case _:
            return of_heads.head_unreachable(look.place, why=look.why or "it was not looked at")


def _time(milliseconds: int) -> str:
    with suppress(OverflowError, ValueError):
        return datetime.fromtimestamp(milliseconds // 1_000, UTC).isoformat()
    return f"millisecond {milliseconds} since 1970"
