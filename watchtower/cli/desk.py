"""The desk at which a command takes claims: it asks the ledger, decides, and writes."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Final

import click

from watchtower.claims.answer import Answer
from watchtower.claims.given import Given
from watchtower.claims.intake import Intake
from watchtower.claims.notary import Notary
from watchtower.claims.sight import UNSEEN, Sight
from watchtower.cli.exposure import StoredExposure
from watchtower.cli.session import ledger_time, open_store
from watchtower.cli.standing import covered_by, last_standing
from watchtower.errors import LedgerError
from watchtower.keys.identity import Identity, find_identity, make_identity
from watchtower.ledger.events import ChannelChanged, ChannelEntry
from watchtower.ledger.servers import Servers
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.store.reserve import Reserve, RoomForClaims
from watchtower.units import ChannelId, Drops
from watchtower.wiring import guard_of, link_settings

__all__ = ["Desk", "open_desk"]

_PATIENCE: Final = 4.0
"""Seconds that a person waits for the first server before a claim is kept as pending."""

_SECOND: Final = 1.0
"""Seconds that the other servers have to be asked as well."""

_STALE: Final = 2.0
"""Seconds after which a channel is looked at again before the next claim is judged."""

_OLD: Final = 10.0
"""Seconds after which nothing is served by a look any more: two ledgers, and some patience."""

_AT_ONCE: Final = 8
"""Channels that are looked at at the same time."""


class Desk:
    """Takes claims, asking the ledger about a channel again when the last word is old."""

    def __init__(
        self, store: Store, servers: Servers | None, loaded: Settings, identity: Identity
    ) -> None:
        """Know nothing of channels yet."""
        self.store = store
        self._servers = servers
        room = RoomForClaims(store, Reserve(store.path, loaded.space.reserve_bytes))
        self._intake = Intake(room, guard_of(loaded), Notary(time.time, identity))
        self._exposure = StoredExposure(store, guard_of(loaded))
        self._sights: dict[ChannelId, tuple[float, Sight]] = {}
        self._covered: Callable[[ChannelEntry], Drops | None] = lambda _entry: None

    async def take_all(self, claims: Sequence[Given]) -> Sequence[Answer]:
        """Look at the claims' channels, decide and store; there is at least one claim."""
        await self._exposure.count()  # before anything is looked at, which would be old behind it
        limit = asyncio.Semaphore(_AT_ONCE)

        async def refresh(channel: ChannelId) -> None:
            async with limit:
                sight = await self._look(channel)
                self._sights[channel] = (time.monotonic(), sight)

        long_ago = time.monotonic() - _STALE
        names = dict.fromkeys(one.channel for one in claims)
        stale = [name for name in names if self._seen(name)[0] <= long_ago]
        if stale:
            self._covered = await covered_by(self.store)
        await asyncio.gather(*(refresh(name) for name in stale))
        taken = await self._intake.take_all(
            claims,
            lambda one: self._sight_of(one.channel),
            at_stake=self._exposure.now(self._seen(name)[1] for name in names),
        )
        self._exposure.taken(taken)
        # A long import sees more channels than there is memory for.
        self._sights = {name: seen for name, seen in self._sights.items() if seen[0] > long_ago}
        return taken.answers

    def _sight_of(self, channel: ChannelId) -> Sight:
        """Return what is seen of a channel, and that it is old where it was long ago.

        A thousand channels of one group are looked at eight at a time.
        """
        at, sight = self._seen(channel)
        return replace(sight, is_stale=True) if time.monotonic() - at > _OLD else sight

    def _seen(self, channel: ChannelId) -> tuple[float, Sight]:
        return self._sights.get(channel, (-math.inf, UNSEEN))

    async def _look(self, channel: ChannelId) -> Sight:
        if self._servers is None:
            return UNSEEN
        try:
            fact = await self._servers.read_channel(channel, vouched=True)
            now = await ledger_time(self._servers)
            standing = await last_standing(self.store)
            covered = self._covered(fact.entry) if isinstance(fact, ChannelChanged) else None
            return Sight(fact=fact, ledger_time=now, rules=standing.rules, covered=covered)
        except LedgerError:
            # Nobody can tell now: the claim is kept as pending and judged later.
            return UNSEEN


@asynccontextmanager
async def open_desk(loaded: Settings) -> AsyncIterator[Desk]:
    """Open the store, and connect to servers, if one answers soon."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(loaded))
        servers: Servers | None = None
        try:
            servers = await stack.enter_async_context(
                Servers.connected(
                    loaded.servers,
                    _PATIENCE,
                    network_id=store.network,
                    settings=link_settings(loaded),
                )
            )
            # What is served against must rest on two servers, where there are two.
            await servers.settle(within=_SECOND)
        except LedgerError as nobody:
            click.echo(f"{nobody} Claims are kept as pending.", err=True)
        identity = await find_identity(store) or await make_identity(store)
        yield Desk(store, servers, loaded, identity)
