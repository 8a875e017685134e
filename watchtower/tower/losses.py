"""Which losses were told, kept in the store: a restart tells none anew, and forgets none.

A payer need never take a channel out of the ledger that has ended, so that one is found there
again by every start. What was told of it is written down only after the record of what is urgent
and was not delivered yet (`RouteWatch`): killed in between, the loss is told twice rather than not
at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import structlog

from watchtower.errors import StoreBusyError, StoreFullError
from watchtower.store.database import Store
from watchtower.units import ChannelId, Drops

__all__ = ["LOST_NOTE", "Losses", "losses_of"]

_log = structlog.get_logger(__name__)

LOST_NOTE: Final = "lost "
"""Before a channel's id: the note of how many drops were told to be lost on it."""


class Losses:
    """What was told as lost, by one tower."""

    def __init__(
        self, told: Mapping[ChannelId, Drops] | None = None, *, store: Store | None = None
    ) -> None:
        """Begin with what was ``told`` before; without a ``store`` nothing outlives the process."""
        self._store = store
        self._told = dict(told or {})
        self._fresh: set[ChannelId] = set()  # told, or forgotten, since the last look
        self._ripe: set[ChannelId] = set()  # before that look, so that a record of it was kept

    def is_news(self, channel: ChannelId, lost: Drops) -> bool:
        """Return whether more is ``lost`` on a channel than was told."""
        return lost > self._told.get(channel, 0)

    def told(self, channel: ChannelId, lost: Drops) -> None:
        """Take note that a loss is told now."""
        self._told[channel] = lost
        self._fresh.add(channel)

    def forget(self, channel: ChannelId) -> None:
        """Drop a channel that is gone: nobody will find it again."""
        if self._told.pop(channel, None) is not None:
            self._fresh.add(channel)

    async def look(self) -> None:
        """Write down what was told before the last look.

        Raises:
            StoreBusyError, StoreFullError: it could not be written, and is at the next look.
        """
        if self._ripe:
            await self._write(self._ripe)
        self._ripe, self._fresh = self._fresh, set()

    async def keep_the_last(self) -> None:
        """Write down all that was told, as the tower stops, behind the record of what waits."""
        try:
            await self._write(self._ripe | self._fresh)
        except (StoreBusyError, StoreFullError) as failure:
            _log.warning("losses_not_kept", why=str(failure))

    async def _write(self, channels: set[ChannelId]) -> None:
        if not channels or self._store is None:
            return
        told = {LOST_NOTE + one: self._told[one] for one in channels if one in self._told}
        async with self._store.write() as work:
            await work.notes.put_all(told)
            for gone in channels - self._told.keys():
                await work.notes.drop(LOST_NOTE + gone)


def losses_of(notes: Mapping[str, Any]) -> dict[ChannelId, Drops]:
    """Return what was told as lost, as the notes tell it."""
    return {
        ChannelId(name.removeprefix(LOST_NOTE)): Drops(int(lost))
        for name, lost in notes.items()
        if name.startswith(LOST_NOTE)
    }
