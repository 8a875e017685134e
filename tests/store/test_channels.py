"""Channels as last known, open and closed."""

from __future__ import annotations

from pathlib import Path

import aiosqlite
import pytest

from tests.store import make
from watchtower.errors import StoreTamperedError
from watchtower.store.database import Store


async def test_a_channel_comes_back_as_it_was_put(store: Store) -> None:
    """The newest state replaces the one before."""
    async with store.write() as work:
        await work.channels.put(make.channel(1, at=100))
        await work.channels.put(make.channel(1, at=101, balance=77))
    async with store.read() as work:
        assert await work.channels.get(make.channel_id(1)) == make.channel(1, at=101, balance=77)
        assert await work.channels.get(make.channel_id(2)) is None
        assert await work.channels.load_open() == [make.channel(1, at=101, balance=77)]


async def test_a_closed_channel_stays_known_and_is_not_open(store: Store) -> None:
    """It moves; it is never in both places, and a wrong report of its end can be taken back."""
    async with store.write() as work:
        await work.channels.put(make.channel(1, at=100))
        await work.channels.put(make.channel(1, at=105, closed=True))
        assert await work.channels.load_open() == []
        assert await work.channels.load_all() == [make.channel(1, at=105, closed=True)]
        assert await work.channels.get(make.channel_id(1)) == make.channel(1, at=105, closed=True)
        await work.channels.put(make.channel(1, at=106))
        assert await work.channels.load_all() == [make.channel(1, at=106)]


async def test_open_channels_load_without_reading_closed_ones(tmp_path: Path) -> None:
    """A start does not get slower with every channel that ever closed; a broken one shows it."""
    path = tmp_path / "watchtower.db"
    async with await make.store(path) as store, store.write() as work:
        await work.channels.put(make.channel(1))
        await work.channels.put(make.channel(2, closed=True))
    async with aiosqlite.connect(path) as file:
        await file.execute("UPDATE closed_channels SET sealed = zeroblob(200)")
        await file.commit()
    async with await make.reopen(path) as store, store.read() as work:
        assert await work.channels.load_open() == [make.channel(1)]
        with pytest.raises(StoreTamperedError, match="closed_channels"):
            await work.channels.load_all()
