"""The story that twins play: one payer, one payee, four channels, and a daemon that may die.

- *asked*: its payer asks to close it;
- *bettered*: its payer asks the same, and a better claim comes by ``watchtower claim add`` while
  the answer to the first is on its way;
- *short*: a claim promises more than it holds; its payer asks to close, and funds it afterwards;
- *cancelled*: nobody does anything, and its CancelAfter comes near;
- before all of it, the payee's tickets are made.

The ledger's clock stands still: a ledger closes only when the story has seen what it waits for. So
whether a daemon was killed and started in between makes no difference to the ledger at all.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from tests.crash.forked import Forked
from tests.crash.killed_at import NEVER, WRITTEN, Step
from tests.store.make import CHEAP
from watchtower.claims.intake import Intake
from watchtower.claims.sight import Sight
from watchtower.demo.process import PASSPHRASE
from watchtower.first_settings import write_first
from watchtower.judgement.claim import Claim
from watchtower.keys.vault import Algorithm, Vault
from watchtower.ledger.servers import Servers
from watchtower.response.attempt import Attempt
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.server import Clock, Sandbox
from watchtower.sandbox.transaction import Transaction
from watchtower.settings import Settings, load
from watchtower.store.database import Store
from watchtower.units import ChannelId, Drops, RippleTime
from watchtower.wiring import guard_of

__all__ = ["DUE", "NAMES", "PAYEE", "XRP", "Death", "Story", "open_story"]

XRP: Final = 1_000_000
PAYER, PAYEE = Person.named("a payer of four"), Person.named("a payee of four")
NAMES: Final = ("asked", "bettered", "short", "cancelled")
DUE: Final = {"asked": 30 * XRP, "bettered": 55 * XRP, "short": 25 * XRP, "cancelled": 20 * XRP}
"""What each channel must have paid in the end."""

_FIRST_CLAIMS: Final = {**DUE, "bettered": 40 * XRP}
_FUNDS: Final = dict.fromkeys(NAMES, 100 * XRP) | {"short": 10 * XRP}
_TF_CLOSE: Final = 0x00020000
_LEAD: Final = 120
_PATIENCE: Final = 60.0
_LOOK_EVERY: Final = 0.05
_MORE_SETTINGS: Final = f"""
[policy]
margin_seconds = 60
cancel_after_lead_seconds = {_LEAD}
[tickets]
pool = 8
low_water = 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """One daemon that ended: at which step, how, and how many writes it had finished."""

    step: Step
    writes: int
    exit_code: int | None = None


@dataclass
class Story:
    """One playing of it.

    Attributes:
        tower: the daemon.
        giver: who takes the better claim beside it.
        lives: at which step each daemon kills itself, one after the other; then they live.
        gives: at which step the giver kills itself.
        at_death: looks at what a killed daemon has left, before the next one starts.
        deaths: those that came about.
        events: every line that the daemons logged.
        given: every line that the giver logged.
        arrived: each transaction of the payee that reached the server, by its hash.
    """

    sandbox: Sandbox
    hand: Hand
    tower: Forked
    giver: Forked
    settings: Settings
    lives: list[Step]
    gives: Step
    at_death: Callable[[Story], Awaitable[None]]
    events: list[Mapping[str, Any]]
    given: list[Mapping[str, Any]]
    channels: dict[str, ChannelId] = field(default_factory=dict)
    deaths: list[Death] = field(default_factory=list)
    arrived: dict[str, Transaction] = field(default_factory=dict)
    _alive: Step = NEVER
    _born: int = 0

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        """Open the store as another process sees it."""
        async with await Store.open(Path(self.settings.store), PASSPHRASE) as store:
            yield store

    async def play(self) -> None:
        """Play all of it; the daemon is stopped at the end."""
        await self._prepare()
        await self._live()
        await self._until(self._have_arrived("TicketCreate"))
        await self._close_ledger()
        await self._until(self._all_settled)
        await self._two_are_asked_to_close()
        await self._one_is_short()
        await self._one_is_cancelled()
        await self._stop()

    async def _prepare(self) -> None:
        await self.hand.fund(PAYER, PAYEE)
        cancel_after = self.sandbox.close_time + _LEAD + 60
        for name in NAMES:
            more = {"CancelAfter": cancel_after} if name == "cancelled" else {}
            self.channels[name] = await self.hand.create_channel(
                PAYER, PAYEE, Drops(_FUNDS[name]), 3600, **more
            )
        path, passphrase = Path(self.settings.store), PASSPHRASE
        async with await Store.create(path, passphrase, cost=CHEAP) as store:
            await Vault(store).import_seed(PAYEE.address, PAYEE.seed, algorithm=Algorithm.SECP256K1)
            intake = Intake(store, guard_of(self.settings))
            async with Servers.connected([self.sandbox.url]) as servers:
                for name, channel in self.channels.items():
                    fact = await servers.read_channel(channel)
                    sight = Sight(fact=fact, ledger_time=RippleTime(self.sandbox.close_time))
                    claim = Claim(channel=channel, **_promise(channel, _FIRST_CLAIMS[name]))
                    receipt = await intake.take(claim, sight)
                    assert receipt.is_stored, receipt
        self.sandbox.network.before_submit.append(self._see_arrive)

    async def _two_are_asked_to_close(self) -> None:
        await self._ask_to_close("asked", "bettered")
        await self._until(self._have_arrived(("asked", 30 * XRP), ("bettered", 40 * XRP)))
        await self._give(self.gives)
        await self._close_ledger()
        await self._until(self._have_arrived(("bettered", 55 * XRP)))
        # A payment that is learnt of when the next ledger has closed is dated by that one.
        await self._until(self._all_settled)
        await self._close_ledger()
        await self._until(self._all_settled)

    async def _give(self, step: Step) -> None:
        """Give the better claim, and again if who took it died; a receipt must be true at once."""
        channel, due = self.channels["bettered"], DUE["bettered"]
        claim = {"channel": channel} | _promise(channel, due) | {"amount": str(due)}
        lines = msgspec.json.encode(claim)
        told = await self.giver.command("claim", "add", "-", lines=lines, step=step)
        if told:
            assert told[0]["best"] == str(due), told
            async with self.store() as store, store.read() as work:
                best = await work.claims.best(channel)
            assert best is not None, told
            assert best.amount == due, f"{told} was acknowledged, and {best} is on disk"
        if step != NEVER:
            assert self.giver.exit_code == -signal.SIGKILL, told
            self.deaths.append(Death(step=step, writes=0))
            await self._give(NEVER)

    async def _one_is_short(self) -> None:
        await self._ask_to_close("short")
        await self._until(self._have_arrived(("short", 10 * XRP)))
        await self._close_ledger()
        await self._until(self._all_settled)
        fund = {
            "TransactionType": "PaymentChannelFund",
            "Channel": self.channels["short"],
            "Amount": str(20 * XRP),
        }
        await self.hand.submit(fund, PAYER)
        await self._close_ledger()
        await self._until(self._have_arrived(("short", 25 * XRP)))
        await self._close_ledger()
        await self._until(self._all_settled)

    async def _one_is_cancelled(self) -> None:
        found = await self.hand.request(
            "ledger_entry", payment_channel=self.channels["cancelled"], ledger_index="validated"
        )
        near = int(found["node"]["CancelAfter"]) - _LEAD
        while self.sandbox.close_time < near:
            await self._close_ledger()
        await self._until(self._have_arrived(("cancelled", 20 * XRP)))
        await self._close_ledger()
        await self._until(self._all_settled)

    async def _ask_to_close(self, *names: str) -> None:
        for name in names:
            close = {
                "TransactionType": "PaymentChannelClaim",
                "Channel": self.channels[name],
                "Flags": _TF_CLOSE,
            }
            await self.hand.submit(close, PAYER)
        await self._close_ledger()

    async def _close_ledger(self) -> None:
        await self.sandbox.accept()

    def _see_arrive(self, tx: Transaction) -> None:
        if tx.account == PAYEE.address:
            self.arrived[tx.hash] = tx

    def _have_arrived(self, *wanted: str | tuple[str, int]) -> Callable[[], Awaitable[bool]]:
        """Return whether the server has a transaction of each type, or for each target."""
        wishes = {w if isinstance(w, str) else (self.channels[w[0]], str(w[1])) for w in wanted}

        async def have() -> bool:
            chain = self.sandbox.network.chain
            here = {tx.hash for tx in chain.open_transactions}
            there = [tx for tx in self.arrived.values() if tx.hash in here]
            kinds: set[str | tuple[str, str]] = {tx.kind for tx in there}
            targets = {(tx.fields.get("Channel", ""), tx.fields.get("Balance", "")) for tx in there}
            return wishes <= kinds | targets

        return have

    async def _all_settled(self) -> bool:
        """Return whether the store has an outcome for everything that a closed ledger has."""
        here = {tx.hash for tx in self.sandbox.network.chain.open_transactions}
        async with self.store() as store, store.read() as work:
            attempts: dict[str, Attempt] = {
                a.transaction: a for a in await work.attempts.load_all()
            }
        closed = self.arrived.keys() - here
        return all(tx in attempts and attempts[tx].outcome for tx in closed)

    async def _until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Wait for ``condition``, and start a new daemon whenever one has been killed."""
        clock = asyncio.get_running_loop().time
        end = clock() + _PATIENCE
        # Looked at, and not cancelled: the condition may have the store open.
        while not await condition():
            assert clock() < end, (self._alive, self.lives, self.events[-30:])
            if self.tower.exit_code is not None:
                await self._bury()
                await self._live()
            await asyncio.sleep(_LOOK_EVERY)

    async def _live(self) -> None:
        """Start a daemon, with the next death in it if there is one left."""
        self._alive = self.lives.pop(0) if self.lives else NEVER
        self._born = len(self.events)
        await self.tower.start(self._alive, "run")

    async def _bury(self) -> None:
        """Take note of a daemon that was killed, as it was meant to be, and look at its store."""
        await self.tower.kill()
        ways = {-signal.SIGKILL}
        if self._alive.asked:
            # Who is asked before it guards has sent nothing, and ends at once.
            ways = {0 if await self._is_guarding() else -signal.SIGTERM}
        assert self.tower.exit_code in ways, (self.tower.exit_code, self.events[-30:])
        assert self._alive != NEVER, self.events[-30:]
        writes = [e for e in self.events[self._born :] if e["event"] == WRITTEN]
        self.deaths.append(
            Death(step=self._alive, writes=len(writes), exit_code=self.tower.exit_code)
        )
        await self.at_death(self)

    async def _stop(self) -> None:
        """Ask the daemon to stop, once it can be asked; one that dies of it is started again."""
        while True:
            await self._until(self._is_guarding)
            await self.tower.stop()
            if self.tower.exit_code == 0:
                return
            await self._bury()
            await self._live()

    async def _is_guarding(self) -> bool:
        return any(event["event"] == "guarding" for event in self.events[self._born :])


@asynccontextmanager
async def open_story(
    folder: Path,
    lives: Sequence[Step],
    at_death: Callable[[Story], Awaitable[None]],
    gives: Step = NEVER,
) -> AsyncIterator[Story]:
    """Set the stage in ``folder``; whatever happens, no daemon outlives it."""
    events: list[Mapping[str, Any]] = []
    given: list[Mapping[str, Any]] = []
    async with (
        Sandbox(clock=Clock.FROZEN, port=0) as sandbox,
        Hand(sandbox.url, accepts=True) as hand,
    ):
        config = folder / "watchtower.toml"
        write_first(config, [PAYEE.address], [sandbox.url], allow_master_key=True)
        config.write_text(config.read_text() + _MORE_SETTINGS)
        story = Story(
            sandbox=sandbox,
            hand=hand,
            tower=Forked(folder, events.append),
            giver=Forked(folder, given.append),
            settings=load(config, {}),
            lives=list(lives),
            gives=gives,
            at_death=at_death,
            events=events,
            given=given,
        )
        try:
            yield story
        finally:
            await story.tower.kill()
            await story.giver.kill()


def _promise(channel: ChannelId, drops: int) -> dict[str, Any]:
    return {
        "amount": Drops(drops),
        "signature": PAYER.sign_claim(channel, Drops(drops)),
        "public_key": PAYER.public_key,
    }
