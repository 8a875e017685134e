"""What is measured of the daemon: what is read when somebody asks, and by which words.

Decides nothing; the rooms do not know that they are measured.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from watchtower import __version__
from watchtower.claims.answer import Answer
from watchtower.claims.decision import DoesNotApply, DoNotServe, NotKept, Pending, name_of_refusal
from watchtower.errors import StoreError
from watchtower.ground import Ground
from watchtower.metrics import catalogue, standing
from watchtower.metrics.counting import Spreads
from watchtower.metrics.metric import Sample
from watchtower.tower.tending import Rounds
from watchtower.tower.tower import Tower
from watchtower.wiring import limits_of

if TYPE_CHECKING:
    from watchtower.metrics.exposition import Exposition

__all__ = ["exposition_of", "words_of"]

_LOOK_EVERY: Final = 30.0
"""Seconds for which what has to be read from a disk is good."""

_DRILLS_NOTE: Final = "drills"


def words_of(answers: Iterable[Answer]) -> Iterator[tuple[str, str]]:
    """Return each answer in two words: what became of the claim, and whether to serve."""
    for answer in answers:
        kept, serve = answer.decision.kept, answer.decision.serve
        if isinstance(kept, NotKept):
            word = name_of_refusal(kept.why)
        else:
            word = "pending" if isinstance(kept, Pending) else "kept"
        if isinstance(serve, DoesNotApply):
            yield word, "none"
        else:
            yield word, "no" if isinstance(serve, DoNotServe) else "yes"


def exposition_of(
    ground: Ground,
    tower: Tower,
    rounds: Rounds,
    *,
    why_not_ready: Callable[[], str],
    certificate: Callable[[], float] | None,
) -> Exposition:
    """Return what tells everything that is measured.

    Args:
        ground: on what the daemon stands.
        tower: what is at work on it.
        rounds: who looks after all else.
        why_not_ready: tells why claims cannot be judged now; nothing if they can.
        certificate: returns until when the door's certificate is good; None without one.
    """
    # Only who is asked pays for what it takes to answer.
    from watchtower.metrics.exposition import Exposition  # noqa: PLC0415

    reading = _Reading(ground, tower, rounds, why_not_ready=why_not_ready, certificate=certificate)
    return Exposition(reading.read, reading.look, clock=asyncio.get_running_loop().time)


class _Reading:
    """Reads one daemon."""

    def __init__(
        self,
        ground: Ground,
        tower: Tower,
        rounds: Rounds,
        *,
        why_not_ready: Callable[[], str],
        certificate: Callable[[], float] | None,
    ) -> None:
        self._ground = ground
        self._tower = tower
        self._rounds = rounds
        self._why_not_ready = why_not_ready
        self._certificate = certificate
        self._clock = asyncio.get_running_loop().time
        self._looked: list[Sample] = []
        self._looked_at: float | None = None

    def read(self) -> tuple[list[Sample], Spreads]:
        """Return all that is in memory."""
        ground, tower, watch = self._ground, self._tower, self._tower.watch
        limits = limits_of(ground.reloading.settings)
        heard_at = tower.heard_at
        newest = None if watch.newest is None else watch.newest.ledger_index
        spenders = [*self._rounds.spenders(), *([watch.own] if watch.own else [])]
        samples = [
            (catalogue.BUILD_INFO, (__version__,), 1),
            (catalogue.SHADOW, (), ground.shadow),
            (catalogue.READY, (), not self._why_not_ready()),
            (catalogue.JOURNAL_NUMBER, (), self._rounds.journal_number),
            *standing.of_ledger(watch, age=None if heard_at is None else self._clock() - heard_at),
            *standing.of_money(watch),
            *standing.of_servers(ground.servers.states(), newest),
            *standing.of_accounts(watch, payers_of_fees=spenders),
            *standing.of_limits(
                cap=limits.fees.cap,
                daily_cap=limits.fees.daily_cap,
                tickets=ground.reloading.settings.tickets.pool,
            ),
            *self._of_doors(),
            *ground.measures.counts.samples(),
        ]
        return samples, ground.measures.counts.spreads()

    async def look(self) -> list[Sample]:
        """Return what has to be waited for; what fails is not told, and alarms tell of it."""
        now = self._clock()
        if self._looked_at is None or now - self._looked_at >= _LOOK_EVERY:
            drills: Sequence[Mapping[str, Any]] = ()
            with suppress(StoreError):
                async with self._ground.store.read() as work:
                    drills = await work.notes.get(_DRILLS_NOTE) or ()
            files = await asyncio.to_thread(self._of_files)
            self._looked, self._looked_at = [*standing.of_drills(drills), *files], now
        # Where a thousand channels close there are as many alarms: they are counted beside it all.
        told = await asyncio.to_thread(_of_told, self._rounds.told)
        return [*self._looked, *told]

    def _of_doors(self) -> Iterator[Sample]:
        measures = self._ground.measures
        yield catalogue.FOLLOWERS, (), self._ground.feed.followers
        if measures.broker is not None:
            yield catalogue.BROKER, (), measures.broker
        if self._certificate is not None:
            yield catalogue.CERTIFICATE_END, (), self._certificate()
        age = None if measures.head_age is None else measures.head_age()
        if age is not None:
            yield catalogue.HEAD_AGE, (), age

    def _of_files(self) -> list[Sample]:
        """Tell of the store's files and its disk, and of the newest backup."""
        ground = self._ground
        store = ground.store.path
        samples: list[Sample] = [
            (catalogue.STORE_BYTES, (), _size(store) + _size(store.with_name(store.name + "-wal"))),
            (catalogue.RESERVE_BYTES, (), ground.reserve.held),
        ]
        with suppress(OSError):
            samples.append((catalogue.DISK_FREE, (), ground.reserve.room().available))
        folder = ground.reloading.settings.backup.folder
        if folder and (written := _newest(Path(folder))) is not None:
            samples.append((catalogue.BACKUP_TIME, (), written))
        return samples


def _of_told(told: Mapping[str, Any]) -> list[Sample]:
    """Tell what the status has told that was written last."""
    if not told:
        return []
    alarms = ((alarm["name"], alarm["severity"]) for alarm in told["alarms"])
    return [
        (catalogue.UNSIGNED_ACCOUNTS, (), len(told["accounts_without_signer"])),
        *standing.of_alarms(alarms),
        *standing.of_routes(told.get("routes", ())),
        *standing.of_heartbeats(told.get("routes", ())),
    ]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _newest(folder: Path) -> float | None:
    """Return when the newest backup in a folder was written; None if there is none to be seen."""
    try:
        return max((one.stat().st_mtime for one in folder.glob("[!.]*.backup")), default=None)
    except OSError:
        return None
