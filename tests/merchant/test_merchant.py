"""A merchant sells articles for claims, end to end: its processes, the real daemon, the ledger.

What is proven each time is the main promise, by the ledger's own balance: every article that was
served is paid.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.merchant.reader import Reader, challenge_of
from tests.merchant.shop import running
from tests.tower.conftest import XRP, Stage, stage_on
from watchtower.client import TowerClient
from watchtower.demo.process import TowerProcess
from watchtower.errors import ClientError
from watchtower.units import ChannelId

PRICE = XRP // 10


@dataclass
class Market:
    """A ledger, the daemon as a process of its own, and merchants' processes as wanted."""

    stage: Stage
    tower: TowerProcess
    asking: TowerClient
    folder: Path

    @property
    def place(self) -> str:
        """Where the daemon takes claims."""
        return f"unix:{self.folder / 'tower' / 'door.sock'}"

    async def until_ready(self) -> None:
        """Wait until the daemon judges by a fresh ledger."""

        async def ready() -> bool:
            try:
                return (await self.asking.ready()).is_ready
            except ClientError:
                return False

        await self.stage.until(ready)

    async def until_heard(self, channel: ChannelId) -> None:
        """Wait, without a ledger, until the daemon has heard of the close request."""

        async def closing() -> bool:
            shown = await self.asking.channel(channel)
            return shown is not None and shown.expiration is not None

        await self.stage.until(closing, closing=False)

    @asynccontextmanager
    async def merchant(
        self, name: str = "shop"
    ) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
        """A merchant's process; all of them share a till."""
        shop = running(
            self.folder / f"{name}.sock",
            self.place,
            self.folder,
            self.stage.payee.address,
            PRICE,
        )
        async with shop as serving:
            yield serving

    def reader(self, client: httpx.AsyncClient, channel: ChannelId) -> Reader:
        """The stage's payer, as a reader."""
        return Reader(client, self.stage.payer, channel)


@pytest.fixture
async def market(tmp_path: Path) -> AsyncIterator[Market]:
    """A market with the daemon running."""
    async with stage_on(tmp_path) as stage:
        folder = tmp_path / "tower"
        folder.mkdir()
        events: list[Any] = []
        tower = TowerProcess(folder, events.append)
        await tower.set_up(stage.payee.address, stage.payee.seed, [stage.sandbox.url])
        config = folder / "watchtower.toml"
        config.write_text(config.read_text() + '\n[http]\nlisten = "unix:door.sock"\n')
        await tower.start()
        place = f"unix:{folder / 'door.sock'}"
        async with TowerClient(place, patience=0.0) as asking:
            made = Market(stage=stage, tower=tower, asking=asking, folder=tmp_path)
            await made.until_ready()
            yield made
        await tower.stop()


async def test_serving_stops_with_the_close_request_and_every_article_is_paid(
    market: Market,
) -> None:
    """The main job: rising claims, a close in the middle of the session, nothing served after."""
    channel = await market.stage.channel()
    async with market.merchant() as (_, client):
        reader = market.reader(client, channel)
        assert (await client.get("/")).status_code == 200
        for _ in range(5):
            told = await reader.read()
            assert (told.status_code, told.text) == (200, "Once upon a time")
        await market.stage.close_request(channel)
        await market.until_heard(channel)
        refused = await reader.read()
    assert refused.status_code == 402
    assert refused.json()["reasons"] == ["closing"]
    assert refused.json()["type"].endswith("/session/channel-finalized")
    assert reader.served == 5 * PRICE
    await market.stage.until_paid(channel, reader.signed)


async def test_whatever_is_served_while_the_channel_closes_is_paid(market: Market) -> None:
    """Requests on every side of the close request, as they come: no answer comes too early."""
    channel = await market.stage.channel()
    async with market.merchant() as (_, client):
        reader = market.reader(client, channel)
        await reader.read()
        closing = asyncio.create_task(market.stage.close_request(channel))
        async with asyncio.timeout(60):
            while (told := await reader.read()).status_code == 200:
                pass
        await closing
    assert told.json()["reasons"] == ["closing"]
    assert reader.served >= PRICE
    await market.stage.until_paid(channel, reader.served)


async def test_nothing_is_served_while_the_tower_is_dead_and_the_queue_delivers(
    market: Market,
) -> None:
    """Killed between two articles: 503, the claim waits on the merchant's disk, and is redeemed."""
    channel = await market.stage.channel()
    async with market.merchant() as (_, client):
        reader = market.reader(client, channel)
        assert (await reader.read()).status_code == 200
        await market.tower.kill()
        dead = await reader.read()
        assert (dead.status_code, dead.headers["retry-after"]) == (503, "2")
        assert reader.served == PRICE
        await market.tower.start()
        await market.until_ready()

        async def delivered() -> bool:
            shown = await market.asking.channel(channel)
            return shown is not None and shown.best_claim == reader.signed

        await market.stage.until(delivered)

        # What it promised meanwhile is credit: one drop more, and not another price, is asked for.
        again = await reader.read(drops=reader.signed)
        assert again.json()["reasons"] == ["not_above_best"]
        assert (await reader.answer(again)).status_code == 200
        assert (reader.served, reader.signed) == (2 * PRICE, 2 * PRICE + 1)
        await market.stage.close_request(channel)
        await market.stage.until_paid(channel, reader.signed)


async def test_two_processes_that_race_serve_no_drop_twice(market: Market) -> None:
    """Every claim goes to both at once: what both served is within the best claim, and paid."""
    channel = await market.stage.channel()
    async with (
        market.merchant("one") as (_, first),
        market.merchant("two") as (_, second),
    ):
        readers = [market.reader(client, channel) for client in (first, second)]
        told: list[httpx.Response] = []
        for batch in range(4):
            amounts = [PRICE * (5 * batch + number) for number in range(1, 6)]
            told += await asyncio.gather(
                *(reader.read(drops=amount) for amount in amounts for reader in readers)
            )
    served = sum(reader.served for reader in readers)
    best = max(reader.signed for reader in readers)
    assert {one.status_code for one in told} == {200, 402}
    assert PRICE <= served <= best
    await market.stage.close_request(channel)
    await market.stage.until_paid(channel, best)


async def test_no_kill_of_the_merchant_makes_it_serve_twice(market: Market) -> None:
    """SIGKILL under load, then every credential that was ever shown is shown again."""
    channel = await market.stage.channel()
    credentials: list[str] = []
    served = signed = 0
    for articles in (1, 2, 5):
        async with AsyncExitStack() as stack:
            process, client = await stack.enter_async_context(market.merchant())
            for credential in credentials:
                told = await client.get("/article", headers={"authorization": credential})
                served += PRICE * (told.status_code == 200)
            reader = market.reader(client, channel)
            reader.signed = signed
            enough = asyncio.Event()
            loading = asyncio.create_task(_read_until_gone(reader, articles, enough))
            await enough.wait()
            process.send_signal(signal.SIGKILL)
            await loading
            served, signed = served + reader.served, reader.signed
            credentials += reader.credentials
    assert 8 * PRICE <= served <= signed
    await market.stage.close_request(channel)
    await market.stage.until_paid(channel, served)


async def _read_until_gone(reader: Reader, articles: int, enough: asyncio.Event) -> None:
    try:
        while True:
            told = await reader.read()
            if told.status_code == 402:
                await reader.answer(told)
            if reader.served >= articles * PRICE:
                enough.set()
    except httpx.TransportError:
        return


async def test_challenge_of_one_process_is_answered_at_another(market: Market) -> None:
    """Behind a balancer a reader's second request comes to whoever is free."""
    channel = await market.stage.channel()
    async with (
        market.merchant("one") as (_, first),
        market.merchant("two") as (_, second),
    ):
        asked = await first.get("/article")
        challenge = challenge_of(asked.headers["www-authenticate"])
        reader = market.reader(second, channel)
        assert (await reader.pay("/article", challenge, PRICE, PRICE)).status_code == 200
