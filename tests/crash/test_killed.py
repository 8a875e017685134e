"""The real daemon, killed with SIGKILL wherever it says what it does, and started again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from watchtower.demo.process import TowerProcess
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.server import Clock, Sandbox
from watchtower.units import ChannelId, Drops

XRP = 1_000_000
TF_CLOSE = 0x00020000
PAYER, PAYEE = Person.named("a payer who waits"), Person.named("a payee who sleeps")


@dataclass
class Stage:
    """A ledger that goes on by itself, and a tower in a process of its own."""

    sandbox: Sandbox
    hand: Hand
    folder: Path
    events: list[Mapping[str, Any]] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    awaited: str = ""

    def hear(self, event: Mapping[str, Any]) -> None:
        """Take a line of the daemon's log."""
        self.events.append(event)
        if event.get("event") == self.awaited:
            self.heard.set()

    async def until_heard(self, event: str) -> None:
        """Wait until the daemon logs ``event`` for the next time."""
        self.awaited = event
        self.heard.clear()
        async with asyncio.timeout(60):
            await self.heard.wait()

    async def balance(self, channel: ChannelId) -> int:
        """What the channel has paid, by the ledger itself."""
        found = await self.hand.request(
            "ledger_entry", payment_channel=channel, ledger_index="validated"
        )
        return int(found["node"]["Balance"])


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage with a channel's people funded."""
    async with Sandbox(clock=Clock.FAST, port=0) as sandbox, Hand(sandbox.url) as hand:
        await hand.fund(PAYER, PAYEE)
        yield Stage(sandbox=sandbox, hand=hand, folder=tmp_path)


@pytest.mark.regression
@pytest.mark.parametrize(
    "moment", ["channel_event", "verdict", "attempt_sent", "submission_answered", "attempt_settled"]
)
async def test_05_tower_that_is_killed_anywhere_finishes_after_the_next_start(
    stage: Stage, moment: str
) -> None:
    """Between detection and intent, intent and send, send and result: nothing is lost."""
    tower = TowerProcess(stage.folder, stage.hear)
    await tower.set_up(PAYEE.address, PAYEE.seed, [stage.sandbox.url])
    channel = await stage.hand.create_channel(PAYER, PAYEE, Drops(100 * XRP), 3600)
    claim = {
        "channel": channel,
        "amount": str(30 * XRP),
        "signature": PAYER.sign_claim(channel, Drops(30 * XRP)),
        "public_key": PAYER.public_key,
    }
    await tower.command("claim", "add", "-", lines=msgspec.json.encode(claim) + b"\n")
    await tower.start()
    await stage.until_heard("verdict")
    close = {"TransactionType": "PaymentChannelClaim", "Channel": channel, "Flags": TF_CLOSE}
    waiting = asyncio.create_task(stage.until_heard(moment))
    await stage.hand.submit(close, PAYER)
    await waiting
    await tower.kill()
    await tower.start()
    try:
        async with asyncio.timeout(60):
            outcomes: list[str | None] = [None]
            while None in outcomes or "paid" not in outcomes:
                (explained,) = await tower.command("channel", "explain", channel)
                outcomes = [attempt["outcome"] for attempt in explained["attempts"]]
    finally:
        await tower.stop()
    assert await stage.balance(channel) == 30 * XRP
    assert outcomes.count("paid") == 1
    assert all("Traceback" not in str(event) for event in stage.events)
