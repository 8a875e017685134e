"""Two towers that hold the same key, each with its own store: they do no harm to each other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgspec

from tests.store.make import CHEAP
from tests.tower.conftest import PASSPHRASE, XRP, Stage
from watchtower.keys.vault import Algorithm, Vault
from watchtower.settings import TicketSettings
from watchtower.store.database import Store


@asynccontextmanager
async def another(stage: Stage, *, stand_by_share: float) -> AsyncIterator[Stage]:
    """The stage of a second tower, on the same ledger and with the same key.

    Two towers in one process need twice the time: a ledger that outran them would make every
    attempt too late.
    """
    stage.pace = 0.15
    path = Path(stage.settings.store).with_name("second.db")
    policy = msgspec.structs.replace(stage.settings.policy, stand_by_share=stand_by_share)
    settings = msgspec.structs.replace(stage.settings, store=str(path), policy=policy)
    async with await Store.create(path, PASSPHRASE, cost=CHEAP) as store:
        await Vault(store).import_seed(
            stage.payee.address, stage.payee.seed, algorithm=Algorithm.SECP256K1
        )
    yield replace(stage, settings=settings)


async def test_two_towers_that_both_act_are_paid_once_and_lose_a_few_fees_at_most(
    stage: Stage,
) -> None:
    """They take the same sequences and the same tickets; what one loses the other has done."""
    stage.with_settings(tickets=TicketSettings(pool=2, low_water=1))
    channels = [await stage.channel() for _ in range(5)]
    async with another(stage, stand_by_share=0.0) as second:
        for channel in channels:
            await stage.keep(channel, 30 * XRP)
            await second.keep(channel, 30 * XRP)
        before = await stage.money()
        async with stage.tower(), second.tower():
            for channel in channels:
                await stage.close_request(channel)
            for channel in channels:
                await stage.until_paid(channel, 30 * XRP)
            for tower in (stage, second):
                made = await tower.until_told(channels[-1], "attempt_made")
                await tower.until_told(channels[-1], "attempt_settled", len(made))
    gained = await stage.money() - before
    assert 5 * 30 * XRP - 1_000 < gained < 5 * 30 * XRP


async def test_tower_that_stands_by_leaves_the_redeeming_to_the_other(stage: Stage) -> None:
    """As long as that one acts, it spends nothing."""
    channel = await stage.channel()
    async with another(stage, stand_by_share=0.5) as second:
        await stage.keep(channel, 30 * XRP)
        await second.keep(channel, 30 * XRP)
        async with stage.tower(), second.tower():
            await stage.close_request(channel)
            await stage.until_paid(channel, 30 * XRP)
            await second.until_told(channel, "paid")
        kinds = {entry.kind for entry in await second.story(channel)}
    assert "attempt_made" not in kinds


async def test_tower_that_stands_by_redeems_once_its_share_of_the_time_has_passed(
    stage: Stage,
) -> None:
    """When the first one is dead, half of the time is enough for the second."""
    channel = await stage.channel(settle_delay=1_120)
    async with another(stage, stand_by_share=0.5) as second:
        await second.keep(channel, 30 * XRP)
        async with second.tower():
            await second.until_told(channel, "judged")
            await stage.close_request(channel)
            asked = stage.sandbox.close_time
            await second.until_told(channel, "close_requested")
            # Of 1,120 s the margin leaves 1,000 for redeeming, and half of them to the other.
            await stage.sandbox.advance(asked + 490 - stage.sandbox.close_time)
            assert await stage.balance(channel) == 0
            await stage.until_paid(channel, 30 * XRP)
