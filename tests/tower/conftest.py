"""The whole tower in this process, over a real socket, on the sandbox ledger and a real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.store.make import CHEAP
from watchtower.claims.answer import Answer
from watchtower.claims.intake import Intake
from watchtower.claims.sight import Sight
from watchtower.daemon import run
from watchtower.errors import WatchtowerError
from watchtower.judgement.claim import Claim
from watchtower.keys.vault import Algorithm, Vault
from watchtower.ledger.servers import Servers
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.server import Clock, Sandbox
from watchtower.settings import (
    AuthoritySettings,
    LedgerSettings,
    PolicySettings,
    Settings,
    SpaceSettings,
)
from watchtower.store.database import Store
from watchtower.store.journal import Entry
from watchtower.units import ChannelId, Drops, RippleTime
from watchtower.wiring import guard_of

PASSPHRASE = "correct horse"
XRP = 1_000_000
TF_RENEW, TF_CLOSE = 0x00010000, 0x00020000
_SWITCHES = 20
"""Switches between threads that an answer to a ledger takes, with room to spare."""

PATIENCE = 400
"""Ledgers, or looks, after which a test gives up waiting for a condition."""


@dataclass
class Stage:
    """A payer, a payee, a ledger that moves when it is told to, and a tower to be started.

    ``pace`` is how many seconds lie between two ledgers while a test waits.
    """

    sandbox: Sandbox
    hand: Hand
    settings: Settings
    payer: Person = field(default_factory=lambda: Person.named("a payer"))
    payee: Person = field(default_factory=lambda: Person.named("a payee"))
    pace: float = 0.03

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        """The store as another process sees it."""
        async with await Store.open(Path(self.settings.store), PASSPHRASE) as store:
            yield store

    async def channel(
        self, drops: int = 100 * XRP, settle_delay: int = 3600, **more: Any
    ) -> ChannelId:
        """Open a channel from the payer to the payee."""
        return await self.hand.create_channel(
            self.payer, self.payee, Drops(drops), settle_delay, **more
        )

    def claim(self, channel: ChannelId, drops: int) -> Claim:
        """A claim that the payer signed."""
        return Claim(
            channel=channel,
            amount=Drops(drops),
            public_key=self.payer.public_key,
            signature=self.payer.sign_claim(channel, Drops(drops)),
        )

    async def keep(self, channel: ChannelId, drops: int) -> Answer:
        """Give the tower a claim, as ``watchtower claim add`` does."""
        async with self.store() as store, Servers.connected([self.sandbox.url]) as servers:
            intake = Intake(store, guard_of(self.settings))
            fact = await servers.read_channel(channel)
            sight = Sight(fact=fact, ledger_time=RippleTime(self.sandbox.close_time))
            return await intake.take(self.claim(channel, drops), sight)

    async def close_request(self, channel: ChannelId, **more: Any) -> None:
        """The payer asks to close; the ledger closes."""
        await self.pay(channel, Flags=TF_CLOSE, **more)

    async def close_request_and_then(self, channel: ChannelId, trouble: Callable[[], None]) -> None:
        """The payer asks to close; ``trouble`` begins before anybody can see it."""
        claim = {"TransactionType": "PaymentChannelClaim", "Channel": channel, "Flags": TF_CLOSE}
        await self.hand.submit(claim, self.payer)
        trouble()
        await self.sandbox.accept()

    async def pay(self, channel: ChannelId, **fields: Any) -> None:
        """The payer submits a claim transaction of its own; the ledger closes."""
        claim = {"TransactionType": "PaymentChannelClaim", "Channel": channel, **fields}
        await self.hand.submit(claim, self.payer)
        await self.sandbox.accept()

    async def balance(self, channel: ChannelId) -> int:
        """What the channel has paid, by the ledger itself; -1 if it is gone."""
        found = await self.hand.request(
            "ledger_entry", payment_channel=channel, ledger_index="validated"
        )
        return int(found["node"]["Balance"]) if "node" in found else -1

    @asynccontextmanager
    async def tower(self, **options: Any) -> AsyncIterator[asyncio.Task[Mapping[str, Any]]]:
        """A running tower, stopped at the end; a test that awaits it sees how it ended itself."""
        daemon = asyncio.create_task(
            run(self.settings, **{"secret": PASSPHRASE, "environment": {}, **options})
        )
        try:
            yield daemon
        finally:
            daemon.cancel()
            with suppress(asyncio.CancelledError, WatchtowerError):
                await daemon

    async def until(
        self, condition: Callable[[], Awaitable[bool]], *, closing: bool = True
    ) -> None:
        """Close ledgers, one at a time, until ``condition`` holds."""
        for _ in range(PATIENCE):
            if await condition():
                return
            if closing:
                await self.sandbox.accept()
            await self._breathe()
        pytest.fail("the condition never came true")

    async def _breathe(self) -> None:
        """Let the tower work until the next ledger: longer on a machine that is busy elsewhere.

        A ledger of thirty a second leaves a tower a few thread switches; when these take long,
        it would rightly try again, and a test that counts its attempts would fail by that.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await asyncio.to_thread(lambda: None)
        await asyncio.sleep(max(self.pace, _SWITCHES * (loop.time() - begun)))

    async def until_paid(self, channel: ChannelId, drops: int) -> None:
        """Wait until the channel has paid at least ``drops``."""

        async def paid() -> bool:
            return await self.balance(channel) >= drops

        await self.until(paid)

    async def story(self, channel: ChannelId) -> list[Entry]:
        """The journal of a channel."""
        async with self.store() as store, store.read() as work:
            return [numbered.entry for numbered in await work.journal.story(channel)]

    async def money(self) -> int:
        """The payee's balance in drops, by the ledger itself."""
        told = await self.hand.request(
            "account_info", account=self.payee.address, ledger_index="validated"
        )
        return int(told["account_data"]["Balance"])

    async def tickets(self) -> list[int]:
        """The tickets that the payee holds, by the ledger itself."""
        tickets: list[int] = []
        ask = {"account": self.payee.address, "type": "ticket", "ledger_index": "validated"}
        while True:
            found = await self.hand.request("account_objects", **ask)
            tickets += [ticket["TicketSequence"] for ticket in found["account_objects"]]
            if "marker" not in found:
                return sorted(tickets)
            ask = {**ask, "marker": found["marker"]}

    async def until_tickets(self, count: int) -> list[int]:
        """Wait until the payee holds so many tickets."""

        async def held() -> bool:
            return len(await self.tickets()) >= count

        await self.until(held)
        return await self.tickets()

    async def until_told(self, channel: ChannelId, kind: str, count: int = 1) -> list[Entry]:
        """Wait until the journal tells ``kind`` of the channel, ``count`` times."""
        found: list[Entry] = []

        async def told() -> bool:
            found[:] = [entry for entry in await self.story(channel) if entry.kind == kind]
            return len(found) >= count

        await self.until(told)
        return found

    def with_settings(self, **changes: Any) -> None:
        """Change settings for the towers to come."""
        self.settings = msgspec.structs.replace(self.settings, **changes)


@asynccontextmanager
async def stage_on(
    folder: Path, *, rules: Rules | None = None, queue: QueueSettings | None = None
) -> AsyncIterator[Stage]:
    """A stage with funded people, and the payee's key in the store, on a ledger of some kind."""
    async with (
        Sandbox(clock=Clock.FROZEN, port=0, rules=rules, queue=queue) as sandbox,
        Hand(sandbox.url, accepts=True) as hand,
    ):
        payee = Person.named("a payee")
        settings = Settings(
            accounts=(payee.address,),
            servers=(sandbox.url,),
            store=str(folder / "watchtower.db"),
            ledger=LedgerSettings(request_timeout_seconds=5.0),
            policy=PolicySettings(min_settle_delay_seconds=900),
            # The people of the stage have no other keys than their master keys.
            authority=AuthoritySettings(allow_master_key=True),
            space=SpaceSettings(reserve_bytes=65_536),
        )
        made = Stage(sandbox=sandbox, hand=hand, settings=settings)
        await hand.fund(made.payer, made.payee)
        async with await Store.create(Path(settings.store), PASSPHRASE, cost=CHEAP) as store:
            await Vault(store).import_seed(payee.address, payee.seed, algorithm=Algorithm.SECP256K1)
        yield made


@pytest.fixture
def rules() -> Rules | None:
    """The rules of the ledger; those of xrpld 3.1.1 unless a test is parametrized otherwise."""
    return None


@pytest.fixture
async def stage(tmp_path: Path, rules: Rules | None) -> AsyncIterator[Stage]:
    """A stage on a ledger with room for everybody."""
    async with stage_on(tmp_path, rules=rules) as made:
        yield made
