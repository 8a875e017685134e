"""The daemon as a process of its own, killed while claims come in over HTTP and the stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import ConnectionClosed

from tests.interfaces.test_http import wire
from tests.tower.conftest import stage_on
from watchtower.claims.receipt import Receipt, why_void
from watchtower.demo.process import PASSPHRASE, TowerProcess
from watchtower.judgement.claim import Claim
from watchtower.keys.identity import make_identity
from watchtower.store.database import Store
from watchtower.units import ChannelId, Drops

_CALLERS = 4
_LATEST = 40
"""Answers that the last of the kills waits for."""


Answers = Callable[[list[dict[str, Any]]], None]
HandOver = Callable[[Path, Sequence[Claim], Answers], Coroutine[Any, Any, None]]


async def by_requests(door: Path, claims: Sequence[Claim], answered: Answers) -> None:
    """Hand over claims over HTTP, five at a time, until the daemon is gone."""
    transport = httpx.AsyncHTTPTransport(uds=str(door))
    async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
        for five in fives(claims):
            try:
                told = await client.post("/v1/claims", json=five)
            except httpx.TransportError:
                return
            if told.status_code != 200:
                return
            answered(told.json())


async def by_stream(door: Path, claims: Sequence[Claim], answered: Answers) -> None:
    """Hand over claims, without waiting for the answers to those before, and hear the answers."""
    async with unix_connect(str(door), uri="ws://door/v1/stream") as stream:
        sending = asyncio.create_task(send_all(stream, claims))
        with suppress(ConnectionClosed):
            async for message in stream:
                answered(json.loads(message).get("answers", []))
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def send_all(stream: ClientConnection, claims: Sequence[Claim]) -> None:
    """Send claims as fast as they are taken."""
    for number, five in enumerate(fives(claims)):
        await stream.send(json.dumps({"id": number, "claims": five}))


def fives(claims: Sequence[Claim]) -> Iterator[list[dict[str, Any]]]:
    """Claims as they are sent."""
    for first in range(0, len(claims), 5):
        yield [wire(claim) for claim in claims[first : first + 5]]


@pytest.mark.parametrize("hand_over", [by_requests, by_stream])
@pytest.mark.parametrize("answers", [1, 12, _LATEST])
async def test_every_acknowledged_claim_survives_a_kill(
    tmp_path: Path, answers: int, hand_over: HandOver
) -> None:
    """Whenever it comes: between a receipt and the next one nothing is lost (rule 6)."""
    async with stage_on(tmp_path) as stage:
        channels = [await stage.channel() for _ in range(_CALLERS)]
        folder = tmp_path / "tower"
        folder.mkdir()
        events: list[Any] = []
        tower = TowerProcess(folder, events.append)
        await tower.set_up(stage.payee.address, stage.payee.seed, [stage.sandbox.url])
        config = folder / "watchtower.toml"
        config.write_text(config.read_text() + '\n[http]\nlisten = "unix:door.sock"\n')
        await tower.start()
        acknowledged: dict[ChannelId, int] = {}
        receipts: list[Receipt] = []
        enough = asyncio.Event()

        def answered(told: list[dict[str, Any]]) -> None:
            for answer in told:
                if answer["kept"] or answer["pending"]:
                    receipts.append(Receipt.parse(json.dumps(answer["receipt"])))
                    channel, drops = answer["channel"], int(answer["amount"])
                    acknowledged[channel] = max(acknowledged.get(channel, 0), drops)
            if sum(acknowledged.values()) >= 5 * answers:
                enough.set()

        door = folder / "door.sock"
        transport = httpx.AsyncHTTPTransport(uds=str(door))
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            await until_ready(client, stage.sandbox.accept)
        calling = [
            asyncio.create_task(
                hand_over(
                    door, [stage.claim(channel, drops) for drops in range(1, 2_000)], answered
                )
            )
            for channel in channels
        ]
        await enough.wait()
        await tower.kill()
        await asyncio.gather(*calling)
        assert acknowledged
        async with await Store.open(folder / "watchtower.db", PASSPHRASE) as store:
            identity = await make_identity(store)
            async with store.read() as work:
                best = await work.claims.find(channels)
                pending = await work.claims.load_pending()
        waiting = {claim.channel: claim.amount for claim in pending}
        for channel, drops in acknowledged.items():
            kept = best[channel].amount if channel in best else waiting.get(channel, Drops(0))
            assert kept >= drops
        assert [why_void(receipt, identity.public_key) for receipt in receipts] == (
            [None] * len(receipts)
        )


async def until_ready(client: httpx.AsyncClient, accept: Any) -> None:
    """Wait until the daemon judges by a fresh ledger."""
    for _ in range(400):
        try:
            if (await client.get("/readyz")).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await accept()
        await asyncio.sleep(0.05)
    pytest.fail("the daemon never became ready")
