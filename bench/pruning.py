"""A journal of a million lines: how fast it is pruned, and what it costs those who write beside it.

Half of its channels are gone, line by line between the others, so that hardly two neighbours go
together: the worst that the tree of the journal can be asked. Who writes is the launch of an
attempt, in a transaction of its own, as it is written before it is sent; quiet and beside pruning
in turn, with the rests that a daemon makes between pages.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.report import Report, reading
from bench.scale import Scale
from watchtower.judgement.channel import Channel
from watchtower.ledger.events import ChannelEntry, Position, Seat
from watchtower.response.attempt import Attempt
from watchtower.sandbox.people import Person
from watchtower.store.database import Store
from watchtower.store.header import Cost
from watchtower.store.journal import Line
from watchtower.store.retention import Keeping, prune_page
from watchtower.tower.retention import Retention
from watchtower.units import ChannelId, Drops, LedgerIndex, TxHash

__all__ = ["PASSPHRASE", "furnish", "measure", "written"]

PASSPHRASE: Final = "of no worth"  # noqa: S105 - the store is gone with its folder
_CHEAP: Final = Cost(memory_kib=8, passes=1, lanes=1)
_TOGETHER: Final = 10_000
_CHANNELS: Final = 1_000
_AT_ONCE: Final = 25
_PAGES: Final = 200
_DAYS: Final = 30
_LATER: Final = 2_000_000_000.0
_CURSOR: Final = LedgerIndex(10_000_000)


def measure(scale: Scale) -> Report:
    """Write so many lines, and prune them."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "w.db"
        return asyncio.run(_measure(path, scale))


async def _measure(path: Path, scale: Scale) -> Report:
    await furnish(path, scale.lines)
    async with await Store.open(path, PASSPHRASE, cost=_CHEAP) as store:
        bare, pages = await _unrested(store)
        retention = Retention(store, _DAYS, clock=lambda: _LATER)
        quiet: list[float] = []
        beside: list[float] = []
        for number in range(scale.rounds):
            quiet.append(await written(store, 2 * number))
            pruning = asyncio.create_task(retention.prune())
            beside.append(await written(store, 2 * number + 1))
            pruning.cancel()
            with suppress(asyncio.CancelledError):
                await pruning
    ratios = [busy / calm for busy, calm in zip(beside, quiet, strict=True)]
    return Report(
        readings=(
            reading("prune.lines_per_s", "lines/s", [bare]),
            reading("prune.page_ms", "ms", pages),
            reading("prune.launch_beside_over_quiet", "", ratios),
            reading("prune.free_pages", "pages", [_free_pages(path)]),
        ),
    )


async def furnish(path: Path, lines: int) -> None:
    """Write so many lines, of which every other one is about a channel that is gone."""
    names = [ChannelId(f"{number:064X}") for number in range(_CHANNELS)]
    async with await Store.create(path, PASSPHRASE, cost=_CHEAP, clock=lambda: 1.0) as store:
        async with store.write() as work:
            await work.channels.put_all(_channel(name, number) for number, name in enumerate(names))
            await work.cursor.move(_CURSOR)
        for first in range(0, lines, _TOGETHER):
            last = min(first + _TOGETHER, lines)
            batch: list[Line] = [
                (
                    "claim_kept",
                    names[n % _CHANNELS],
                    LedgerIndex(n),
                    {"amount": n},
                )
                for n in range(first, last)
            ]
            async with store.write() as work:
                await work.journal.append_all(batch)


def _channel(name: ChannelId, number: int) -> Channel:
    payer, payee = Person.named("a payer"), Person.named("a payee")
    entry = ChannelEntry(
        channel=name,
        source=payer.address,
        destination=payee.address,
        amount=Drops(1_000_000),
        balance=Drops(0),
        public_key=payer.public_key,
        settle_delay=3_600,
    )
    at = Position(LedgerIndex(1), 0)
    return Channel(entry=entry, as_of=at, closed_at=at if number % 2 else None)


async def _unrested(store: Store) -> tuple[float, list[float]]:
    """Return how many lines a second go without rests, and what each page took, in ms."""
    keeping, behind, pruned = Keeping(days=_DAYS, now=_LATER), 0, 0
    pages: list[float] = []
    begun = time.perf_counter()
    for _ in range(_PAGES):
        before = time.perf_counter()
        page = await prune_page(store, keeping, behind=behind)
        pages.append((time.perf_counter() - before) * 1_000)
        pruned += page.entries
        if page.behind is None:
            break
        behind = page.behind
    return pruned / (time.perf_counter() - begun), pages


async def written(store: Store, round_number: int) -> float:
    """Return the seconds that launching some attempts takes, one after the other."""
    payee = Person.named("a payee").address
    begun = time.perf_counter()
    for number in range(_AT_ONCE):
        seat = round_number * _AT_ONCE + number
        attempt = Attempt(
            channel=ChannelId(f"{2 * (number % 100):064X}"),
            account=payee,
            seat=Seat(seat),
            target=Drops(500),
            balance_before=Drops(0),
            fee=Drops(12),
            last_ledger=LedgerIndex(_CURSOR + 8),
            made_in=_CURSOR,
            transaction=TxHash(f"{seat:064X}"),
            blob="12" * 200,
        )
        async with store.write() as work:
            await work.attempts.put(attempt)
            await work.journal.append("attempt_made", channel=attempt.channel)
    return time.perf_counter() - begun


def _free_pages(path: Path) -> float:
    with closing(sqlite3.connect(path)) as file:
        (found,) = file.execute("PRAGMA freelist_count").fetchone()
        return float(found)
