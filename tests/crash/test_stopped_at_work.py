"""The real daemon, asked to stop (SIGTERM) while a platform hands claims over, or while it reloads.

The platform is the client with its queue on disk. Whatever the daemon has acknowledged is on its
disk when it has ended; what it has not may be gone, and is handed over again by the queue.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from tests.crash.forked import Forked
from tests.crash.killed_at import NEVER, WRITTEN, Moment, Step
from tests.store.make import CHEAP
from watchtower.client import Answer, Claim, Queued, TowerClient
from watchtower.demo.process import PASSPHRASE
from watchtower.first_settings import write_first
from watchtower.keys.vault import Algorithm, Vault
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.server import Clock, Sandbox
from watchtower.settings import load
from watchtower.store.database import Store
from watchtower.units import ChannelId, Drops

PAYER, PAYEE = Person.named("a payer of readers"), Person.named("a payee of readers")
XRP: Final = 1_000_000
_CHANNELS: Final = 3
_TOGETHER: Final = 5
"""Claims of one channel that are handed over at once."""

_TF_CLOSE: Final = 0x00020000
_PATIENCE: Final = 60.0
_LOOK_EVERY: Final = 0.02
_MORE_SETTINGS: Final = """
[http]
listen = "unix:door.sock"
[tickets]
pool = 0
low_water = 0
"""


@dataclass
class Shop:
    """A platform, its queue, and the daemon that it hands claims to.

    Attributes:
        acknowledged: the most that the daemon said it holds, by channel.
        promised: the most that was handed over, by channel.
        events: every line that the daemons logged.
    """

    folder: Path
    sandbox: Sandbox
    hand: Hand
    channels: list[ChannelId]
    events: list[Mapping[str, Any]] = field(default_factory=list)
    acknowledged: dict[ChannelId, int] = field(default_factory=dict)
    promised: dict[ChannelId, int] = field(default_factory=dict)
    _born: int = 0

    def __post_init__(self) -> None:
        self.tower = Forked(self.folder, self.events.append)

    @property
    def config(self) -> Path:
        """Where the daemon's configuration is."""
        return self.folder / "watchtower.toml"

    def client(self) -> TowerClient:
        """The platform's client; what it cannot hand over within a moment it queues."""

        def delivered(claim: Claim, answer: Answer) -> None:
            self.heard(claim, answer)

        place = f"unix:{self.folder / 'door.sock'}"
        return TowerClient(
            place, queue=self.folder / "claims.queue", patience=0.2, on_delivered=delivered
        )

    def heard(self, claim: Claim, answer: Answer | Queued) -> bool:
        """Take note of an answer; say whether the claim is with the tower."""
        is_held = isinstance(answer, Answer) and answer.is_held
        if is_held:
            known = self.acknowledged.get(claim.channel, 0)
            self.acknowledged[claim.channel] = max(known, claim.amount)
        return is_held

    async def start(self, step: Step = NEVER) -> None:
        """Start a daemon that is asked to stop at ``step``, and wait until it guards."""
        self._born = len(self.events)
        await self.tower.start(step, "run")
        await self.until(self._guards)

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait for a condition."""
        clock = asyncio.get_running_loop().time
        end = clock() + _PATIENCE
        while not await condition():
            assert clock() < end, self.events[-30:]
            await asyncio.sleep(_LOOK_EVERY)

    async def has_ended(self) -> None:
        """Wait until the daemon has ended by itself, and well, with its last word written."""
        async with asyncio.timeout(_PATIENCE):
            await self.tower.ended()
        born = self.events[self._born :]
        assert self.tower.exit_code == 0, born[-30:]
        assert any("stopped" in e["kinds"] for e in born if e["event"] == WRITTEN)

    async def hand_over(self, client: TowerClient, channel: ChannelId) -> None:
        """Hand over claims, a few at once, each higher than the last, until one has to wait."""
        is_taken = True
        while is_taken:
            claims = []
            for _ in range(_TOGETHER):
                amount = Drops(self.promised.get(channel, 0) + 1)
                self.promised[channel] = amount
                signature = PAYER.sign_claim(channel, amount)
                claims.append(
                    Claim(
                        channel=channel,
                        amount=amount,
                        signature=signature,
                        public_key=PAYER.public_key,
                    )
                )
            answers = await client.submit_all(claims)
            held = [self.heard(*one) for one in zip(claims, answers, strict=True)]
            is_taken = all(held)

    async def kept(self) -> dict[ChannelId, int]:
        """What is on disk, by channel; every record is whole."""
        async with (
            await Store.open(self.folder / "watchtower.db", PASSPHRASE) as store,
            store.read() as work,
        ):
            await work.verify()
            best = await work.claims.load_all()
            pending = await work.claims.load_pending()
        found: dict[ChannelId, int] = {}
        for claim in (*best, *pending):
            found[claim.channel] = max(found.get(claim.channel, 0), claim.amount)
        return found

    async def has_everything(self) -> None:
        """Demand that all that was acknowledged is on disk."""
        kept = await self.kept()
        lost = {c: drops for c, drops in self.acknowledged.items() if kept.get(c, 0) < drops}
        assert lost == {}, kept

    async def _guards(self) -> bool:
        assert self.tower.exit_code is None, self.events[-30:]
        return any(event["event"] == "guarding" for event in self.events[self._born :])


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A platform with a few channels, and no daemon that runs; none outlives it."""
    async with (
        Sandbox(clock=Clock.FROZEN, port=0) as sandbox,
        Hand(sandbox.url, accepts=True) as hand,
    ):
        await hand.fund(PAYER, PAYEE)
        channels = [
            await hand.create_channel(PAYER, PAYEE, Drops(100 * XRP), 3600)
            for _ in range(_CHANNELS)
        ]
        made = Shop(tmp_path, sandbox, hand, channels)
        write_first(made.config, [PAYEE.address], [sandbox.url], allow_master_key=True)
        made.config.write_text(made.config.read_text() + _MORE_SETTINGS)
        path = Path(load(made.config, {}).store)
        async with await Store.create(path, PASSPHRASE, cost=CHEAP) as store:
            await Vault(store).import_seed(PAYEE.address, PAYEE.seed, algorithm=Algorithm.SECP256K1)
        try:
            yield made
        finally:
            await made.tower.kill()


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
async def test_tower_that_is_asked_to_stop_while_it_keeps_claims_has_all_that_it_acknowledged(
    shop: Shop, moment: Moment
) -> None:
    """With a group about to be committed, or on disk and unanswered, and others at the door.

    What it did not acknowledge waits in the platform's queue, and is with the next tower. The
    second one is asked again on its way out.
    """
    async with shop.client() as client:
        for number, asked in ((1, 1), (3, 2)):
            await shop.start(Step(moment, number, "claim_kept", asked=asked))
            calling = [
                asyncio.create_task(shop.hand_over(client, channel))
                for channel in shop.channels
                for _ in range(2)
            ]
            await shop.has_ended()
            await asyncio.gather(*calling)
            await shop.has_everything()
            assert await client.count_queued() > 0
        assert shop.acknowledged

        await shop.start()

        async def is_delivered() -> bool:
            return await client.count_queued() == 0

        await shop.until(is_delivered)
        await shop.tower.stop()
        await shop.has_ended()
    assert await shop.kept() == shop.promised


@pytest.mark.parametrize(("moment", "asked"), [(Moment.READ, 1), (Moment.TAKEN, 2)])
async def test_tower_that_is_asked_to_stop_while_it_reads_its_settings_ends_well(
    shop: Shop, moment: Moment, asked: int
) -> None:
    """With the file read and nobody told, or everybody; the next one goes by it, and redeems."""
    channel = shop.channels[0]
    async with shop.client() as client:
        await shop.start(Step(moment, 1, asked=asked))
        claim = Claim(
            channel=channel,
            amount=Drops(7 * XRP),
            signature=PAYER.sign_claim(channel, Drops(7 * XRP)),
            public_key=PAYER.public_key,
        )
        assert shop.heard(claim, await client.submit(claim))
    shop.config.write_text(shop.config.read_text() + "[policy]\nmargin_seconds = 90\n")
    shop.tower.send(signal.SIGHUP)
    await shop.has_ended()
    await shop.has_everything()

    await shop.start()
    close = {"TransactionType": "PaymentChannelClaim", "Channel": channel, "Flags": _TF_CLOSE}
    await shop.hand.submit(close, PAYER)

    async def is_paid() -> bool:
        await shop.sandbox.accept()
        found = await shop.hand.request(
            "ledger_entry", payment_channel=channel, ledger_index="validated"
        )
        return bool(found["node"]["Balance"] == str(7 * XRP))

    await shop.until(is_paid)
    await shop.tower.stop()
    await shop.has_ended()


async def test_tower_whose_settings_hang_ends_well_when_it_is_asked_to(shop: Shop) -> None:
    """A file on a share that answers no more, or a pipe that nobody writes into."""
    await shop.start()
    shop.config.unlink()
    os.mkfifo(shop.config)
    shop.tower.send(signal.SIGHUP)
    # Whoever opens the other end finds out that the tower has begun to read.
    end = await asyncio.to_thread(os.open, shop.config, os.O_WRONLY)
    try:
        shop.tower.send(signal.SIGTERM)
        await shop.has_ended()
    finally:
        os.close(end)
