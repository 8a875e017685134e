"""A million channels: what they take on disk and in memory, how long a start takes, an idle ledger.

The store is written first, by a process of its own; another one starts with it, so that what is
resident there is what the channels take, and nothing that writing them left behind. The close of a
ledger is what the watch does with it; what servers and the event loop add is `close.idle`.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from resource import getpagesize
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.report import Report, reading
from bench.scale import Scale
from watchtower.collector import calm
from watchtower.guard.watch import Watch
from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.judgement.policy import Policy
from watchtower.ledger.events import (
    END_OF_LEDGER,
    ChannelEntry,
    LedgerClosed,
    Position,
)
from watchtower.sandbox.people import Person
from watchtower.store.database import Store
from watchtower.store.header import Cost
from watchtower.tower.memory import remember
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime

__all__ = ["Start", "furnish", "measure", "start"]

_PASSPHRASE: Final = "of no worth"  # noqa: S105 - the store is gone with its folder
_CHEAP: Final = Cost(memory_kib=8, passes=1, lanes=1)
_TOGETHER: Final = 20_000
_OF_A_PAYER: Final = 20
_PAYEE: Final = "payee"
_FIRST: Final = 100
_NOW: Final = 820_540_900
_IDLE: Final = 500
_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a start was like: seconds, and bytes that stay.

    ``idle`` is seconds of processor time for a ledger that touches nothing.
    """

    channels: int
    loading: float
    judging: float
    resident: int
    idle: float


def measure(scale: Scale) -> Report:
    """Write so many channels, and start with them."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "w.db"
        _apart(furnish, path, scale.watched)
        size = sum(part.stat().st_size for part in path.parent.iterdir())
        began = _apart(start, path, scale.watched)
    return Report(
        readings=(
            reading("watch.start_s_per_million", "s", [_per_million(began, began.loading)]),
            reading("watch.judge_s_per_million", "s", [_per_million(began, began.judging)]),
            reading("watch.bytes_per_channel", "bytes", [began.resident / began.channels]),
            reading("watch.idle_close_us", "µs", [began.idle * _MILLION]),
            reading("store.bytes_per_channel", "bytes", [size / scale.watched]),
        ),
        where=(
            f"{began.channels:,} channels with a claim each, all of them judged once; "
            "the best claim of each stays in memory with its signature, to be redeemed "
            "also when the disk cannot be read."
        ),
    )


def furnish(path: Path, channels: int) -> None:
    """Write a store that has so many channels, with a claim on each."""
    asyncio.run(_furnish(path, channels))


async def _furnish(path: Path, channels: int) -> None:
    async with await Store.create(path, _PASSPHRASE, cost=_CHEAP) as store:
        for first in range(0, channels, _TOGETHER):
            numbers = range(first, min(first + _TOGETHER, channels))
            async with store.write() as work:
                await work.channels.put_all(_channel(number) for number in numbers)
                await work.claims.raise_all(_claim(number) for number in numbers)


def start(path: Path, channels: int) -> Start:
    """Start with a store, as the daemon does, and let ledgers close."""
    calm()
    gc.collect()
    before, begun = _resident(), time.perf_counter()
    watch = asyncio.run(_remember(path))
    loading = time.perf_counter() - begun
    ledgers = _ledgers()
    watch.ledger_closed(next(ledgers))
    begun = time.perf_counter()
    judged = len(watch.judge())
    judging = time.perf_counter() - begun
    if judged != channels:
        raise AssertionError(f"{judged} of {channels} channels were judged")
    gc.collect()
    resident = _resident() - before
    begun = time.process_time()
    for _ in range(_IDLE):
        _close(watch, next(ledgers))
    idle = (time.process_time() - begun) / _IDLE
    return Start(channels=channels, loading=loading, judging=judging, resident=resident, idle=idle)


async def _remember(path: Path) -> Watch:
    async with await Store.open(path, _PASSPHRASE) as store:
        return (await remember(store, [Person.named(_PAYEE).address], Policy())).watch


def _close(watch: Watch, closed: LedgerClosed) -> None:
    """Do with a ledger what the tower's loops ask of the watch."""
    watch.ledger_closed(closed)
    watch.accounted(closed.ledger_index)
    if watch.judge() or watch.judge_outgoing() or watch.obligations():
        raise AssertionError("a ledger that touches nothing has touched something")


def _ledgers() -> Iterator[LedgerClosed]:
    for number in range(_FIRST, _FIRST + _IDLE + 1):
        yield LedgerClosed(
            ledger_index=LedgerIndex(number),
            ledger_hash=f"{number:064X}",
            close_time=RippleTime(_NOW + 4 * number),
            base_fee=Drops(10),
            reserve_base=Drops(1_000_000),
            reserve_increment=Drops(200_000),
        )


def _channel(number: int) -> Channel:
    return Channel(
        entry=ChannelEntry(
            channel=ChannelId(f"{number:064X}"),
            source=Address(f"r{number // _OF_A_PAYER:033}"),
            destination=Person.named(_PAYEE).address,
            amount=Drops(_MILLION + number),
            balance=Drops(number % _MILLION),
            public_key=_key(number),
            settle_delay=86_400,
        ),
        as_of=Position(LedgerIndex(1 + number // _OF_A_PAYER), END_OF_LEDGER),
    )


def _claim(number: int) -> Claim:
    # As long as a real one; nobody verifies again what is sealed.
    return Claim(
        channel=ChannelId(f"{number:064X}"),
        amount=Drops(_MILLION + number),
        public_key=_key(number),
        signature=f"3045{number:0138X}",
    )


def _key(number: int) -> str:
    return f"02{number:064X}"


def _per_million(began: Start, seconds: float) -> float:
    return seconds * _MILLION / began.channels


def _resident() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * getpagesize()


def _apart(do: Callable[..., Any], *args: object) -> Any:
    """Do something in a process of its own, and return what it returned."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(do, args)
