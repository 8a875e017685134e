"""The real tower on a ledger in this process, one ledger at a time.

Watch, store, signer, planner, submitter: all as the daemon builds them, without its sockets and its
clock. A ledger closes when the tower has done all that it does in one, so what it decides does not
depend on how fast the machine is; what that costs in processor time is told apart.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, Self

from bench.station import Station
from watchtower.alerts.deliver import Deliverer
from watchtower.alerts.desk import Desk
from watchtower.judgement.channel import observe
from watchtower.judgement.claim import Claim
from watchtower.keys.authority import Right
from watchtower.keys.hands import Hands
from watchtower.keys.signer import Signer
from watchtower.keys.vault import Algorithm, Vault
from watchtower.ledger.accounts import read_account
from watchtower.ledger.channels import find_channels
from watchtower.ledger.sequence import Delivery
from watchtower.ledger.sequence import Sequence as LedgerSequence
from watchtower.ledger.subscription import subscriptions
from watchtower.response.launch import Launch
from watchtower.response.respond import Responder
from watchtower.response.restock import Restocker
from watchtower.response.submit import Submitter
from watchtower.sandbox.node import Node
from watchtower.sandbox.people import Person
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.store.header import Cost
from watchtower.tower.changes import Changes
from watchtower.tower.herald import Herald
from watchtower.tower.means import Means
from watchtower.tower.memory import remember
from watchtower.tower.steward import Steward
from watchtower.tower.tower import Tower
from watchtower.units import LedgerIndex
from watchtower.wiring import limits_of, policy_of, pool_of

__all__ = ["Guard"]

_PASSPHRASE: Final = "of no worth"  # noqa: S105 - the store is gone with its folder
_CHEAP: Final = Cost(memory_kib=8, passes=1, lanes=1)
_BATCH: Final = 1_000
"""Deliveries that the tower takes together (``watchtower/tower/tower.py``)."""


class Guard:
    """A tower that guards a payee. Open it as a context.

    ``seconds`` is the processor time that it has taken, the server's left out.
    """

    def __init__(
        self, node: Node, payee: Person, folder: Path, claims: Collection[Claim] = ()
    ) -> None:
        """Prepare.

        Args:
            node: the server that it asks and listens to.
            payee: whom it guards.
            folder: for its store.
            claims: those that it has been given.
        """
        self.seconds = 0.0
        self.station = Station(node)
        self.settings = Settings(
            accounts=(payee.address,), servers=("wss://nowhere",), store=str(folder / "db")
        )
        self._payee = payee
        self._claims = claims
        self._stack = AsyncExitStack()
        self._sequence: LedgerSequence
        self._submitter: Submitter
        self._tower: Tower
        self._restocker: Restocker

    @property
    def channels(self) -> int:
        """How many channels it guards."""
        return len(self._tower.watch.channels)

    async def __aenter__(self) -> Self:
        """Keep a claim on every channel, and start guarding."""
        path = Path(self.settings.store)
        store = await self._stack.enter_async_context(
            await Store.create(path, _PASSPHRASE, cost=_CHEAP)
        )
        payee = self._payee
        await Vault(store).import_seed(payee.address, payee.seed, algorithm=Algorithm.SECP256K1)
        found = await find_channels(self.station, payee.address)
        async with store.write() as work:
            await work.claims.raise_all(self._claims)
            channels = (observe(None, fact)[0] for fact in found)
            await work.channels.put_all([channel for channel in channels if channel is not None])
            await work.cursor.move(self.station.validated)
        await self._build(store)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self._stack.aclose()

    async def ledger(self) -> None:
        """Let one ledger close, and do all that the tower does about it."""
        self.station.close_ledger()
        begun, theirs = time.process_time(), self.station.seconds
        heard = self.station.heard()
        deliveries = [d for message in heard for d in self._sequence.received("here", message)]
        await self.take(deliveries)
        await self._tower.respond()
        await self._restocker.restock([self._payee.address])
        await self._submitter.drained()
        self.seconds += time.process_time() - begun - (self.station.seconds - theirs)

    async def take(self, deliveries: Sequence[Delivery]) -> None:
        """Take what the ledger tells, onto the disk, so much at a time as the daemon does."""
        for first in range(0, len(deliveries), _BATCH):
            await self._tower.take(deliveries[first : first + _BATCH])

    async def prepare(self, *, within: int) -> None:
        """Let ledgers close until the pool of tickets is full.

        Raises:
            AssertionError: it is not after so many.
        """
        account, pool = self._payee.address, self.settings.tickets.pool
        for _ in range(within):
            await self.ledger()
            if self._tower.watch.ticket_count(account) >= pool:
                return
        raise AssertionError(within)

    async def _build(self, store: Store) -> None:
        settings, account = self.settings, self._payee.address
        limits, pool = limits_of(settings), pool_of(settings)
        memory = await remember(store, [account], policy_of(settings))
        watch, changes = memory.watch, Changes(memory.cursor)
        self._submitter = Submitter(self.station)
        tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        running = tasks.create_task(self._submitter.run())
        self._stack.callback(running.cancel)
        launch = Launch(watch, store=store, submitter=self._submitter)
        right = Right.MASTER_KEY
        hand = Signer(Vault(store), [account], limits.fees.cap, right=right, most_tickets=pool.size)
        signer = Hands([hand], {account: [right]}, clock=asyncio.get_running_loop().time)
        self._restocker = Restocker(
            watch,
            servers=self.station,
            signer=signer,
            launch=launch,
            limits=limits,
            pool=pool,
            admit=Means(watch, store=store, pool=pool, fee_cap=limits.fees.cap).admit,
        )
        desk = Desk(Deliverer([]), repeat_after=settings.alerts.repeat_seconds)
        self._tower = Tower(
            watch,
            store=store,
            changes=changes,
            responder=Responder(
                watch,
                servers=self.station,
                signer=signer,
                submitter=self._submitter,
                launch=launch,
                limits=limits,
            ),
            restocker=None,
            desk=desk,
            herald=Herald(desk, changes),
            steward=Steward(watch, store=store, desk=desk, changes=changes),
        )
        await self._tower.take(await self._subscribe(memory.cursor))

    async def _subscribe(self, cursor: LedgerIndex | None) -> Sequence[Delivery]:
        """Listen from now on; return what there is to tell already."""
        account = self._payee.address
        self._sequence = LedgerSequence([account], cursor=cursor)
        told: list[Delivery] = []
        for params in subscriptions([account]):
            told += self._sequence.subscribed(
                "here", await self.station.request("subscribe", **params)
            )
        return [*told, *await read_account(self.station, account)]
