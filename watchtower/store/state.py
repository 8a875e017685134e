"""Where we stand: the network this store belongs to, the cursor, and what a signer has signed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from watchtower.errors import StoreNetworkError
from watchtower.store.sealed import Record, SealedTable
from watchtower.store.tables import STATE
from watchtower.store.transaction import Transaction
from watchtower.units import ChannelId, Drops, LedgerIndex

__all__ = ["PRUNED", "Cursor", "Highest", "Network", "names_of_state"]

PRUNED: Final = "pruned"
"""The record of how many entries the journal has lost (``pruning.py``)."""


class Network:
    """The network that the store is pinned to, in one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        """Look at the network through ``transaction``."""
        self._transaction = transaction
        self._state = SealedTable(transaction, STATE, int)

    async def get(self) -> int | None:
        """Return the network's id; None until the store is pinned."""
        return await self._state.get("network")

    async def pin(self, network: int) -> None:
        """Pin the store to ``network``, for ever.

        Raises:
            StoreNetworkError: it is pinned to another one.
        """
        pinned = await self.get()
        if pinned is None:
            await self._state.put("network", network)
        elif pinned != network:
            raise StoreNetworkError(path=self._transaction.path, pinned=pinned, network=network)


class Cursor:
    """The last ledger that was fully accounted for, in one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        """Look at the cursor through ``transaction``."""
        self._state = SealedTable(transaction, STATE, int)

    async def get(self) -> LedgerIndex | None:
        """Return the last ledger accounted for; None before the first."""
        found = await self._state.get("cursor")
        return None if found is None else LedgerIndex(found)

    async def move(self, ledger_index: LedgerIndex) -> bool:
        """Move forward to ``ledger_index``; False, and nothing changes, if that is not forward."""
        found = await self._state.get("cursor")
        if found is not None and ledger_index <= found:
            return False
        await self._state.put("cursor", ledger_index)
        return True

    async def set_back(self, ledger_index: LedgerIndex) -> None:
        """Put the cursor where a restored copy stood, so that what followed is read again."""
        await self._state.put("cursor", ledger_index)


class Highest:
    """Up to what each channel was redeemed by what a signer has signed, in one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        """Look at it through ``transaction``."""
        self._state = SealedTable(transaction, STATE, int)

    async def are_kept(self) -> bool:
        """Return whether there is anything in the state that no fixed name is for."""
        fixed = await self._state.find([*names_of_state(())])
        return await self._state.count() > len(fixed)

    async def raise_all(self, targets: Mapping[ChannelId, Drops]) -> dict[ChannelId, Drops]:
        """Take note of targets; return those that stand higher already, and stay as they are."""
        names = {_highest(channel): channel for channel in targets}
        found = await self._state.find(names)
        higher = {
            channel: Drops(found[name])
            for name, channel in names.items()
            if found.get(name, 0) > targets[channel]
        }
        raised = {
            name: Record(int(targets[channel]))
            for name, channel in names.items()
            if found.get(name, 0) < targets[channel]
        }
        await self._state.put_all(raised)
        return higher


def names_of_state(channels: Iterable[ChannelId]) -> Iterator[str]:
    """Give every name that a record of the state can have, if these are all channels there are."""
    yield from ("network", "cursor", PRUNED)
    yield from map(_highest, channels)


def _highest(channel: ChannelId) -> str:
    return f"highest {channel}"
