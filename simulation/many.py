"""Many worlds, on every core."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import repeat

from simulation.draw import draw
from simulation.one import live_through
from simulation.planted import planted
from simulation.tally import Verdict, verdict_on
from simulation.timeline import Timeline

__all__ = ["Told", "judge_all", "tell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What worlds are to be: of which kind, if of one, and with which bug in the tower, if any."""

    kind: str | None = None
    bug: str | None = None


def judge_all(seeds: Sequence[int], told: Told, *, jobs: int | None = None) -> Iterator[Verdict]:
    """Live through the worlds of all seeds, in their order."""
    workers = jobs or os.cpu_count() or 1
    if workers == 1:
        yield from (_judge(seed, told) for seed in seeds)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(_judge, seeds, repeat(told), chunksize=4)


def tell(seed: int, told: Told) -> tuple[Verdict, list[str]]:
    """Live through one world, and return what was made of it and its timeline."""
    timeline = Timeline(is_kept=True)
    verdict = _judge(seed, told, timeline)
    return verdict, timeline.lines


def _judge(seed: int, told: Told, timeline: Timeline | None = None) -> Verdict:
    try:
        with nullcontext() if told.bug is None else planted(told.bug):
            script, outcome = live_through(seed, told.kind, timeline or Timeline(is_kept=False))
    except Exception as error:  # noqa: BLE001 - one world that breaks must not end the others
        return _broken(seed, told, error)
    return verdict_on(seed, script.kind, outcome)


def _broken(seed: int, told: Told, error: Exception) -> Verdict:
    lines = "".join(traceback.format_exception(error)).strip().splitlines()
    return Verdict(
        seed=seed,
        kind=draw(seed, told.kind).kind,
        at_stake=0,
        redeemed=0,
        unavoidable=0,
        avoidable=0,
        wrong=(f"the world broke: {lines[-1]}", *lines[-9:-1]),
        faults={},
        claims_by_right={},
        seconds=0,
    )
