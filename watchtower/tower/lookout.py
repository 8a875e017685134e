"""What the door for claims knows of channels: what the tower watches, and else what servers tell.

What it guarantees: an answer rests on the newest ledger that was heard of, never on an older look.
Whoever invents channels makes us ask a server for each of them only so often: asking is bounded,
since the tower asks the same servers for what presses.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from watchtower.claims.intake import Taken
from watchtower.claims.sight import UNSEEN, Sight
from watchtower.errors import LedgerError
from watchtower.judgement.channel import Channel
from watchtower.ledger.events import ChannelChanged, ChannelEntry, ChannelMissing
from watchtower.tower.pending import ChannelSource
from watchtower.tower.tower import Tower
from watchtower.units import ChannelId, Drops, RippleTime

__all__ = ["Lookout"]

_log = structlog.get_logger(__name__)

_AT_ONCE: Final = 4
"""Channels that are asked for at the same time."""

_QUEUED: Final = 64
"""Channels that may wait to be asked for; what comes on top is answered as if no server were."""

_PATIENCE: Final = 4.0
"""Seconds that a claim waits for a word about its channel, before it is kept until one comes."""

_ABREAST: Final = 5
"""Ledgers by which what is known may be behind what is heard of."""

_GOOD_FOR: Final = 10.0
"""Seconds for which what a server said of a strange channel is not asked again."""

_REMEMBERED: Final = 10_000


class PendingRounds(Protocol):
    """Who decides about claims that wait for their channel."""

    def expect_pending(self) -> None:
        """Look for them from now on."""
        ...


class Lookout:
    """Looks out for one tower."""

    def __init__(
        self,
        tower: Tower,
        *,
        servers: ChannelSource,
        rounds: PendingRounds,
        stale_after: float,
        clock: Callable[[], float],
        covered: Callable[[ChannelEntry], Drops | None] = lambda _entry: None,
    ) -> None:
        """Know nothing of strange channels yet.

        Args:
            tower: whose watch is asked first.
            servers: who is asked for other channels.
            rounds: is told that claims wait.
            stale_after: seconds without a validated ledger, after which nothing is served.
            clock: a steady clock, in seconds: the same that the tower hears ledgers by.
            covered: tells to which balance a channel can be redeemed, where that was signed ahead
                and nothing else can sign; None elsewhere.
        """
        self._tower = tower
        self._servers = servers
        self._rounds = rounds
        self._stale_after = stale_after
        self._clock = clock
        self._covered = covered
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._asked: dict[ChannelId, asyncio.Task[Sight]] = {}
        self._told: OrderedDict[ChannelId, tuple[float, ChannelChanged | ChannelMissing]] = (
            OrderedDict()
        )

    def hold_to(self, stale_after: float) -> None:
        """Serve nothing after so many seconds without a validated ledger, from now on."""
        self._stale_after = stale_after

    def watched(self, channel: ChannelId) -> Channel | None:
        """Return a channel as it is known now, if it is watched."""
        return self._tower.watch.channels.get(channel)

    def see(self, channel: ChannelId) -> Sight | None:
        """Return what is known of a channel now; None if that takes asking."""
        known = self.watched(channel)
        if known is None:
            told = self._told.get(channel)
            if told is None or self._clock() - told[0] >= _GOOD_FOR:
                return None
            return self._sight(told[1])
        if known.closed_at is not None:
            return self._sight(ChannelMissing(channel=channel, at=known.closed_at))
        return self._sight(ChannelChanged(entry=known.entry, at=known.as_of))

    def why_not_ready(self) -> str:
        """Return why claims cannot be judged by a fresh ledger now; nothing if they can."""
        if self._tower.heard_at is None:
            return "No validated ledger has come yet."
        if self._clock() - self._tower.heard_at >= self._stale_after:
            return f"No validated ledger has come for {self._stale_after:g} s."
        if self._is_stale():
            return "What was missed is still being read."
        return ""

    def _is_stale(self) -> bool:
        """Return whether something may have happened that is not known here yet.

        At a start, and after an outage, ledgers arrive at once, and what was missed is still to be
        read: a close request may be among it.
        """
        watch, heard_at = self._tower.watch, self._tower.heard_at
        if heard_at is None or self._clock() - heard_at >= self._stale_after:
            return True
        if watch.newest is None or not self._tower.reconciled.is_set():
            return True
        return watch.newest.ledger_index - (watch.known_to or 0) > _ABREAST

    async def look(self, channel: ChannelId) -> Sight:
        """Ask for a channel that is not known; nobody asks twice for the same at once."""
        asked = self._asked.get(channel)
        if asked is None:
            if len(self._asked) >= _QUEUED:
                return UNSEEN
            asked = self._asked[channel] = asyncio.create_task(self._ask(channel))
            asked.add_done_callback(lambda _: self._asked.pop(channel, None))
        try:
            async with asyncio.timeout(_PATIENCE):
                return await asyncio.shield(asked)
        except TimeoutError:
            return UNSEEN

    def taken(self, taken: Taken) -> None:
        """Take up what was kept; it is on disk."""
        self._tower.take_up(taken.opened, taken.raised)
        if any(answer.is_pending for answer in taken.answers):
            self._rounds.expect_pending()

    async def _ask(self, channel: ChannelId) -> Sight:
        async with self._turn:
            try:
                fact = await self._servers.read_channel(channel, vouched=True)
            except LedgerError as failure:
                _log.info("channel_not_told", channel=channel, why=str(failure))
                return UNSEEN
        self._told[channel] = (self._clock(), fact)
        self._told.move_to_end(channel)
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return self._sight(fact)

    def _sight(self, fact: ChannelChanged | ChannelMissing) -> Sight:
        watch = self._tower.watch
        newest = watch.newest
        payee_exists, covered = True, None
        if isinstance(fact, ChannelChanged):
            covered = self._covered(fact.entry)
            payee_exists = fact.entry.destination not in watch.incoming.missing_payees
        return Sight(
            fact=fact,
            ledger_time=RippleTime(0) if newest is None else newest.pressing_time,
            payee_exists=payee_exists,
            rules=watch.rules,
            is_stale=self._is_stale(),
            covered=covered,
        )
