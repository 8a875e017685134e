"""Backups of a store with a hundred thousand channels: a base, and what changed since.

Made as ``watchtower backup create`` makes them, read again and verified included; and put together
as a restore does, without the merging.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.report import Report, reading
from bench.scale import Scale
from bench.watching import furnish
from watchtower.judgement.claim import Claim
from watchtower.store.backups.age import Identities, new_identity
from watchtower.store.backups.folder import chain_at
from watchtower.store.backups.making import Made, Plan, back_up
from watchtower.store.backups.reading import check_contents
from watchtower.store.database import Store
from watchtower.units import Drops

__all__ = ["measure"]

_PASSPHRASE: Final = "of no worth"  # noqa: S105 - the store is gone with its folder
_CHANGED: Final = 1_000


def measure(scale: Scale) -> Report:
    """Make a base, an increment of a thousand claims, and one of nothing; put them together."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "w.db"
        furnish(path, scale.channels)
        return asyncio.run(_measure(path, min(_CHANGED, scale.channels)))


async def _measure(path: Path, changed: int) -> Report:
    identity, recipient = new_identity()
    folder = path.with_name("backups")
    await asyncio.to_thread(folder.mkdir)
    plan = Plan(place=folder, recipients=[recipient])
    watch = _Stopwatch()
    async with await Store.open(path, _PASSPHRASE) as store:

        async def made() -> tuple[Made, float]:
            watch.begin()
            backup = await back_up(store, plan, time.time)
            return backup, watch.read()

        base, of_base = await made()
        await _raise(store, changed)
        increment, of_increment = await made()
        nothing, of_nothing = await made()
    watch.begin()
    records = await check_contents(chain_at(folder), Identities((identity,), frozenset()))
    restoring = watch.read()
    return Report(
        readings=(
            reading("backup.base_s", "s", [of_base]),
            reading("backup.base_bytes_per_record", "bytes", [base.size / base.written]),
            reading("backup.increment_s", "s", [of_increment]),
            reading("backup.increment_bytes", "bytes", [increment.size]),
            reading("backup.idle_increment_s", "s", [of_nothing]),
            reading("backup.idle_increment_bytes", "bytes", [nothing.size]),
            reading("backup.put_together_s", "s", [restoring]),
        ),
        where=(
            f"{sum(records.values()):,} records; {increment.written:,} of them are in the "
            "increment, the rest of whose time is comparing the sealings of all."
        ),
    )


async def _raise(store: Store, count: int) -> None:
    """Let some claims become better ones."""
    async with store.write() as work:
        claims = (await work.claims.load_all())[:count]
        await work.claims.raise_all([_better(claim) for claim in claims])


def _better(claim: Claim) -> Claim:
    return Claim(
        channel=claim.channel,
        amount=Drops(claim.amount + 1),
        public_key=claim.public_key,
        signature=claim.signature,
    )


class _Stopwatch:
    def __init__(self, clock: Callable[[], float] = time.process_time) -> None:
        self._clock = clock
        self._begun = 0.0

    def begin(self) -> None:
        self._begun = self._clock()

    def read(self) -> float:
        return self._clock() - self._begun
