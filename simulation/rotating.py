"""The process in which a payee rotates its regular key, killed now and then, and started again.

What it does is what ``watchtower key rotate`` does, step by step, with a store and connections of
its own on the daemon's host; only the key does not come from luck.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Final

from simulation.disk import Connections, Step
from simulation.holders import PAYEE
from simulation.host import PASSPHRASE, Host
from simulation.mandate import Mandate
from simulation.rights import DisableMaster, KeyLost, NameKey, Rotate, Thieve
from simulation.script import Act
from simulation.wire import Wire
from watchtower.cli.rotation_ledger import RotationLedger
from watchtower.errors import WatchtowerError
from watchtower.keys.killed_bundles import StoredBundles
from watchtower.keys.rotating import Rotator
from watchtower.keys.signer import SigningKey
from watchtower.keys.stored_key import UnsealedKey
from watchtower.keys.vault import Vault, key_of_seed, key_that_signs_for
from watchtower.ledger.servers import Servers
from watchtower.sandbox.people import Person
from watchtower.store.database import Store
from watchtower.wiring import limits_of, link_settings

__all__ = ["Rotating", "unfinished"]

_PATIENCE: Final = 10.0
_AGAIN: Final = 5.0
_TRIES: Final = 60


def unfinished(rotations: Iterable[Rotating], acts: Iterable[Act]) -> Iterator[str]:
    """Yield which rotations never ended, where nobody else meddled with the payee's keys."""
    if any(isinstance(act, Thieve | KeyLost | NameKey | DisableMaster) for act in acts):
        return
    for rotating in rotations:
        if not rotating.is_done:
            yield f"a rotation never ended: {rotating.why}"


class Rotating:
    """One rotation; ``is_done`` once the new key is the one that signs, else ``why`` not yet."""

    def __init__(
        self, host: Host, mandate: Mandate, act: Rotate, new: Person, tell: Callable[[str], None]
    ) -> None:
        """Prepare to have ``new`` sign for the payee."""
        self.is_done = False
        self.why = "it goes on"
        self._host = host
        self._mandate = mandate
        self._act = act
        self._new = new
        self._tell = tell

    async def run(self) -> None:
        """Begin, and go on as often as it takes."""
        for life in range(_TRIES):
            await self._live(self._act.killed_at if life < self._act.lives else 0)
            if self.is_done:
                self._tell("the regular key is rotated")
                self._mandate.held = {self._new.address}
                self._host.changed()
                return
            await asyncio.sleep(_AGAIN)

    async def _live(self, killed_at: int) -> None:
        """Run the process once, to its end or to its ``killed_at``-th step."""
        steps = 0

        def step(_: Step) -> None:
            nonlocal steps
            steps += 1
            if steps == killed_at:
                self._tell("who rotates the key is killed")
                connections.kill()
                wire.kill()
                task.cancel()

        connections = self._host.disk.connections(step)
        wire = self._host.network.wire(step)
        task = asyncio.create_task(self._rotate(connections, wire))
        try:
            await asyncio.wait({task})
        finally:
            task.cancel()
        if not task.cancelled() and (failure := task.exception()) is not None:
            if not isinstance(failure, WatchtowerError) and steps < (killed_at or steps + 1):
                raise failure
            self.why = str(failure)
            self._tell(f"the rotation has stopped: {failure}")

    async def _rotate(self, connections: Connections, wire: Wire) -> None:
        settings, account = self._host.settings, PAYEE.address
        limits = limits_of(settings)
        opening = Store.open(
            Path(settings.store), PASSPHRASE, patience=1.0, driver=connections.open
        )
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(await opening)
            servers = await stack.enter_async_context(
                Servers(
                    settings.servers,
                    network_id=store.network,
                    settings=link_settings(settings),
                    dial=wire.dial,
                    luck=Random(1).random,  # noqa: S311 - jitter that can be repeated
                )
            )
            await servers.wait_until_ready(_PATIENCE)
            rotator = Rotator(
                store,
                RotationLedger(servers, last_ledger_offset=limits.last_ledger_offset),
                fee_cap=limits.fees.cap,
                bundles=StoredBundles(store),
            )
            async with store.read() as work:
                known = await work.rotations.get(account)
            if known is None or known.new_address != self._new.address:
                new = key_that_signs_for(account, self._new.seed, regular_key=True)
                self._mandate.held.add(self._new.address)
                known = await rotator.begin(new)
            if known.is_under_way:
                await rotator.carry_on(account, lambda: self._owner(store))
        self.is_done = True

    async def _owner(self, store: Store) -> SigningKey:
        """Return the key that signs the SetRegularKey."""
        if self._act.with_held_key:
            return await Vault(store).key_of(PAYEE.address)
        return UnsealedKey(key_of_seed(PAYEE.address, PAYEE.seed))
