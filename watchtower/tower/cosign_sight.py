"""What a co-signer sees for itself: the tower's own channels and claims, by its own servers."""

from __future__ import annotations

from watchtower.keys.cosigning import Known, Now
from watchtower.ledger.events import ChannelChanged
from watchtower.tower.lookout import Lookout
from watchtower.tower.tower import Tower
from watchtower.units import ChannelId

__all__ = ["CosignSight"]


class CosignSight:
    """Looks out for the co-signer of one tower."""

    def __init__(self, tower: Tower, lookout: Lookout) -> None:
        """See what ``tower`` watches, and else what ``lookout`` was told."""
        self._tower = tower
        self._lookout = lookout

    def why_not_ready(self) -> str:
        """Return why nothing can be judged by a fresh ledger now; nothing if it can."""
        return self._lookout.why_not_ready()

    def now(self) -> Now | None:
        """Return the newest validated ledger; None before the first."""
        newest = self._tower.watch.newest
        if newest is None:
            return None
        return Now(validated=newest.ledger_index, time=newest.close_time)

    def known(self, channel: ChannelId) -> Known:
        """Return what is known of a channel; no entry for one that has left the ledger."""
        sight = self._lookout.see(channel)
        fact = None if sight is None else sight.fact
        entry = fact.entry if isinstance(fact, ChannelChanged) else None
        return Known(entry=entry, best=self._tower.watch.best.get(channel))

    async def look(self, channel: ChannelId) -> None:
        """Have servers asked for a channel that is not watched."""
        await self._lookout.look(channel)
