"""One host: a disk, a clock that jumps, a network, and the daemon that a supervisor starts anew.

Guarantees that a process that is killed does nothing any more: what it had not committed is gone,
its connections fall, and it is never asked to tidy up. How each process ended is told.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from httpx import AsyncBaseTransport

from simulation.disk import Disk, Step
from simulation.loop import play
from simulation.wire import Network
from watchtower.daemon import run
from watchtower.errors import StoreNetworkError, WatchtowerError
from watchtower.keys.vault import Algorithm, Vault
from watchtower.machine import Machine
from watchtower.sandbox.people import Person
from watchtower.settings import Settings
from watchtower.store.database import Driver, Store
from watchtower.store.header import Cost
from watchtower.store.space import Room
from watchtower.tower.tending import Rhythm
from watchtower.units import Address

__all__ = ["PASSPHRASE", "Host", "Process", "new_store"]

PASSPHRASE: Final = "of no worth"  # noqa: S105 - the store is gone with its folder
_CHEAP: Final = Cost(memory_kib=8, passes=1, lanes=1)
_SLOW: Final = Rhythm(claims=2.0, rounds=20.0, status=600.0)
"""Rounds that cost nothing in this world are made less often in the other one too."""

_NEW_YEAR: Final = 1_767_225_600.0
"""2026-01-01T00:00:00Z: when the host's clock begins."""

_AMPLE: Final = 1 << 40
"""What the disk has left: what fills it is `Ill.FULL`, and not what else this machine does."""

_RESTART: Final = 2.0
"""Seconds until a supervisor starts what has ended (systemd's RestartSec)."""


def new_store(path: Path, keys: Mapping[Address, Person]) -> None:
    """Make a store that holds keys, by account, and nothing else.

    The same bytes decide its order every time.
    """
    luck = Random(0)  # noqa: S311 - luck that can be repeated

    async def make() -> None:
        driver = Disk().connections(lambda _step: None).open
        store = await Store.create(
            path, PASSPHRASE, cost=_CHEAP, driver=driver, random=luck.randbytes
        )
        async with store:
            for account, person in keys.items():
                await Vault(store).import_seed(
                    account,
                    person.seed,
                    algorithm=Algorithm.SECP256K1,
                    regular_key=account != person.address,
                )

    play(make)


@dataclass(eq=False)
class Process:
    """One life of the daemon."""

    task: asyncio.Task[object]
    kill: Callable[[], None]
    is_killed: bool = False


@dataclass(kw_only=True)
class Host:
    """What a tower runs on.

    Attributes:
        settings: the operator's; its store is on this host.
        network: the way to the servers.
        luck: the jitter of reconnects.
        tell: is told what happens, as a sentence.
        changed: is called whenever the daemon has come or gone.
        to_cosigners: the way to those who sign with the tower.
        defects: how processes ended that should not have.
        skew: seconds by which the host's clock is wrong.
    """

    settings: Settings
    network: Network
    luck: Random
    tell: Callable[[str], None]
    changed: Callable[[], None]
    to_cosigners: AsyncBaseTransport | None = None
    disk: Disk = field(default_factory=Disk)
    defects: list[str] = field(default_factory=list)
    skew: float = 0.0
    _process: Process | None = None
    _wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _fuse: tuple[Step, int] | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_up(self) -> bool:
        """Whether the daemon runs."""
        return self._process is not None and not self._process.is_killed

    def furnish(self, template: Path) -> None:
        """Put a copy of a store onto the disk."""
        shutil.copyfile(template, self.settings.store)

    def driver(self) -> Driver:
        """Return the way of another process to the disk."""
        return self.disk.connections(lambda _step: None).open

    def on(self) -> None:
        """Have the daemon run, and run again whenever it ends."""
        self._wanted.set()

    def off(self) -> None:
        """Cut the power; nothing runs until it is `on` again."""
        self._wanted.clear()
        self.kill()

    def kill(self) -> None:
        """Kill the process that runs, as SIGKILL does."""
        if self._process is not None and not self._process.is_killed:
            self.tell("the daemon is killed")
            self._process.is_killed = True
            self._process.kill()
            self.changed()

    def stop(self, *, for_good: bool = False) -> None:
        """Ask the daemon to stop, as SIGTERM does; a supervisor starts it anew."""
        if for_good:
            self._wanted.clear()
        self._stop.set()

    def kill_at(self, step: Step, count: int) -> None:
        """Kill the daemon at the ``count``-th step of a kind from now, in this life or the next."""
        self._fuse = (step, count)

    async def stopped(self) -> None:
        """Wait until no process is left."""
        while self._process is not None:
            await asyncio.wait({self._process.task})
            await asyncio.sleep(0)

    async def live(self) -> None:
        """Start the daemon, again and again, until cancelled."""
        try:
            while True:
                await self._wanted.wait()
                await self._live_once()
                await asyncio.sleep(_RESTART)
        finally:
            if self._process is not None:
                self._process.is_killed = True
                self._process.kill()
                await asyncio.wait({self._process.task})

    async def _live_once(self) -> None:
        wire = self.network.wire(self._step)
        connections = self.disk.connections(self._step)
        self._stop = asyncio.Event()
        machine = Machine(
            dial=wire.dial,
            driver=connections.open,
            clock=self._clock,
            luck=self.luck.random,
            stopping=self._stopping,
            rhythm=_SLOW,
            to_cosigners=self.to_cosigners,
            measure=lambda _folder: Room(available=_AMPLE),
        )
        task = asyncio.create_task(run(self.settings, PASSPHRASE, {}, machine=machine))

        def kill() -> None:
            connections.kill()
            wire.kill()
            task.cancel()

        process = self._process = Process(task, kill)
        self.tell("the daemon starts")
        self.changed()
        await asyncio.wait({task})
        self._note_end(process)
        self._process = None
        self.changed()

    def _note_end(self, process: Process) -> None:
        error = None if process.task.cancelled() else process.task.exception()
        if process.is_killed:
            return
        if error is None:
            self.tell("the daemon has stopped")
        else:
            self.tell(f"the daemon has ended: {type(error).__name__}: {error}")
            if not self._is_excused(error):
                self.defects.append(f"the daemon ended with {type(error).__name__}: {error}")

    def _is_excused(self, error: BaseException) -> bool:
        """Return whether a daemon may refuse to go on by itself; a supervisor starts it again."""
        if isinstance(error, StoreNetworkError):
            nodes = self.network.nodes.values()
            return any(node.misbehaviour.network_id is not None for node in nodes)
        return isinstance(error, WatchtowerError) and self.disk.ill is not None

    def _step(self, step: Step) -> None:
        if self._fuse is None or step is not self._fuse[0]:
            return
        count = self._fuse[1] - 1
        self._fuse = (step, count) if count else None
        if not count:
            self.tell(f"about to be killed: {step.value}")
            self.kill()

    def _clock(self) -> float:
        return _NEW_YEAR + asyncio.get_running_loop().time() + self.skew

    @contextmanager
    def _stopping(self) -> Iterator[asyncio.Event]:
        yield self._stop
