"""Channels as last known. Closed ones stay, apart from the open ones and not read with them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from watchtower.judgement.channel import Channel
from watchtower.store.sealed import Record, SealedTable, look
from watchtower.store.tables import CLOSED_CHANNELS, OPEN_CHANNELS
from watchtower.store.transaction import Transaction
from watchtower.units import ChannelId

__all__ = ["Channels"]


class Channels:
    """The channels, in one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        """Look at the channels through ``transaction``."""
        self._open = SealedTable(transaction, OPEN_CHANNELS, Channel)
        self._closed = SealedTable(transaction, CLOSED_CHANNELS, Channel)

    async def load_open(self) -> list[Channel]:
        """Return the channels that the ledger still has, as far as we know."""
        return await self._open.all()

    async def visit_open(self, visit: Callable[[Channel], object]) -> None:
        """Show the same to ``visit``, one by one as they are read."""
        await self._open.walk(visit)

    async def load_all(self) -> list[Channel]:
        """Return every channel we ever knew: the open ones first."""
        return [*await self._open.all(), *await self._closed.all()]

    async def get(self, channel: ChannelId) -> Channel | None:
        """Return one channel, open or closed."""
        return (await self.find([channel])).get(channel)

    async def find(self, channels: Collection[ChannelId]) -> dict[ChannelId, Channel]:
        """Return those of ``channels`` that are known, open or closed."""
        await look([self._closed, self._open], channels)
        found = await self._closed.find(channels) | await self._open.find(channels)
        return {ChannelId(name): channel for name, channel in found.items()}

    async def put(self, channel: Channel) -> None:
        """Remember a channel as it is now, in place of what was known of it."""
        await self.put_all([channel])

    async def put_all(self, channels: Iterable[Channel]) -> None:
        """Remember channels as they are now; of one that is there twice, the later."""
        now = {channel.entry.channel: channel for channel in channels}
        for is_open, here, there in (
            (True, self._open, self._closed),
            (False, self._closed, self._open),
        ):
            these = {
                str(name): Record(channel)
                for name, channel in now.items()
                if (channel.closed_at is None) is is_open
            }
            if these:
                await look([there, here], these)
                await there.remove_all(these)
                await here.put_all(these)
