"""One world from its seed to its reckoning."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from simulation.deeds import Deeds
from simulation.draw import draw
from simulation.entitlement import Entitlement
from simulation.founding import keys_in_store
from simulation.holders import COSIGNERS
from simulation.host import new_store
from simulation.loop import play
from simulation.script import Script
from simulation.timeline import Timeline
from simulation.world import Outcome, World
from watchtower.sandbox.people import Person
from watchtower.units import Address

__all__ = ["live_through"]


@cache
def _attic() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for as long as this process lives."""
    return tempfile.TemporaryDirectory(dir=_quickest())


@cache
def _template(keys: tuple[tuple[Address, Person], ...]) -> Path:
    """Return a new store with keys in it, by account."""
    path = Path(_attic().name) / f"new {len(list(Path(_attic().name).iterdir()))}.db"
    new_store(path, dict(keys))
    return path


def _templates(entitled: Entitlement) -> list[Path]:
    """Return the stores that a world begins with: the tower's, and one for each co-signer."""
    people = COSIGNERS if entitled.has("signer_list") else ()
    return [
        _template(tuple(keys_in_store(entitled).items())),
        *(_template(((person.address, person),)) for person in people),
    ]


def _quickest() -> str | None:
    """Return where files are quickest: in memory, where the system offers that."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    return str(memory) if memory.is_dir() else None


def live_through(seed: int, kind: str | None, timeline: Timeline) -> tuple[Script, Outcome]:
    """Play the world of a seed; of a certain kind, if one is given."""
    timeline.listen()
    script = draw(seed, kind)
    templates = _templates(script.entitled)
    with tempfile.TemporaryDirectory(dir=_attic().name) as folder:

        async def story() -> Outcome:
            world = World(script, templates, Path(folder), timeline)
            return await world.play(Deeds(script.acts).due)

        return script, play(story)
