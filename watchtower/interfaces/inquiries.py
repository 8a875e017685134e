"""What can be asked of a tower that runs: its channels, how it is, whether it is ready."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any, Final

from watchtower.guard.watch import Watch
from watchtower.interfaces.channel_view import Standing, View, view_of
from watchtower.interfaces.past import Past, past_of
from watchtower.interfaces.store_report import store_report
from watchtower.judgement.channel import Channel
from watchtower.judgement.outgoing import Tally
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.units import ChannelId, Drops, RippleTime

__all__ = ["Inquiries"]

_AT_ONCE: Final = 4
"""Questions that may have the store open at a time: each has a thread and two files."""

_SORTED_FOR: Final = 5.0
"""Seconds for which a list of all channels keeps its order: it takes a moment for 100,000."""

_KNOWN_FOR: Final = 10.0
"""Seconds for which it is not looked again what the store alone knows."""


class Inquiries:
    """Answers for one tower, out of what it has in memory."""

    def __init__(
        self,
        watch: Watch,
        *,
        settings: Settings,
        store: Store,
        status: Callable[[], Mapping[str, Any]],
        why_not_ready: Callable[[], str],
        clock: Callable[[], float],
        covered: Callable[[Channel], Drops | None] = lambda _channel: None,
    ) -> None:
        """Ask nothing yet.

        Args:
            watch: what the tower has in memory.
            settings: for whom it judges, and how.
            store: what it has no longer in memory.
            status: tells how it is.
            why_not_ready: tells why claims cannot be judged now; nothing if they can.
            clock: steady seconds.
            covered: tells to which balance a channel can be redeemed where nothing can sign; None
                where something can.
        """
        self._watch = watch
        self._settings = settings
        self._store = store
        self._clock = clock
        self._covered = covered
        self.status = status
        self.why_not_ready = why_not_ready
        self._kept: Mapping[str, Any] = {}
        self._looked_at: float | None = None
        self._looking = asyncio.Lock()
        self._ids: list[ChannelId] = []
        self._sorted_at: float | None = None
        self._sorting = asyncio.Lock()
        self._reading = asyncio.Semaphore(_AT_ONCE)

    def hold_to(self, settings: Settings) -> None:
        """Answer by other settings from now on."""
        self._settings = settings

    @property
    def guide(self) -> str:
        """The address of the document that says what each alarm means."""
        return self._settings.alerts.guide_url

    async def report(self) -> Mapping[str, Any]:
        """Return what ``watchtower status --json`` tells, of this moment, but for its answer.

        What the store alone knows is a few seconds old. That nothing may sign for an account is an
        alarm of a daemon that runs, and is not looked for in the store here.

        Raises:
            StoreError: the store cannot be read.
        """
        async with self._looking:
            if self._looked_at is None or self._clock() - self._looked_at >= _KNOWN_FOR:
                self._kept = await store_report(self._store)
                self._looked_at = self._clock()
        return {
            **self.status(),
            **self._kept,
            "running": True,
            "age": 0,
            "network": self._store.network,
            "accounts_without_right": [],
        }

    async def channel(self, channel_id: ChannelId) -> View | None:
        """Return a channel as it is known now, also one that has closed."""
        known = self._watch.channels.get(channel_id)
        if known is not None:
            return self._view(known)
        async with self._reading, self._store.read() as work:
            stored = await work.channels.get(channel_id)
            best = await work.claims.best(channel_id)
        if stored is None:
            return None
        return view_of(self._settings, stored, best, Tally(), now=self._now(), accounted=None)

    async def past(self, channel_id: ChannelId, before: int | None, limit: int) -> Past:
        """Return what was tried on a channel, and a page of its story, as `past_of` has it."""
        async with self._reading, self._store.read() as work:
            return await past_of(work, channel_id, before, limit)

    async def channels(
        self, after: ChannelId | None, limit: int
    ) -> tuple[list[View], ChannelId | None]:
        """Return ``limit`` open channels behind ``after``, by their ids, and where it goes on.

        One that was opened a few seconds ago may be missing.
        """
        ids = await self._in_order()
        first = 0 if after is None else bisect_right(ids, after)
        names = ids[first : first + limit]
        known = (self._watch.channels.get(name) for name in names)
        views = [self._view(one) for one in known if one is not None]
        return views, names[-1] if first + limit < len(ids) else None

    async def _in_order(self) -> list[ChannelId]:
        async with self._sorting:
            if self._sorted_at is None or self._clock() - self._sorted_at >= _SORTED_FOR:
                self._ids = await asyncio.to_thread(sorted, list(self._watch.channels))
                self._sorted_at = self._clock()
            return self._ids

    def _view(self, channel: Channel) -> View:
        watch, channel_id = self._watch, channel.entry.channel
        return view_of(
            self._settings,
            channel,
            watch.best.get(channel_id),
            watch.outgoing.tally_of(channel_id),
            now=self._now(),
            accounted=watch.accounted_to,
            covered=self._covered(channel),
        )

    def _now(self) -> Standing:
        watch, newest = self._watch, self._watch.newest
        return Standing(
            ledger_time=RippleTime(0) if newest is None else newest.pressing_time,
            rules=watch.rules,
            over_by=watch.over_by,
            missing_payees=watch.incoming.missing_payees,
        )
