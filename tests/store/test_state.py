"""The cursor never goes back by itself, and the network never changes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from tests.store import make
from watchtower.errors import StoreNetworkError
from watchtower.store.database import Store
from watchtower.units import LedgerIndex


async def test_the_cursor_only_moves_forward(store: Store) -> None:
    """A late or repeated ledger leaves it where it is."""
    async with store.write() as work:
        assert await work.cursor.get() is None
        assert await work.cursor.move(LedgerIndex(10))
        assert not await work.cursor.move(LedgerIndex(10))
        assert not await work.cursor.move(LedgerIndex(9))
        assert await work.cursor.get() == 10
        await work.cursor.set_back(LedgerIndex(4))
        assert await work.cursor.get() == 4


async def test_effects_and_cursor_are_there_together_or_not_at_all(store: Store) -> None:
    """Rule 3: a failure after the cursor moved takes the move back as well."""
    with suppress(make.Interruption):
        async with store.write() as work:
            await work.channels.put(make.channel())
            await work.cursor.move(LedgerIndex(10))
            make.interrupt()
    async with store.read() as work:
        assert await work.cursor.get() is None
        assert await work.channels.load_all() == []


async def test_a_store_of_another_network_is_refused_and_stays(tmp_path: Path) -> None:
    """Testnet claims must never be judged by mainnet's ledger."""
    path = tmp_path / "watchtower.db"
    async with await make.store(path) as store:
        await store.pin_network(21337)
        await store.pin_network(21337)
        with pytest.raises(StoreNetworkError, match=r"belongs to network 21337, and this is .* 0"):
            await store.pin_network(0)
        assert store.network == 21337
    async with await make.reopen(path) as store:
        assert store.network == 21337


async def test_network_zero_is_a_network(store: Store) -> None:
    """Mainnet's id is 0, and no id is no network."""
    await store.pin_network(0)
    with pytest.raises(StoreNetworkError):
        await store.pin_network(1)
