"""How fast the tower reads what it missed: history of an outage, from the answer to the disk.

The pages of ``account_tx`` are recorded first, so that what the sandbox needs to make them is not
in the time. What is measured is the tower's: reading the pages, checking and decoding each row,
bringing the facts into order, learning them, and writing what they changed, with all its fsyncs.
"""

from __future__ import annotations

import asyncio
import cProfile
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from bench.guard import Guard
from bench.instrument import profiled
from bench.report import Report, reading
from bench.scale import Scale
from bench.station import Station
from bench.world import World
from watchtower.collector import calm
from watchtower.ledger.backfill import read_facts
from watchtower.ledger.ranges import LedgerRanges
from watchtower.ledger.sequence import Gap
from watchtower.ledger.sequence import Sequence as LedgerSequence
from watchtower.ledger.subscription import subscriptions
from watchtower.logs import configure
from watchtower.units import Address, LedgerIndex

__all__ = ["CaughtUp", "Recorded", "catch_up", "measure"]

_HERE: Final = "here"
_OF_A_CHANNEL: Final = 10
"""One transaction in so many opens a channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtUp:
    """What was read: how many transactions, and in how many seconds, of work and by the clock.

    ``channels`` is how many the tower guards at the end, ``accounted`` up to where it has read.
    """

    transactions: int
    seconds: float
    elapsed: float
    channels: int
    accounted: LedgerIndex | None


class Recorded:
    """A server that answers from what another one has said, as text."""

    def __init__(self, station: Station) -> None:
        """Record what ``station`` says, until `request` is asked for the same."""
        self.url = station.url
        self.history: LedgerRanges = station.history
        self.rows = 0
        self._station = station
        self._pages: dict[bytes, bytes] = {}

    async def request(self, command: str, **params: object) -> Mapping[str, Any]:
        """Return what was recorded; what was not is asked for, and recorded."""
        question = msgspec.json.encode([command, params])
        page = self._pages.get(question)
        if page is None:
            told = await self._station.request(command, **params)
            self.rows += len(told["transactions"])
            page = self._pages[question] = msgspec.json.encode(told)
        answer: Mapping[str, Any] = msgspec.json.decode(page)
        return answer


def catch_up(
    missed: int, *, foreign: bool = False, profiler: cProfile.Profile | None = None
) -> CaughtUp:
    """Have a tower miss so many transactions about its payee, and read them.

    Args:
        missed: how many.
        foreign: whether most of them are claims that the payee's own wallet sent, each of which
            the tower looks for among its own and tells people of; else payers add funds.
        profiler: looks on while the tower reads.
    """
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        configure(level="info", as_json=True, stream=nowhere)
        return asyncio.run(_catch_up(missed, Path(folder), profiler, foreign=foreign))


async def _catch_up(
    missed: int, folder: Path, profiler: cProfile.Profile | None, *, foreign: bool
) -> CaughtUp:
    channels = max(1, missed // _OF_A_CHANNEL)
    world = World(1)
    account = world.payee.address
    async with Guard(world.node, world.payee, folder) as guard:
        cursor = guard.station.validated
        guard.station.close()
        world.open_channels(channels)
        (world.redeem if foreign else world.fund)(missed - channels)
        station = Station(world.node)
        sequence, gap = await _gap(station, account, cursor)
        recorded = Recorded(station)
        await read_facts(recorded, gap, [account])
        # As `watchtower run` does once everything stands.
        calm()
        if profiler is not None:
            profiler.enable()
        begun, clock = time.process_time(), time.monotonic()
        facts = await read_facts(recorded, gap, [account])
        await guard.take(sequence.backfilled(gap, facts))
        seconds, elapsed = time.process_time() - begun, time.monotonic() - clock
        if profiler is not None:
            profiler.disable()
        return CaughtUp(
            transactions=recorded.rows,
            seconds=seconds,
            elapsed=elapsed,
            channels=guard.channels,
            accounted=sequence.accounted,
        )


async def _gap(
    station: Station, account: Address, cursor: LedgerIndex
) -> tuple[LedgerSequence, Gap]:
    """Return what is missing since ``cursor``, and the sequence that misses it."""
    sequence = LedgerSequence([account], cursor=cursor)
    for params in subscriptions([account]):
        sequence.subscribed(_HERE, await station.request("subscribe", **params))
    gap = sequence.gap()
    if gap is None:
        raise AssertionError(cursor)
    return sequence, gap


def measure(scale: Scale) -> Report:
    """Read what was missed, some times over, and once more with a profiler in the way."""
    rounds = max(1, scale.rounds // 3)
    runs = [catch_up(scale.missed) for _ in range(rounds)]
    profiler = cProfile.Profile()
    catch_up(max(_OF_A_CHANNEL, scale.missed // 10), profiler=profiler)
    others = catch_up(max(_OF_A_CHANNEL, scale.missed // 10), foreign=True)
    lines, where = profiled(profiler)
    return Report(
        readings=(
            reading("backfill.transactions", "", [runs[0].transactions]),
            reading("backfill.tx_per_s", "1/s", [r.transactions / r.seconds for r in runs]),
            reading(
                "backfill.tx_per_s_by_the_clock", "1/s", [r.transactions / r.elapsed for r in runs]
            ),
            reading("backfill.foreign_tx_per_s", "1/s", [others.transactions / others.seconds]),
        ),
        profile=lines,
        where=where,
    )
