"""A stage for rotations: a payee whose regular key is here, a daemon, and who rotates beside it.

The ledger's clock stands still, and closes when the stage says so. Both processes are real ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.crash.forked import Forked
from tests.crash.killed_at import NEVER, Step
from tests.signer.process import SignerProcess
from tests.store.make import CHEAP
from watchtower.claims.intake import Intake
from watchtower.claims.sight import Sight
from watchtower.demo.process import PASSPHRASE
from watchtower.first_settings import write_first
from watchtower.judgement.claim import Claim
from watchtower.keys.derivation import DerivedKey, derive
from watchtower.keys.mnemonic import read_mnemonic
from watchtower.keys.tree import KeyPath, Purpose
from watchtower.keys.vault import KeyCard, Vault
from watchtower.ledger.servers import Servers
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.server import Clock, Sandbox
from watchtower.settings import Settings, load
from watchtower.store.database import Store
from watchtower.store.journal import Entry
from watchtower.units import ChannelId, Drops, RippleTime
from watchtower.wiring import guard_of

__all__ = [
    "PAYEE",
    "PAYER",
    "WORDS",
    "XRP",
    "Turnover",
    "dispute_key",
    "open_turnover",
    "open_turnover_apart",
]

XRP: Final = 1_000_000
PAYER, PAYEE = Person.named("a payer of one"), Person.named("a payee with a regular key")
WORDS: Final = "legal winner thank year wave sausage worth useful legal winner thank yellow"
_PATIENCE: Final = 60.0
_LOOK_EVERY: Final = 0.05


def dispute_key(index: int) -> DerivedKey:
    """The key of the dispute branch that `WORDS` make."""
    return derive(read_mnemonic(WORDS).seed(), KeyPath(purpose=Purpose.DISPUTE, index=index))


@dataclass
class Turnover:
    """The stage; ``rotating`` is the process that rotates, ``said`` what it says on the side."""

    folder: Path
    sandbox: Sandbox
    hand: Hand
    settings: Settings
    tower: Forked
    rotating: Forked
    events: list[Mapping[str, Any]]
    said: list[Mapping[str, Any]]
    channel: ChannelId = field(default=ChannelId(""))
    signer: SignerProcess | None = None
    """Who holds the keys, where that is not the daemon."""

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        """Open the store as another process sees it."""
        async with await Store.open(Path(self.settings.store), PASSPHRASE) as store:
            yield store

    @asynccontextmanager
    async def keys(self) -> AsyncIterator[Store]:
        """Open the store that has the keys."""
        path = self.settings.store if self.signer is None else self.signer.settings.store
        async with await Store.open(Path(path), PASSPHRASE) as store:
            yield store

    async def rotate(
        self, *arguments: str, lines: Sequence[str] = (), step: Step = NEVER
    ) -> list[Any]:
        """Run ``watchtower key rotate`` to its end while ledgers close; return what it answered."""
        await self.begin(*arguments, lines=lines, step=step)
        return await self.finish()

    async def begin(self, *arguments: str, lines: Sequence[str] = (), step: Step = NEVER) -> None:
        """Begin the same, and close no ledger."""
        self.said.clear()
        where = () if self.signer is None else ("--server", self.sandbox.url)
        words = ("key", "rotate", "--account", PAYEE.address, *where, *arguments, "--json")
        fed = "".join(f"{line}\n" for line in lines).encode()
        await self.rotating.start(step, *words, lines=fed)

    async def finish(self) -> list[Any]:
        """Close ledgers until it ends."""

        async def has_ended() -> bool:
            if self.rotating.exit_code is None:
                await self.sandbox.accept()
            return self.rotating.exit_code is not None

        await self.until(has_ended)
        await self.rotating.ended()
        return self.rotating.answered

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait for ``condition``, looking now and then."""
        clock = asyncio.get_running_loop().time
        end = clock() + _PATIENCE
        while not await condition():
            assert clock() < end, (self.said, self.events[-20:])
            await asyncio.sleep(_LOOK_EVERY)

    async def until_open(self, kind: str) -> None:
        """Wait until the open ledger has a transaction of that type."""

        async def there() -> bool:
            return any(tx.kind == kind for tx in self.sandbox.network.chain.open_transactions)

        await self.until(there)

    async def until_paid(self, drops: int) -> None:
        """Close ledgers until the channel has paid so much."""

        async def paid() -> bool:
            await self.sandbox.accept()
            return await self.balance() >= drops

        await self.until(paid)

    async def balance(self) -> int:
        """What the channel has paid, by the ledger itself; -1 if it is gone."""
        found = await self.hand.request(
            "ledger_entry", payment_channel=self.channel, ledger_index="validated"
        )
        return int(found["node"]["Balance"]) if "node" in found else -1

    async def ask_to_close(self) -> None:
        """Have the payer ask for the channel's end; the ledger does not close."""
        close = {
            "TransactionType": "PaymentChannelClaim",
            "Channel": self.channel,
            "Flags": 0x00020000,
        }
        await self.hand.submit(close, PAYER)

    async def regular_key(self) -> str | None:
        """The payee's regular key, by the ledger itself."""
        told = await self.hand.request(
            "account_info", account=PAYEE.address, ledger_index="validated"
        )
        key: str | None = told["account_data"].get("RegularKey")
        return key

    async def cards(self) -> list[KeyCard]:
        """What the vault has, whole."""
        async with self.keys() as store:
            async with store.read() as work:
                await work.verify()
            return await Vault(store).cards()

    async def journal(self, *kinds: str) -> list[Entry]:
        """The journal's entries of some kinds, of where the keys are."""
        async with self.keys() as store, store.read() as work:
            return [entry for entry in await work.journal.load_all() if entry.kind in kinds]

    async def appointments(self) -> list[dict[str, Any]]:
        """Every SetRegularKey in the ledger, with its result."""
        told = await self.hand.request(
            "account_tx", account=PAYEE.address, ledger_index_min=-1, ledger_index_max=-1
        )
        rows: list[dict[str, Any]] = told["transactions"]
        return [row for row in rows if row["tx"]["TransactionType"] == "SetRegularKey"]

    async def keep(self, drops: int) -> None:
        """Give the tower a claim, as ``watchtower claim add`` does."""
        claim = Claim(
            channel=self.channel,
            amount=Drops(drops),
            public_key=PAYER.public_key,
            signature=PAYER.sign_claim(self.channel, Drops(drops)),
        )
        async with self.store() as store, Servers.connected([self.sandbox.url]) as servers:
            fact = await servers.read_channel(self.channel)
            sight = Sight(fact=fact, ledger_time=RippleTime(self.sandbox.close_time))
            answer = await Intake(store, guard_of(self.settings)).take(claim, sight)
            assert answer.is_stored, answer

    async def watch(self) -> None:
        """Start the daemon, and wait until it guards."""
        await self.tower.start(NEVER, "run")

        async def guards() -> bool:
            return any(event["event"] == "guarding" for event in self.events)

        await self.until(guards)


@asynccontextmanager
async def open_turnover(folder: Path, *, more: str = "") -> AsyncIterator[Turnover]:
    """Set the stage: the first dispute key is the payee's regular key, here and in the ledger."""
    events: list[Mapping[str, Any]] = []
    said: list[Mapping[str, Any]] = []
    async with (
        Sandbox(clock=Clock.FROZEN, port=0) as sandbox,
        Hand(sandbox.url, accepts=True) as hand,
    ):
        config = folder / "watchtower.toml"
        write_first(config, [PAYEE.address], [sandbox.url])
        config.write_text(config.read_text() + more)
        stage = Turnover(
            folder=folder,
            sandbox=sandbox,
            hand=hand,
            settings=load(config, {}),
            tower=Forked(folder, events.append),
            rotating=Forked(folder, said.append),
            events=events,
            said=said,
        )
        await hand.fund(PAYER, PAYEE)
        named = {"TransactionType": "SetRegularKey", "RegularKey": dispute_key(0).address}
        await hand.settle(named, PAYEE)
        stage.channel = await hand.create_channel(PAYER, PAYEE, Drops(100 * XRP), 3600)
        async with await Store.create(Path(stage.settings.store), PASSPHRASE, cost=CHEAP) as store:
            await Vault(store).keep_derived(PAYEE.address, dispute_key(0))
        try:
            yield stage
        finally:
            await stage.tower.kill()
            await stage.rotating.kill()


@asynccontextmanager
async def open_turnover_apart(folder: Path) -> AsyncIterator[Turnover]:
    """Set the same stage with the key in the store of a signer apart, which runs."""
    at = folder / "signer"
    signer = await SignerProcess.make(
        at, payees=[PAYEE.address], allow_master_key=False, passphrase=PASSPHRASE
    )
    more = f'\n[keys]\nsigner = "{signer.socket}"\n'
    async with open_turnover(folder, more=more) as stage:
        async with stage.store() as store:
            await Vault(store).remove(PAYEE.address)
        async with await Store.open(Path(signer.settings.store), PASSPHRASE) as store:
            await Vault(store).keep_derived(PAYEE.address, dispute_key(0))
        await signer.start()
        stage.signer = signer
        stage.rotating = Forked(folder, stage.said.append, config=at / "signer.toml")
        try:
            yield stage
        finally:
            await stage.rotating.kill()
            await stage.tower.kill()
            await signer.kill()
