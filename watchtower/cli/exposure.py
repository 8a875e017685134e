"""What is at stake by the store, for commands that take claims: they have no watch.

What it guarantees: serving limits hold for a command as they do for the daemon. Counting everything
takes as long as reading the store, so it is done only where a limit needs it, and again only when
the last count is old; what the command itself took, and saw, is added in between.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from watchtower.claims.exposure import NOTHING_AT_STAKE, AtStake
from watchtower.claims.intake import Taken
from watchtower.claims.sight import Guard, Sight
from watchtower.guard.watch import Watch
from watchtower.store.database import Store

__all__ = ["StoredExposure"]

_OLD: Final = 10.0
"""Seconds after which what others kept and redeemed is counted anew."""

_SHARE: Final = 10
"""Counting takes no more than this part of the time, however much there is to count."""


class StoredExposure:
    """Counts for ``guard`` what is at stake by ``store``."""

    def __init__(self, store: Store, guard: Guard) -> None:
        """Count nothing yet."""
        self._store = store
        self._guard = guard
        self._watch: Watch | None = None
        self._good_until = 0.0

    async def count(self) -> None:
        """Count what is at stake, where a limit needs it and the last count is old.

        It takes a while: what is looked at before it is old behind it.
        """
        limits = self._guard.limits
        if limits.payer is None and limits.total is None:
            return
        begun = time.monotonic()
        if self._watch is None or begun >= self._good_until:
            self._watch = await self._counted()
            done = time.monotonic()
            self._good_until = done + max(_OLD, _SHARE * (done - begun))

    def now(self, sights: Iterable[Sight] = ()) -> AtStake:
        """Return what was counted, with what was just seen of channels."""
        if self._watch is None:
            return NOTHING_AT_STAKE
        for sight in sights:
            if sight.fact is not None:
                self._watch.learn(sight.fact)
        return self._watch.incoming.exposure

    def taken(self, taken: Taken) -> None:
        """Add what was kept."""
        if self._watch is None:
            return
        for channel in taken.opened:
            self._watch.adopt(channel)
        for claim in taken.raised:
            self._watch.raise_best(claim)

    async def _counted(self) -> Watch:
        async with self._store.read() as work:
            channels = await work.channels.load_open()
            claims = await work.claims.load_all()
        guard = self._guard
        watch = Watch(guard.payees, guard.policy, channels=channels, claims=claims)
        watch.incoming.exposure.begin()
        return watch
