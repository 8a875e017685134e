"""The daemon as a process of its own, killed while claims come in over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.interfaces.test_http import wire
from tests.tower.conftest import stage_on
from watchtower.claims.signed import SignedReceipt, why_void
from watchtower.demo.process import PASSPHRASE, TowerProcess
from watchtower.judgement.claim import Claim
from watchtower.keys.identity import make_identity
from watchtower.store.database import Store
from watchtower.units import ChannelId, Drops

_CALLERS = 4
_LATEST = 40
"""Answers that the last of the kills waits for."""


async def hand_over(
    client: httpx.AsyncClient,
    claims: list[Claim],
    acknowledged: dict[ChannelId, int],
    receipts: list[SignedReceipt],
    enough: Callable[[], None],
) -> None:
    """Hand over claims, five at a time, until the daemon is gone, and remember the receipts."""
    for first in range(0, len(claims), 5):
        batch = [wire(claim) for claim in claims[first : first + 5]]
        try:
            told = await client.post("/v1/claims", json=batch)
        except httpx.TransportError:
            return
        if told.status_code != 200:
            return
        for answer in told.json():
            if answer["kept"] or answer["pending"]:
                receipts.append(SignedReceipt.parse(json.dumps(answer["receipt"])))
                channel, drops = answer["channel"], int(answer["amount"])
                acknowledged[channel] = max(acknowledged.get(channel, 0), drops)
        enough()


@pytest.mark.parametrize("answers", [1, 12, _LATEST])
async def test_every_acknowledged_claim_survives_a_kill(tmp_path: Path, answers: int) -> None:
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
        receipts: list[SignedReceipt] = []
        enough = asyncio.Event()

        def look() -> None:
            if sum(acknowledged.values()) >= 5 * answers:
                enough.set()

        transport = httpx.AsyncHTTPTransport(uds=str(folder / "door.sock"))
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            await until_ready(client, stage.sandbox.accept)
            calling = [
                asyncio.create_task(
                    hand_over(
                        client,
                        [stage.claim(channel, drops) for drops in range(1, 2_000)],
                        acknowledged,
                        receipts,
                        look,
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
