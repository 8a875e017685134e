"""The master key of the store changes while the tower runs on it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.tower.conftest import PASSPHRASE, XRP, Stage
from watchtower.errors import StoreRekeyedError
from watchtower.keys.ways import AnyWayIn
from watchtower.store.database import Store
from watchtower.store.header import Cost, Slot, wrap
from watchtower.store.tables import FORMAT

CHEAP = Cost(memory_kib=8, passes=1, lanes=1)


async def _slots(master: bytes) -> list[Slot]:
    return [wrap(master, PASSPHRASE, store_format=FORMAT, cost=CHEAP)]


async def test_a_tower_that_can_open_its_store_again_redeems_in_every_epoch(stage: Stage) -> None:
    """Before, while and after its records are sealed anew: what is owed is paid."""
    channels = [await stage.channel() for _ in range(3)]
    for channel in channels:
        await stage.keep(channel, 30 * XRP)
    way = AnyWayIn(lambda: PASSPHRASE, None)
    async with stage.tower(secret=way), await Store.open(Path(stage.settings.store), way) as store:
        rekeying = store.rekeying()
        await stage.close_request(channels[0])
        await stage.until_paid(channels[0], 30 * XRP)
        await rekeying.begin(_slots)
        await stage.close_request(channels[1])
        await stage.until_paid(channels[1], 30 * XRP)
        await rekeying.move()
        await rekeying.end()
        await stage.close_request(channels[2])
        await stage.until_paid(channels[2], 30 * XRP)
        async with store.read() as work:
            await work.verify()


async def test_a_tower_that_cannot_ends_with_its_own_exit_code_and_loses_nothing(
    stage: Stage,
) -> None:
    """Nobody is there to type the passphrase again; the next start opens the store, and redeems."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower() as daemon:
        await stage.until(lambda: _is_known(stage))
        async with stage.store() as store:
            await store.rekeying().begin(_slots)
        await stage.close_request(channel)
        with pytest.raises(StoreRekeyedError, match="start this again") as ended:
            await asyncio.wait_for(daemon, 60)
        assert ended.value.exit_code == 76
    async with stage.tower():
        await stage.until_paid(channel, 30 * XRP)
    async with stage.store() as store:
        await store.rekeying().move()
        await store.rekeying().end()


async def _is_known(stage: Stage) -> bool:
    async with stage.store() as store, store.read() as work:
        return (await work.cursor.get()) is not None
