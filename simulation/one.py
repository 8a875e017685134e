"""One world from its seed to its reckoning."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from simulation.deeds import Deeds
from simulation.draw import draw
from simulation.host import new_store
from simulation.land import PAYEE
from simulation.loop import play
from simulation.script import Script
from simulation.timeline import Timeline
from simulation.world import Outcome, World

__all__ = ["live_through"]


@cache
def _attic() -> tempfile.TemporaryDirectory[str]:
    """Return a folder with a new store in it, for as long as this process lives."""
    folder = tempfile.TemporaryDirectory(dir=_quickest())
    new_store(Path(folder.name) / "new.db", PAYEE)
    return folder


def _quickest() -> str | None:
    """Return where files are quickest: in memory, where the system offers that."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    return str(memory) if memory.is_dir() else None


def live_through(seed: int, kind: str | None, timeline: Timeline) -> tuple[Script, Outcome]:
    """Play the world of a seed; of a certain kind, if one is given."""
    timeline.listen()
    attic = Path(_attic().name)
    script = draw(seed, kind)
    with tempfile.TemporaryDirectory(dir=attic) as folder:

        async def story() -> Outcome:
            world = World(script, attic / "new.db", Path(folder), timeline)
            return await world.play(Deeds(script.acts).due)

        return script, play(story)
