"""How fast the tower reacts: the real daemon, two servers in this process, one close at a time.

The store is a file on the disk, in which every transaction is fsynced; the threads and clocks are
the machine's own. Between two reactions the daemon has time to finish, as it has between ledgers.
"""

from __future__ import annotations

import asyncio
import cProfile
import math
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from bench.exit_world import ExitWorld, Plan, Unit
from bench.instrument import profiled, ratios
from bench.report import Reading, Report, reading
from bench.scale import Scale
from bench.station import Station
from bench.wire import Reaction, Wire
from watchtower import daemon
from watchtower.collector import calm
from watchtower.judgement.channel import observe
from watchtower.keys.vault import Algorithm, Vault
from watchtower.ledger.channels import find_channels
from watchtower.logs import configure
from watchtower.machine import Machine
from watchtower.settings import AuthoritySettings, LedgerSettings, Settings
from watchtower.store.database import Store
from watchtower.store.header import Cost

__all__ = ["WARM", "Post", "compared", "in_silence", "measure", "measure_idle", "post", "share"]

_PASSPHRASE: Final = "of no worth"  # noqa: S105 - the store is gone with its folder
_CHEAP: Final = Cost(memory_kib=8, passes=1, lanes=1)
_DAY: Final = 86_400
_FEW: Final = 1_000
_LOOKED_AT: Final = 100
"""Reactions that are watched by a profiler, beside those that are timed."""

WARM: Final = 5
"""Reactions that are not counted: what is done for the first time is done more slowly."""

_QUIET: Final = 0.05
"""Seconds in which no frame comes or goes and the processor rests: the daemon is done then."""

_RESTING: Final = 0.05
"""Of these seconds, what may be spent on looking: a daemon that writes spends more."""

_START: Final = 0.5
_PATIENCE: Final = 60.0
_IDLE: Final = 100
"""Idle ledgers of a round: the cursor is saved twice in them."""

_BETWEEN: Final = 0.01
"""Seconds between two ledgers that nothing is to be done about."""

_FSYNCS: Final = 100


@dataclass(slots=True, kw_only=True)
class Post:
    """A daemon at its post, guarding every channel of ``world`` through ``wire``.

    ``is_busy`` says that others keep it busy: it never rests then, and is quiet between frames.
    """

    world: ExitWorld
    wire: Wire
    folder: Path
    is_busy: bool = False

    async def begin(self) -> None:
        """Wait until the daemon has looked at everything."""
        async with asyncio.timeout(_PATIENCE):
            await self.wire.asked.wait()
        await self.quiet(_START)
        for _ in range(2 * WARM):
            # Tickets are made before they are needed.
            self.world.node.accept()
            await self.quiet()

    async def react(self, unit: Unit, profiler: cProfile.Profile | None = None) -> Reaction:
        """Have a payer ask to close; return what was seen once the daemon has been paid."""
        reaction = self.wire.expect(unit.channel)
        self.world.ask_for(unit)
        self.world.node.accept()
        if profiler is not None:
            profiler.enable()
        async with asyncio.timeout(_PATIENCE):
            await self.wire.answered.wait()
        if profiler is not None:
            profiler.disable()
        await self.quiet()
        # The ledger that pays, and the next one: tickets that were used are made again in these.
        for _ in range(2):
            self.world.node.accept()
            await self.quiet()
        return reaction

    async def quiet(self, seconds: float = _QUIET) -> None:
        """Wait until no frame comes or goes, and nothing is done, for so many seconds."""
        moved, spent = -1, math.inf
        while moved != self.wire.moved or (spent > _RESTING * seconds and not self.is_busy):
            moved, spent = self.wire.moved, -time.process_time()
            await asyncio.sleep(seconds)
            spent += time.process_time()

    async def idle(self, ledgers: int) -> float:
        """Return the seconds of processor time that the daemon takes for an empty ledger.

        The servers' time is left out, and so is what goes on where no ledger comes.
        """
        rest = await self._spent(ledgers, lambda: None)
        return (await self._spent(ledgers, self.world.node.accept) - rest) / ledgers

    async def _spent(self, times: int, each: Callable[[], object]) -> float:
        begun, theirs = time.process_time(), -self.wire.seconds
        for _ in range(times):
            before = time.process_time()
            each()
            theirs += time.process_time() - before
            await asyncio.sleep(_BETWEEN)
        await self.quiet()
        return time.process_time() - begun - theirs - self.wire.seconds


@asynccontextmanager
async def post(
    channels: int, *, notes: Mapping[str, Any] | None = None, **settings: Struct
) -> AsyncIterator[Post]:
    """Let the real daemon guard so many channels, each with a claim on all of it.

    Args:
        channels: how many.
        notes: what its store has of an earlier daemon.
        settings: sections of its settings, where they are not what they are by themselves.
    """
    world = ExitWorld(Plan(channels=channels, settle_delays=(_DAY,)))
    wire = Wire(world.node, world.node.add_server())
    stop = asyncio.Event()

    @contextmanager
    def stopping() -> Iterator[asyncio.Event]:
        yield stop

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        told = Settings(
            accounts=(world.payee.address,),
            servers=wire.urls,
            store=str(folder / "db"),
            # What is read anew every ten minutes is no part of a reaction.
            ledger=LedgerSettings(reconcile_seconds=_DAY),
            authority=AuthoritySettings(allow_master_key=True),
        )
        told = msgspec.structs.replace(told, **settings)
        await _furnish(world, Path(told.store), notes or {})
        calm()
        machine = Machine(dial=wire.dial, stopping=stopping)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(daemon.run(told, _PASSPHRASE, {}, machine=machine))
            station = Post(world=world, wire=wire, folder=folder)
            try:
                await station.begin()
                calm()
                yield station
            finally:
                stop.set()


async def _furnish(world: ExitWorld, path: Path, notes: Mapping[str, Any]) -> None:
    """Write a store that knows every channel, the claims on them, and the payee's key."""
    station = Station(world.node)
    async with await Store.create(path, _PASSPHRASE, cost=_CHEAP) as store:
        payee = world.payee
        await Vault(store).import_seed(payee.address, payee.seed, algorithm=Algorithm.SECP256K1)
        channels = [observe(None, f)[0] for f in await find_channels(station, payee.address)]
        async with store.write() as work:
            await work.claims.raise_all([unit.claim for unit in world.units])
            await work.channels.put_all([channel for channel in channels if channel is not None])
            await work.cursor.move(station.validated)
            await work.notes.put_all(notes)
    station.close()


def measure(scale: Scale) -> Report:
    """From the close request's arrival to the submission's leaving."""
    return in_silence(_react(scale))


async def _react(scale: Scale) -> Report:
    many = min(scale.reactions, scale.channels)
    looked_at = min(_LOOKED_AT, many)
    async with post(scale.channels + WARM + looked_at) as station:
        units = iter(station.world.units)
        for unit in islice(units, WARM):
            await station.react(unit)
        seen = [await station.react(unit) for unit in islice(units, many)]
        # In processor time: the daemon's thread waits for the disk more than half of the time.
        profiler = cProfile.Profile(time.thread_time)
        for unit in islice(units, looked_at):
            await station.react(unit, profiler)
        fsyncs = _fsyncs(station.folder)
    times = sorted(r.seconds * 1000 for r in seen if r.seconds is not None)
    lines, where = profiled(profiler)
    return Report(
        readings=[
            Reading(name="react.p50_ms", value=share(times, 0.5), unit="ms"),
            Reading(name="react.p99_ms", value=share(times, 0.99), unit="ms"),
            Reading(name="react.reactions", value=len(times), unit=""),
            reading("react.work_ms", "ms", [r.work * 1000 for r in seen]),
            reading("react.servers_ms", "ms", [r.servers * 1000 for r in seen]),
            reading("react.asked_before", "", [float(r.asked) for r in seen]),
            reading("react.fsync_ms", "ms", fsyncs),
        ],
        profile=lines,
        where=where,
    )


def measure_idle(scale: Scale) -> Report:
    """What a ledger costs that touches nothing, beside a daemon that guards a thousand channels."""
    return in_silence(_idle(scale))


async def _idle(scale: Scale) -> Report:
    few = min(_FEW, scale.channels)
    async with post(scale.channels) as large, post(few) as small:
        found: dict[str, list[float]] = {"large": [], "small": []}
        sides = (("large", large), ("small", small))
        for number in range(scale.rounds):
            for name, station in reversed(sides) if number % 2 else sides:
                found[name].append(await station.idle(_IDLE))
    return Report(
        readings=[
            reading("close.idle_us", "us", [s * 1e6 for s in found["large"]]),
            reading("close.idle_us_few", "us", [s * 1e6 for s in found["small"]]),
            reading("close.idle_many_over_few", "ratio", ratios(found["large"], found["small"])),
        ]
    )


def in_silence(measuring: Coroutine[None, None, Report]) -> Report:
    """Measure with a log that nobody reads."""
    with Path(os.devnull).open("w") as nowhere:
        # Lines are written, as they are in a daemon; nobody reads these.
        configure(level="info", as_json=True, stream=nowhere)
        return asyncio.run(measuring)


def share(ordered: Sequence[float], share: float) -> float:
    """Return the least of ``ordered`` that so large a share of them do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def compared(name: str, disturbed: Sequence[Reaction], calm: Sequence[Reaction]) -> list[Reading]:
    """Return what ``name`` tells of reactions with a disturbance and without."""
    times, without = (
        [seen.seconds * 1000 for seen in each if seen.seconds is not None]
        for each in (disturbed, calm)
    )
    last, last_without = share(sorted(times), 0.99), share(sorted(without), 0.99)
    return [
        Reading(name=f"{name}.p99_ms", value=last, unit="ms"),
        Reading(name=f"{name}.p99_ms_without", value=last_without, unit="ms"),
        Reading(name=f"{name}.p99_over_without", value=last / last_without, unit="ratio"),
        reading(f"{name}.ms", "ms", times),
        reading(f"{name}.ms_without", "ms", without),
    ]


def _fsyncs(folder: Path) -> list[float]:
    """Return the milliseconds that the disk takes for a page, each time: what nobody can save."""
    found = []
    with (folder / "page").open("wb", buffering=0) as file:
        for _ in range(_FSYNCS):
            begun = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            found.append((time.perf_counter() - begun) * 1000)
    return found
