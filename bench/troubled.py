"""Whether trouble around a tower slows what it answers: a daemon with it, and one without.

They take turns and are never there together, for they would share a process: what slows one would
slow the other. Turns are short, so that whatever else the machine does falls on both.
"""

from __future__ import annotations

import cProfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import Final

from bench.instrument import profiled
from bench.reaction import WARM, Post, compared, in_silence, post
from bench.report import Reading, Report, reading
from bench.scale import Scale
from bench.trouble import trouble
from bench.wire import Reaction

__all__ = ["measure"]

_FEW: Final = 1_000
_ROUNDS: Final = 4
_LOOKED_AT: Final = 20
"""Reactions that are watched by a profiler, beside those that are timed."""


def measure(scale: Scale) -> Report:
    """From the close request's arrival to the submission's leaving, in trouble and without."""
    return in_silence(_react(scale))


@asynccontextmanager
async def _station(channels: int, *, in_trouble: bool, dropped: list[int]) -> AsyncIterator[Post]:
    """Let a daemon guard; add to ``dropped`` what its lists of alarms had no room for."""
    if not in_trouble:
        async with post(channels) as station:
            yield station
        return
    async with (
        trouble() as made,
        post(channels, notes=made.notes, **made.settings) as station,
    ):
        yield station
        dropped += [route["dropped"] for route in await made.routes()]


async def _react(scale: Scale) -> Report:
    rounds = min(_ROUNDS, scale.reactions)
    many = min(scale.reactions, scale.channels) // rounds
    found: dict[str, list[Reaction]] = {"calm": [], "troubled": []}
    dropped: list[int] = []
    profiler = cProfile.Profile(time.thread_time)
    for number in range(rounds):
        for name in reversed(list(found)) if number % 2 else found:
            guarded = min(_FEW, scale.channels) + WARM + many + _LOOKED_AT
            is_troubled = name == "troubled"
            async with _station(guarded, in_trouble=is_troubled, dropped=dropped) as station:
                units = iter(station.world.units)
                for unit in islice(units, WARM):
                    await station.react(unit)
                found[name] += [await station.react(unit) for unit in islice(units, many)]
                if is_troubled and number == 0:
                    for unit in islice(units, _LOOKED_AT):
                        await station.react(unit, profiler)
    work = {name: [seen.work * 1000 for seen in all_seen] for name, all_seen in found.items()}
    lines, where = profiled(profiler)
    return Report(
        readings=[
            *compared("react.trouble", found["troubled"], found["calm"]),
            Reading(name="react.trouble.dropped", value=sum(dropped), unit=""),
            reading("react.trouble.work_ms", "ms", work["troubled"]),
            reading("react.trouble.work_ms_without", "ms", work["calm"]),
        ],
        profile=lines,
        where=where,
    )
