"""The watch over backups: whoever wants them hears of it when none is made any more.

A timer that fails says so to nobody but its log; what is missed is noticed on the day on which it
is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from watchtower.alerts import of_backups
from watchtower.alerts.desk import Desk
from watchtower.store.backups.index import last_made
from watchtower.store.database import Store

__all__ = ["BackupWatch"]

_HOUR: Final = 3_600
_EVERY: Final = 60.0
"""Seconds between two looks at the index of backups, which is a file beside the store."""


class BackupWatch:
    """Looks at when the last backup of a store was made, by the store's own index of them."""

    def __init__(
        self, store: Store, desk: Desk, *, old_hours: int, wall: Callable[[], float]
    ) -> None:
        """Look by ``wall``, Unix seconds of the host, as backups are dated; 0 hours: never."""
        self._store = store
        self._desk = desk
        self._old_hours = old_hours
        self._wall = wall
        self._looked_at: float | None = None

    def hold_to(self, old_hours: int) -> None:
        """Look by another age, and soon; with 0 nothing is told any more."""
        if old_hours != self._old_hours:
            self._old_hours, self._looked_at = old_hours, None

    async def look(self) -> None:
        """Tell of the newest backup, if it is too old.

        A host whose clock was put back takes it for new: the clock has an alarm of its own at the
        head, and a backup from times to come is no reason to wake anybody.
        """
        now = self._wall()
        if self._looked_at is not None and 0 <= now - self._looked_at < _EVERY:
            return
        self._looked_at = now
        if not self._old_hours:
            self._desk.end("backup_old", str(self._store.path))
            return
        made = await self._store.with_keys(last_made)
        hours = None if made is None else int(now - made) // _HOUR
        path = str(self._store.path)
        if hours is not None and hours < self._old_hours:
            self._desk.end("backup_old", path)
        else:
            self._desk.stand(of_backups.backup_old(path, hours=hours))
