"""Which losses were told, and their sums, kept in the store: a restart tells and forgets none.

A payer need never take a channel out of the ledger that has ended, so that one is found there
again by every start. What was told of it is written down only after the record of what is urgent
and was not delivered yet (`RouteWatch`): killed in between, the loss is told twice rather than not
at all. It is counted once all the same: the sums are written in the transaction that holds what
they are of.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any, Final

import msgspec
import structlog

from watchtower.errors import StoreBusyError, StoreFullError
from watchtower.guard.lost import Lost
from watchtower.store.database import Store
from watchtower.units import ChannelId, Drops, RippleTime

__all__ = ["LOSSES_NOTE", "LOST_NOTE", "Losses", "losses_of", "lost_of"]

_log = structlog.get_logger(__name__)

LOST_NOTE: Final = "lost "
"""Before a channel's id: the note of how many drops were told to be lost on it."""

LOSSES_NOTE: Final = "losses"
"""The note of the sums, of channels that are gone too."""


class Losses:
    """What was told as lost, by one tower."""

    def __init__(
        self,
        told: Mapping[ChannelId, Drops] | None = None,
        *,
        lost: Lost | None = None,
        store: Store | None = None,
    ) -> None:
        """Begin with what was ``told`` before; without a ``store`` nothing outlives the process.

        ``lost`` are the sums that grow by what is told.
        """
        self._store = store
        self._lost = lost or Lost()
        self._told = dict(told or {})
        # Told, or forgotten (None), since the last look; and what there was of that by then, so
        # that a record of it was kept.
        self._fresh: dict[ChannelId, Drops | None] = {}
        self._ripe: dict[ChannelId, Drops | None] = {}
        self._ripe_sums = copy(self._lost)

    def is_news(self, channel: ChannelId, lost: Drops) -> bool:
        """Return whether more is ``lost`` on a channel than was told."""
        return lost > self._told.get(channel, 0)

    def told(self, channel: ChannelId, lost: Drops, *, at: RippleTime) -> None:
        """Take note that a loss is told now, at a ledger time, and count it."""
        before = self._told.get(channel, Drops(0))
        self._lost.count(channel, Drops(lost - before), known=before > 0, at=at)
        self._told[channel] = self._fresh[channel] = lost

    def forget(self, channel: ChannelId) -> None:
        """Drop a channel that is gone: nobody will find it again."""
        if self._told.pop(channel, None) is not None:
            self._fresh[channel] = None

    async def look(self) -> None:
        """Write down what was told before the last look.

        Raises:
            StoreBusyError, StoreFullError: it could not be written, and is at the next look.
        """
        if self._ripe:
            await self._write(self._ripe, self._ripe_sums)
        self._ripe, self._fresh = self._fresh, {}
        self._ripe_sums = copy(self._lost)

    async def keep_the_last(self) -> None:
        """Write down all that was told, as the tower stops, behind the record of what waits."""
        try:
            await self._write(self._ripe | self._fresh, self._lost)
        except (StoreBusyError, StoreFullError) as failure:
            _log.warning("losses_not_kept", why=str(failure))

    async def _write(self, channels: Mapping[ChannelId, Drops | None], sums: Lost) -> None:
        if not channels or self._store is None:
            return
        told = {LOST_NOTE + one: lost for one, lost in channels.items() if lost is not None}
        async with self._store.write() as work:
            await work.notes.put_all({**told, LOSSES_NOTE: msgspec.to_builtins(sums)})
            for gone in (one for one, lost in channels.items() if lost is None):
                await work.notes.drop(LOST_NOTE + gone)


def losses_of(notes: Mapping[str, Any]) -> dict[ChannelId, Drops]:
    """Return what was told as lost, as the notes tell it."""
    return {
        ChannelId(name.removeprefix(LOST_NOTE)): Drops(int(lost))
        for name, lost in notes.items()
        if name.startswith(LOST_NOTE)
    }


def lost_of(notes: Mapping[str, Any]) -> Lost:
    """Return the sums, as the notes tell them; of a version that kept none, those of the rest."""
    if (note := notes.get(LOSSES_NOTE)) is not None:
        return msgspec.convert(note, Lost)
    told = losses_of(notes)
    return Lost(
        drops=Drops(sum(told.values())),
        channels=len(told),
        last=next(reversed(told), None),
    )
